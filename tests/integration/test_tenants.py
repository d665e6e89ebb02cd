"""What one tenant cannot do to another.

Each route of the table, in both directions, with every name in it that is another tenant's: in the path, in the query
and in the body. A name of another tenant's is answered as one that nobody has; nothing of the other's is shown,
changed, queued or sent to. A new route or field is tried without a line here, or fails and says which line is missing.
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

Things = Mapping[str, str]
"""What a tenant has, by the name of the parameter or field that names it."""

TENANTS: Final = ("acme", "evil")
DIRECTIONS: Final = [TENANTS, TENANTS[::-1]]
SHARED: Final = "shared"
"""The id of a message that both tenants were sent."""

NOBODYS: Final[Things] = {
    "webhook_id": "none.w1",
    "execution_id": "20260101T000000.000000Z-00000000",
    "message_id": "none-m1",
    "recovery_id": f"rec_{24 * '0'}",
    "topic": "none.all",
}
"""Names that nobody has, as long as the tenants' own: an error may say how long a text is."""

NAMING: Final = {*NOBODYS, "cursor"}
"""Parameters and fields that name something that is somebody's."""

PLAIN: Final = {
    "limit", "status", "from", "to", "since", "until", "name", "url", "headers", "event_types", "enabled",
    "timeout_seconds", "retry_schedule", "transformation", "sensitive_headers", "version", "created_at", "updated_at",
    "disabled_reason", "payload", "event_type", "dry_run",
}  # fmt: skip
"""Those that name nothing. Where one names something after all, it belongs into NAMING and NOBODYS."""

BODIES: Final[Mapping[tuple[str, str], dict[str, Any]]] = {
    ("PUT", "/webhooks/{webhook_id}"): {"url": "https://1.1.1.1/hooks", "version": 1},
    ("POST", "/webhooks/{webhook_id}/recover"): {"since": "2026-01-01T00:00:00Z"},
}
"""What a route needs in addition to its path to succeed."""


def marker(tenant: str) -> str:
    """What stands in all that a tenant sets up, sends and is answered."""
    return f"marker-of-{tenant}"


def path_names(route: Route) -> list[str]:
    return re.findall(r"\{(\w+)\}", route.resource)


def fields(route: Route) -> tuple[set[str], set[str]]:
    """The parameters of the query and the fields of the body, as docs/openapi.yaml has them."""
    operation = operations()[route.method, route.resource]
    parameters = [resolved(parameter) for parameter in operation.get("parameters", [])]
    content = resolved(operation.get("requestBody", {})).get("content", {})
    schemas = [resolved(media["schema"]) for media in content.values()]
    query = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    return query, {name for schema in schemas for name in schema["properties"]}


def test_every_name_parameter_of_every_route_has_a_case() -> None:
    for route in ROUTES:
        names = {*path_names(route)}.union(*fields(route))
        assert names <= NAMING | PLAIN, f"{route}: is what these name somebody's? Put them into NAMING or PLAIN"


class World(NamedTuple):
    """Two tenants with two webhooks each, one of which has failed executions, and a recovery."""

    rows: Mapping[str, list[dict[str, Any]]]
    """Of each table."""
    things: Mapping[str, Things]
    apps: dict[str, ModuleType]
    """The functions, each started once."""

    def restore(self, aws: MockAws) -> None:
        puts: Any = {
            aws.refs[name]: [{"PutRequest": {"Item": row}} for row in rows] for name, rows in self.rows.items()
        }
        assert not aws.dynamodb.batch_write_item(RequestItems=puts)["UnprocessedItems"]

    def stored(self, tenant: str) -> list[str]:
        return sorted(str(row) for rows in self.rows.values() for row in rows if f"{tenant}." in str(row))

    def call(self, aws: MockAws, route: Route, tenant: str, **event: Any) -> tuple[int, str]:
        """With the tenant's token, which has all scopes."""
        function = template.function_in(route.function)
        if function not in self.apps:
            http = {"ALLOW_HTTP": "true"} if "ALLOW_HTTP" in template.environment(function) else {}
            self.apps[function] = aws.start(function, **http)
        event = api_event(**{"path": {}, "webhooks": [f"{tenant}.*"], "scope": " ".join(Scope), **event})
        answer = Endpoint(route, self.apps[function]).lambda_handler(event, CONTEXT)
        return answer["statusCode"], answer["body"]


