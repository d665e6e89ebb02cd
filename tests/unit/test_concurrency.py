"""The concurrency that each method of the API can use, with default parameters.

By Little's law, concurrency is the calls per second times their duration, at worst the function's timeout. A burst adds
to it.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import template

ACCOUNT = 1000
"""AWS's default quota of concurrent executions, per account and region."""

UNRESERVED = 100
"""AWS refuses reservations that leave fewer for functions without one."""

API = template.resources("AWS::Serverless::Api")["HistoryApi"]
TEST = ("POST", "/webhooks/{webhook_id}/test", "TestWebhookFunction")
AUTHORIZER = API["Auth"]["Authorizers"]["BearerToken"]["FunctionArn"]["Fn::GetAtt"][0]


METHODS = sorted(
    (event["Properties"]["Method"], event["Properties"]["Path"], function)
    for function, properties in template.functions().items()
    for event in properties.get("Events", {}).values()
    if event["Type"] == "Api"
)
"""The method, path and function of each route."""


def throttle(method: str, path: str) -> tuple[int, int]:
    """Return calls per second and burst.

    API Gateway applies a stage's settings to each method separately.
    """
    settings = {(each["ResourcePath"], each["HttpMethod"]): each for each in template.default(API["MethodSettings"])}
    limits = settings.get(("/" + path.replace("/", "~1"), method), settings["/*", "*"])
    return limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]


def reserved(function: str, **parameters: Any) -> int:
    return int(template.default(template.functions()[function], **parameters).get("ReservedConcurrentExecutions", 0))


def max_concurrency(method: str, path: str, function: str, **parameters: Any) -> int:
    """Return the highest concurrency that one method can cause."""
    if reservation := reserved(function, **parameters):
        return reservation
    rate, burst = throttle(method, path)
    return burst + rate * int(template.default(template.functions()[function]["Timeout"]))


def queue_concurrency() -> Iterator[int]:
    """Yield the maximum concurrency of each function that a queue invokes."""
    for mapping in template.deployed("AWS::Lambda::EventSourceMapping").values():
        yield template.default(mapping["ScalingConfig"]["MaximumConcurrency"])
    for properties in template.functions().values():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "SQS":
                yield event["Properties"]["ScalingConfig"]["MaximumConcurrency"]


@pytest.mark.parametrize("method", METHODS, ids=" ".join)
def test_no_api_method_can_use_the_senders_concurrency(method: tuple[str, str, str]) -> None:
    """The queues' functions keep their concurrency under any load on the API."""
    others = sum(reserved(each) for each in template.functions() if each != method[2])
    assert max_concurrency(*method) <= ACCOUNT - sum(queue_concurrency()) - others


def test_the_authorizer_cannot_use_the_senders_concurrency() -> None:
    assert 0 < reserved(AUTHORIZER) <= ACCOUNT - sum(queue_concurrency())


def test_webhook_tests_without_a_reservation_cannot_use_the_senders_concurrency() -> None:
    assert reserved("TestWebhookFunction", TestConcurrency=0) == 0
    assert max_concurrency(*TEST, TestConcurrency=0) <= ACCOUNT - sum(queue_concurrency())


def test_slow_receivers_can_occupy_few_functions() -> None:
    """A webhook test lasts as long as its receiver takes.

    No other function of the API waits for a receiver.
    """
    assert max_concurrency(*TEST) <= ACCOUNT / 100
    rate, burst = throttle(*TEST[:2])
    assert max(rate, burst) < min(throttle("GET", "/webhooks"))


def test_reservations_leave_what_aws_requires() -> None:
    """This also holds for accounts whose initial quota is 400."""
    assert sum(reserved(function) for function in template.functions()) <= 400 - UNRESERVED - sum(queue_concurrency())
    disabled = {"TestConcurrency": 0, "AuthorizerConcurrency": 0}
    assert [function for function in template.functions() if reserved(function, **disabled)] == []


def test_a_methods_own_limit_names_an_existing_method() -> None:
    paths = {("/" + path.replace("/", "~1"), method) for method, path, _ in METHODS}
    settings = {(each["ResourcePath"], each["HttpMethod"]) for each in API["MethodSettings"]}
    assert settings - paths == {("/*", "*")}
