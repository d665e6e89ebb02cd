"""docs/openapi.yaml matches the deployed routes and the handlers' responses."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_spec_validator import validate

from hooklog.access.routes import ROUTES
from hooklog.api.request import DEFAULT_LIMIT, MAX_LIMIT
from hooklog.errors import ApiError, Conflict, ErrorType, InvalidRequest
from hooklog.executions.execution import Trigger
from hooklog.executions.filters import PARSERS, Status
from hooklog.messages.fields import MAX_URL_LENGTH
from hooklog.version import __version__
from tests import template
from tests.aws import Endpoint, MockAws
from tests.events import api_event, sqs_event
from tests.openapi import DOCUMENT, check, operation_id, operations, resolved, validator
from tests.receiver import Receiver
from tests.webhooks import CONTEXT

SCHEMAS = DOCUMENT["components"]["schemas"]

LIST = "/webhooks/{webhook_id}/executions"
GET = "/webhooks/{webhook_id}/executions/{execution_id}"
RESEND = "/webhooks/{webhook_id}/executions/{execution_id}/resend"
MESSAGE = "/messages/{message_id}/executions"
RECOVER = "/webhooks/{webhook_id}/recover"
ERASE = "/webhooks/{webhook_id}/executions/{execution_id}/details"
ERASE_MESSAGE = "/messages/{message_id}/details"
RECOVERY = "/webhooks/{webhook_id}/recover/{recovery_id}"
PATHS = (LIST, GET, RESEND, MESSAGE, RECOVER, RECOVERY, ERASE, ERASE_MESSAGE)
CONFLICTING = {
    ("POST", RESEND),
    ("PUT", "/webhooks/{webhook_id}"),
    ("POST", "/webhooks/{webhook_id}/secret"),
    ("POST", "/webhooks/{webhook_id}/recover"),
}
ALL = "executions:read executions:resend webhooks:manage"
WEBHOOK = "acme.orders"
ABSENT = "20261123T173600.123456Z-9f3a2c1d"


def check_response(path: str, response: Mapping[str, Any], status: int) -> dict[str, Any]:
    """Validate a handler's response against the document and return its body.

    The document describes the responses by path and status.
    """
    assert response["statusCode"] == status, response["body"]
    (operation,) = (operation for (_, of), operation in operations().items() if of == path)
    content = resolved(operation["responses"][str(status)])["content"]
    body: dict[str, Any] = json.loads(response["body"])
    check(body, content[response["headers"]["Content-Type"]]["schema"])
    return body


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["info"]["version"] == __version__


def test_every_endpoint_is_in_the_document_and_deployed() -> None:
    events = [
        event["Properties"]
        for function in template.functions().values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
    ]
    deployed = {(event["Method"].upper(), event["Path"]) for event in events}
    pages = {(method, path) for method, path in deployed if re.match(r"/history\b", path)}
    assert operations().keys() == deployed - pages - {("OPTIONS", "/{path+}")}


def test_an_operation_has_the_name_the_parameters_and_the_scope_of_its_route() -> None:
    documented = {call: (each["operationId"], queries(each), scope(each)) for call, each in operations().items()}
    routes = {
        (each.method, each.resource): (operation_id(each.handler), each.parameters, each.scope) for each in ROUTES
    }
    assert documented == routes


def scope(operation: Mapping[str, Any]) -> str:
    found = re.match(r"Requires the scope `([a-z:]+)`", operation["description"])
    assert found, operation["operationId"]
    return found[1]


def queries(operation: Mapping[str, Any]) -> frozenset[str]:
    parameters = map(resolved, operation.get("parameters", []))
    return frozenset(parameter["name"] for parameter in parameters if parameter["in"] == "query")


def test_the_server_is_the_deployed_stage() -> None:
    stage = template.resources("AWS::Serverless::Api")["HistoryApi"]["StageName"]
    assert DOCUMENT["servers"][0]["url"].endswith(f".amazonaws.com/{stage}")


def test_the_document_accepts_what_the_code_accepts() -> None:
    parameters = {parameter["name"]: parameter["schema"] for parameter in operations()["GET", LIST]["parameters"]}
    assert parameters["limit"] == {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    assert parameters["status"]["enum"] == list(Status)
    assert resolved(parameters["error_type"])["enum"] == SCHEMAS["HardErrorReason"]["properties"]["type"]["enum"]
    assert SCHEMAS["Page"]["properties"]["executions"]["maxItems"] == MAX_LIMIT
    assert SCHEMAS["Trigger"]["enum"] == list(Trigger)
    assert sorted(SCHEMAS["HardErrorReason"]["properties"]["type"]["enum"]) == sorted(ErrorType)
    assert SCHEMAS["Execution"]["properties"]["url"]["maxLength"] == MAX_URL_LENGTH


FILTER_VALUES = [
    *(("event_type", each) for each in ("a", "order.created", "order.*", "!", "e" * 128, "e" * 127 + ".*", "..*")),
    *(("event_type", each) for each in ("", "*", ".*", "order.*.x", "o*", "a b", "e" * 129, "ö")),
    *(("result", each) for each in ("0", "404", "042", "999", "1xx", "9xx")),
    *(("result", each) for each in ("", "00", "000", "99", "0xx", "5XX", "1000", "-1", "\u0664\u0660\u0664")),
    *(("error_type", each) for each in (*ErrorType, "", "timeout")),
    *(("status", each) for each in (*Status, "", "failed")),
]


@pytest.mark.parametrize(("name", "value"), FILTER_VALUES)
def test_a_filter_takes_the_documented_values(name: str, value: str) -> None:
    (schema,) = (each["schema"] for each in operations()["GET", LIST]["parameters"] if each["name"] == name)
    try:
        PARSERS[name](value)
    except InvalidRequest:
        assert not validator(schema).is_valid(value)
    else:
        check(value, schema)


def test_a_filtered_page_is_returned_as_documented(aws: MockAws, receiver: Receiver) -> None:
    log(aws, receiver.refused_url, receiver.url("/status/200"), receiver.url("/status/410"))
    listing = reader(aws, LIST)
    for limit, searched_to in (("1", "the failure's time"), ("2", None)):
        event = api_event({"webhook_id": WEBHOOK}, {"status": "failure", "limit": limit})
        body = check_response(LIST, listing.lambda_handler(event, None), 200)
        assert body["searched_to"] == (searched_to and body["executions"][0]["executed_at"])
    refused = next(one for one in body["executions"] if one["hard_error"])
    assert (refused["result"], refused["error_type"]) == (0, "connection_refused")


def test_every_error_is_in_the_document() -> None:
    codes = SCHEMAS["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    for refusal in ApiError.__subclasses__():
        assert refusal.code in codes
        for (method, path), operation in operations().items():
            may_be = refusal is not Conflict or (method, path) in CONFLICTING
            assert (str(refusal.status) in operation["responses"]) == may_be


def test_every_gateway_response_is_in_the_document() -> None:
    responses = template.resources("AWS::Serverless::Api")["HistoryApi"]["GatewayResponses"]
    for response in responses.values():
        (text,) = response["ResponseTemplates"].values()
        check(json.loads(text.replace("$context.error.messageString", '"x"')), SCHEMAS["Error"])
        if status := response.get("StatusCode"):
            assert all(str(status) in operation["responses"] for operation in operations().values())


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield every media type's schema with each of its examples."""
    if isinstance(node, dict):
        if "schema" in node:
            given = [node["example"]] if "example" in node else []
            yield from ((node["schema"], one) for one in given)
            yield from ((node["schema"], one["value"]) for one in node.get("examples", {}).values())
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from examples(inner)


