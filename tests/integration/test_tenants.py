"""No tenant can see, change or send to what belongs to another.

Every route is called by each of two tenants with the other's names in the path, the query and the body. The response
must be the same as for a name that does not exist. New routes are covered automatically; a new parameter or field fails
`test_every_name_parameter_of_every_route_has_a_case` until NAMING or PLAIN lists it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from operator import attrgetter
from types import ModuleType
from typing import Any, Final, NamedTuple

import pytest

from hooklog.access.grants import Scope
from hooklog.access.routes import ROUTES, Route
from tests import template
from tests.aws import Endpoint, MockAws, mock_aws
from tests.events import api_event, sqs_event
from tests.openapi import operations, resolved
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, Api

Names = Mapping[str, str]
"""A tenant's IDs, by parameter or field name."""

TENANTS: Final = ("acme", "evil")
DIRECTIONS: Final = [TENANTS, TENANTS[::-1]]
SHARED: Final = "shared"
"""The ID of a message that both tenants received."""

NONEXISTENT: Final[Names] = {
    "webhook_id": "none.w1",
    "execution_id": "20260101T000000.000000Z-00000000",
    "message_id": "none-m1",
    "recovery_id": f"rec_{24 * '0'}",
    "topic": "none.all",
}
"""IDs that do not exist, as long as the tenants' own because an error may give a length."""

NAMING: Final = {*NONEXISTENT, "cursor"}
"""Parameters and fields that name something a tenant owns."""

PLAIN: Final = {
    "limit", "status", "from", "to", "since", "until", "name", "url", "headers", "event_types", "enabled",
    "timeout_seconds", "retry_schedule", "transformation", "sensitive_headers", "version", "created_at", "updated_at",
    "disabled_reason", "payload", "event_type", "dry_run", "interval", "seen", "registered", "last_execution",
    "last_24_hours", "result", "error_type", "masked", "secret", "overlap_hours", "max_per_second",
    "client_certificate", "ordered",
}  # fmt: skip
"""Parameters and fields that name nothing; one that does belongs in NAMING and NONEXISTENT."""

BODIES: Final[Mapping[tuple[str, str], dict[str, Any]]] = {
    ("PUT", "/webhooks/{webhook_id}"): {"url": "https://1.1.1.1/hooks", "version": 1},
    ("POST", "/webhooks/{webhook_id}/recover"): {"since": "2026-01-01T00:00:00Z"},
}
"""The bodies that routes need to succeed."""


def marker(tenant: str) -> str:
    """Return the text that all of a tenant's data contains."""
    return f"marker-of-{tenant}"


def path_names(route: Route) -> list[str]:
    return re.findall(r"\{(\w+)\}", route.resource)


def fields(route: Route) -> tuple[set[str], set[str]]:
    """Return the query parameters and body fields of a route, from docs/openapi.yaml."""
    operation = operations()[route.method, route.resource]
    parameters = [resolved(parameter) for parameter in operation.get("parameters", [])]
    content = resolved(operation.get("requestBody", {})).get("content", {})
    schemas = [resolved(media["schema"]) for media in content.values()]
    query = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    return query, {name for schema in schemas for name in schema["properties"]}


def test_every_name_parameter_of_every_route_has_a_case() -> None:
    for route in ROUTES:
        names = {*path_names(route)}.union(*fields(route))
        assert names <= NAMING | PLAIN, f"{route}: add new names to NAMING (names what a tenant owns) or PLAIN"


