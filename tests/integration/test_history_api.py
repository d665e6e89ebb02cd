"""The history API's handlers, on executions logged by the sender's LogWriter."""

import base64
import json
import os
from unittest.mock import patch

import pytest

from hooklog.delivery.delivery import Response
from hooklog.errors import ErrorType, HardError
from hooklog.executions.execution import Trigger
from hooklog.messages.call import Call
from tests.aws import Endpoint, MockAws
from tests.events import api_event
from tests.faults import FaultyService, unread
from tests.history import MESSAGE, Reply, Write, execution, page, pages, record
from tests.logs import logged_events


def get(app: Endpoint, execution_id: str, webhook_id: str = "acme.orders") -> Reply:
    event = api_event({"webhook_id": webhook_id, "execution_id": execution_id})
    response = app.lambda_handler(event, None)
    return response["statusCode"], json.loads(response["body"])


def test_a_summary_has_the_fields_of_the_contract(write: Write, listing: Endpoint) -> None:
    one = execution(0)
    write([one])
    assert page(listing) == (
        200,
        {
            "executions": [
                {
                    "execution_id": one.execution_id,
                    "webhook_id": "acme.orders",
                    "message_id": "msg_1",
                    "event_type": "order.created",
                    "attempt": 1,
                    "trigger": "event",
                    "executed_at": "2026-11-23T17:36:00.123456Z",
                    "duration_ms": 87,
                    "result": 200,
                    "success": True,
                    "hard_error": False,
                    "response_body_bytes": 2,
                }
            ],
            "next_cursor": None,
        },
    )
    assert one.execution_id.startswith("20261123T173600.123456Z-")


def test_a_webhook_without_executions_has_an_empty_history(listing: Endpoint) -> None:
    assert page(listing) == (200, {"executions": [], "next_cursor": None})


@pytest.mark.parametrize("limit", ["1", "3", "7", "19", "20", "21", "200"])
@pytest.mark.parametrize("status", ["", "success", "failure"])
def test_pages_are_newest_first_and_complete(write: Write, listing: Endpoint, limit: str, status: str) -> None:
    log = [execution(n, 500 if n % 3 == 0 else 200) for n in range(20)]
    write(log)
    write([execution(n, webhook_id="acme.orderz") for n in range(3)])
    wanted = [e for e in reversed(log) if not status or e.delivery.success == (status == "success")]
    shown = list(pages(listing, limit=limit, **({"status": status} if status else {})))
    assert [i for ids in shown for i in ids] == [e.execution_id for e in wanted]
    assert all(len(ids) == int(limit) for ids in shown[:-1])
    assert shown[-1] or not wanted


def test_the_page_has_50_by_default(write: Write, listing: Endpoint) -> None:
    write([execution(n) for n in range(60)])
    assert [len(ids) for ids in pages(listing)] == [50, 10]


def test_older_pages_do_not_shift_when_executions_are_added(write: Write, listing: Endpoint) -> None:
    log = [execution(n) for n in range(4)]
    write(log)
    walk = pages(listing, limit="2")
    first = next(walk)
    write([execution(n) for n in range(10, 15)])
    assert [*first, *next(walk)] == [e.execution_id for e in reversed(log)]