def test_the_examples_match_their_schemas() -> None:
    found = list(examples(DOCUMENT))
    assert len(found) >= 10
    for schema, example in found:
        check(example, schema)


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if schema.get("type") == "object"])
def test_an_object_allows_no_other_properties(name: str) -> None:
    assert "additionalProperties" in SCHEMAS[name]
    assert SCHEMAS[name].get("required") or isinstance(SCHEMAS[name]["additionalProperties"], dict)


def log(aws: MockAws, *urls: str, **settings: str) -> None:
    """Send a webhook to each URL, as the deployed sender does."""
    sender = aws.start("SendWebhooksFunction", **{"ALLOW_HTTP": "true", **settings})
    base = {"webhook_id": WEBHOOK, "payload": {"order": 1742}}
    messages: list[dict[str, Any]] = [
        {**base, "url": url, "timeout_seconds": 1 if "/silent" in url else 30} for url in urls
    ]
    messages[0] |= {"event_type": "order.created", "message_id": "msg_1"}
    assert sender.lambda_handler(sqs_event(*messages), CONTEXT) == {"batchItemFailures": []}


def ids(listing: Endpoint, status: str) -> list[str]:
    response = listing.lambda_handler(api_event({"webhook_id": WEBHOOK}, {"status": status}), None)
    return [shown["execution_id"] for shown in check_response(LIST, response, 200)["executions"]]


def get(getting: Endpoint, execution_id: str) -> dict[str, Any]:
    path = {"webhook_id": WEBHOOK, "execution_id": execution_id}
    return check_response(GET, getting.lambda_handler(api_event(path), None), 200)