class TenantsData(NamedTuple):
    """Two tenants, each with two webhooks and a recovery.

    One webhook of each tenant has failed executions.
    """

    rows: Mapping[str, list[dict[str, Any]]]
    """By table."""
    names: Mapping[str, Names]
    apps: dict[str, ModuleType]
    """The started functions."""

    def restore(self, aws: MockAws) -> None:
        puts: Any = {
            aws.refs[name]: [{"PutRequest": {"Item": row}} for row in rows] for name, rows in self.rows.items()
        }
        assert not aws.dynamodb.batch_write_item(RequestItems=puts)["UnprocessedItems"]

    def stored(self, tenant: str) -> list[str]:
        return sorted(str(row) for rows in self.rows.values() for row in rows if f"{tenant}." in str(row))

    def call(self, aws: MockAws, route: Route, tenant: str, **event: Any) -> tuple[int, str]:
        """Call a route with a token of the tenant and return status and body.

        The token has all scopes.
        """
        function = template.function_in(route.function)
        if function not in self.apps:
            http = {"ALLOW_HTTP": "true"} if "ALLOW_HTTP" in template.environment(function) else {}
            self.apps[function] = aws.start(function, **http)
        event = api_event(**{"path": {}, "webhooks": [f"{tenant}.*"], "scope": " ".join(Scope), **event})
        body_text = Endpoint(route, self.apps[function]).lambda_handler(event, CONTEXT)
        return body_text["statusCode"], body_text["body"]


@pytest.fixture(scope="module")
def tenants_data(aws_endpoint: str, receiver: Receiver) -> TenantsData:
    aws = mock_aws(aws_endpoint)
    api, sender = Api(aws), aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    created = TenantsData({}, {}, {})
    for tenant in TENANTS:
        mark = marker(tenant)
        for name in ("w1", "w2"):
            own = {"url": receiver.url(f"/status/500/{mark}"), "name": mark, "headers": {"X-Own": mark}}
            assert api.put(f"{tenant}.{name}", **own, enabled=True, topic=f"{tenant}.all")[0] == 201
        message = {"webhook_id": f"{tenant}.w1", "event_type": mark, "payload": {"of": mark}}
        event = sqs_event(*({**message, "message_id": each} for each in (f"{tenant}-m1", SHARED)))
        assert sender.lambda_handler(event, CONTEXT)["batchItemFailures"] == []
        recover = next(route for route in ROUTES if route.resource.endswith("/recover"))
        _, started = created.call(aws, recover, tenant, path={"webhook_id": f"{tenant}.w1"}, body=body_of(recover))
        aws.start("RunRecoveryFunction").lambda_handler(aws.take("RecoveryQueue"), CONTEXT)
        executions = [row for row in aws.rows("Executions") if row["webhook_id"]["S"] == f"{tenant}.w1"]
        names = {
            "webhook_id": f"{tenant}.w1",
            "execution_id": executions[0]["executed_at"]["S"],
            "message_id": f"{tenant}-m1",
            "recovery_id": json.loads(started)["recovery_id"],
            "topic": f"{tenant}.all",
        }
        created = created._replace(names={**created.names, tenant: names})
    tables = template.resources("AWS::DynamoDB::Table")
    return created._replace(rows={table: rows for table in tables if (rows := aws.rows(table))})


def body_of(route: Route) -> dict[str, Any] | None:
    return BODIES.get((route.method, route.resource), {} if fields(route)[1] else None)


def calls_with(route: Route, own: Names, other: Names) -> Iterator[dict[str, Any]]:
    """Yield the tenant's own call with names replaced by the other's.

    One or more of the names are replaced.
    """
    path = {name: own[name] for name in path_names(route)}
    for size in range(1, len(path) + 1):
        for chosen in combinations(path, size):
            yield {"path": {**path, **{name: other[name] for name in chosen}}, "body": body_of(route)}
    query, body = fields(route)
    for name in sorted(query & other.keys()):
        yield {"path": path, "parameters": {name: other[name]}, "body": body_of(route)}
    for name in sorted(body & other.keys()):
        yield {"path": path, "body": {**(body_of(route) or {}), name: other[name]}}


def without_names(text: str, names: Names) -> str:
    """Replace the names that the call contained.

    Then two responses can be compared.
    """
    for name, value in names.items():
        text = text.replace(value, f"<{name}>")
    return text


