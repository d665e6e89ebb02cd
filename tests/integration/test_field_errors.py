"""Tests of the parameters and body fields that a 400 names.

It names all that are wrong in a body at once.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from hooklog.access.routes import ROUTES
from hooklog.api.cursor import make_cursor
from hooklog.delivery.signature import format_secret
from hooklog.executions.history import Query
from hooklog.executions.masking import MASK
from hooklog.messages.field_errors import MAX_UNKNOWN
from tests.aws import Endpoint, MockAws
from tests.events import api_event
from tests.openapi import DOCUMENT, check
from tests.webhooks import CONTEXT, ID, Api

SCOPES = "executions:read executions:resend webhooks:read webhooks:manage"
EXECUTION_ID = "20261123T173600.123456Z-9f3a2c1d"

WRONG_WEBHOOK = {
    "webhook_id": "another",
    "name": 7,
    "url": "https://10.1.2.3/hooks",
    "headers": {"Host": "x"},
    "event_types": ["order.*", "order.*.x"],
    "enabled": "yes",
    "timeout_seconds": 31,
    "retry_schedule": [0],
    "transformation": "payload.(",
    "sensitive_headers": ["a b"],
    "topic": "a b",
    "max_per_second": 0,
    "client_certificate": {"certificate": "", "key": ""},
    "version": -1,
}


class Calls:
    """Calls the API's endpoints, and starts each at its first call."""

    def __init__(self, aws: MockAws) -> None:
        self._aws = aws
        self._endpoints: dict[str, Endpoint] = {}

    def refused(self, handler: str, event: Mapping[str, Any]) -> dict[str, str]:
        """Return the errors by field of a call that is refused.

        `field` is the first of them.
        """
        if handler not in self._endpoints:
            self._endpoints[handler] = self._aws.endpoint(handler)
        response = self._endpoints[handler].lambda_handler(event, CONTEXT)
        body = json.loads(response["body"])
        assert response["statusCode"] == 400, body
        check(body, DOCUMENT["components"]["schemas"]["Error"])
        error = body["error"]
        assert error["field"] == error["errors"][0]["field"]
        assert all(each["message"] in error["message"] for each in error["errors"])
        found = {each["field"]: each["message"] for each in error["errors"]}
        assert len(found) == len(error["errors"]), "a field is named twice"
        return found

    def put(self, body: object) -> dict[str, str]:
        return self.refused("put_webhook", api_event({"webhook_id": ID}, scope=SCOPES, body=body))

    def body_errors(self, handler: str, body: object) -> list[str]:
        """Return the wrong fields of a body; text is sent unchanged."""
        event = api_event({"webhook_id": ID}, scope=SCOPES, body=body)
        return list(self.refused(handler, {**event, "body": body} if isinstance(body, str) else event))


@pytest.fixture
def calls(aws: MockAws) -> Calls:
    return Calls(aws)


def test_every_wrong_field_of_a_webhook_is_listed(calls: Calls) -> None:
    found = calls.put({**WRONG_WEBHOOK, "colour": "red", "size": 1})
    assert sorted(found) == sorted([*WRONG_WEBHOOK, "colour", "size"])
    assert found["headers"] == "header Host is not allowed: it is set by Hooklog or belongs to the connection"
    assert found["transformation"].startswith("transformation does not compile: ")
    assert found["url"] == "url: The URL leads to an address that webhooks may not be sent to."
    assert found["colour"].startswith("unknown field colour; known: ")


def test_only_the_wrong_field_of_a_webhook_is_named(calls: Calls) -> None:
    for field, value in WRONG_WEBHOOK.items():
        assert list(calls.put({"url": "https://shop.example/hooks", field: value})) == [field]


def test_a_mask_without_a_stored_value_and_the_apis_own_url_are_both_listed(calls: Calls) -> None:
    own = f"https://{api_event({})['requestContext']['domainName']}/live/webhooks"
    found = calls.put({"url": own, "headers": {"X-Key": MASK}})
    assert list(found) == ["headers", "url"]
    assert found["headers"] == "header X-Key is masked, but no header of this name is stored; give its value"


def test_a_webhook_with_a_wrong_field_is_not_stored(api: Api, calls: Calls) -> None:
    calls.put({"url": "https://shop.example/hooks", "name": 7})
    assert api.get()[0] == 404


def test_unknown_fields_are_named_up_to_a_length(calls: Calls) -> None:
    found = calls.put({"url": "https://shop.example/hooks", **{f"x{number}" * 200: 1 for number in range(100)}})
    assert len(found) == MAX_UNKNOWN
    assert max(map(len, found)) == 128


@pytest.mark.parametrize("handler", ["put_webhook", "start_recovery", "test_webhook"])
def test_a_body_that_is_not_an_object_names_no_field(calls: Calls, handler: str) -> None:
    for body in ("{", "[]", "7", "null", '{"url": 1', "x" * 131_073, *([] if handler == "test_webhook" else [""])):
        assert calls.body_errors(handler, body) == ["body"]
    binary = api_event({"webhook_id": ID}, scope=SCOPES) | {"body": "/w==", "isBase64Encoded": True}
    assert list(calls.refused(handler, binary)) == ["body"]


