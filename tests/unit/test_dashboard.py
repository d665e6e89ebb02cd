"""Each section of the dashboard shows what its question needs."""

import json
import re
from itertools import groupby
from typing import Any

from tests import template

WIDGETS: list[dict[str, Any]] = json.loads(
    template.resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"][0]
)["widgets"]

EVERY_FUNCTION = {f"${{{name}}}" for name in template.functions()}
LOG_PLACES = {
    ("${Executions}",),
    ("${ExecutionDetails}",),
    ("${Executions}", "by_message"),
    ("${Executions}", "failures"),
}
STATISTICS = {("${ExecutionCounts}",), ("${SeenWebhooks}",)}


QUESTIONS = (
    "Are webhooks getting out?",
    "How late?",
    "Who fails?",
    "Are we failing?",
    "What does it cost?",
)


def part(question: str) -> list[dict[str, Any]]:
    """Return the widgets under a heading."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for widget in WIDGETS:
        if widget["type"] == "text":
            heading = widget["properties"]["markdown"].removeprefix("## ")
        else:
            parts.setdefault(heading, []).append(widget["properties"])
    return parts[question]


def shown(question: str, metric: str) -> list[tuple[str, ...]]:
    """Return the dimension values and the statistic of a metric in a section."""
    found = []
    for widget in part(question):
        for line in widget.get("metrics", []):
            if line[1:2] == [metric]:
                options = line[-1] if isinstance(line[-1], dict) else {}
                found.append((*line[3 : len(line) - bool(options) : 2], options.get("stat", widget["stat"])))
    return found


def test_deliveries_are_shown_by_trigger() -> None:
    for metric in ("Delivered", "Failed"):
        by_trigger = [values[1] for values in shown("Are webhooks getting out?", metric) if len(values) == 3]
        assert by_trigger == ["event", "retry", "resend"]
    expressions = [
        line[0]["expression"] for line in part("Are webhooks getting out?")[0]["metrics"] if isinstance(line[0], dict)
    ]
    assert expressions == [
        f"100 * FILL({trigger}_delivered, 0) / (FILL({trigger}_delivered, 0) + FILL({trigger}_failed, 0))"
        for trigger in ("event", "retry", "resend")
    ]


def test_latency_is_shown_as_percentiles() -> None:
    for metric in ("QueueLatency", "DeliveryLatency"):
        assert [stat for *_, stat in shown("How late?", metric)] == ["p50", "p99"]
    assert {queue for queue, _ in shown("How late?", "ApproximateAgeOfOldestMessage")} == {
        "${WebhookQueue.QueueName}",
        "${OrderedQueue.QueueName}",
        "${UnloggedExecutions.QueueName}",
        "${RecoveryQueue.QueueName}",
    }
    assert shown("How late?", "IteratorAge") == [("${CountExecutionsFunction}", "Maximum")]
    assert shown("How late?", "EventAge") == [("${AWS::StackName}", "Maximum")]


def test_a_deployment_without_counting_has_the_dashboard() -> None:
    """A reference to a resource that is not deployed would fail the deployment."""
    _, named = template.resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    assert template.default(named, CountExecutions="false") == {"CountExecutionsFunction": "off"}


def test_failing_webhooks_are_queried_from_failure_lines() -> None:
    queries = [widget["query"] for widget in part("Who fails?")]
    queries += [
        query["QueryString"]
        for name, query in template.resources("AWS::Logs::QueryDefinition").items()
        if name != "FaultsOfOurs"
    ]
    assert all('filter event = "execution_failed"' in query for query in queries)
    assert [re.findall(r"by (.+?) \|", widget["query"]) for widget in part("Who fails?")] == [
        ["webhook_id"],
        ["coalesce(error_type, status_class) as reason"],
    ]
    assert all(
        query["LogGroupNames"] == [{"Ref": "SendWebhooksLogs"}]
        for name, query in template.resources("AWS::Logs::QueryDefinition").items()
        if name != "FaultsOfOurs"
    )
    assert all(widget["query"].startswith("SOURCE '${SendWebhooksLogs}' |") for widget in part("Who fails?"))


def test_our_own_errors_are_shown_for_every_component() -> None:
    question = "Are we failing?"
    assert {function for function, _ in shown(question, "Errors")} == EVERY_FUNCTION
    assert ("${SendWebhooksFunction}", "Sum") in shown(question, "Throttles")
    for metric in ("Faults", "Unlogged", "Invalid", "Redelivered"):
        assert len(shown(question, metric)) == 1
    waiting = {queue for queue, _ in shown(question, "ApproximateNumberOfMessagesVisible")}
    dead_letters = {
        f"${{{queue}.QueueName}}" for queue in template.resources("AWS::SQS::Queue") if "DeadLetter" in queue
    }
    assert {*dead_letters, "${UnloggedExecutions.QueueName}"} <= waiting
    assert ("${SendWebhooksFunction}", "Sum") in shown(question, "RecursiveInvocationsDropped")
    for metric in ("WriteThrottleEvents", "ReadThrottleEvents"):
        assert {tuple(place) for *place, _ in shown(question, metric)} == LOG_PLACES


def test_costs_are_shown_for_everything_that_is_billed() -> None:
    question = "What does it cost?"
    for metric in ("Invocations", "Duration"):
        assert {function for function, _ in shown(question, metric)} == EVERY_FUNCTION
    assert {tuple(place) for *place, _ in shown(question, "ConsumedWriteCapacityUnits")} == LOG_PLACES | STATISTICS


def test_counts_are_summed() -> None:
    for widget in (properties for question in QUESTIONS for properties in part(question)):
        for line in widget.get("metrics", []):
            name, options = line[1:2], line[-1] if isinstance(line[-1], dict) else {}
            if name and not name[0].endswith(
                ("Latency", "Visible", "OldestMessage", "IteratorAge", "EventAge", "Utilisation")
            ):
                assert options.get("stat", widget["stat"]) == "Sum", line


def test_the_widgets_of_a_row_fill_its_width() -> None:
    for y, row in groupby(WIDGETS, key=lambda widget: widget["y"]):
        ends = 0
        for widget in row:
            assert (widget["x"], widget["y"]) == (ends, y)
            ends += widget["width"]
        assert ends == 24
    assert all(widget["properties"].get("region", "${AWS::Region}") == "${AWS::Region}" for widget in WIDGETS)
