"""The authorizer's IAM policy, compared with what the functions allow."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hooklog.access.grants import Grant, Scope
from hooklog.access.routes import MAX_RESPONSE_BYTES, ROUTES, Route, build_authorization
from hooklog.errors import Forbidden
from tests import template

STAGE = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/v1"
ARN = f"{STAGE}/GET/webhooks/wh_1/executions"
EXECUTION = "20261123T173600.123456Z-9f3a2c1d"

IDS = st.text("aB._-1", min_size=1, max_size=5).filter(lambda name: name not in (".", ".."))
PATTERNS = IDS | IDS.map(lambda name: f"{name}.*") | st.just("*")
GRANTS = st.builds(
    Grant,
    st.lists(PATTERNS, max_size=4, unique=True).map(tuple),
    st.frozensets(st.sampled_from(Scope)),
    st.lists(PATTERNS, max_size=2, unique=True).map(tuple),
)


def allowed(authorization: dict[str, Any], method: str, path: str) -> bool:
    """Evaluate a policy as IAM does: an Allow must match, and no Deny."""
    assert all(statement["Resource"] for statement in authorization["policyDocument"]["Statement"]), (
        "a policy IAM refuses: a 500"
    )
    matching = {
        statement["Effect"]
        for statement in authorization["policyDocument"]["Statement"]
        for resource in statement["Resource"]
        if fnmatchcase(f"{STAGE}/{method}{path}", resource)
    }
    return matching == {"Allow"}


def handled(grant: Grant, route: Route, webhook_id: str) -> bool:
    try:
        if "{webhook_id}" in route.resource:
            grant.require(route.scope, webhook_id)
        else:
            grant.require_scope(route.scope)
    except Forbidden:
        return False
    return True


def call(route: Route, webhook_id: str) -> str:
    path = route.resource.replace("{webhook_id}", webhook_id)
    return re.sub(r"\{\w+\}", EXECUTION, path)


def deployed(folder: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of each event in this folder that needs a token."""
    for properties in template.functions().values():
        for event in properties.get("Events", {}).values():
            call = event["Properties"]
            is_open = call.get("Auth", {}).get("Authorizer") == "NONE"
            if event["Type"] == "Api" and properties["CodeUri"] == folder and not is_open:
                yield call["Method"], call["Path"]


def test_the_routing_table_matches_the_template() -> None:
    for folder in sorted(properties["CodeUri"] for properties in template.functions().values()):
        routes = [(each.method, each.resource) for each in ROUTES if f"functions/{each.function}" == folder]
        assert sorted(deployed(folder)) == sorted(routes)


def test_the_events_to_invoke_functions_with_are_calls_of_the_table() -> None:
    events = [json.loads(path.read_text()) for path in (template.ROOT / "events").glob("*.json")]
    calls = [event for event in events if "httpMethod" in event]
    assert calls
    for event in calls:
        assert (event["httpMethod"], event["resource"]) in {(each.method, each.resource) for each in ROUTES}
        assert event["resource"].format(**event["pathParameters"]) == event["path"]


def test_a_function_has_only_the_routes_of_its_permission() -> None:
    """Both reading scopes share a function; webhook tests have their own."""
    scopes = {each.function: {route.scope for route in ROUTES if route.function == each.function} for each in ROUTES}
    assert scopes == {
        "read_api": {Scope.EXECUTIONS_READ, Scope.WEBHOOKS_READ},
        "resend_api": {Scope.EXECUTIONS_RESEND},
        "manage_api": {Scope.WEBHOOKS_MANAGE},
        "test_webhook": {Scope.WEBHOOKS_MANAGE},
    }


WRITES = re.compile(r"dynamodb:(Put|Update|Delete|BatchWrite|Transact)|kms:|sqs:|sns:|secretsmanager:")