def test_any_logged_execution_is_returned_as_documented(
    aws: MockAws, listing: Endpoint, getting: Endpoint, receiver: Receiver
) -> None:
    log(
        aws,
        receiver.url("/status/200"),
        receiver.url("/status/500", body="no"),
        receiver.url("/latin1", status="500"),
        receiver.url("/gzip-bomb", status="500"),
        receiver.url("/close"),
        receiver.url("/short-body", status="500"),
        receiver.url("/many-headers", status="500", count=2000),
        receiver.url("/bad-gzip", status="500"),
        receiver.url("/silent"),
        f"{receiver.refused_url}/",
        "ftp://shop.example/",
        "http://169.254.169.254/latest/meta-data/",
    )
    (success,) = ids(listing, "success")
    assert "url" not in get(getting, success)
    failed = [get(getting, execution_id) for execution_id in ids(listing, "failure")]
    assert len(failed) == 11
    assert sorted(shown["error"]["type"] for shown in failed if shown["hard_error"]) == [
        "blocked_address",
        "connection_refused",
        "connection_reset",
        "invalid_url",
        "read_timeout",
    ]
    for field in ("body_encoding", "body_note", "incomplete", "headers_truncated"):
        assert [shown for shown in failed if shown.get(f"response_{field}")], field
    assert {shown.get("response_body_bytes", 0) for shown in failed} >= {None, 2}


def test_a_success_with_details_is_returned_as_documented(
    aws: MockAws, listing: Endpoint, getting: Endpoint, receiver: Receiver
) -> None:
    log(aws, receiver.url("/status/200", body="thanks"), DETAILS_OF="all")
    (success,) = ids(listing, "success")
    assert get(getting, success)["response_body"] == "thanks"


def test_a_cursor_is_as_documented(aws: MockAws, listing: Endpoint, receiver: Receiver) -> None:
    log(aws, receiver.url("/status/200"), receiver.url("/status/204"))
    response = listing.lambda_handler(api_event({"webhook_id": WEBHOOK}, {"limit": "1"}), None)
    cursor = check_response(LIST, response, 200)["next_cursor"]
    (schema,) = (p["schema"] for p in operations()["GET", LIST]["parameters"] if p["name"] == "cursor")
    check(cursor, schema)


def test_the_attempts_of_a_message_are_returned_as_documented(aws: MockAws, receiver: Receiver) -> None:
    url = receiver.url("/sequence/openapi", codes="500,410")
    log(aws, url, RETRY_SCHEDULE="1")
    event = api_event({"message_id": "msg_1"})
    (only,) = check_response(MESSAGE, reader(aws, MESSAGE).lambda_handler(event, None), 200)["executions"]
    assert "next_attempt_at" in only
    sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
    retry = aws.take("WebhookQueue")
    retry["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    assert sender.lambda_handler(retry, CONTEXT) == {"batchItemFailures": []}
    first, second = check_response(MESSAGE, reader(aws, MESSAGE).lambda_handler(event, None), 200)["executions"]
    assert "next_attempt_at" not in first
    assert (second["trigger"], second["exhausted"], second["redelivered"]) == ("retry", True, True)


def test_an_execution_resent_on_a_new_connection_is_returned_as_documented(
    aws: MockAws, listing: Endpoint, getting: Endpoint, receiver: Receiver
) -> None:
    urls = [receiver.url(f"/sequence/twice{end}", codes=f"200,close,{end}") for end in ("200", "500", "close")]
    for url in urls:
        sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
        for _ in range(2):
            assert sender.lambda_handler(sqs_event({"webhook_id": WEBHOOK, "payload": 1, "url": url}), CONTEXT)
    response = listing.lambda_handler(api_event({"webhook_id": WEBHOOK}), None)
    shown = check_response(LIST, response, 200)["executions"]
    resent = [one["result"] for one in reversed(shown) if one.get("resent_on_new_connection") is True]
    assert (resent, len(shown)) == ([200, 500, 0], 6)
    assert get(getting, shown[0]["execution_id"])["resent_on_new_connection"] is True


def test_a_resend_gets_a_documented_response(aws: MockAws, receiver: Receiver) -> None:
    log(aws, receiver.url("/status/410"), receiver.url("/status/200"))
    listing = reader(aws, LIST)
    (failed,), (success,) = ids(listing, "failure"), ids(listing, "success")
    resending = reader(aws, RESEND)
    for execution_id, status in ((failed, 202), (success, 409), (ABSENT, 404)):
        event = api_event({"webhook_id": WEBHOOK, "execution_id": execution_id}, scope=ALL)
        check_response(RESEND, resending.lambda_handler(event, None), status)


def test_a_recovery_gets_a_documented_response(aws: MockAws, receiver: Receiver) -> None:
    log(aws, receiver.url("/status/410"))
    started = check_response(RECOVER, recover(aws, {"since": "2026-01-01T00:00:00Z", "until": None}), 202)
    path = {"webhook_id": WEBHOOK, **started}
    look = reader(aws, RECOVERY)
    assert check_response(RECOVERY, look.lambda_handler(api_event(path), None), 200)["status"] == "running"
    aws.start("RunRecoveryFunction").lambda_handler(aws.take("RecoveryQueue"), CONTEXT)
    done = check_response(RECOVERY, look.lambda_handler(api_event(path), None), 200)
    assert (done["status"], done["found"], done["queued"]) == ("done", 1, 1)


def test_an_erased_execution_is_returned_as_documented(aws: MockAws, receiver: Receiver) -> None:
    log(aws, receiver.url("/status/410"))
    listing = reader(aws, LIST)
    (failed,) = ids(listing, "failure")
    event = call(execution_id=failed, scope=ALL)
    for path in (ERASE, ERASE_MESSAGE):
        response = reader(aws, path).lambda_handler(event, None)
        assert (response["statusCode"], response["body"], "Content-Type" in response["headers"]) == (204, "", False)
        assert resolved(operations()["DELETE", path]["responses"]["204"]).keys() == {"description"}
    assert ids(listing, "failure") == [failed]
    assert get(reader(aws, GET), failed)["erased"] is True


def recover(aws: MockAws, body: dict[str, Any]) -> dict[str, Any]:
    event = api_event({"webhook_id": WEBHOOK}, scope=ALL)
    event["body"] = json.dumps(body)
    response: dict[str, Any] = reader(aws, RECOVER).lambda_handler(event, None)
    return response


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": 1},
        *(
            {"since": "2026-01-01T00:00:00Z", **wrong}
            for wrong in ({"til": "x"}, {"status": "failed"}, {"event_type": "order*"}, {"dry_run": "yes"})
        ),
    ],
)
def test_a_body_that_the_document_refuses_is_refused(aws: MockAws, body: dict[str, Any]) -> None:
    content = operations()["POST", RECOVER]["requestBody"]["content"]["application/json"]
    assert not validator(content["schema"]).is_valid(body)
    check_response(RECOVER, recover(aws, body), 400)


