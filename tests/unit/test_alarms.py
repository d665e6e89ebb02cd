"""When alarms are raised, evaluated from one value of each metric."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import ANY

import pytest

from tests import template

ALARMS = template.resources("AWS::CloudWatch::Alarm")

PUBLISHED = {
    "ApproximateNumberOfMessagesVisible": "AWS/SQS",
    "ApproximateNumberOfMessagesNotVisible": "AWS/SQS",
    "ApproximateAgeOfOldestMessage": "AWS/SQS",
    "Errors": "AWS/Lambda",
    "Throttles": "AWS/Lambda",
    "RecursiveInvocationsDropped": "AWS/Lambda",
    "IteratorAge": "AWS/Lambda",
    "5XXError": "AWS/ApiGateway",
    "Latency": "AWS/ApiGateway",
}
"""Metrics that AWS publishes, with their namespaces."""

COMPARED = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
}

Values = dict[str, int | None]
"""Values by metric ID, which is empty in an alarm without metric math. None: the metric has no data."""


@dataclass(frozen=True)
class Case:
    """An alarm's metrics, statistic and period, and values around its threshold."""

    watched: tuple[str, ...]
    statistic: str
    seconds: int
    raised: tuple[Values, ...]
    quiet: tuple[Values, ...]


def single(watched: str, statistic: str, seconds: int, raised: int, quiet: int) -> Case:
    return Case((watched,), statistic, seconds, ({"": raised},), ({"": quiet},))