def test_reading_functions_can_neither_write_nor_decrypt() -> None:
    (policy,) = template.resources("AWS::IAM::Role")["ReadApiRole"]["Policies"]
    actions = [action for each in policy["PolicyDocument"]["Statement"] for action in listed(each["Action"])]
    assert actions
    assert [action for action in actions if WRITES.match(action)] == []


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@given(GRANTS, st.sampled_from(ROUTES), IDS)
@example(Grant(("acme.*",), frozenset({Scope.EXECUTIONS_READ})), ROUTES[0], "acme.")
def test_the_gateway_admits_the_callers_that_the_function_admits(grant: Grant, route: Route, webhook_id: str) -> None:
    if handled(grant, route, webhook_id):
        assert allowed(build_authorization(grant, ARN), route.method, call(route, webhook_id))


@given(GRANTS, st.sampled_from(ROUTES), IDS)
@example(Grant(("acme.*",), frozenset(Scope), ("*",)), ROUTES[0], "acmeX")
@example(Grant(("acme.*",), frozenset(Scope)), ROUTES[0], "acme")
@example(Grant(("acme.*",), frozenset(Scope)), ROUTES[-1], "acmeX.orders")
def test_the_gateway_denies_access_to_foreign_webhooks(grant: Grant, route: Route, webhook_id: str) -> None:
    if "{webhook_id}" in route.resource and not grant.covers(webhook_id):
        assert not allowed(build_authorization(grant, ARN), route.method, call(route, webhook_id))


@given(
    st.lists(IDS, max_size=4, unique=True).map(tuple),
    st.frozensets(st.sampled_from(Scope)),
    st.sampled_from(ROUTES),
    IDS,
)
def test_the_policy_of_plain_ids_is_exact(
    webhooks: tuple[str, ...], scopes: frozenset[Scope], route: Route, webhook_id: str
) -> None:
    grant = Grant(webhooks, scopes)
    is_allowed = allowed(build_authorization(grant, ARN), route.method, call(route, webhook_id))
    assert is_allowed == handled(grant, route, webhook_id)


@given(GRANTS, st.text("a./%*?_") | st.sampled_from(["wh_a/../wh_b", "../messages", "*", "?", ""]))
def test_a_path_inside_an_id_grants_no_access(grant: Grant, tail: str) -> None:
    """An ID that starts with a foreign ID is foreign, even with dots and slashes."""
    path = f"/webhooks/zz{tail}/executions"
    if not grant.covers(f"zz{tail}"):
        assert not allowed(build_authorization(grant, ARN), "GET", path)


@given(GRANTS, st.sampled_from(ROUTES))
def test_the_policy_depends_only_on_the_token(grant: Grant, route: Route) -> None:
    """API Gateway caches the policy for the token's other calls."""
    other = f"{STAGE}/{route.method}{call(route, 'other')}"
    assert build_authorization(grant, other) == build_authorization(grant, ARN)


@given(GRANTS)
def test_the_functions_get_the_same_grant(grant: Grant) -> None:
    authorization = build_authorization(grant, ARN)
    assert Grant.from_authorizer(authorization["context"]) == grant
    assert all(len(resource) <= 512 for s in authorization["policyDocument"]["Statement"] for resource in s["Resource"])


@pytest.mark.parametrize("webhooks", [(), ("wh_1",)])
def test_a_token_without_scopes_grants_nothing(webhooks: tuple[str, ...]) -> None:
    authorization = build_authorization(Grant(webhooks, frozenset()), ARN)
    assert not any(allowed(authorization, route.method, call(route, "wh_1")) for route in ROUTES)


def test_a_token_with_many_webhooks_is_checked_by_the_functions() -> None:
    webhooks = tuple(f"acme.department-{number:04}.orders" for number in range(100))
    grant = Grant(webhooks, frozenset({Scope.EXECUTIONS_READ}))
    authorization = build_authorization(grant, ARN)
    assert len(json.dumps(authorization)) <= MAX_RESPONSE_BYTES
    for route in ROUTES:
        assert allowed(authorization, route.method, call(route, webhooks[99])) == (route.scope == Scope.EXECUTIONS_READ)
    assert Grant.from_authorizer(authorization["context"]) == grant
