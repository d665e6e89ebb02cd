"""Webhook tests, which send a request at once, and dry runs."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from hooklog.sending.webhook_test import LOCK_SECONDS
from tests import leaks
from tests.aws import Endpoint, MockAws
from tests.events import api_event
from tests.faults import FaultyService, failing
from tests.logs import logged_events
from tests.openapi import check, operations, resolved
from tests.proxy import AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.webhooks import ID, Api, history, recover, resend, send

PATH = "/webhooks/{webhook_id}/test"
DEFAULT = b'{"test":true,"text":"This is a test of your webhook."}'


@pytest.fixture
def tester(aws: MockAws, receiver: Receiver) -> Endpoint:
    receiver.reset()
    return start(aws)


def start(aws: MockAws, **overrides: str) -> Endpoint:
    return aws.endpoint("test_webhook", ALLOW_HTTP="true", **overrides)


def run_test(
    tester: Endpoint,
    status: int = 200,
    /,
    *,
    webhook_id: str = ID,
    seconds: float = 29,
    change: dict[str, Any] | None = None,
    **fields: Any,
) -> Any:
    """Return the response of a function that has this many seconds left."""
    given = {"scope": "webhooks:manage", "body": fields or None, **(change or {})}
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: seconds * 1000)
    response = tester.lambda_handler(api_event({"webhook_id": webhook_id}, **given), context)
    assert response["statusCode"] == status, response["body"]
    body = json.loads(response["body"])
    documented = resolved(operations()["POST", PATH]["responses"][str(status)])
    check(body, documented["content"]["application/json"]["schema"])
    return body


def test_a_disabled_webhook_is_tested_and_the_response_has_every_field(
    api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver
) -> None:
    headers = {"Authorization": "Bearer s3cr3t", "X-Own": "s3cr3t", "X-Shop": "berlin"}
    url = receiver.url("/status/200", body="welcome")
    _, created = api.put(url=url, headers=headers, sensitive_headers=["x-own"], event_types=["order.created"])
    shown = run_test(tester)
    (request,) = receiver.requests
    assert Verifier(created["secret"]).verify(request.body, dict(request.headers)) == json.loads(DEFAULT)
    assert dict(request.headers)["X-Own"] == "s3cr3t"
    expected = {
        "trigger": "test", "attempt": 1, "result": 200, "success": True, "hard_error": False, "url": url,
        "request_body": DEFAULT.decode(), "response_body": "welcome",
    }  # fmt: skip
    assert expected.items() <= shown.items()
    sent = {name: shown["request_headers"][name] for name in headers}
    assert sent == {"Authorization": "••••", "X-Own": "••••", "X-Shop": "berlin"}
    assert shown["request_headers"]["webhook-id"] == shown["message_id"]
    (row,) = history(aws)
    assert (row["executed_at"]["S"], row["trigger"]["S"]) == (shown["execution_id"], "test")
    assert aws.rows("ExecutionDetails") == []


def test_a_failed_test_is_not_retried_recovered_or_resent(
    api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver
) -> None:
    api.put(url=receiver.url("/status/500", body="no"), retry_schedule=[1])
    shown = run_test(tester, payload={"order": 1742}, event_type="order.created")
    assert (shown["result"], shown["response_body"], shown["event_type"]) == (500, "no", "order.created")
    assert "next_attempt_at" not in shown
    assert aws.waiting("WebhookQueue") == 0
    assert recover(aws) == (0, 0)
    assert resend(aws, history(aws)[0]) == 409
    response = aws.endpoint("get_execution").lambda_handler(
        api_event({"webhook_id": ID, "execution_id": shown["execution_id"]}), None
    )
    assert json.loads(response["body"]) == {**shown, "details_of": "failures"}


@pytest.mark.parametrize(
    ("url", "kind"),
    [("http://10.1.2.3/", "blocked_address"), ("https://does-not-exist.invalid/", "dns_failure")],
)
def test_a_test_cannot_reach_blocked_addresses(api: Api, aws: MockAws, tester: Endpoint, url: str, kind: str) -> None:
    api.put(url="https://does-not-exist.invalid/")
    (row,) = aws.rows("Webhooks")
    aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "url": {"S": url}})
    shown = run_test(tester)
    assert (shown["error"]["type"], shown["hard_error"], shown["result"]) == (kind, True, 0)


def test_a_test_is_transformed(api: Api, tester: Endpoint, receiver: Receiver) -> None:
    api.put(url=receiver.url("/status/200"), transformation='{"id": message_id, "of": webhook_id, "n": payload.n}')
    shown = run_test(tester, payload={"n": 1})
    (request,) = receiver.requests
    assert json.loads(request.body) == {"id": shown["message_id"], "of": ID, "n": 1}
    assert shown["request_body"].encode() == request.body


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"transformation": '{"n": payload.n}'}, {"transformation": "null"}, {"transformation": "$error('no')"},
        {"headers": {"X-Shop": "berlin"}, "sensitive_headers": ["x-shop"]}, {"timeout_seconds": 2.5},
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 500])
def test_a_test_sends_the_same_request_as_the_sender(
    api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver, fields: dict[str, Any], status: int
) -> None:
    api.put(url=receiver.url(f"/status/{status}"), enabled=True, **fields)
    tester = start(aws)
    run_test(tester, payload={"n": 1, "m": 1.5}, event_type="order.created")
    send(sender, {"webhook_id": ID, "payload": {"n": 1, "m": 1.5}, "event_type": "order.created"})
    names = ("X-Shop", "Content-Type", "x-hooklog-event", "x-hooklog-attempt", "x-hooklog-webhook")
    sent = [(request.body, *map(request.header, names)) for request in receiver.requests]
    assert len(sent) in (0, 2)
    assert len(set(sent)) <= 1
    rows = history(aws)
    outcomes = [
        {name: row[name] for name in ("result", "hard_error", "error_type", "skipped") if name in row} for row in rows
    ]
    assert outcomes[0] == outcomes[1]
    assert {row.get("trigger", {}).get("S", "event") for row in rows} == {"test", "event"}


@pytest.mark.parametrize(
    ("settings", "error_type"),
    [({"ALLOW_HTTP": "false"}, "invalid_url"), ({"ALLOWED_NETWORKS": ""}, "blocked_address")],
)
def test_a_test_refuses_the_urls_that_the_sender_refuses(
    api: Api, aws: MockAws, receiver: Receiver, settings: dict[str, str], error_type: str
) -> None:
    """The webhook was registered while the deployment allowed its URL."""
    receiver.reset()
    api.put(url=receiver.url("/status/200"), enabled=True)
    settings = {"ALLOW_HTTP": "true", **settings}
    assert run_test(aws.endpoint("test_webhook", **settings))["error"]["type"] == error_type
    send(aws.start("SendWebhooksFunction", **settings), {})
    assert [row["error_type"]["S"] for row in history(aws)] == [error_type] * 2
    assert receiver.requests == []


OF_ONE_EXECUTION = {"execution_id", "message_id", "trigger", "executed_at", "duration_ms"}
OF_RETRIES = {"next_attempt_at", "exhausted"}
NOT_OF_TESTS = {"response_headers", "details_of"}
OF_ONE_ATTEMPT = {"webhook-id", "webhook-timestamp", "webhook-signature", "traceparent", *leaks.HEADER}


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("details_of", ["failures", "all", "none"])
def test_a_test_is_logged_and_shown_like_a_sent_message(
    api: Api, aws: MockAws, receiver: Receiver, details_of: str, status: int
) -> None:
    """Compare a test's View with that of a delivery.

    The response to the test is the same as View, whatever is stored.
    """
    receiver.reset()
    headers = {"Authorization": "Bearer s3cr3t", "X-Own": "s3cr3t", "X-Shop": "berlin"}
    url = receiver.url(f"/status/{status}", body="out of stock")
    api.put(url=url, enabled=True, headers=headers, sensitive_headers=["x-own"], transformation='{"n": payload.n}')
    settings = {"DETAILS_OF": details_of, "CAPTURE_LIMIT_BYTES": "3"}
    masking = {"SENSITIVE_HEADERS": "X-Hooklog-Event"}
    message: dict[str, Any] = {"payload": {"n": 1, "m": 2}, "event_type": "order.created"}
    response_to_test = run_test(start(aws, **settings, **masking), **message)
    send(aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="5", **settings), message)
    view = aws.endpoint("get_execution", **masking)
    tested, sent = (comparable(shown(view, row)) for row in history(aws))
    assert tested == sent
    assert ("request_headers" in tested) == (details_of == "all" or (details_of == "failures" and status == 500))
    complete = comparable(response_to_test)
    assert tested.items() <= complete.items()
    assert complete["response_body"] == "out"
    masked = {name for name, value in complete["request_headers"].items() if value == "••••"}
    assert masked == {"Authorization", "X-Own", "x-hooklog-event"}


def shown(view: Endpoint, row: dict[str, Any]) -> dict[str, Any]:
    path = {"webhook_id": row["webhook_id"]["S"], "execution_id": row["executed_at"]["S"]}
    found: dict[str, Any] = json.loads(view.lambda_handler(api_event(path), None)["body"])
    return found


def comparable(execution: dict[str, Any]) -> dict[str, Any]:
    """Return what two executions of the same message have in common."""
    headers = execution.get("request_headers", {}).items()
    own = {"request_headers": {name: value for name, value in headers if name not in OF_ONE_ATTEMPT}} if headers else {}
    return {k: v for k, v in execution.items() if k not in OF_ONE_EXECUTION | OF_RETRIES | NOT_OF_TESTS} | own


def test_a_skipped_or_failed_test_is_logged(api: Api, aws: MockAws, tester: Endpoint) -> None:
    api.put(url="https://shop.example/hooks", transformation="payload.send ? payload : $error('no order')")
    assert run_test(tester, payload=1)["error"]["type"] == "transformation_error"
    api.put(url="https://shop.example/hooks", transformation="payload.send ? payload", version=1)
    shown = run_test(tester, payload=1)
    assert (shown["skipped"], shown["success"], shown["request_headers"]) == (True, True, {})
    assert [row.get("skipped", {}).get("BOOL") for row in history(aws)] == [None, True]


def test_a_dry_run_returns_the_request_and_sends_and_logs_nothing(
    api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver
) -> None:
    url, expression = receiver.url("/status/200"), '{"n": payload.n}'
    _, created = api.put(url=url, headers={"Authorization": "s3cr3t"}, transformation=expression)
    shown = run_test(tester, payload={"n": 1, "m": 2}, event_type="order.created", dry_run=True)
    headers = shown["request_headers"]
    assert (shown["dry_run"], shown["method"], shown["url"], shown["request_body"]) == (True, "POST", url, '{"n":1}')
    assert Verifier(created["secret"]).verify(shown["request_body"], headers) == {"n": 1}
    assert (headers["Authorization"], headers["x-hooklog-event"]) == ("••••", "order.created")
    assert (receiver.requests, history(aws)) == ([], [])


def test_a_dry_run_accepts_another_transformation(api: Api, tester: Endpoint) -> None:
    api.put(url="https://shop.example/hooks", transformation='"stored"')
    assert run_test(tester, payload=1, dry_run=True, transformation="payload + 1")["request_body"] == "2"
    assert run_test(tester, payload=1, dry_run=True, transformation=None)["request_body"] == "1"
    assert run_test(tester, payload=1, dry_run=True)["request_body"] == '"stored"'
    assert run_test(tester, payload=1, dry_run=True, transformation="null")["skipped"] is True
    for expression in ("payload +", "payload & $nope()"):
        error = run_test(tester, payload=1, dry_run=True, transformation=expression)["error"]
        assert error["type"] == "transformation_error"
        assert "character" in error["message"]
    assert "dry_run" in run_test(tester, 400, payload=1, transformation="payload")["error"]["message"]


def test_a_dry_run_of_an_unregistered_webhook_shows_the_body(
    api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver
) -> None:
    shown = run_test(tester, payload={"n": 1}, event_type="a.b", dry_run=True, transformation="payload.n + 1")
    assert (shown["request_body"], shown["request_headers"], "url" in shown) == ("2", {}, False)
    assert "error" not in shown
    assert run_test(tester, payload=1, dry_run=True)["request_body"] == "1"
    assert run_test(tester, payload=1, dry_run=True, transformation="null")["skipped"] is True
    failed = run_test(tester, payload=1, dry_run=True, transformation="payload +")
    assert (failed["error"]["type"], failed["request_body"]) == ("transformation_error", "1")
    run_test(tester, 403, dry_run=True, change={"webhooks": ["bcme.*"]})
    run_test(tester, 403, dry_run=True, change={"scope": "executions:read webhooks:read"})
    run_test(tester, 400, payload=1, dry_run=True, transformation="")
    assert (receiver.requests, history(aws)) == ([], [])


@pytest.mark.parametrize(
    "fields",
    [{"dry_run": 1}, {"dry_run": None}, {"event_type": "a b"}, {"event_type": 1}, {"url": "https://shop.example/"},
     {"dry_run": True, "transformation": ""}, {"dry_run": True, "transformation": 1}, {"message_id": "msg_1"}],
)  # fmt: skip
def test_a_field_out_of_range_is_refused(api: Api, tester: Endpoint, fields: dict[str, Any]) -> None:
    api.put(url="https://shop.example/hooks")
    run_test(tester, 400, **fields)


def test_a_test_requires_its_scope_and_webhook(api: Api, tester: Endpoint) -> None:
    run_test(tester, 404)
    api.put(url="https://shop.example/hooks")
    run_test(tester, 403, change={"scope": "executions:read executions:resend webhooks:read"})
    run_test(tester, 403, change={"webhooks": ["bcme.*"]})


def test_a_test_uses_a_change_immediately(api: Api, tester: Endpoint, receiver: Receiver) -> None:
    api.put(url=receiver.url("/status/500"))
    assert run_test(tester)["result"] == 500
    api.put(url=receiver.url("/status/200"), version=1)
    assert run_test(tester)["result"] == 200


def test_a_test_is_logged_if_its_details_cannot_be_built(
    api: Api, tester: Endpoint, aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> bytes:
        raise MemoryError

    api.put(url=receiver.url("/status/500"))
    monkeypatch.setattr("gzip.compress", out_of_memory)
    assert run_test(tester)["result"] == 500
    assert [len(aws.rows("Executions")), len(aws.rows("ExecutionDetails"))] == [1, 0]


@pytest.mark.parametrize("queue_too", [False, True])
def test_a_test_that_cannot_be_logged_returns_its_result(
    api: Api, aws: MockAws, receiver: Receiver, caplog: pytest.LogCaptureFixture, queue_too: bool
) -> None:
    receiver.reset()
    api.put(url=receiver.url("/status/200"))
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    overrides = {"UNLOGGED_QUEUE_URL": "http://127.0.0.1:1/none"} if queue_too else {}
    shown = run_test(start(aws, **overrides))
    assert shown["result"] == 200
    if queue_too:
        assert "test_not_logged" in logged_events(caplog)
    else:
        (waiting,) = aws.messages("UnloggedExecutions")
        assert shown["execution_id"] in waiting["Body"]


@pytest.mark.parametrize(("details_of", "stored"), [("failures", True), ("none", False)])
def test_a_test_is_logged_with_the_details_that_the_deployment_stores(
    api: Api, aws: MockAws, receiver: Receiver, details_of: str, stored: bool
) -> None:
    receiver.reset()
    api.put(url=receiver.url("/status/500", body="no"))
    shown = run_test(start(aws, DETAILS_OF=details_of))
    assert (shown["response_body"], bool(aws.rows("ExecutionDetails"))) == ("no", stored)


@pytest.fixture
def dynamodb(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyService]:
    """Yield the DynamoDB of the functions that start after this fixture."""
    with FaultyService(aws_endpoint) as faulty:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", faulty.url)
        yield faulty


class TestLock:
    def test_a_second_test_is_refused_while_one_is_running(
        self, api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/silent"), timeout_seconds=3)
        api.put("acme.other", url=receiver.url("/status/200"))
        with ThreadPoolExecutor(1) as parallel:
            first = parallel.submit(run_test, tester)
            receiver.wait_for(1, path="/silent")
            refused = run_test(tester, 429)["error"]
            assert (refused["code"], "is running" in refused["message"]) == ("too_many_requests", True)
            assert run_test(tester, dry_run=True)["dry_run"] is True
            assert run_test(tester, webhook_id="acme.other")["result"] == 200
            assert first.result()["error"]["type"] == "read_timeout"
        assert aws.rows("Recoveries") == []
        api.put(url=receiver.url("/status/200"), version=1)
        assert run_test(tester)["result"] == 200

    @pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 200), (60, 429)])
    def test_the_lock_of_a_crashed_test_expires(
        self, api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver, seconds: int, status: int
    ) -> None:
        api.put(url=receiver.url("/status/200"))
        texts: dict[str, Any] = {"webhook_id": {"S": ID}, "recovery_id": {"S": "#test"}, "holder": {"S": "dead"}}
        expires_at = {"N": str(int(time.time()) + seconds)}
        aws.dynamodb.put_item(TableName=aws.refs["Recoveries"], Item={**texts, "expires_at": expires_at})
        run_test(tester, status)
        assert len(receiver.requests) == (status == 200)

    def test_a_late_test_does_not_release_the_lock_of_another(
        self, api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/silent"), timeout_seconds=2)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(run_test, tester)
            receiver.wait_for(1, path="/silent")
            (row,) = aws.rows("Recoveries")
            others = {**row, "named": {"S": "another"}}
            aws.dynamodb.put_item(TableName=aws.refs["Recoveries"], Item=others)
            assert late.result()["error"]["type"] == "read_timeout"
        assert aws.rows("Recoveries") == [others]

    def test_the_lock_is_released_whatever_the_outcome(self, api: Api, aws: MockAws, tester: Endpoint) -> None:
        api.put(url="https://does-not-exist.invalid/", transformation="payload.send ? payload : $error('no')")
        for payload, key in (({"send": True}, "error"), ({}, "error")):
            assert key in run_test(tester, payload=payload)
        run_test(tester, 500, seconds=9)
        assert aws.rows("Recoveries") == []

    def test_a_lost_response_of_dynamodb_does_not_block_its_own_test(
        self, api: Api, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        """Expect the SDK's retry to find what its first request has written."""
        api.put(url=receiver.url("/status/200"))
        dynamodb.calls.clear()
        with dynamodb.breaking(lost_once(dynamodb, "PutItem")):
            assert run_test(start(aws))["result"] == 200
        assert dynamodb.calls["PutItem"] == 2

    def test_a_lock_that_cannot_be_released_expires(
        self, api: Api, aws: MockAws, dynamodb: FaultyService, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.put(url=receiver.url("/status/200"))
        with dynamodb.breaking(lambda asked: failing(asked) if asked.operation == "DeleteItem" else None):
            assert run_test(start(aws))["result"] == 200
        assert "test_lock_not_released" in logged_events(caplog)
        (row,) = aws.rows("Recoveries")
        assert 0 < int(row["expires_at"]["N"]) - time.time() <= LOCK_SECONDS


def lost_once(service: FaultyService, operation: str) -> Callable[[AwsRequest], AwsResponse | None]:
    """Forward the first call of an operation, but answer it with a fault."""
    left = [1]

    def fault(asked: AwsRequest) -> AwsResponse | None:
        if asked.operation != operation or not left[0]:
            return None
        left[0] -= 1
        service.forward(asked)
        return failing(asked)

    return fault


class TestTimeLimit:
    """API Gateway returns 504 after 29 s, cold start included, even if the webhook was sent."""

    def test_a_test_responds_in_time_with_a_slow_receiver_and_no_log(
        self,
        api: Api,
        aws: MockAws,
        aws_endpoint: str,
        dynamodb: FaultyService,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        receiver.reset()
        api.put(url=receiver.url("/drip-body", bytes=1000, interval=0.1), timeout_seconds=30)
        with FaultyService(aws_endpoint) as sqs:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
            tester, started = start(aws), time.monotonic()
            with dynamodb.silent("BatchWriteItem", "DeleteItem"), sqs.silent():
                shown = run_test(tester, seconds=12)
            assert time.monotonic() - started < 12
        assert (len(receiver.requests), shown["trigger"]) == (1, "test")
        assert (shown["result"], shown["duration_ms"] < 3500) == (200, True)
        assert {"test_not_logged", "test_lock_not_released"} <= set(logged_events(caplog))

    @pytest.mark.parametrize("seconds", [0, 5, 9.9])
    def test_nothing_is_sent_if_too_little_time_is_left(
        self, api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver, seconds: float
    ) -> None:
        api.put(url=receiver.url("/status/200"), transformation="payload")
        error = run_test(tester, 500, seconds=seconds)["error"]
        assert (error["code"], error["message"][:17]) == ("internal_error", "Nothing was sent:")
        assert (receiver.requests, history(aws), aws.rows("Recoveries")) == ([], [], [])

    def test_a_slow_transformation_is_not_awaited(
        self, api: Api, aws: MockAws, tester: Endpoint, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/200"), transformation="$sum($map([1..100000], function($n) { $n * $n }))")
        assert "took too long" in run_test(tester, 500, seconds=10.3)["error"]["message"]
        assert (receiver.requests, history(aws)) == ([], [])

    def test_the_duration_of_a_cold_start_is_deducted(self, api: Api, tester: Endpoint, receiver: Receiver) -> None:
        api.put(url=receiver.url("/status/200"))
        event = api_event({"webhook_id": ID}, scope="webhooks:manage")
        event["requestContext"]["requestTimeEpoch"] = (time.time() - 20) * 1000
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 29_000)
        assert tester.lambda_handler(event, context)["statusCode"] == 500
        assert receiver.requests == []