@pytest.fixture(scope="module")
def world(aws_endpoint: str, receiver: Receiver) -> World:
    aws = mock_aws(aws_endpoint)
    api, sender = Api(aws), aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    made = World({}, {}, {})
    for tenant in TENANTS:
        mark = marker(tenant)
        for name in ("w1", "w2"):
            own = {"url": receiver.url(f"/status/500/{mark}"), "name": mark, "headers": {"X-Own": mark}}
            assert api.put(f"{tenant}.{name}", **own, enabled=True, topic=f"{tenant}.all")[0] == 201
        message = {"webhook_id": f"{tenant}.w1", "event_type": mark, "payload": {"of": mark}}
        event = sqs_event(*({**message, "message_id": each} for each in (f"{tenant}-m1", SHARED)))
        assert sender.lambda_handler(event, CONTEXT)["batchItemFailures"] == []
        recover = next(route for route in ROUTES if route.resource.endswith("/recover"))
        _, started = made.call(aws, recover, tenant, path={"webhook_id": f"{tenant}.w1"}, body=body_of(recover))
        aws.start("RunRecoveryFunction").lambda_handler(aws.take("RecoveryQueue"), CONTEXT)
        executions = [row for row in aws.rows("Executions") if row["webhook_id"]["S"] == f"{tenant}.w1"]
        things = {
            "webhook_id": f"{tenant}.w1",
            "execution_id": executions[0]["executed_at"]["S"],
            "message_id": f"{tenant}-m1",
            "recovery_id": json.loads(started)["recovery_id"],
            "topic": f"{tenant}.all",
        }
        made = made._replace(things={**made.things, tenant: things})
    tables = template.resources("AWS::DynamoDB::Table")
    return made._replace(rows={table: rows for table in tables if (rows := aws.rows(table))})


def body_of(route: Route) -> dict[str, Any] | None:
    return BODIES.get((route.method, route.resource), {} if fields(route)[1] else None)


def calls_with(route: Route, own: Things, other: Things) -> Iterator[dict[str, Any]]:
    """The tenant's own call, with each of the names in it, and several of the path's, replaced by another's."""
    path = {name: own[name] for name in path_names(route)}
    for size in range(1, len(path) + 1):
        for chosen in combinations(path, size):
            yield {"path": {**path, **{name: other[name] for name in chosen}}, "body": body_of(route)}
    query, body = fields(route)
    for name in sorted(query & other.keys()):
        yield {"path": path, "parameters": {name: other[name]}, "body": body_of(route)}
    for name in sorted(body & other.keys()):
        yield {"path": path, "body": {**(body_of(route) or {}), name: other[name]}}


def anonymous(text: str, things: Things) -> str:
    """An answer without the names that the call gave."""
    for name, value in things.items():
        text = text.replace(value, f"<{name}>")
    return text


