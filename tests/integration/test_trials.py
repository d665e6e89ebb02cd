"""Testing a webhook: sent at once, or shown what would be sent."""

import json
from types import ModuleType
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from tests.aws import MockAws
from tests.events import api_event
from tests.openapi import check, operations, resolved
from tests.receiver import Receiver
from tests.webhooks import ID, Api, history, recover, resend

PATH = "/webhooks/{webhook_id}/test"
DEFAULT = b'{"test":true,"text":"This is a test of your webhook."}'


@pytest.fixture
def tester(aws: MockAws, receiver: Receiver) -> ModuleType:
    receiver.reset()
    return start(aws)


def start(aws: MockAws, **overrides: str) -> ModuleType:
    return aws.start("TestWebhookFunction", ALLOW_HTTP="true", **overrides)


def ask(tester: ModuleType, status: int = 200, /, *, change: dict[str, Any] | None = None, **fields: Any) -> Any:
    event = api_event({"webhook_id": ID}, **{"scope": "webhooks:manage", "body": fields or None, **(change or {})})
    answer = tester.lambda_handler(event, None)
    assert answer["statusCode"] == status, answer["body"]
    body = json.loads(answer["body"])
    documented = resolved(operations()["POST", PATH]["responses"][str(status)])
    check(body, documented["content"]["application/json"]["schema"])
    return body


def test_a_webhook_that_is_off_is_sent_to_at_once_and_the_answer_holds_everything(
    api: Api, aws: MockAws, tester: ModuleType, receiver: Receiver
) -> None:
    headers = {"Authorization": "Bearer s3cr3t", "X-Own": "s3cr3t", "X-Shop": "berlin"}
    url = receiver.url("/status/200", body="welcome")
    _, created = api.put(url=url, headers=headers, sensitive_headers=["x-own"], event_types=["order.created"])
    shown = ask(tester)
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


def test_what_fails_is_not_retried_recovered_or_sent_again(
    api: Api, aws: MockAws, tester: ModuleType, receiver: Receiver
) -> None:
    api.put(url=receiver.url("/status/500", body="no"), retry_schedule=[1])
    shown = ask(tester, payload={"order": 1742}, event_type="order.created")
    assert (shown["result"], shown["response_body"], shown["event_type"]) == (500, "no", "order.created")
    assert "next_attempt_at" not in shown
    assert aws.waiting("WebhookQueue") == 0
    assert recover(aws) == (0, 0)
    assert resend(aws, history(aws)[0]) == 409
    answer = aws.start("GetExecutionFunction").lambda_handler(
        api_event({"webhook_id": ID, "execution_id": shown["execution_id"]}), None
    )
    assert json.loads(answer["body"]) == shown


@pytest.mark.parametrize(
    ("url", "kind"),
    [("http://10.1.2.3/", "blocked_address"), ("https://does-not-exist.invalid/", "dns_failure")],
)
def test_the_guard_holds_for_a_test_as_well(api: Api, aws: MockAws, tester: ModuleType, url: str, kind: str) -> None:
    api.put(url="https://does-not-exist.invalid/")
    (row,) = aws.rows("Webhooks")
    aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "url": {"S": url}})
    shown = ask(tester)
    assert (shown["error"]["type"], shown["hard_error"], shown["result"]) == (kind, True, 0)


def test_what_is_sent_is_transformed(api: Api, tester: ModuleType, receiver: Receiver) -> None:
    api.put(url=receiver.url("/status/200"), transformation='{"id": message_id, "of": webhook_id, "n": payload.n}')
    shown = ask(tester, payload={"n": 1})
    (request,) = receiver.requests
    assert json.loads(request.body) == {"id": shown["message_id"], "of": ID, "n": 1}
    assert shown["request_body"].encode() == request.body


def test_what_is_skipped_or_fails_is_logged_as_such(api: Api, aws: MockAws, tester: ModuleType) -> None:
    api.put(url="https://shop.example/hooks", transformation="payload.send ? payload : $error('no order')")
    assert ask(tester, payload=1)["error"]["type"] == "transformation_error"
    api.put(url="https://shop.example/hooks", transformation="payload.send ? payload", version=1)
    shown = ask(tester, payload=1)
    assert (shown["skipped"], shown["success"], shown["request_headers"]) == (True, True, {})
    assert [row.get("skipped", {}).get("BOOL") for row in history(aws)] == [None, True]


