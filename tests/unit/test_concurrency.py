"""What of an account's concurrency each function may take, with the parameters at their defaults.

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
AUTHORIZER = API["Auth"]["Authorizers"]["BearerToken"]["FunctionArn"]["Fn::GetAtt"][0]


def methods(function: str) -> Iterator[tuple[str, str]]:
    """The method and path of each route that leads to it; the authorizer's are all of them."""
    for name, properties in template.functions().items():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "Api" and function in (name, AUTHORIZER):
                yield event["Properties"]["Method"], event["Properties"]["Path"]


def throttle(method: str, path: str) -> tuple[int, int]:
    """Calls a second, and at once: API Gateway applies the settings of a stage to each of its methods apart."""
    settings = {(each["ResourcePath"], each["HttpMethod"]): each for each in template.default(API["MethodSettings"])}
    own = settings.get(("/" + path.replace("/", "~1"), method), settings["/*", "*"])
    return own["ThrottlingRateLimit"], own["ThrottlingBurstLimit"]


def reserved(function: str, **parameters: Any) -> int:
    return int(template.default(template.functions()[function], **parameters).get("ReservedConcurrentExecutions", 0))


def most(function: str, **parameters: Any) -> int:
    if kept := reserved(function, **parameters):
        return kept
    seconds = template.default(template.functions()[function]["Timeout"])
    return sum(burst + rate * seconds for rate, burst in (throttle(*method) for method in methods(function)))


def polled() -> Iterator[int]:
    """The most invocations at one time of each function that a queue invokes."""
    for mapping in template.resources("AWS::Lambda::EventSourceMapping").values():
        yield template.default(mapping["ScalingConfig"]["MaximumConcurrency"])
    for properties in template.functions().values():
        for event in properties.get("Events", {}).values():
            if event["Type"] == "SQS":
                yield event["Properties"]["ScalingConfig"]["MaximumConcurrency"]


BEHIND_THE_API = sorted(function for function in template.functions() if list(methods(function)))


@pytest.mark.parametrize("function", BEHIND_THE_API)
def test_no_function_of_the_api_takes_what_the_sender_needs(function: str) -> None:
    """Whatever its callers and their receivers do: the queues' functions have their invocations all the same."""
    others = sum(reserved(each) for each in BEHIND_THE_API if each != function)
    assert most(function) <= ACCOUNT - sum(polled()) - others


def test_nor_does_the_test_of_webhooks_where_nothing_can_be_reserved() -> None:
    assert reserved("TestWebhookFunction", TestConcurrency=0) == 0
    assert most("TestWebhookFunction", TestConcurrency=0) <= ACCOUNT - sum(polled())


def test_receivers_hold_few_functions_up() -> None:
    """A test takes as long as a customer's receiver likes. No other function of the API waits for one."""
    assert most("TestWebhookFunction") <= ACCOUNT / 100
    rate, burst = throttle("POST", "/webhooks/{webhook_id}/test")
    assert max(rate, burst) < min(throttle("GET", "/webhooks"))


def test_what_is_reserved_leaves_what_aws_wants_unreserved() -> None:
    """So, too, of the 400 that some accounts begin with."""
    assert sum(reserved(function) for function in template.functions()) <= 400 - UNRESERVED - sum(polled())
    nothing = {"TestConcurrency": 0, "AuthorizerConcurrency": 0}
    assert [function for function in template.functions() if reserved(function, **nothing)] == []


def test_a_limit_of_one_method_is_of_a_method_that_there_is() -> None:
    paths = {("/" + path.replace("/", "~1"), method) for method, path in methods(AUTHORIZER)}
    settings = {(each["ResourcePath"], each["HttpMethod"]) for each in API["MethodSettings"]}
    assert settings - paths == {("/*", "*")}