@pytest.mark.parametrize(
    ("path", "status", "change"),
    [
        (LIST, 400, {"parameters": {"limit": "0"}}),
        (LIST, 403, {"webhooks": ["bcme.*"]}),
        (GET, 400, {"parameters": {"limit": "1"}}),
        (GET, 403, {"scope": "webhooks:read"}),
        (GET, 404, {}),
        (RESEND, 400, {"parameters": {"limit": "1"}}),
        (RESEND, 403, {}),
        (MESSAGE, 400, {"parameters": {"limit": "1"}}),
        (MESSAGE, 403, {"scope": "webhooks:read"}),
        (RECOVER, 403, {}),
        (ERASE, 400, {"parameters": {"limit": "1"}}),
        (ERASE, 403, {"scope": "executions:read executions:resend webhooks:read"}),
        (ERASE, 404, {"scope": ALL}),
        (ERASE_MESSAGE, 400, {"parameters": {"limit": "1"}}),
        (ERASE_MESSAGE, 403, {"scope": "executions:read executions:resend webhooks:read"}),
        (RECOVERY, 400, {"parameters": {"limit": "1"}}),
        (RECOVERY, 403, {"webhooks": ["bcme.*"]}),
        (RECOVERY, 404, {}),
    ],
)
def test_an_error_gets_a_documented_response(aws: MockAws, path: str, status: int, change: dict[str, Any]) -> None:
    check_response(path, reader(aws, path).lambda_handler(call(**change), None), status)


@pytest.mark.parametrize("path", PATHS)
def test_a_call_without_the_authorizers_context_gets_a_documented_response(aws: MockAws, path: str) -> None:
    event = call()
    del event["requestContext"]["authorizer"]
    check_response(path, reader(aws, path).lambda_handler(event, None), 401)


@pytest.mark.parametrize("path", PATHS)
def test_an_internal_error_gets_a_documented_response(aws: MockAws, path: str) -> None:
    for table in ("Executions", "Recoveries"):
        aws.dynamodb.delete_table(TableName=aws.refs[table])
    event = {**call(scope=ALL), "body": '{"since": "2026-01-01"}'}
    check_response(path, reader(aws, path).lambda_handler(event, None), 500)


def reader(aws: MockAws, path: str) -> Endpoint:
    (route,) = (each for each in ROUTES if each.resource == path)
    return aws.endpoint(route.handler)


def call(execution_id: str = ABSENT, **change: Any) -> dict[str, Any]:
    path = {
        "webhook_id": WEBHOOK,
        "execution_id": execution_id,
        "message_id": "msg_1",
        "recovery_id": f"rec_{24 * '0'}",
    }
    return api_event(path, **change)