def test_a_recovery_names_its_wrong_fields(calls: Calls) -> None:
    for body, fields in (
        ({}, ["since"]),
        ({"since": 7}, ["since"]),
        ({"since": "yesterday", "until": "today", "til": 1}, ["til", "since", "until"]),
        ({"since": "2026-11-24", "until": "2026-11-23"}, ["until"]),
        ({"since": "2026-11-24", "until": ""}, ["until"]),
        ({"since": "9999-01-01"}, ["until"]),
        ({"since": "2026-11-24", "status": "failed"}, ["status"]),
        ({"since": "2026-11-24", "status": None}, ["status"]),
        ({"since": "2026-11-24", "event_type": "ord*er"}, ["event_type"]),
        ({"since": "2026-11-24", "event_type": ["order.created"]}, ["event_type"]),
        ({"since": "2026-11-24", "dry_run": "true"}, ["dry_run"]),
        ({"status": 1, "event_type": 1, "dry_run": 1}, ["since", "status", "event_type", "dry_run"]),
    ):
        assert calls.body_errors("start_recovery", body) == fields, body


def test_a_webhook_test_names_its_wrong_fields(calls: Calls) -> None:
    for body, fields in (
        ({"payload": 1, "colour": 1, "size": 1}, ["colour", "size"]),
        ({"dry_run": "yes"}, ["dry_run"]),
        ({"transformation": "payload"}, ["transformation"]),
        ({"transformation": 7, "dry_run": True}, ["transformation"]),
        ({"event_type": 7}, ["event_type"]),
        ('{"payload": 1e999, "event_type": ""}', ["event_type", "payload"]),
        ({"colour": 1, "dry_run": 1, "transformation": ""}, ["colour", "dry_run", "transformation"]),
    ):
        assert calls.body_errors("test_webhook", body) == fields, body


def test_a_rotation_names_its_wrong_fields(calls: Calls) -> None:
    own = format_secret(bytes(24))
    wrong_hours: list[object] = [-1, 169, 1.5, 24.0, "24", True, None, []]
    for body, fields in (
        *(({"overlap_hours": hours}, ["overlap_hours"]) for hours in wrong_hours),
        *(({"secret": secret}, ["secret"]) for secret in (None, "", own[:-4], own + "=", "whsec_" + 32 * "-")),
        ({"secret": 7, "overlap_hours": 200, "hours": 1}, ["hours", "secret", "overlap_hours"]),
        ("{", ["body"]),
        ("null", ["body"]),
        ("[]", ["body"]),
    ):
        assert calls.body_errors("rotate_webhook_secret", body) == fields, body


def test_a_list_of_executions_names_its_wrong_parameters(calls: Calls) -> None:
    cursor = make_cursor(Query(ID), EXECUTION_ID) or ""
    for parameters, fields in (
        ({"limit": "0"}, ["limit"]),
        ({"limit": "201"}, ["limit"]),
        ({"status": "failed"}, ["status"]),
        ({"from": "yesterday"}, ["from"]),
        ({"to": "2026-13-01"}, ["to"]),
        ({"cursor": "x"}, ["cursor"]),
        ({"cursor": cursor, "status": "failure"}, ["cursor"]),
        ({"cursor": cursor, "limit": "0"}, ["limit"]),
        (dict.fromkeys(("limit", "status", "from", "to", "cursor"), ""), ["limit", "status", "from", "to", "cursor"]),
        ({"colour": "red", "size": "1"}, ["colour", "size"]),
    ):
        event = api_event({"webhook_id": ID}, parameters)
        assert list(calls.refused("list_executions", event)) == fields, parameters
    event = api_event({"webhook_id": ID}, {"limit": "1"})
    event["multiValueQueryStringParameters"] = {"limit": ["1", "2"], "to": ["2026-11-23", "2026-11-24"]}
    assert list(calls.refused("list_executions", event)) == ["limit", "to"]


def test_a_list_of_webhooks_names_its_wrong_parameters(calls: Calls) -> None:
    for parameters, fields in (({"limit": "101", "cursor": "x"}, ["limit", "cursor"]), ({"from": "x"}, ["from"])):
        assert list(calls.refused("list_webhooks", api_event({}, parameters, scope=SCOPES))) == fields


def test_a_wrong_id_in_the_path_and_an_unknown_parameter_are_named(calls: Calls) -> None:
    """Test every call; an invalid ID of an execution or a recovery is a 404."""
    for route in ROUTES:
        unknown = api_event({"webhook_id": ID, "message_id": "m"}, {"colour": "red"}, scope=SCOPES)
        assert list(calls.refused(route.handler, unknown)) == ["colour"]
        for name in ("webhook_id", "message_id"):
            if f"{{{name}}}" in route.resource:
                ids = {name: "a b", "execution_id": EXECUTION_ID, "recovery_id": "rec_1"}
                assert list(calls.refused(route.handler, api_event(ids, scope=SCOPES, body={"url": 1}))) == [name]