def of(tenant: str, aws: MockAws, receiver: Receiver) -> list[str]:
    """All that tables and queues hold of a tenant, and what its receiver has got."""
    tables, queues = template.resources("AWS::DynamoDB::Table"), template.resources("AWS::SQS::Queue")
    stored = [str(row) for table in tables for row in aws.rows(table)]
    queued = [str(message["Body"]) for queue in queues for message in aws.messages(queue)]
    sent = [request.path for request in receiver.requests if marker(tenant) in request.path]
    return sorted(text for text in stored + queued if f"{tenant}." in text) + sent


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
@pytest.mark.parametrize("route", ROUTES, ids=attrgetter("handler"))
def test_a_name_of_another_tenant_grants_no_access(
    world: World, aws: MockAws, receiver: Receiver, route: Route, attacker: str, victim: str
) -> None:
    receiver.reset()
    world.restore(aws)
    own, other = world.things[attacker], world.things[victim]
    foreign, nobodys = calls_with(route, own, other), calls_with(route, own, NOBODYS)
    for with_foreign, with_nobodys in zip(foreign, nobodys, strict=True):
        status, answer = world.call(aws, route, attacker, **with_foreign)
        expected, nothing = world.call(aws, route, attacker, **with_nobodys)
        assert (status, anonymous(answer, other)) == (expected, anonymous(nothing, NOBODYS)), with_foreign
        assert marker(victim) not in answer, with_foreign
    assert of(victim, aws, receiver) == world.stored(victim)


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
@pytest.mark.parametrize("route", ROUTES, ids=attrgetter("handler"))
def test_a_tenants_changes_do_not_affect_another_tenant(
    world: World, aws: MockAws, receiver: Receiver, route: Route, attacker: str, victim: str
) -> None:
    """Also where both have executions of one message.

    That it succeeds shows that the calls above were in order.
    """
    receiver.reset()
    world.restore(aws)
    own = {**world.things[attacker], "message_id": SHARED}
    path = {name: own[name] for name in path_names(route)}
    status, answer = world.call(aws, route, attacker, path=path, body=body_of(route))
    assert 200 <= status < 300, f"{answer}: BODIES may lack what {route} needs"
    assert marker(victim) not in answer
    assert of(victim, aws, receiver) == world.stored(victim)


LISTS: Final = [route for route in ROUTES if "cursor" in fields(route)[0]]


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
@pytest.mark.parametrize("route", LISTS, ids=attrgetter("handler"))
def test_a_cursor_of_another_tenant_shows_nothing_of_it(
    world: World, aws: MockAws, route: Route, attacker: str, victim: str
) -> None:
    world.restore(aws)

    def listed(tenant: str, **parameters: str) -> tuple[int, str]:
        path = {name: world.things[tenant][name] for name in path_names(route)}
        return world.call(aws, route, tenant, path=path, parameters={"limit": "1", **parameters})

    status, answer = listed(victim)
    assert (status, marker(victim) in answer) == (200, True)
    cursor = json.loads(answer)["next_cursor"]
    assert cursor, "the tenants need two of what this route lists"
    status, answer = listed(attacker, cursor=cursor)
    assert status in (200, 400)
    assert marker(victim) not in answer
    assert f"{victim}." not in answer


@pytest.mark.parametrize(("attacker", "victim"), DIRECTIONS)
def test_a_message_to_a_tenants_topic_reaches_only_its_own_webhooks(
    world: World, aws: MockAws, receiver: Receiver, attacker: str, victim: str
) -> None:
    receiver.reset()
    world.restore(aws)
    put = next(route for route in ROUTES if route.method == "PUT")
    joining = {"url": receiver.url(f"/status/200/{marker(attacker)}"), "enabled": True, "topic": f"{victim}.all"}
    for webhook_id, version in ((f"{attacker}.w1", 1), (f"{attacker}.w3", 0)):
        body = {**joining, "version": version}
        assert world.call(aws, put, attacker, path={"webhook_id": webhook_id}, body=body)[0] == 403
    sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    published = sqs_event({"topic": f"{victim}.all", "payload": 1})
    assert sender.lambda_handler(published, CONTEXT)["batchItemFailures"] == []
    assert sender.lambda_handler(aws.take("WebhookQueue", 2), CONTEXT)["batchItemFailures"] == []
    assert aws.waiting("WebhookQueue") == 0
    assert [marker(victim) in request.path for request in receiver.requests] == [True, True]
