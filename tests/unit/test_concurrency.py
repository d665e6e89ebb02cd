"""What of an account's concurrency each method of the API may take, with the parameters at their defaults.

By Little's law, as many invocations run at one time as start in a second, times the seconds that each takes; at worst,
that is the function's timeout. Calls may come in a burst besides.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import template

ACCOUNT = 1000
"""AWS's default quota of concurrent executions, of an account in a region."""

UNRESERVED = 100
"""What AWS has every account leave to functions without a reservation."""

API = template.resources("AWS::Serverless::Api")["HistoryApi"]
TEST = ("POST", "/webhooks/{webhook_id}/test", "TestWebhookFunction")
AUTHORIZER = API["Auth"]["Authorizers"]["BearerToken"]["FunctionArn"]["Fn::GetAtt"][0]


METHODS = sorted(
    (event["Properties"]["Method"], event["Properties"]["Path"], function)
    for function, properties in template.functions().items()
    for event in properties.get("Events", {}).values()
    if event["Type"] == "Api"
)
"""Of the API, with the function behind each."""


def throttle(method: str, path: str) -> tuple[int, int]:
    """Calls a second, and at once: API Gateway applies the settings of a stage to each of its methods apart."""
    settings = {(each["ResourcePath"], each["HttpMethod"]): each for each in template.default(API["MethodSettings"])}
    own = settings.get(("/" + path.replace("/", "~1"), method), settings["/*", "*"])
    return own["ThrottlingRateLimit"], own["ThrottlingBurstLimit"]


def reserved(function: str, **parameters: Any) -> int:
    return int(template.default(template.functions()[function], **parameters).get("ReservedConcurrentExecutions", 0))


def most(method: str, path: str, function: str, **parameters: Any) -> int:
    """Of this method alone."""
    if kept := reserved(function, **parameters):
        return kept
    rate, burst = throttle(method, path)
    return burst + rate * int(template.default(template.functions()[function]["Timeout"]))


def polled() -> Iterator[int]:
    """The most invocations at one time of each function that a queue invokes."""
    for mapping in template.resources("AWS::Lambda::EventSourceMapping").values():
        yield template.default(mapping["ScalingConfig"]["MaximumConcurrency"])
    for properties in template.functions().values():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "SQS":
                yield event["Properties"]["ScalingConfig"]["MaximumConcurrency"]


@pytest.mark.parametrize("method", METHODS, ids=" ".join)
def test_no_method_of_the_api_takes_what_the_sender_needs(method: tuple[str, str, str]) -> None:
    """Whatever its callers and their receivers do: the queues' functions have their invocations all the same."""
    others = sum(reserved(each) for each in template.functions() if each != method[2])
    assert most(*method) <= ACCOUNT - sum(polled()) - others


def test_nor_does_the_authorizer_which_all_methods_ask() -> None:
    assert 0 < reserved(AUTHORIZER) <= ACCOUNT - sum(polled())


def test_nor_does_the_test_of_webhooks_where_nothing_can_be_reserved() -> None:
    assert reserved("TestWebhookFunction", TestConcurrency=0) == 0
    assert most(*TEST, TestConcurrency=0) <= ACCOUNT - sum(polled())


def test_receivers_hold_few_functions_up() -> None:
    """A test takes as long as a customer's receiver likes. No other function of the API waits for one."""
    assert most(*TEST) <= ACCOUNT / 100
    rate, burst = throttle(*TEST[:2])
    assert max(rate, burst) < min(throttle("GET", "/webhooks"))


def test_what_is_reserved_leaves_what_aws_wants_unreserved() -> None:
    """So, too, of the 400 that some accounts begin with."""
    assert sum(reserved(function) for function in template.functions()) <= 400 - UNRESERVED - sum(polled())
    nothing = {"TestConcurrency": 0, "AuthorizerConcurrency": 0}
    assert [function for function in template.functions() if reserved(function, **nothing)] == []


def test_a_limit_of_one_method_is_of_a_method_that_there_is() -> None:
    paths = {("/" + path.replace("/", "~1"), method) for method, path, _ in METHODS}
    settings = {(each["ResourcePath"], each["HttpMethod"]) for each in API["MethodSettings"]}
    assert settings - paths == {("/*", "*")}