@pytest.mark.parametrize("status", ["", "success", "failure"])
@pytest.mark.parametrize(
    ("bounds", "seconds"),
    [
        ({"from_": "2026-11-23T17:36:02.123456Z"}, range(2, 10)),
        ({"to": "2026-11-23T17:36:02.123456Z"}, range(2)),
        ({"from_": "2026-11-23T17:36:02Z", "to": "2026-11-23T17:36:04Z"}, range(2, 4)),
        ({"from_": "2026-11-23T18:36:02+01:00", "to": "2026-11-23T17:36:04"}, range(2, 4)),
        ({"from_": "2026-11-23", "to": "2026-11-24"}, range(10)),
        ({"from_": "0999-01-01"}, range(10)),
        ({"from_": "2026-11-24"}, range(0)),
        ({"from_": "2026-11-23T17:36:04Z", "to": "2026-11-23T17:36:02Z"}, range(0)),
    ],
)
def test_from_is_inclusive_and_to_is_exclusive(
    write: Write, listing: Endpoint, status: str, bounds: dict[str, str], seconds: range
) -> None:
    log = [execution(n, 500 if status == "failure" else 200) for n in range(10)]
    write(log)
    parameters = {**bounds, "limit": "3", **({"status": status} if status else {})}
    shown = [i for ids in pages(listing, **parameters) for i in ids]
    assert shown == [log[n].execution_id for n in reversed(seconds)]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"limit": "\u0661"}, "limit"),
        ({"status": "failed"}, "status"),
        ({"status": ""}, "status"),
        ({"from_": "yesterday"}, "from"),
        ({"from_": "2026-13-01"}, "from"),
        ({"to": "2026-11-23T17:36:00 01:00"}, "to"),
        ({"to": "0001-01-01T00:00:00+14:00"}, "to"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "ü"}, "cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"0" * 16 + b"20261123T173600.123456Z-9f3a2c1d").decode()}, "cursor"),
        ({"state": "failure"}, "state"),
    ],
)
def test_a_wrong_parameter_is_named(listing: Endpoint, parameters: dict[str, str], named: str) -> None:
    status, body = page(listing, **parameters)
    assert (status, body["error"]["code"]) == (400, "invalid_request")
    assert named in body["error"]["message"]


def test_a_parameter_given_twice_is_refused(listing: Endpoint) -> None:
    event = api_event({"webhook_id": "w"}, {"limit": "1"})
    event["multiValueQueryStringParameters"]["limit"] = ["1", "2"]
    assert listing.lambda_handler(event, None)["statusCode"] == 400


def test_a_cursor_cannot_be_forged_to_start_outside_the_query(write: Write, listing: Endpoint) -> None:
    write([execution(n) for n in range(3)])
    bounds = {"from_": "2026-11-23", "to": "2026-11-24"}
    cursor = page(listing, limit="1", **bounds)[1]["next_cursor"]
    text = base64.urlsafe_b64decode(cursor + "==").decode()
    forged = base64.urlsafe_b64encode(text.replace("20261123T", "20261223T").encode()).decode().rstrip("=")
    assert page(listing, cursor=forged, **bounds)[0] == 400


def test_a_cursor_made_for_another_query_is_refused(write: Write, listing: Endpoint) -> None:
    write([execution(n, 500) for n in range(3)])
    cursor = page(listing, limit="1")[1]["next_cursor"]
    assert page(listing, limit="2", cursor=cursor)[0] == 200
    others = [{"status": "failure"}, {"from_": "2026-11-23"}, {"to": "2027-01-01"}, {"webhook_id": "acme.other"}]
    for other in others:
        status, body = page(listing, cursor=cursor, **other)
        assert (status, "another query" in body["error"]["message"]) == (400, True)


@pytest.mark.parametrize("webhook_id", ["a b", "a/b", "w" * 129, "wh_a%2F..%2Fwh_b", "ü", "%00", ".", "%2E%2E"])
def test_an_invalid_webhook_id_is_refused(listing: Endpoint, webhook_id: str) -> None:
    assert page(listing, webhook_id)[0] == 400


def test_the_token_must_allow_the_webhook(write: Write, listing: Endpoint, getting: Endpoint) -> None:
    one = execution(0)
    write([one])
    path = {"webhook_id": "acme.orders", "execution_id": one.execution_id}
    for app, parts in ((listing, {"webhook_id": "acme.orders"}), (getting, path)):
        for grant, status in (
            ({"webhooks": ["acme.orders"]}, 200),
            ({"webhooks": ["acme.*"]}, 200),
            ({"webhooks": ["acme.order"]}, 403),
            ({"webhooks": ["acme.orders2", "bcme.*"]}, 403),
            ({"scope": "webhooks:read executions:resend"}, 403),
        ):
            response = app.lambda_handler(api_event(parts, **grant), None)
            assert (response["statusCode"], grant) == (status, grant)


