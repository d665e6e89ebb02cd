"""Tests of what CloudWatch counts.

Alarms, the dashboard and saved queries use only metrics that exist.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from hooklog.executions.execution import Trigger
from hooklog.metrics import BY_TRIGGER, Metric
from hooklog.queues.retry_tasks import RetryTask
from tests import template
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.receiver import Receiver
from tests.webhooks import CONTEXT

Series = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""

STACK = "hooklog"
"""POWERTOOLS_SERVICE_NAME in these tests; when deployed, it is the stack's name."""


@pytest.fixture
def app(aws: MockAws, receiver: Receiver) -> ModuleType:
    receiver.reset()
    return aws.start("SendWebhooksFunction", ALLOW_HTTP="true")


def message(url: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_id": "acme.orders", "url": url, "payload": {"order": 1742}, **fields}


def send(app: ModuleType, *bodies: object, sent_ms_ago: int = 0, **attributes: str) -> dict[str, Any]:
    event = sqs_event(*bodies)
    for record in event["Records"]:
        record["attributes"] |= {"SentTimestamp": str(int(time.time() * 1000) - sent_ms_ago), **attributes}
    response: dict[str, Any] = app.lambda_handler(event, CONTEXT)
    return response


def documents(printed: str) -> list[dict[str, Any]]:
    """Return the lines in the embedded metric format."""
    return [line for text in printed.splitlines() if "_aws" in (line := json.loads(text))]


def log_lines(app: ModuleType, caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the function's log lines in its own format."""
    written = (app.logger.registered_formatter.format(log) for log in caplog.records if log.name == "hooklog")
    return [json.loads(line) for line in written]


def series(document: Mapping[str, Any]) -> Iterator[Series]:
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                named = frozenset((name, document[name]) for name in dimensions)
                yield directive["Namespace"], metric["Name"], named


def values(printed: str, metric: Metric, trigger: Trigger | None = None) -> list[float]:
    wanted = ("Hooklog", metric, frozenset({("service", STACK)} | ({("trigger", str(trigger))} if trigger else set())))
    return [value for each in documents(printed) if wanted in set(series(each)) for value in each[metric]]


def test_a_batch_is_counted(app: ModuleType, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = message(receiver.url("/status/200", delay=0.05)), message(receiver.url("/status/500"))
    send(app, good, good, bad, message(receiver.url("/status/410")), message(receiver.refused_url), "not JSON")
    printed = capsys.readouterr().out
    counted = {metric: sum(values(printed, metric)) for metric in Metric if not metric.endswith("Latency")}
    assert {str(metric): count for metric, count in counted.items() if count} == {
        "Delivered": 2,
        "Failed": 3,
        "HardErrors": 1,
        "Exhausted": 1,
        "Invalid": 1,
        "BatchUtilisation": 60,
    }
    assert values(printed, Metric.DELIVERED, Trigger.EVENT) == [2]
    assert len(values(printed, Metric.DELIVERY_LATENCY)) == 5
    assert sum(50 <= latency < 5000 for latency in values(printed, Metric.DELIVERY_LATENCY)) >= 2


def test_a_batch_without_deliveries_is_counted(
    app: ModuleType, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Count zero deliveries.

    Without the metric there is no rate, and the alarm on its fall would stay silent.
    """
    send(app, message(receiver.url("/status/410")))
    send(app, message(receiver.url("/status/200")))
    printed = capsys.readouterr().out
    assert values(printed, Metric.DELIVERED, Trigger.EVENT) == [0, 1]
    assert values(printed, Metric.FAILED, Trigger.EVENT) == [1]


def test_a_skipped_message_counts_as_neither_delivered_nor_failed(
    aws: MockAws,
    app: ModuleType,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    put = aws.endpoint("put_webhook", ALLOW_HTTP="true")
    fields = {"url": receiver.url("/status/200"), "enabled": True, "transformation": "null"}
    put.lambda_handler(api_event({"webhook_id": "acme.orders"}, scope="webhooks:manage", body=fields), None)
    send(app, {"webhook_id": "acme.orders", "payload": 1})
    printed = capsys.readouterr().out
    assert values(printed, Metric.SKIPPED) == [1]
    for metric in (Metric.DELIVERED, Metric.FAILED, Metric.DELIVERY_LATENCY):
        assert values(printed, metric) == []
    (batch,) = (line for line in log_lines(app, caplog) if line["event"] == "batch_processed")
    assert (batch["delivered"], batch["failed"], batch["skipped"]) == (0, 0, 1)


def test_each_item_that_is_not_logged_is_counted(
    aws: MockAws, app: ModuleType, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    send(app, message(receiver.url("/status/200")), message(receiver.url("/status/200")))
    assert values(capsys.readouterr().out, Metric.UNLOGGED) == [2]


def test_a_metric_has_its_unit(app: ModuleType, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    send(app, message(receiver.url("/status/410")))
    directives = [
        directive for each in documents(capsys.readouterr().out) for directive in each["_aws"]["CloudWatchMetrics"]
    ]
    units = {metric["Name"]: metric["Unit"] for directive in directives for metric in directive["Metrics"]}
    assert units.pop("DeliveryLatency") == units.pop("QueueLatency") == "Milliseconds"
    assert units.pop("BatchUtilisation") == "Percent"
    assert set(units.values()) == {"Count"}


def test_latency_in_the_queue_counts_from_when_it_was_sent(
    app: ModuleType, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    send(app, message(receiver.url("/status/200")), sent_ms_ago=90_000)
    send(app, message(receiver.url("/status/200")), sent_ms_ago=-5_000)
    printed = capsys.readouterr().out
    late, early = values(printed, Metric.QUEUE_LATENCY, Trigger.EVENT)
    assert max(values(printed, Metric.DELIVERY_LATENCY, Trigger.EVENT)) < 90_000
    assert 90_000 <= late < 95_000
    assert early == 0


def test_latency_of_a_retry_counts_from_its_due_time(
    aws: MockAws, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1")
    send(app, message(receiver.url("/status/500")))
    event = aws.take("WebhookQueue")
    event["Records"][0]["attributes"]["SentTimestamp"] = "1764000000000"
    capsys.readouterr()
    app.lambda_handler(event, CONTEXT)
    printed = capsys.readouterr().out
    (latency,) = values(printed, Metric.QUEUE_LATENCY, Trigger.RETRY)
    assert 0 <= latency < 10_000
    assert (values(printed, Metric.RETRIED), values(printed, Metric.EXHAUSTED)) == ([1], [1])
    assert values(printed, Metric.RESENT) == []


def emit_every_metric(aws: MockAws, receiver: Receiver) -> None:
    """Cause everything that one of the sender's metrics counts."""
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1")
    send(app, message(receiver.url("/status/200")), message(receiver.refused_url), "not JSON")
    app.lambda_handler(aws.take("WebhookQueue"), CONTEXT)
    row = next(row for row in aws.rows("Executions") if "failed_at" in row)
    resend = RetryTask(
        "acme.orders", row["message_id"]["S"], row["executed_at"]["S"], Trigger.RESEND, skip_if_resent=False
    )
    send(app, resend.to_body())
    send(app, message(receiver.url("/status/200"), message_id="msg_2"), ApproximateReceiveCount="2")
    send(app, message("http://10.0.0.1/"))
    put = aws.endpoint("put_webhook", ALLOW_HTTP="true")
    fields = {"url": receiver.url("/status/200"), "enabled": True, "transformation": "null"}
    put.lambda_handler(api_event({"webhook_id": "acme.orders"}, scope="webhooks:manage", body=fields), None)
    send(app, {"webhook_id": "acme.orders", "payload": 1})
    gone = {"url": receiver.url("/status/410"), "enabled": True, "max_per_second": 1}
    put.lambda_handler(api_event({"webhook_id": "acme.gone"}, scope="webhooks:manage", body=gone), None)
    send(app, *[{"webhook_id": "acme.gone", "payload": 1}] * 2)
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    send(app, message(receiver.url("/status/200")))
    nowhere = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", UNLOGGED_QUEUE_URL="http://127.0.0.1:1/none")
    send(nowhere, message(receiver.url("/status/200")))


def test_a_refused_token_is_counted(aws: MockAws, capsys: pytest.CaptureFixture[str]) -> None:
    authorizer = aws.start("AuthorizeFunction")
    event = json.loads((template.ROOT / "events/authorize.json").read_text())
    variables = aws.environment("AuthorizeFunction")  # which it also has after its start
    with patch.dict(os.environ, variables), pytest.raises(Exception, match="Unauthorized"):
        authorizer.lambda_handler({**event, "authorizationToken": "Bearer none"}, None)
    assert values(capsys.readouterr().out, Metric.TOKENS_REFUSED) == [1]


@pytest.fixture
def emitted(aws: MockAws, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> set[Series]:
    emit_every_metric(aws, receiver)
    return {each for document in documents(capsys.readouterr().out) for each in series(document)}


def test_every_metric_has_its_documented_dimensions(emitted: set[Series]) -> None:
    service = ("service", STACK)
    triggers = [str(trigger) for trigger in (Trigger.EVENT, Trigger.RETRY, Trigger.RESEND)]
    others = {Metric.TOKENS_REFUSED, Metric.EVENT_AGE}
    once = {("Hooklog", str(metric), frozenset({service})) for metric in set(Metric) - others}
    twice = {
        ("Hooklog", str(metric), frozenset({service, ("trigger", trigger)}))
        for metric in BY_TRIGGER
        for trigger in triggers
    }
    assert emitted == once | twice


AWS_METRICS: dict[str, tuple[set[str], set[str]]] = {
    "AWS/SQS": (
        {
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateAgeOfOldestMessage",
        },
        {"QueueName"},
    ),
    "AWS/Lambda": (
        {"Errors", "Throttles", "Invocations", "Duration", "RecursiveInvocationsDropped", "IteratorAge"},
        {"FunctionName"},
    ),
    "AWS/ApiGateway": ({"5XXError", "4XXError", "Latency", "Count"}, {"ApiName", "Stage"}),
    "AWS/DynamoDB": ({"ReadThrottleEvents", "WriteThrottleEvents", "ConsumedWriteCapacityUnits"}, {"TableName"}),
}
"""The AWS metrics and dimensions, as documented, that the dashboard and the alarms may use."""

KINDS = {
    "QueueName": "AWS::SQS::Queue",
    "FunctionName": "AWS::Serverless::Function",
    "TableName": "AWS::DynamoDB::Table",
}


INDEX = "GlobalSecondaryIndexName"
INDEXES = {
    index["IndexName"]
    for table in template.resources("AWS::DynamoDB::Table").values()
    for index in table.get("GlobalSecondaryIndexes", [])
}


def own_series() -> set[Series]:
    service = ("service", "${AWS::StackName}")
    return {("Hooklog", str(metric), frozenset({service})) for metric in Metric} | {
        ("Hooklog", str(metric), frozenset({service, ("trigger", str(trigger))}))
        for metric in BY_TRIGGER
        for trigger in Trigger
    }


def exists(wanted: Series) -> bool:
    namespace, name, dimensions = wanted
    if namespace == "Hooklog":
        return wanted in own_series()
    names, dimension_names = AWS_METRICS[namespace]
    found = dict(dimensions).keys() - {INDEX}
    return name in names and found == dimension_names and all(map(_is_in_template, dimensions))


def _is_in_template(dimension: tuple[str, str]) -> bool:
    """Return whether a dimension's value is a resource of the template.

    It must have the right kind, and the spelling of that kind.
    """
    name, value = dimension
    if name == INDEX:
        return value in INDEXES
    if name in KINDS:
        logical_id = value.removeprefix("${").removesuffix("}").removesuffix(".QueueName")
        return logical_id in template.resources(KINDS[name]) and value.endswith(".QueueName}") == (name == "QueueName")
    (api,) = template.resources("AWS::Serverless::Api").values()
    return value == {"ApiName": as_sub(api["Name"]), "Stage": str(api["StageName"])}[name]


def as_sub(value: Any) -> str:
    """Return a value of the template in the syntax of Fn::Sub."""
    if isinstance(value, dict):
        return f"${{{value['Ref']}}}" if "Ref" in value else f"${{{'.'.join(value['Fn::GetAtt'])}}}"
    return str(value)


def as_series(metric: Mapping[str, Any]) -> Series:
    dimensions = frozenset((each["Name"], as_sub(template.default(each["Value"]))) for each in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], dimensions


ALARMS = template.resources("AWS::CloudWatch::Alarm")
WIDGETS = json.loads(template.resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"][0])[
    "widgets"
]


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_uses_an_existing_metric(name: str) -> None:
    alarm = ALARMS[name]
    metrics = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    for metric in metrics or [alarm]:
        assert exists(as_series(metric)), metric
    for query in alarm.get("Metrics", []):
        ids = {each["Id"] for each in alarm["Metrics"]}
        assert set(re.findall(r"\b[a-z]\w*", query.get("Expression", ""))) <= ids
    assert sum(query.get("ReturnData", True) for query in alarm.get("Metrics", [])) <= 1


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_notifies_its_topic_and_links_to_its_runbook(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
    assert alarm["AlarmDescription"]["Fn::Sub"].endswith(f" ${{RunbookUrl}}#{name.lower()}")
    section = runbook(name)
    for part in ("What happened", "Check", "Do", "Do not"):
        assert f"**{part}.**" in section


def runbook(name: str) -> str:
    text = (template.ROOT / "docs/operations.md").read_text()
    found = re.search(rf"^### {name}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/operations.md has no section {name}"
    return found[1]


def test_every_runbook_belongs_to_an_alarm() -> None:
    text = (template.ROOT / "docs/operations.md").read_text().partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == list(ALARMS)


def test_the_dashboard_uses_existing_metrics() -> None:
    shown = [metric for widget in WIDGETS for metric in widget["properties"].get("metrics", [])]
    named = [metric for metric in shown if not isinstance(metric[0], dict)]
    assert len(named) > 50
    for metric in named:
        parts = [part for part in metric if isinstance(part, str)]
        dimensions = frozenset(zip(parts[2::2], parts[3::2], strict=True))
        assert exists((parts[0], parts[1], dimensions)), metric


def test_the_dashboards_expressions_refer_to_metrics_of_their_widget() -> None:
    for widget in WIDGETS:
        metrics = widget["properties"].get("metrics", [])
        ids = {metric[-1]["id"] for metric in metrics if isinstance(metric[-1], dict) and "id" in metric[-1]}
        for expression in (metric[0]["expression"] for metric in metrics if isinstance(metric[0], dict)):
            assert set(re.findall(r"\b[a-z]\w*", expression)) <= ids


def test_the_dashboard_asks_in_the_order_of_questions() -> None:
    headings = [widget["properties"]["markdown"] for widget in WIDGETS if widget["type"] == "text"]
    assert [heading.split()[1] for heading in headings] == ["Are", "How", "Who", "Are", "What"]
    assert [widget["y"] for widget in WIDGETS] == sorted(widget["y"] for widget in WIDGETS)
    assert {widget["type"] for widget in WIDGETS} == {"text", "metric", "log"}


def test_log_lines_contain_the_fields_that_queries_read(
    app: ModuleType, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    send(app, message(receiver.url("/status/500")), message(receiver.refused_url), "not JSON")
    lines = log_lines(app, caplog)
    fields = {name for line in lines for name in line} | {"@timestamp", "@message", "@log", "cause", "items"}
    queries = [each["QueryString"] for each in template.resources("AWS::Logs::QueryDefinition").values()]
    queries += [widget["properties"]["query"] for widget in WIDGETS if widget["type"] == "log"]
    for query in queries:
        assert read_by(query) <= fields, query
    assert sum(line.get("event") == "execution_failed" for line in lines) == 2


def read_by(query: str) -> set[str]:
    """Return the fields that a query of Logs Insights reads.

    Its keywords and the fields that it defines are left out.
    """
    words = set(re.findall(r"@?[a-z_]+", re.sub(r"SOURCE '[^']*'|\"[^\"]*\"|/[^/]*/", "", query)))
    own = {"fields", "filter", "stats", "sort", "limit", "count", "count_distinct", "latest", "coalesce", "as", "by"}
    defined = set(re.findall(r"as ([a-z_]+)", query))
    return words - own - defined - {"and", "or", "in", "like", "desc"}
