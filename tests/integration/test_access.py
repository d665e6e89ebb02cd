"""Tests that the functions repeat the authorizer's checks.

They do not rely on API Gateway to have made them.
"""

import json
from operator import attrgetter
from types import ModuleType
from typing import Any

import pytest

from hooklog.access.grants import Scope
from hooklog.access.routes import ROUTES, Route
from tests import template
from tests.aws import Endpoint, MockAws
from tests.events import api_event
from tests.receiver import Receiver
from tests.webhooks import Api, send

EXECUTION = "20261123T173600.123456Z-9f3a2c1d"
BODY = '{"since": "2026-01-01T00:00:00Z"}'


FUNCTIONS = sorted({template.function_in(route.function) for route in ROUTES} | {"HistoryPageFunction"})
"""The functions behind the API and the History page."""

BY_WEBHOOK = [route for route in ROUTES if "{webhook_id}" in route.resource]

TRICKS = {
    "another": "wh_b",
    "a longer one": "wh_ab",
    "a shorter one": "wh_",
    "in capitals": "WH_A",
    "a path, encoded": "wh_a%2F..%2Fwh_b",
    "a path, encoded twice": "wh_a%252F..%252Fwh_b",
    "a path": "wh_a/../wh_b",
    "a backslash": "wh_a%5C..%5Cwh_b",
    "a trailing dot": "wh_a.",
    "a trailing slash": "wh_a%2F",
    "a trailing space": "wh_a%20",
    "a line's end": "wh_a%0A",
    "a NUL": "wh_a%00",
    "a parameter": "wh_a;v=1",
    "a query": "wh_a%3Fx",
    "a fragment": "wh_a%23",
    "a wildcard": "*",
    "a prefix": "wh_*",
    "nothing": "",
    "dots": "..",
    "full-width letters": "%EF%BD%97%EF%BD%88_a",
    "a Cyrillic a": "wh_%D0%B0",
    "a soft hyphen": "wh_a%C2%AD",
    "not UTF-8": "wh_a%FF",
    "an overlong slash": "wh_a%C0%AFwh_b",
    "a list": '["wh_a"]',
}


def call(app: Endpoint, webhook_id: str, **token: Any) -> tuple[int, dict[str, Any]]:
    path = {"webhook_id": webhook_id, "execution_id": EXECUTION, "message_id": "msg_1", "recovery_id": "rec_1"}
    response = app.lambda_handler({**api_event(path, **token), "body": BODY}, None)
    return response["statusCode"], json.loads(response["body"] or "{}")


@pytest.mark.parametrize("route", BY_WEBHOOK, ids=attrgetter("handler"))
def test_a_token_for_one_webhook_grants_no_access_to_another(aws: MockAws, route: Route) -> None:
    app = aws.endpoint(route.handler)
    for trick in TRICKS.values():
        status, body = call(app, trick, webhooks=["wh_a"], scope=" ".join(Scope))
        assert (status, body["error"]["code"]) == (403, "forbidden"), trick


@pytest.mark.parametrize("route", ROUTES, ids=attrgetter("handler"))
def test_a_function_needs_the_scope_of_its_route(aws: MockAws, route: Route) -> None:
    app = aws.endpoint(route.handler)
    status, body = call(app, "wh_a", scope=" ".join(scope for scope in Scope if scope != route.scope))
    assert status == 403
    assert route.scope in body["error"]["message"]
    assert call(app, "wh_a", scope=route.scope)[0] not in (401, 403, 500)


@pytest.mark.parametrize("route", ROUTES, ids=attrgetter("handler"))
def test_a_call_without_the_authorizers_context_is_refused(aws: MockAws, route: Route) -> None:
    app = aws.endpoint(route.handler)
    for authorizer in (None, {}, {"webhooks": '["*', "scope": "executions:read"}, {"webhooks": '"*"'}):
        event = {**api_event({"webhook_id": "wh_a"}), "requestContext": {"authorizer": authorizer}}
        assert app.lambda_handler(event, None)["statusCode"] == 401


@pytest.mark.parametrize("function", sorted({route.function for route in ROUTES}))
def test_a_function_handles_only_the_routes_of_its_permission(aws: MockAws, function: str) -> None:
    """Even if a call bypasses API Gateway's routing, with a token for everything."""
    app = aws.start(template.function_in(function))
    others = [(route.method, route.resource) for route in ROUTES if route.function != function]
    unknown = [
        ("PATCH", "/webhooks"),
        ("OPTIONS", "/webhooks/{webhook_id}"),
        ("GET", "/{proxy+}"),
        ("get", "/webhooks"),
    ]
    for method, resource in [*others, *unknown, (None, None)]:
        event = {**api_event({"webhook_id": "wh_a"}, scope=" ".join(Scope)), "httpMethod": method, "resource": resource}
        response = app.lambda_handler(event, None)
        assert response["statusCode"] == 404, (method, resource)


OWN_ATTEMPTS: list[dict[str, Any]] = [
    {"headers": {"x-hooklog-attempt": "1"}, "multiValueHeaders": {"x-hooklog-attempt": ["1"]}},
    {"headers": {"X-Hooklog-Attempt": "1"}, "multiValueHeaders": None},
    {"headers": {"X-HOOKLOG-ATTEMPT": ""}, "multiValueHeaders": {}},
    {"headers": None, "multiValueHeaders": {"x-Hooklog-Attempt": ["1", "2"]}},
    {"headers": {}, "multiValueHeaders": {"x-hooklog-attempt": []}},
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_call_made_by_a_webhook_is_refused_before_it_has_an_effect(aws: MockAws, function: str) -> None:
    """Refuse the call before its token is checked.

    The event has no authorizer context, which would otherwise lead to a 401.
    """
    app = aws.start(function)
    for headers in OWN_ATTEMPTS:
        event = {**api_event({"webhook_id": "wh_a"}), "requestContext": {}, "body": BODY, **headers}
        response = app.lambda_handler(event, None)
        assert (response["statusCode"], json.loads(response["body"])["error"]["code"]) == (403, "forbidden"), headers


HEADER_TRICKS = {
    "Connection": ["close, x-hooklog-attempt", "X-Hooklog-Attempt"],
    "Keep-Alive": ["x-hooklog-attempt"],
    "x-hooklog-attempt": [""],
    "X_Hooklog_Attempt": [""],
}
"""Headers that might make a proxy or receiver drop `x-hooklog-attempt`."""


def test_no_webhook_or_message_can_remove_the_attempt_header(
    api: Api, sender: ModuleType, aws: MockAws, receiver: Receiver
) -> None:
    url = receiver.url("/status/200")
    tricks = [{name: value} for name, values in HEADER_TRICKS.items() for value in values]
    assert [api.put(url=url, headers=headers)[0] for headers in tricks] == [400] * 5
    api.put(url=url, enabled=True, headers={"Authorization": "Bearer token", "User-Agent": "curl/8"})
    send(sender, {}, *({"url": url, "headers": headers} for headers in tricks))
    app = aws.endpoint("start_recovery")
    assert len(receiver.requests) == 2  # the others are dead letters
    for request in receiver.requests:
        event = {**api_event({"webhook_id": "wh_a"}), "headers": dict(request.headers), "body": BODY}
        assert app.lambda_handler(event, None)["statusCode"] == 403