def test_a_request_without_the_authorizers_context_is_a_401(listing: Endpoint) -> None:
    event = api_event({"webhook_id": "acme.orders"})
    del event["requestContext"]["authorizer"]
    assert listing.lambda_handler(event, None)["statusCode"] == 401


def test_a_failed_execution_has_all_details(write: Write, getting: Endpoint) -> None:
    one = execution(0, 500)
    write([one])
    status, body = get(getting, one.execution_id)
    assert status == 200
    assert (body["execution_id"], body["result"], body["success"]) == (one.execution_id, 500, False)
    details = {name: body[name] for name in body if name.startswith(("url", "method", "request_", "response_", "err"))}
    assert details == {
        "url": "https://example.com/",
        "method": "POST",
        "request_headers": {"webhook-id": "msg_1"},
        "request_body": '{"order":1742}',
        "response_headers": {"Server": "x"},
        "response_body": "no",
        "response_body_truncated": False,
        "response_body_bytes": 2,
    }


def test_a_webhooks_sensitive_headers_are_masked(write: Write, getting: Endpoint) -> None:
    call = Call.from_message(MESSAGE)._replace(sensitive_headers=frozenset({"X-OWN"}))
    one = record(execution(0, 500).delivery._replace(call=call, request_headers={"X-Own": "s3cr3t"}), Trigger.EVENT)
    write([one])
    assert get(getting, one.execution_id)[1]["request_headers"] == {"X-Own": "••••"}


def test_a_hard_error_says_what_went_wrong(write: Write, getting: Endpoint) -> None:
    error = HardError(ErrorType.CONNECTION_REFUSED, "The receiver refused the connection.")
    one = record(execution(0).delivery._replace(response=None, error=error), Trigger.EVENT)
    write([one])
    _, body = get(getting, one.execution_id)
    assert (body["result"], body["success"], body["hard_error"]) == (0, False, True)
    assert body["error"] == {
        "type": "connection_refused",
        "message": "The receiver refused the connection.",
    }
    assert "response_body" not in body


def test_bodies_that_are_not_utf8_are_returned_as_base64(write: Write, getting: Endpoint) -> None:
    answer = Response(500, {}, b"\xff\xfe", truncated=True, length=None)
    one = record(execution(0, 500).delivery._replace(response=answer), Trigger.EVENT)
    write([one])
    _, body = get(getting, one.execution_id)
    assert base64.b64decode(body["response_body"]) == b"\xff\xfe"
    assert (body["response_body_encoding"], body["response_body_bytes"]) == ("base64", None)
    assert "request_body_encoding" not in body


def test_a_success_has_only_its_summary(write: Write, getting: Endpoint) -> None:
    one = execution(0)
    write([one])
    status, body = get(getting, one.execution_id)
    assert (status, body["result"], "request_body" in body) == (200, 200, False)
    assert (body["response_body_bytes"], body["details_of"]) == (2, "failures")


@pytest.mark.parametrize("details_of", ["failures", "all", "none"])
def test_an_execution_says_whose_details_are_stored(write: Write, aws: MockAws, details_of: str) -> None:
    getting, one = aws.endpoint("get_execution", DETAILS_OF=details_of), execution(0)
    write([one])
    assert get(getting, one.execution_id)[1]["details_of"] == details_of


@pytest.mark.parametrize("length", [0, 1_200_000, None])
def test_a_success_has_the_length_of_its_response_body(write: Write, getting: Endpoint, length: int | None) -> None:
    answer = Response(200, {}, b"", truncated=length != 0, length=length)
    one = record(execution(0).delivery._replace(response=answer), Trigger.EVENT)
    write([one])
    assert get(getting, one.execution_id)[1].get("response_body_bytes") == length


