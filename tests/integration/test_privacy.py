"""Tests of what is stored, shown and logged of a message.

They also check what never appears in the functions' logs.
"""

import base64
import copy
import json
import logging
import random
import time
from types import ModuleType
from typing import Any

import pytest

from tests import template
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.receiver import Receiver
from tests.recoveries import SINCE, Recovery
from tests.webhooks import CONTEXT

WEBHOOK = "acme.orders"
SECRET = "s3cr3t-t0ken"


pytestmark = pytest.mark.usefixtures("reset_receiver")


@pytest.fixture
def app(aws: MockAws) -> ModuleType:
    return start(aws)


def start(aws: MockAws, **settings: str) -> ModuleType:
    return aws.start("SendWebhooksFunction", **{"ALLOW_HTTP": "true", "RETRY_SCHEDULE": "1,1", **settings})


def message(url: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_id": WEBHOOK, "message_id": "msg_1", "url": url, "payload": {"order": 1742}, **fields}


def send(app: ModuleType, event: dict[str, Any]) -> None:
    assert app.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}


def attempts_of(aws: MockAws, message_id: str = "msg_1") -> list[dict[str, Any]]:
    response = aws.endpoint("list_message_executions").lambda_handler(api_event({"message_id": message_id}), None)
    executions: list[dict[str, Any]] = json.loads(response["body"])["executions"]
    return executions


def show(aws: MockAws, execution_id: str, **settings: str) -> dict[str, Any]:
    event = api_event({"webhook_id": WEBHOOK, "execution_id": execution_id})
    response = aws.endpoint("get_execution", **settings).lambda_handler(event, None)
    assert response["statusCode"] == 200, response
    execution: dict[str, Any] = json.loads(response["body"])
    return execution


MASKED = ["authorization", "X-Api-Key"]


@pytest.mark.parametrize("name", MASKED)
def test_a_sensitive_header_is_sent_on_every_attempt_and_never_shown(
    app: ModuleType, aws: MockAws, receiver: Receiver, name: str
) -> None:
    url = receiver.url("/sequence/masked", codes="500,500")
    send(app, sqs_event(message(url, headers={name: SECRET, "X-Shop": "berlin"})))
    send(app, aws.take("WebhookQueue"))
    assert [request.header(name) for request in receiver.requests] == [SECRET, SECRET]
    for summary in attempts_of(aws):
        execution = show(aws, summary["execution_id"])
        assert SECRET not in json.dumps(execution)
        assert (execution["request_headers"][name], execution["request_headers"]["X-Shop"]) == ("••••", "berlin")
        assert "headers" not in execution


@pytest.mark.parametrize("name", ["set-cookie", "Authorization"])
def test_a_secret_in_a_response_is_not_shown(app: ModuleType, aws: MockAws, receiver: Receiver, name: str) -> None:
    send(app, sqs_event(message(receiver.url("/status/500", header=f"{name}:{SECRET}"))))
    execution = show(aws, attempts_of(aws)[0]["execution_id"])
    assert execution["response_headers"][name] == "••••"
    assert execution["response_headers"]["Content-Length"] != "••••"


def test_the_stacks_sensitive_headers_are_masked_in_older_executions(
    app: ModuleType, aws: MockAws, receiver: Receiver
) -> None:
    url = receiver.url("/status/500", header=f"X-Session:{SECRET}")
    send(app, sqs_event(message(url, headers={"X-Shop-Token": SECRET})))
    (summary,) = attempts_of(aws)
    assert SECRET in json.dumps(show(aws, summary["execution_id"])["request_headers"])
    execution = show(aws, summary["execution_id"], SENSITIVE_HEADERS=" x-shop-TOKEN , X-Session")
    assert execution["request_headers"]["X-Shop-Token"] == execution["response_headers"]["X-Session"] == "••••"


