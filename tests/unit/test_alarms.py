"""When alarms are raised, reckoned as CloudWatch does from one value of each metric that they watch."""

import operator
import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests import template

ALARMS = template.resources("AWS::CloudWatch::Alarm")

COMPARED = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
}

Values = dict[str, int | None]
"""By the metric's id; one of an alarm without metric math has none. None is a metric that nothing was sent of."""


@dataclass(frozen=True)
class Case:
    """What an alarm watches for how long, and the values on either side of its threshold."""

    watched: tuple[str, ...]
    statistic: str
    seconds: int
    raised: tuple[Values, ...]
    quiet: tuple[Values, ...]


def one(watched: str, statistic: str, seconds: int, raised: int, quiet: int) -> Case:
    return Case((watched,), statistic, seconds, ({"": raised},), ({"": quiet},))


CASES = {
    "DeadLetters": one("WebhookDeadLetterQueue ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, 0),
    "OldestMessage": one("WebhookQueue ApproximateAgeOfOldestMessage", "Maximum", 300, 1801, 1800),
    "SenderErrors": one("SendWebhooksFunction Errors", "Sum", 60, 1, 0),
    "SenderFaults": one("AWS::StackName Faults", "Sum", 300, 1, 0),
    "SenderThrottles": one("SendWebhooksFunction Throttles", "Sum", 600, 1, 0),
    "UnloggedBacklog": Case(
        (
            "UnloggedExecutions ApproximateNumberOfMessagesVisible",
            "UnloggedExecutions ApproximateNumberOfMessagesNotVisible",
        ),
        "Minimum",
        900,
        ({"visible": 1, "hidden": 0}, {"visible": 0, "hidden": 1}),
        ({"visible": 0, "hidden": 0},),
    ),
    "SuccessRate": Case(
        ("AWS::StackName event Delivered", "AWS::StackName event Failed"),
        "Sum",
        900,
        ({"delivered": 79, "failed": 21}, {"delivered": None, "failed": 50}),
        ({"delivered": 80, "failed": 20}, {"delivered": 0, "failed": 49}, {"delivered": 50, "failed": None}),
    ),
    "ApiErrors": one("AWS::StackName v1 5XXError", "Sum", 300, 5, 4),
    "ApiLatency": one("AWS::StackName v1 Latency", "p99", 900, 3001, 3000),
    "AuthorizerFailures": Case(
        ("AuthorizeFunction Errors", "AWS::StackName TokensRefused"),
        "Sum",
        600,
        ({"errors": 12, "refused": 7}, {"errors": 5, "refused": None}),
        ({"errors": 12, "refused": 8}, {"errors": None, "refused": None}),
    ),
}
"""As docs/operations.md tells them."""


def test_each_alarm_has_its_case() -> None:
    assert CASES.keys() == ALARMS.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_watches_what_it_says(name: str) -> None:
    stats = metric_stats(ALARMS[name])
    assert (
        tuple(f"{' '.join(map(value, stat['Metric']['Dimensions']))} {stat['Metric']['MetricName']}" for stat in stats)
        == CASES[name].watched
    )
    assert {stat["Stat"] for stat in stats} == {CASES[name].statistic}
    assert {stat["Period"] * ALARMS[name]["EvaluationPeriods"] for stat in stats} == {CASES[name].seconds}
    assert "DatapointsToAlarm" not in ALARMS[name]


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_is_raised_beyond_its_threshold_and_by_no_silence(name: str) -> None:
    assert all(raised(ALARMS[name], values) for values in CASES[name].raised)
    assert not any(raised(ALARMS[name], values) for values in CASES[name].quiet)
    assert ALARMS[name]["TreatMissingData"] == "notBreaching"


def test_alarms_reach_their_topic_and_an_address_if_one_is_named() -> None:
    (statement,) = (
        statement
        for statement in template.resources("AWS::KMS::Key")["AlarmsKey"]["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    )
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert template.resources("AWS::SNS::Topic")["Alarms"]["KmsMasterKeyId"] == {"Ref": "AlarmsKey"}
    subscription = template.TEMPLATE["Resources"]["AlarmEmailSubscription"]
    assert subscription["Properties"]["TopicArn"] == {"Ref": "Alarms"}
    subscribed = {"Fn::If": [subscription["Condition"], subscription["Properties"]["Endpoint"], None]}
    assert template.default(subscribed) is None
    assert template.default(subscribed, AlarmEmail="oncall@shop.example") == "oncall@shop.example"


def test_the_dimension_that_alarms_name_is_what_functions_send() -> None:
    variables = template.TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_only_the_local_aws_goes_without_what_it_does_not_know() -> None:
    for name, resource in template.TEMPLATE["Resources"].items():
        unknown = resource["Type"] in {"AWS::Logs::QueryDefinition", "AWS::CloudWatch::InsightRule"}
        assert (resource.get("Condition") == "OnAws") == (unknown or "Metrics" in ALARMS.get(name, {}))
    for stage in template.TEMPLATE["Parameters"]["Stage"]["AllowedValues"]:
        there = template.default({"Fn::If": ["OnAws", True, False]}, Stage=stage)
        assert there == (stage != "local")


def metric_stats(alarm: template.Resource) -> list[dict[str, Any]]:
    if "Metrics" in alarm:
        return [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    metric = {name: alarm[name] for name in ("MetricName", "Dimensions")}
    return [{"Metric": metric, "Period": alarm["Period"], "Stat": statistic}]


def value(dimension: dict[str, Any]) -> str:
    match dimension["Value"]:
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return str(name)
        case text:
            return str(text)


def raised(alarm: template.Resource, values: Values) -> bool:
    shown: Any = values.get("")
    for query in alarm.get("Metrics", []):
        if "Expression" in query:
            shown = evaluated(query["Expression"], values)
    return bool(COMPARED[alarm["ComparisonOperator"]](shown, template.default(alarm["Threshold"])))


def evaluated(expression: str, values: Values) -> Any:
    """Metric math, of those functions that the template uses."""
    assert set(re.findall(r"[A-Z]+", expression)) <= {"IF", "FILL"}
    functions: dict[str, Any] = {
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "FILL": lambda metric, instead: instead if metric is None else metric,
    }
    return eval(expression, {**functions, **values})  # the template's own