CASES = {
    "DeadLetters": single("WebhookDeadLetterQueue ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, 0),
    "OrderedDeadLetters": single("OrderedDeadLetterQueue ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, 0),
    "OrderedDeadLettersExpire": single(
        "OrderedDeadLetterQueue ApproximateAgeOfOldestMessage", "Maximum", 300, 864_001, 864_000
    ),
    "OldestOrdered": single("OrderedQueue ApproximateAgeOfOldestMessage", "Maximum", 300, 691_201, 691_200),
    "OrderedBacklog": single("OrderedQueue ApproximateNumberOfMessagesVisible", "Maximum", 300, 60_001, 60_000),
    "UnloggedDeadLetters": single("UnloggedDeadLetterQueue ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, 0),
    "RecoveryDeadLetters": single("RecoveryDeadLetterQueue ApproximateNumberOfMessagesVisible", "Maximum", 300, 1, 0),
    "DeadLettersExpire": Case(
        (
            "WebhookDeadLetterQueue ApproximateAgeOfOldestMessage",
            "UnloggedDeadLetterQueue ApproximateAgeOfOldestMessage",
            "RecoveryDeadLetterQueue ApproximateAgeOfOldestMessage",
        ),
        "Maximum",
        300,
        (
            {"webhooks": 259_201, "unlogged": 0, "recoveries": 0},
            {"webhooks": 0, "unlogged": 259_201, "recoveries": 0},
            {"webhooks": 0, "unlogged": 0, "recoveries": 259_201},
        ),
        ({"webhooks": 259_200, "unlogged": 259_200, "recoveries": 259_200},),
    ),
    "OldestMessage": single("WebhookQueue ApproximateAgeOfOldestMessage", "Maximum", 300, 1801, 1800),
    "OldestRecovery": single("RecoveryQueue ApproximateAgeOfOldestMessage", "Maximum", 300, 1801, 1800),
    "SenderErrors": single("SendWebhooksFunction Errors", "Sum", 60, 1, 0),
    "SenderFaults": single("AWS::StackName Faults", "Sum", 300, 1, 0),
    "SenderThrottles": single("SendWebhooksFunction Throttles", "Sum", 600, 1, 0),
    "RecoveryThrottles": single("RunRecoveryFunction Throttles", "Sum", 600, 1, 0),
    "LogUnloggedErrors": single("LogUnloggedFunction Errors", "Sum", 300, 1, 0),
    "RunRecoveryErrors": single("RunRecoveryFunction Errors", "Sum", 300, 1, 0),
    "CountErrors": single("CountExecutionsFunction Errors", "Sum", 900, 1, 0),
    "CountIteratorAge": single("CountExecutionsFunction IteratorAge", "Maximum", 300, 3_600_001, 3_600_000),
    "EventsUnpublished": single("AWS::StackName EventAge", "Maximum", 300, 901, 900),
    "PublishEventsErrors": single("PublishEventsFunction Errors", "Sum", 900, 1, 0),
    "RecursiveInvocations": Case(
        ("SendWebhooksFunction RecursiveInvocationsDropped", "RunRecoveryFunction RecursiveInvocationsDropped"),
        "Sum",
        300,
        ({"sender": 1, "recoveries": 0}, {"sender": 0, "recoveries": 1}),
        ({"sender": 0, "recoveries": 0},),
    ),
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
        ({"delivered": 79, "failed": 21}, {"delivered": 0, "failed": 50}),
        ({"delivered": 80, "failed": 20}, {"delivered": 0, "failed": 49}, {"delivered": 50, "failed": 0}),
    ),
    "ApiErrors": single("AWS::StackName v1 5XXError", "Sum", 300, 5, 4),
    "ApiLatency": single("AWS::StackName v1 Latency", "p99", 900, 3001, 3000),
    "AuthorizerFailures": Case(
        ("AuthorizeFunction Errors", "AWS::StackName TokensRefused"),
        "Sum",
        600,
        ({"errors": 12, "refused": 7}, {"errors": 5, "refused": 0}),
        ({"errors": 12, "refused": 8}, {"errors": 0, "refused": 0}),
    ),
}
"""The alarms as docs/operations.md describes them."""


def test_each_alarm_has_its_case() -> None:
    assert CASES.keys() == ALARMS.keys()


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_uses_its_metric(name: str) -> None:
    stats = metric_stats(ALARMS[name])
    assert (
        tuple(f"{' '.join(map(value, stat['Metric']['Dimensions']))} {stat['Metric']['MetricName']}" for stat in stats)
        == CASES[name].watched
    )
    assert {stat["Stat"] for stat in stats} == {CASES[name].statistic}
    assert {stat["Period"] * ALARMS[name]["EvaluationPeriods"] for stat in stats} == {CASES[name].seconds}
    assert "DatapointsToAlarm" not in ALARMS[name]


API = template.resources("AWS::Serverless::Api")["HistoryApi"]


def dimensions(namespace: str, metric: str) -> Mapping[str, Any]:
    """Return the dimensions that a service publishes, with ANY for the resource.

    An alarm on other dimensions would never have data.
    """
    match namespace:
        case "AWS/SQS":
            return {"QueueName": {"Fn::GetAtt": [ANY, "QueueName"]}}
        case "AWS/Lambda":
            return {"FunctionName": {"Ref": ANY}}
        case "AWS/ApiGateway":
            return {"ApiName": API["Name"], "Stage": API["StageName"]}
        case "Hooklog":
            service = {"service": {"Ref": "AWS::StackName"}}
            return {**service, "trigger": "event"} if metric in {"Delivered", "Failed"} else service
    raise ValueError(f"unexpected namespace {namespace}")


@pytest.mark.parametrize("name", CASES)
def test_an_alarms_metric_has_the_name_that_is_published(name: str) -> None:
    for stat in metric_stats(ALARMS[name]):
        metric = stat["Metric"]
        named = {each["Name"]: template.default(each["Value"]) for each in metric["Dimensions"]}
        assert named == dimensions(metric["Namespace"], metric["MetricName"])
        assert metric["Namespace"] == PUBLISHED.get(metric["MetricName"], "Hooklog")


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_notifies_when_it_is_raised_and_when_it_ends(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
    assert alarm.get("ActionsEnabled", True) is True


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_is_raised_beyond_its_threshold_and_not_by_missing_data(name: str) -> None:
    assert all(raised(ALARMS[name], values) for values in CASES[name].raised)
    assert not any(raised(ALARMS[name], values) for values in CASES[name].quiet)
    assert ALARMS[name]["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("name", CASES)
def test_an_alarm_needs_no_published_zeros(name: str) -> None:
    """CloudWatch does not know a metric before its first value."""
    for values in CASES[name].raised:
        assert raised(ALARMS[name], {metric: value or None for metric, value in values.items()})
    for values in CASES[name].quiet:
        assert not raised(ALARMS[name], {metric: value or None for metric, value in values.items()})


@pytest.mark.parametrize("hidden", [(1,), (0, 1), (1, 1, 1, 0), (0, 0, 1, 1, 0)])
def test_an_item_that_is_retried_occasionally_is_a_backlog(hidden: tuple[int, ...]) -> None:
    """Each metric has zeros, but never both: the item is in flight or visible."""
    alarm = ALARMS["UnloggedBacklog"]
    tried = [hidden[minute % len(hidden)] for minute in range(15)]
    minutes = {"hidden": tried, "visible": [1 - each for each in tried]}
    lengths = {stat["Period"] // 60 for stat in metric_stats(alarm)}
    (length,) = lengths
    periods: list[Values] = [
        {name: min(values[start : start + length]) for name, values in minutes.items()}
        for start in range(0, 15, length)
    ]
    assert len(periods) == alarm["EvaluationPeriods"]
    assert all(raised(alarm, period) for period in periods)


def test_a_few_slow_calls_raise_the_alarm() -> None:
    """With `ignore`, a p99 alarm keeps its state below a thousand calls."""
    percentiles = [alarm for alarm in ALARMS.values() if "ExtendedStatistic" in alarm]
    assert percentiles
    assert all(alarm.get("EvaluateLowSampleCountPercentile", "evaluate") == "evaluate" for alarm in percentiles)


def test_alarms_are_sent_to_their_topic_and_to_an_address_if_given() -> None:
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


def test_alarms_use_the_dimension_that_functions_emit() -> None:
    variables = template.TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_only_the_local_aws_omits_unsupported_resources() -> None:
    for name, resource in template.TEMPLATE["Resources"].items():
        unknown = resource["Type"] == "AWS::Logs::QueryDefinition"
        assert (resource.get("Condition") == "OnAws") == (unknown or "Metrics" in ALARMS.get(name, {}))
    for stage in template.TEMPLATE["Parameters"]["Stage"]["AllowedValues"]:
        is_present = template.default({"Fn::If": ["OnAws", True, False]}, Stage=stage)
        assert is_present == (stage != "local")


def metric_stats(alarm: template.Resource) -> list[dict[str, Any]]:
    if "Metrics" in alarm:
        return [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}
    return [{"Metric": metric, "Period": alarm["Period"], "Stat": statistic}]


def value(dimension: dict[str, Any]) -> str:
    match template.default(dimension["Value"]):
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return str(name)
        case text:
            return str(text)


def raised(alarm: template.Resource, values: Values) -> bool:
    compared: Any = values.get("")
    if "Metrics" in alarm:
        compared = evaluate_math(
            alarm["Metrics"], {name: NO_DATA if value is None else value for name, value in values.items()}
        )
    missing = compared is None or compared is NO_DATA
    return not missing and bool(COMPARED[alarm["ComparisonOperator"]](compared, template.default(alarm["Threshold"])))


class NoData:
    """A metric that was never published: no arithmetic and no FILL gives it data."""

    def _none(self, *_: Any) -> "NoData":
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _none
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = _none


NO_DATA = NoData()


def ignoring_missing(function: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    """Return a function of several metrics that ignores those without data."""

    def apply(metrics: list[Any]) -> Any:
        published = [metric for metric in metrics if metric is not NO_DATA]
        return function(published) if published else NO_DATA

    return apply


MATH: dict[str, Any] = {
    "IF": lambda condition, then, otherwise: NO_DATA if condition is NO_DATA else then if condition else otherwise,
    "FILL": lambda metric, instead: metric,
    "SUM": ignoring_missing(sum),
    "MAX": ignoring_missing(max),
    "TIME_SERIES": lambda value: value,
}
"""The functions of metric math that the template uses."""


def evaluate_math(queries: list[dict[str, Any]], values: dict[str, Any]) -> Any:
    """Return the value that an alarm compares, computed from the metrics' values."""
    expressions = {query["Id"]: query["Expression"] for query in queries if "Expression" in query}
    known = dict(values)
    while expressions.keys() - known.keys():
        for name, expression in expressions.items():
            if set(re.findall(r"\b[a-z]\w*", expression)) <= known.keys():
                known[name] = evaluate(expression, known)
    (compared,) = (query["Id"] for query in queries if query.get("ReturnData", True))
    return known[compared]


def evaluate(expression: str, values: dict[str, Any]) -> Any:
    assert set(re.findall(r"[A-Z_]+", expression)) <= MATH.keys()
    try:
        return eval(expression, {**MATH, **values})  # the expression is from template.yaml
    except ZeroDivisionError:
        return NO_DATA