@pytest.mark.parametrize("own", [True, False], ids=["with a URL of its own", "without"])
def test_a_webhooks_sensitive_headers_are_masked_in_older_executions(
    app: ModuleType, aws: MockAws, receiver: Receiver, own: bool
) -> None:
    put = aws.endpoint("put_webhook", ALLOW_HTTP="true", ALLOWED_NETWORKS="127.0.0.0/8")
    webhook: dict[str, Any] = {"url": receiver.url("/status/500"), "enabled": True}

    def set_up(**fields: Any) -> int:
        event = api_event({"webhook_id": WEBHOOK}, scope="webhooks:manage", body={**webhook, **fields})
        return int(put.lambda_handler(event, None)["statusCode"])

    assert set_up() == 201
    sent = message(webhook["url"], headers={"X-Shop-Token": SECRET})
    send(app, sqs_event(sent if own else {name: sent[name] for name in sent if name != "url"}))
    (summary,) = attempts_of(aws)
    assert show(aws, summary["execution_id"])["request_headers"]["X-Shop-Token"] == SECRET
    assert set_up(version=1, sensitive_headers=["x-shop-token"]) == 200
    assert show(aws, summary["execution_id"])["request_headers"]["X-Shop-Token"] == "••••"


LEAKS: dict[str, Any] = {
    "not json": '{"payload": "' + SECRET,
    "a header in a list": {"headers": [f"Authorization: {SECRET}"]},
    "a header in its name": {"headers": {f"Authorization: {SECRET}": "x"}},
}


@pytest.mark.parametrize("leak", LEAKS)
def test_neither_log_nor_reason_contains_a_producers_input(
    app: ModuleType, aws: MockAws, caplog: pytest.LogCaptureFixture, leak: str
) -> None:
    body = LEAKS[leak] if isinstance(LEAKS[leak], str) else {**message("https://example.com/"), **LEAKS[leak]}
    send(app, sqs_event(body))
    (dead_letter,) = aws.messages("WebhookDeadLetterQueue")
    assert SECRET in dead_letter["Body"]
    assert SECRET not in json.dumps(dead_letter["MessageAttributes"])
    assert "dead-letter queue" in lines(caplog)
    assert SECRET not in lines(caplog)


def lines(caplog: pytest.LogCaptureFixture) -> str:
    """Return the log output of all loggers, with tracebacks.

    Lambda prints other libraries' warnings too.
    """
    formatter = logging.Formatter()
    logged = [
        formatter.format(each) + json.dumps(each.__dict__, default=repr)
        for each in caplog.records
        if each.name != "werkzeug"
    ]
    return "\n".join(logged)