def data_of(tenant: str, aws: MockAws, receiver: Receiver) -> list[str]:
    """Return all of a tenant's rows, queue messages and requests to its receiver."""
    tables, queues = template.resources("AWS::DynamoDB::Table"), template.resources("AWS::SQS::Queue")
    stored = [str(row) for table in tables for row in aws.rows(table)]
    queued = [str(message["Body"]) for queue in queues for message in aws.messages(queue)]
    sent = [request.path for request in receiver.requests if marker(tenant) in request.path]
    return sorted(text for text in stored + queued if f"{tenant}." in text) + sent


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
@pytest.mark.parametrize("route", ROUTES, ids=attrgetter("handler"))
def test_a_name_of_another_tenant_grants_no_access(
    tenants_data: TenantsData, aws: MockAws, receiver: Receiver, route: Route, attacker: str, victim: str
) -> None:
    receiver.reset()
    tenants_data.restore(aws)
    own, other = tenants_data.names[attacker], tenants_data.names[victim]
    foreign, nonexistent = calls_with(route, own, other), calls_with(route, own, NONEXISTENT)
    for foreign_call, nonexistent_call in zip(foreign, nonexistent, strict=True):
        status, body_text = tenants_data.call(aws, route, attacker, **foreign_call)
        expected, expected_body = tenants_data.call(aws, route, attacker, **nonexistent_call)
        assert (status, without_names(body_text, other)) == (expected, without_names(expected_body, NONEXISTENT)), (
            foreign_call
        )
        assert marker(victim) not in body_text, foreign_call
    assert data_of(victim, aws, receiver) == tenants_data.stored(victim)


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
@pytest.mark.parametrize("route", ROUTES, ids=attrgetter("handler"))
def test_a_tenants_changes_do_not_affect_another_tenant(
    tenants_data: TenantsData, aws: MockAws, receiver: Receiver, route: Route, attacker: str, victim: str
) -> None:
    """Both have executions of one message.

    The call succeeds, so those of the test above failed only because of the names.
    """
    receiver.reset()
    tenants_data.restore(aws)
    own = {**tenants_data.names[attacker], "message_id": SHARED}
    path = {name: own[name] for name in path_names(route)}
    status, body_text = tenants_data.call(aws, route, attacker, path=path, body=body_of(route))
    assert 200 <= status < 300, f"{body_text}: BODIES may lack a field that {route} requires"
    assert marker(victim) not in body_text
    assert data_of(victim, aws, receiver) == tenants_data.stored(victim)


LISTS: Final = [route for route in ROUTES if "cursor" in fields(route)[0]]


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
@pytest.mark.parametrize("route", LISTS, ids=attrgetter("handler"))
def test_a_cursor_of_another_tenant_shows_nothing_of_it(
    tenants_data: TenantsData, aws: MockAws, route: Route, attacker: str, victim: str
) -> None:
    tenants_data.restore(aws)

    def listed(tenant: str, **parameters: str) -> tuple[int, str]:
        path = {name: tenants_data.names[tenant][name] for name in path_names(route)}
        return tenants_data.call(aws, route, tenant, path=path, parameters={"limit": "1", **parameters})

    status, body_text = listed(victim)
    assert (status, marker(victim) in body_text) == (200, True)
    cursor = json.loads(body_text)["next_cursor"]
    assert cursor, "a tenant needs at least two of what this route lists"
    status, body_text = listed(attacker, cursor=cursor)
    assert status in (200, 400)
    assert marker(victim) not in body_text
    assert f"{victim}." not in body_text


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
def test_a_message_to_a_tenants_topic_reaches_only_its_own_webhooks(
    tenants_data: TenantsData, aws: MockAws, receiver: Receiver, attacker: str, victim: str
) -> None:
    receiver.reset()
    tenants_data.restore(aws)
    put = next(route for route in ROUTES if route.method == "PUT")
    joining = {"url": receiver.url(f"/status/200/{marker(attacker)}"), "enabled": True, "topic": f"{victim}.all"}
    for webhook_id, version in ((f"{attacker}.w1", 1), (f"{attacker}.w3", 0)):
        body = {**joining, "version": version}
        assert tenants_data.call(aws, put, attacker, path={"webhook_id": webhook_id}, body=body)[0] == 403
    sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    published = sqs_event({"topic": f"{victim}.all", "payload": 1})
    assert sender.lambda_handler(published, CONTEXT)["batchItemFailures"] == []
    assert sender.lambda_handler(aws.take("WebhookQueue", 2), CONTEXT)["batchItemFailures"] == []
    assert aws.waiting("WebhookQueue") == 0
    assert [marker(victim) in request.path for request in receiver.requests] == [True, True]