def test_details_stored_in_many_parts_are_returned_whole(write: Write, getting: Endpoint) -> None:
    noise = os.urandom(450_000).hex().encode()
    one = record(
        execution(0, 500).delivery._replace(call=Call.from_message(MESSAGE._replace(body=noise))), Trigger.EVENT
    )
    write([one])
    assert get(getting, one.execution_id)[1]["request_body"].encode() == noise


@pytest.mark.parametrize(
    "execution_id",
    ["20261123T173600.123456Z-00000000", "x", "20261123T173600.123456Z-9f3a2c1d#1", "%00", "../other"],
)
def test_a_missing_execution_is_a_404(getting: Endpoint, execution_id: str) -> None:
    status, body = get(getting, execution_id)
    assert (status, body["error"]["code"]) == (404, "not_found")


def test_an_execution_of_another_webhook_is_a_404(write: Write, getting: Endpoint) -> None:
    one = execution(0, webhook_id="acme.other")
    write([one])
    assert get(getting, one.execution_id)[0] == 404


def test_an_internal_error_is_a_plain_500(listing: Endpoint, aws: MockAws, caplog: pytest.LogCaptureFixture) -> None:
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    status, body = page(listing)
    assert (status, body["error"]["code"]) == (500, "internal_error")
    assert "Table" not in body["error"]["message"]
    assert "api_call_failed" in logged_events(caplog)


@pytest.mark.parametrize("handler", ["list_executions", "resend_execution", "get_webhook_secret", "test_webhook"])
def test_every_response_allows_only_the_front_ends_origins(aws: MockAws, handler: str) -> None:
    app = aws.endpoint(handler, ALLOWED_ORIGINS="https://app.acme.example, HTTP://localhost:80,https://b.example:8443")
    for origin, allowed in {
        "https://app.acme.example": True,
        "http://localhost": True,
        "https://b.example:8443": True,
        "https://b.example": False,
        "http://app.acme.example": False,
        "https://app.acme.example.evil.example": False,
        "null": False,
        "*": False,
        None: False,
    }.items():
        event = {
            **api_event({"webhook_id": "w", "execution_id": "x"}),
            "headers": {"origin": origin} if origin else None,
        }
        headers = app.lambda_handler(event, None)["headers"]
        assert headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        assert headers["Vary"] == "Origin"
        assert headers["Access-Control-Expose-Headers"] == "Date"
        assert headers["Cache-Control"] == "no-store"


def test_a_function_does_not_start_without_a_required_setting(aws: MockAws) -> None:
    environment = aws.environment("ReadApiFunction")
    del environment["EXECUTIONS_TABLE"]
    with patch.dict(os.environ, environment), pytest.raises(Exception, match="EXECUTIONS_TABLE is not set"):
        aws.endpoint("list_executions", EXECUTIONS_TABLE="")


@pytest.mark.parametrize(("times", "status"), [(1, 200), (4, 200), (5, 500)])
def test_keys_that_dynamodb_leaves_unprocessed_are_read_again(
    write: Write, dynamodb: FaultyService, getting: Endpoint, times: int, status: int
) -> None:
    one = execution(0)
    write([one])
    with dynamodb.breaking(unread(times)):
        assert get(getting, one.execution_id)[0] == status


def test_a_message_with_more_executions_than_a_request_reads_is_whole(aws: MockAws, write: Write) -> None:
    written = [execution(second, webhook_id=f"acme.{second}") for second in range(101)]
    for start in range(0, len(written), 25):
        write(written[start : start + 25])
    response = aws.endpoint("list_message_executions").lambda_handler(api_event({"message_id": "msg_1"}), None)
    listed = json.loads(response["body"])["executions"]
    assert [each["execution_id"] for each in listed] == [each.execution_id for each in written]