def test_no_log_line_contains_request_or_response_content(
    app: ModuleType, aws: MockAws, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    paths = ["status/500", "status/200", "garbage", "reset", "weird-headers", "bad-gzip", "short-body", "huge-headers"]
    urls = [f"{receiver.url('/' + path)}?token={SECRET}&body={SECRET}&header=Set-Cookie:{SECRET}" for path in paths]
    urls.append(receiver.url("/status/500", header=f"X-Odd:1\r\nno colon but {SECRET}", token=SECRET))
    urls += [f"{receiver.refused_url}/?token={SECRET}", f"ftp://example.com/?token={SECRET}"]
    bodies = [
        message(url, message_id=f"m{n}", payload=SECRET, headers={"Authorization": SECRET})
        for n, url in enumerate(urls)
    ]
    send(app, sqs_event(*bodies))
    assert len(aws.rows("Executions")) == len(urls)
    shown = [show(aws, row["executed_at"]["S"]) for row in aws.rows("Executions")]
    assert SECRET in json.dumps(shown), "the secrets are not stored, so the test proves nothing"
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    send(app, sqs_event(bodies[0]))
    failed = app.lambda_handler(sqs_event(bodies[0], receive_count=2), CONTEXT)
    assert len(failed["batchItemFailures"]) == 1
    aws.start("LogUnloggedFunction").lambda_handler(aws.take("UnloggedExecutions"), CONTEXT)
    assert "execution_failed" in lines(caplog)
    assert "message returned to the queue" in lines(caplog)
    assert "pending_writes_logged" in lines(caplog)
    assert SECRET not in lines(caplog)


def test_an_exception_is_logged_by_its_type_and_location(
    app: ModuleType, aws: MockAws, caplog: pytest.LogCaptureFixture
) -> None:
    aws.dynamodb.delete_table(TableName=aws.refs["ExecutionDetails"])
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    event = api_event({"webhook_id": WEBHOOK, "execution_id": "20261123T173600.123456Z-9f3a2c1d"})
    assert aws.endpoint("get_execution").lambda_handler(event, None)["statusCode"] == 500
    (record,) = [each for each in caplog.records if each.__dict__.get("event") == "api_call_failed"]
    assert "ResourceNotFoundException" in record.__dict__["cause"]
    assert " < tables.py:" in record.__dict__["cause"]


class Eraser:
    """Calls the two routes that erase details."""

    def __init__(self, aws: MockAws) -> None:
        self._execution = aws.endpoint("erase_execution_details")
        self._message = aws.endpoint("erase_message_details")

    def execution(self, execution_id: str, webhook_id: str = WEBHOOK, **grant: Any) -> int:
        event = api_event({"webhook_id": webhook_id, "execution_id": execution_id}, **{**MANAGE, **grant})
        return self._status(self._execution.lambda_handler(event, None))

    def message(self, message_id: str = "msg_1", **grant: Any) -> int:
        return self._status(
            self._message.lambda_handler(api_event({"message_id": message_id}, **{**MANAGE, **grant}), None)
        )

    @staticmethod
    def _status(response: dict[str, Any]) -> int:
        assert (response["body"] == "") == (response["statusCode"] == 204), response
        return int(response["statusCode"])


MANAGE: dict[str, Any] = {"scope": "webhooks:manage"}


@pytest.fixture
def erase(aws: MockAws) -> Eraser:
    return Eraser(aws)


def parts(aws: MockAws) -> list[dict[str, Any]]:
    """Return the stored parts of details, without the erasure markers."""
    return [row for row in aws.rows("ExecutionDetails") if not row["executed_at"]["S"].endswith("#erased")]


def test_erasing_an_execution_keeps_its_summary(
    app: ModuleType, aws: MockAws, receiver: Receiver, erase: Eraser
) -> None:
    noise = base64.b85encode(random.Random(1742).randbytes(830_000)).decode()
    bodies = [message(receiver.url("/status/410"), message_id=f"msg_{n}", payload=noise) for n in (1, 2)]
    send(app, sqs_event(*bodies))
    assert len(parts(aws)) == 6
    before, other = attempts_of(aws)[0], attempts_of(aws, "msg_2")[0]
    assert erase.execution(before["execution_id"]) == 204
    assert attempts_of(aws)[0] == {**before, "erased": True}
    assert show(aws, before["execution_id"]) == {**before, "erased": True, "details_of": "failures"}
    assert len(parts(aws)) == 3
    assert show(aws, other["execution_id"])["request_body"]
    assert erase.execution(before["execution_id"]) == 204, "a second erasure succeeds"


@pytest.mark.parametrize(("retention_days", "marker_days"), [(2, 29), (90, 90)])
def test_an_erasure_marker_outlives_the_summary_and_pending_log_writes(
    aws: MockAws, receiver: Receiver, erase: Eraser, retention_days: int, marker_days: int
) -> None:
    """Compare the expiry of the marker with that of a pending log write.

    A pending log write may wait for 14 days on its queue, and 14 more after a redrive from the DLQ.
    """
    app = start(aws, EXECUTION_RETENTION_DAYS=str(retention_days), DETAILS_RETENTION_DAYS="2")
    send(app, sqs_event(message(receiver.url("/status/410"))))
    assert erase.message() == 204
    (marker,) = aws.rows("ExecutionDetails")
    assert (int(marker["expires_at"]["N"]) - time.time()) / 86_400 == pytest.approx(marker_days, abs=0.01)


def test_erasing_requires_the_manage_scope(app: ModuleType, aws: MockAws, receiver: Receiver, erase: Eraser) -> None:
    send(app, sqs_event(message(receiver.url("/status/410"))))
    execution_id = attempts_of(aws)[0]["execution_id"]
    assert erase.execution(execution_id, scope="executions:read executions:resend webhooks:read") == 403
    assert erase.execution(execution_id, webhooks=["acme.other"]) == 403
    assert erase.execution(execution_id, webhook_id="acme.other") == 404
    assert erase.execution("20261123T173600.123456Z-9f3a2c1d") == 404
    assert erase.message(scope="executions:read executions:resend webhooks:read") == 403
    assert erase.message(webhooks=["acme.other"]) == 204
    assert erase.message("unknown") == 204
    assert show(aws, execution_id)["request_body"]


def test_a_message_is_erased_for_every_webhook_that_the_token_covers(
    app: ModuleType, aws: MockAws, receiver: Receiver, erase: Eraser
) -> None:
    url = receiver.url("/status/500")
    send(app, sqs_event(message(url), message(url, webhook_id="other.orders"), message(url, message_id="msg_2")))
    send(app, aws.take("WebhookQueue", 3))
    assert erase.message(webhooks=["acme.*"]) == 204
    erased = {(row["webhook_id"]["S"], row["message_id"]["S"], "erased" in row) for row in aws.rows("Executions")}
    assert erased == {(WEBHOOK, "msg_1", True), ("other.orders", "msg_1", False), (WEBHOOK, "msg_2", False)}
    assert len(parts(aws)) == 4


def test_an_erased_message_is_not_resent(app: ModuleType, aws: MockAws, receiver: Receiver, erase: Eraser) -> None:
    event = sqs_event(message(receiver.url("/status/500")))
    send(app, event)
    execution_id = attempts_of(aws)[0]["execution_id"]
    erase.execution(execution_id)
    send(app, aws.take("WebhookQueue"))
    send(app, sqs_event(message(receiver.url("/status/500")), receive_count=2))
    resend = api_event({"webhook_id": WEBHOOK, "execution_id": execution_id}, scope="executions:resend")
    assert aws.endpoint("resend_execution").lambda_handler(resend, None)["statusCode"] == 409
    assert recover(aws)["not_kept"] == 1
    assert (aws.waiting("WebhookQueue"), aws.waiting("WebhookDeadLetterQueue")) == (0, 0)
    assert len(receiver.requests) == 1


def recover(aws: MockAws) -> dict[str, Any]:
    return Recovery(aws, WEBHOOK).complete(since=SINCE)


def test_a_pending_log_write_does_not_restore_erased_details(
    aws: MockAws, receiver: Receiver, erase: Eraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        outage.setenv("AWS_ENDPOINT_URL_DYNAMODB", receiver.refused_url)
        send(start(aws), sqs_event(message(receiver.url("/status/410"))))
    writer, waiting = aws.start("LogUnloggedFunction"), aws.take("UnloggedExecutions", 2)["Records"]
    waiting.sort(key=lambda record: "ExecutionDetails" in record["body"])
    send(writer, {"Records": waiting[:1]})
    (summary,) = attempts_of(aws)
    assert erase.execution(summary["execution_id"]) == 204
    for records in (waiting[1:], waiting[:1], waiting):  # SQS may redeliver any of them
        send(writer, {"Records": records})
        assert parts(aws) == []
        assert attempts_of(aws) == [{**summary, "erased": True}]


NONE = {"DETAILS_OF": "none"}
ODD = '{"title": "Größe 📦 \\ud800 \\"", "n": [1.50, 123456789012345678901], "z": 1, "a": null}'


def odd(url: str, **fields: Any) -> str:
    """Return a message whose payload needs careful serialization.

    It changes if it is parsed and serialized carelessly.
    """
    return json.dumps(message(url, **fields)).replace('{"order": 1742}', ODD)


def test_without_stored_details_a_retry_has_an_inline_payload(aws: MockAws, receiver: Receiver) -> None:
    app = start(aws, **NONE)
    url = receiver.url("/sequence/not-stored", codes="500,503,200", body=SECRET)
    headers = {"Authorization": SECRET, "X-Shop": "berlin"}
    send(app, sqs_event(odd(url, headers=headers, event_type="order.created")))
    send(app, aws.take("WebhookQueue"))
    send(app, aws.take("WebhookQueue"))
    requests = receiver.requests
    assert [request.header("x-hooklog-attempt") for request in requests] == ["1", "2", "3"]
    assert len({request.body for request in requests}) == 1
    for name, value in {**headers, "x-hooklog-event": "order.created"}.items():
        assert {request.header(name) for request in requests} == {value}
    assert aws.rows("ExecutionDetails") == []
    assert not any(word in repr(aws.rows("Executions")) for word in (SECRET, "berlin", "http", "title"))
    summaries = attempts_of(aws)
    assert [shown["result"] for shown in summaries] == [500, 503, 200]
    assert all(show(aws, each["execution_id"]) == {**each, "details_of": "failures"} for each in summaries)
    assert aws.waiting("WebhookQueue") == 0


def test_a_hard_error_has_its_error_if_details_are_not_stored(aws: MockAws, receiver: Receiver) -> None:
    send(start(aws, **NONE), sqs_event(message(f"{receiver.refused_url}/")))
    error = show(aws, attempts_of(aws)[0]["execution_id"])["error"]
    assert (error["type"], error["message"][:7]) == ("connection_refused", "The rec")


def test_an_execution_without_stored_details_cannot_be_resent(aws: MockAws, receiver: Receiver) -> None:
    send(start(aws, RETRY_SCHEDULE="", **NONE), sqs_event(message(receiver.url("/status/500"))))
    path = {"webhook_id": WEBHOOK, "execution_id": attempts_of(aws)[0]["execution_id"]}
    event = api_event(path, scope="executions:resend")
    assert aws.endpoint("resend_execution").lambda_handler(event, None)["statusCode"] == 409
    assert recover(aws)["not_kept"] == 1
    assert aws.waiting("WebhookQueue") == 0


def test_a_missing_retry_is_enqueued_after_redelivery_with_its_inline_payload(aws: MockAws, receiver: Receiver) -> None:
    """Crash the sender between logging the failure and enqueuing its retry.

    This happens at each attempt.
    """
    app = start(aws, RETRY_SCHEDULE="1,1,1", **NONE)
    first = sqs_event(odd(receiver.url("/status/500"), headers={"X-Shop": "berlin"}))
    send(app, first)
    second = aws.take("WebhookQueue")
    assert redeliver(app, aws, first) == second["Records"][0]["body"]
    send(app, second)
    third = aws.take("WebhookQueue")
    assert redeliver(app, aws, second) == third["Records"][0]["body"]
    send(app, third)
    assert len({(request.body, request.header("X-Shop")) for request in receiver.requests}) == 1
    assert len(receiver.requests) == 3


def redeliver(app: ModuleType, aws: MockAws, event: dict[str, Any]) -> str:
    """Redeliver an event and return the body of the delayed message that it leads to."""
    redelivered = copy.deepcopy(event)
    redelivered["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    send(app, redelivered)
    return take_delayed(aws)


def take_delayed(aws: MockAws) -> str:
    """Take the only delayed message off the queue."""
    aws.release_delayed("WebhookQueue")
    (record,) = aws.take("WebhookQueue")["Records"]
    return str(record["body"])


def noise(count: int) -> str:
    return base64.b85encode(random.Random(1742).randbytes(count)).decode()


def test_a_scheduled_retry_has_an_inline_payload(aws: MockAws, receiver: Receiver) -> None:
    app = start(aws, RETRY_SCHEDULE="1800,1800", **NONE)
    send(app, sqs_event(odd(receiver.url("/status/500"))))
    (summary,) = aws.scheduler.list_schedules(GroupName="Retries")["Schedules"]
    schedule = aws.scheduler.get_schedule(GroupName="Retries", Name=summary["Name"])
    send(app, sqs_event(json.loads(schedule["Target"]["Input"])["MessageBody"]))
    assert len({request.body for request in receiver.requests}) == 1
    assert [shown["attempt"] for shown in attempts_of(aws)] == [1, 2]


def test_a_late_retry_too_large_for_a_schedule_waits_on_the_queue(aws: MockAws, receiver: Receiver) -> None:
    app = start(aws, RETRY_SCHEDULE="1800", **NONE)
    send(app, sqs_event(message(receiver.url("/status/500"), payload=noise(300_000))))
    assert aws.scheduler.list_schedules(GroupName="Retries")["Schedules"] == []
    waiting = take_delayed(aws)
    send(app, sqs_event(waiting))
    assert take_delayed(aws) == waiting, "a retry was sent before it was due"
    past = {**json.loads(waiting), "due": "2026-01-01T00:00:00+00:00"}
    send(app, sqs_event(past))
    assert len({request.body for request in receiver.requests}) == 1
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(("random_bytes", "retried"), [(780_000, True), (838_000, False)])
def test_bodies_are_retried_up_to_the_largest_inline_payload(
    aws: MockAws, receiver: Receiver, random_bytes: int, retried: bool
) -> None:
    app = start(aws, **NONE)
    send(app, sqs_event(message(receiver.url("/status/500"), payload=noise(random_bytes))))
    (shown,) = attempts_of(aws)
    assert ("next_attempt_at" in shown, shown.get("exhausted", False)) == (retried, not retried)
    if retried:
        send(app, aws.take("WebhookQueue"))
        assert len({request.body for request in receiver.requests}) == 1


def test_a_retry_with_an_inline_payload_waits_while_the_log_is_unavailable(
    aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(start(aws, **NONE), sqs_event(message(receiver.url("/status/500"))))
    retry = aws.take("WebhookQueue")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", receiver.refused_url)
    app = start(aws, **NONE)
    send(app, retry)
    waiting = json.loads(take_delayed(aws))
    assert waiting == {**json.loads(retry["Records"][0]["body"]), "deferrals": 1}
    assert waiting["carried"]


@pytest.mark.parametrize(("before", "after"), [("none", "failures"), ("failures", "none")])
def test_a_retry_is_sent_if_the_details_setting_has_changed(
    aws: MockAws, receiver: Receiver, before: str, after: str
) -> None:
    first = sqs_event(odd(receiver.url("/status/500")))
    send(start(aws, DETAILS_OF=before), first)
    second = aws.take("WebhookQueue")
    app = start(aws, DETAILS_OF=after)
    send(app, second)
    third = aws.take("WebhookQueue")
    assert bool(json.loads(redeliver(app, aws, second)).get("carried")) == (after == "none")
    send(app, third)
    assert len(receiver.requests) == 3
    assert len({request.body for request in receiver.requests}) == 1


def test_an_erased_retry_with_an_inline_payload_is_not_sent(aws: MockAws, receiver: Receiver, erase: Eraser) -> None:
    app = start(aws, **NONE)
    send(app, sqs_event(message(receiver.url("/status/500"))))
    assert erase.message() == 204
    send(app, aws.take("WebhookQueue"))
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("carried", ["x", 1])
def test_a_retry_with_an_invalid_inline_payload_is_sent_to_the_dlq(
    aws: MockAws, receiver: Receiver, carried: Any
) -> None:
    app = start(aws, **NONE)
    send(app, sqs_event(message(receiver.url("/status/500"))))
    body = json.loads(aws.take("WebhookQueue")["Records"][0]["body"])
    send(app, sqs_event({**body, "carried": carried}))
    assert len(receiver.requests) == 1
    assert aws.waiting("WebhookDeadLetterQueue") == 1


BEHIND_THE_API = [
    name
    for name, properties in template.functions().items()
    if any(event["Type"] == "Api" for event in properties.get("Events", {}).values())
]
EVERY_SCOPE = "executions:read executions:resend webhooks:read webhooks:manage"


@pytest.mark.parametrize("function", BEHIND_THE_API)
def test_no_api_call_is_logged_with_its_content(aws: MockAws, caplog: pytest.LogCaptureFixture, function: str) -> None:
    """Covers calls that succeed, are refused, or fail with a 500."""
    app = aws.start(function)
    ids = {"webhook_id": WEBHOOK, "message_id": "msg_1", "recovery_id": "rec_1", "asset": SECRET}
    absent = "20261123T173600.123456Z-9f3a2c1d"
    body = {"url": f"https://example.com/?token={SECRET}", "headers": {"Authorization": SECRET}, "since": SECRET}
    for fault in (False, True):
        if fault:
            for table in template.resources("AWS::DynamoDB::Table"):
                aws.dynamodb.delete_table(TableName=aws.refs[table])
        for change in ({"execution_id": absent}, {"execution_id": SECRET}):
            for given in (json.dumps(body), json.dumps({"url": body["url"]}), f'{{"{SECRET}', ""):
                for parameters in (None, {SECRET: SECRET}, {"limit": SECRET, "cursor": SECRET}):
                    event = {**api_event({**ids, **change}, parameters, scope=EVERY_SCOPE), "body": given}
                    event["headers"] = {"Authorization": f"Bearer {SECRET}"}
                    assert "statusCode" in app.lambda_handler(event, None)
    assert SECRET not in lines(caplog)


@pytest.mark.parametrize("token", [SECRET, f"Bearer {SECRET}", f"Bearer {SECRET}.e30.{SECRET}", f"Basic {SECRET}"])
def test_a_token_is_not_logged(aws: MockAws, caplog: pytest.LogCaptureFixture, token: str) -> None:
    arn = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/v1/GET/webhooks/acme.orders/executions"
    authorizer = aws.start("AuthorizeFunction")
    with pytest.raises(Exception, match="Unauthorized"):
        authorizer.lambda_handler({"type": "TOKEN", "methodArn": arn, "authorizationToken": token}, None)
    assert "token_refused" in lines(caplog)
    assert SECRET not in lines(caplog)