def test_a_dry_run_shows_what_would_be_sent_and_leaves_no_trace(
    api: Api, aws: MockAws, tester: ModuleType, receiver: Receiver
) -> None:
    url, expression = receiver.url("/status/200"), '{"n": payload.n}'
    _, created = api.put(url=url, headers={"Authorization": "s3cr3t"}, transformation=expression)
    shown = ask(tester, payload={"n": 1, "m": 2}, event_type="order.created", dry_run=True)
    headers = shown["request_headers"]
    assert (shown["dry_run"], shown["method"], shown["url"], shown["request_body"]) == (True, "POST", url, '{"n":1}')
    assert Verifier(created["secret"]).verify(shown["request_body"], headers) == {"n": 1}
    assert (headers["Authorization"], headers["x-hooklog-event"]) == ("••••", "order.created")
    assert (receiver.requests, history(aws)) == ([], [])


def test_a_dry_run_may_try_another_transformation(api: Api, tester: ModuleType) -> None:
    api.put(url="https://shop.example/hooks", transformation='"stored"')
    assert ask(tester, payload=1, dry_run=True, transformation="payload + 1")["request_body"] == "2"
    assert ask(tester, payload=1, dry_run=True, transformation=None)["request_body"] == "1"
    assert ask(tester, payload=1, dry_run=True)["request_body"] == '"stored"'
    assert ask(tester, payload=1, dry_run=True, transformation="null")["skipped"] is True
    for expression in ("payload +", "payload & $nope()"):
        error = ask(tester, payload=1, dry_run=True, transformation=expression)["error"]
        assert error["type"] == "transformation_error"
        assert "character" in error["message"]
    assert "dry_run" in ask(tester, 400, payload=1, transformation="payload")["error"]["message"]


@pytest.mark.parametrize(
    "fields",
    [{"dry_run": 1}, {"dry_run": None}, {"event_type": "a b"}, {"event_type": 1}, {"url": "https://shop.example/"},
     {"dry_run": True, "transformation": ""}, {"dry_run": True, "transformation": 1}, {"message_id": "msg_1"}],
)  # fmt: skip
def test_a_field_out_of_range_is_refused(api: Api, tester: ModuleType, fields: dict[str, Any]) -> None:
    api.put(url="https://shop.example/hooks")
    ask(tester, 400, **fields)


def test_who_may_test(api: Api, tester: ModuleType) -> None:
    ask(tester, 404)
    api.put(url="https://shop.example/hooks")
    ask(tester, 403, change={"scope": "executions:read executions:resend webhooks:read"})
    ask(tester, 403, change={"webhooks": ["bcme.*"]})


def test_a_change_is_effective_at_once(api: Api, tester: ModuleType, receiver: Receiver) -> None:
    api.put(url=receiver.url("/status/500"))
    assert ask(tester)["result"] == 500
    api.put(url=receiver.url("/status/200"), version=1)
    assert ask(tester)["result"] == 200


def test_what_has_no_details_that_can_be_made_is_logged_all_the_same(
    api: Api, tester: ModuleType, aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> bytes:
        raise MemoryError

    api.put(url=receiver.url("/status/500"))
    monkeypatch.setattr("gzip.compress", out_of_memory)
    assert ask(tester)["result"] == 500
    assert [len(aws.rows("Executions")), len(aws.rows("ExecutionDetails"))] == [1, 0]


@pytest.mark.parametrize("queue_too", [False, True])
def test_what_cannot_be_logged_is_answered_all_the_same(
    api: Api, aws: MockAws, receiver: Receiver, caplog: pytest.LogCaptureFixture, queue_too: bool
) -> None:
    receiver.reset()
    api.put(url=receiver.url("/status/200"))
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    overrides = {"UNLOGGED_QUEUE_URL": "http://127.0.0.1:1/none"} if queue_too else {}
    shown = ask(start(aws, **overrides))
    assert shown["result"] == 200
    if queue_too:
        assert "a test was not logged" in caplog.messages
    else:
        (waiting,) = aws.messages("UnloggedExecutions")
        assert shown["execution_id"] in waiting["Body"]


@pytest.mark.parametrize(("details_of", "kept"), [("failures", True), ("none", False)])
def test_the_log_keeps_what_the_deployment_keeps(
    api: Api, aws: MockAws, receiver: Receiver, details_of: str, kept: bool
) -> None:
    receiver.reset()
    api.put(url=receiver.url("/status/500", body="no"))
    shown = ask(start(aws, DETAILS_OF=details_of))
    assert (shown["response_body"], bool(aws.rows("ExecutionDetails"))) == ("no", kept)
