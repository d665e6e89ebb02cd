"""Tests of webhooks with a transformation.

They cover what is sent, skipped, failed and resent.
"""

import json
from types import ModuleType
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from hooklog.executions.execution import iso_time
from hooklog.webhooks.child_process import EvaluatorClient
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, ID, Api, history, recover, resend, send

TEXT = '{"text": "Order " & payload.order}'


def put(api: Api, url: str, transformation: str | None, **fields: Any) -> dict[str, Any]:
    status, body = api.put(url=url, enabled=True, transformation=transformation, **fields)
    assert status in (200, 201), body
    return body


def details(aws: MockAws, row: dict[str, Any]) -> dict[str, Any]:
    path = {"webhook_id": row["webhook_id"]["S"], "execution_id": row["executed_at"]["S"]}
    shown: dict[str, Any] = json.loads(aws.endpoint("get_execution").lambda_handler(api_event(path), None)["body"])
    return shown


def send_queued(aws: MockAws) -> None:
    """Send the queued messages with a new sender, whose caches are empty."""
    later = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="5")
    assert later.lambda_handler(aws.take("WebhookQueue"), CONTEXT) == {"batchItemFailures": []}


def test_the_transformed_body_is_signed_and_sent(
    api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
) -> None:
    created = put(api, receiver.url("/status/200"), TEXT)
    assert send(sender, {}) == []
    (request,) = receiver.requests
    assert request.body == b'{"text":"Order 1742"}'
    assert Verifier(created["secret"]).verify(request.body, dict(request.headers)) == {"text": "Order 1742"}
    (row,) = history(aws)
    assert (row["result"]["N"], "skipped" in row) == ("200", False)


def test_a_message_with_a_url_of_its_own_is_not_transformed(api: Api, sender: ModuleType, receiver: Receiver) -> None:
    put(api, receiver.url("/status/200"), TEXT)
    send(sender, {"url": receiver.url("/status/200")})
    (request,) = receiver.requests
    assert request.body == b'{"order":1742}'


def test_a_skipped_message_is_a_success_in_the_history(
    api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    put(api, receiver.url("/status/200"), "payload.order > 2000 ? payload")
    assert send(sender, {"message_id": "m1"}) == []
    assert receiver.requests == []
    listing = aws.endpoint("list_executions")
    (shown,) = json.loads(listing.lambda_handler(api_event({"webhook_id": ID}), None)["body"])["executions"]
    assert {name: shown[name] for name in ("success", "skipped", "result", "hard_error", "attempt")} == {
        "success": True,
        "skipped": True,
        "result": 0,
        "hard_error": False,
        "attempt": 1,
    }
    failures = api_event({"webhook_id": ID}, {"status": "failure"})
    assert json.loads(listing.lambda_handler(failures, None)["body"])["executions"] == []
    assert aws.waiting("WebhookQueue") == 0
    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [sample["Skipped"] for sample in counted if "Skipped" in sample] == [[1.0]]
    assert not any(name in sample for sample in counted for name in ("Delivered", "Failed", "DeliveryLatency"))


def test_a_skipped_message_is_not_recovered(api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver) -> None:
    put(api, receiver.url("/status/200"), "$nope()")
    send(sender, {"message_id": "m1"})
    put(api, receiver.url("/status/200"), "null", version=1)
    assert resend(aws, history(aws)[0]) == 202
    send_queued(aws)
    assert [row.get("skipped", {}).get("BOOL", False) for row in history(aws)] == [False, True]
    assert recover(aws, until=iso_time(history(aws)[1]["executed_at"]["S"])) == (0, 0)


def test_a_failed_expression_is_an_execution_that_can_be_resent_after_a_fix(
    api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
) -> None:
    put(api, receiver.url("/status/200"), "payload.order + event_type")
    assert send(sender, {"message_id": "m1", "event_type": "order.created"}) == []
    assert receiver.requests == []
    (row,) = history(aws)
    shown = details(aws, row)
    assert shown["error"] == {
        "type": "transformation_error",
        "message": "The transformation failed: The right side of the + operator must evaluate to a number (T2002)",
    }
    assert (shown["hard_error"], shown["exhausted"], shown["request_body"]) == (True, True, '{"order":1742}')
    assert aws.waiting("WebhookQueue") == 0
    put(api, receiver.url("/status/200"), TEXT, version=1)
    assert recover(aws) == (1, 1)
    send_queued(aws)
    (request,) = receiver.requests
    assert request.body == b'{"text":"Order 1742"}'


@pytest.mark.parametrize("details_of", ["failures", "none"])
def test_any_error_message_of_an_expression_is_logged_and_shown(
    api: Api, aws: MockAws, receiver: Receiver, details_of: str
) -> None:
    """Log an error message that contains an unpaired surrogate.

    DynamoDB and UTF-8 do not accept one, and SQS would redeliver a message that cannot be logged a hundred times.
    """
    put(api, receiver.url("/status/200"), "$error(payload)")
    sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", DETAILS_OF=details_of)
    messages = ["a\ud800b", "\udfff\ud83d", "\ud83d\ude00", "a\0b", "\uffff", "\x1b[31m", "\x85"]
    assert send(sender, *({"payload": text, "message_id": f"m{n}"} for n, text in enumerate(messages))) == []
    assert aws.waiting("UnloggedExecutions") == 0
    rows = sorted(history(aws), key=lambda row: row["message_id"]["S"])
    shown = [details(aws, row)["error"]["message"] for row in rows]
    failed, place = "The transformation failed: ", " (D3137, character 7)"
    assert [text.removeprefix(failed).removesuffix(place) for text in shown] == [
        "a\ufffdb", "\ufffd\ufffd", "😀", "a\ufffdb", "\ufffd", "\ufffd[31m", "\ufffd",
    ]  # fmt: skip
    tester = aws.endpoint("test_webhook", ALLOW_HTTP="true", DETAILS_OF=details_of)
    tested = tester.lambda_handler(
        api_event({"webhook_id": ID}, scope="webhooks:manage", body={"payload": messages[0]}), None
    )
    assert (tested["statusCode"], json.loads(tested["body"])["error"]["message"]) == (200, shown[0])


def test_a_message_for_a_disabled_webhook_is_transformed_when_it_is_resent(
    api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
) -> None:
    api.put(url=receiver.url("/status/200"), transformation=TEXT)
    send(sender, {})
    assert details(aws, history(aws)[0])["request_body"] == '{"order":1742}'
    put(api, receiver.url("/status/200"), TEXT, version=1)
    resend(aws, history(aws)[0])
    send_queued(aws)
    (request,) = receiver.requests
    assert request.body == b'{"text":"Order 1742"}'


@pytest.mark.parametrize("before", [TEXT, None])
@pytest.mark.parametrize("details_of", ["failures", "none"])
def test_a_retry_has_the_same_body_after_the_expression_has_changed(
    api: Api, aws: MockAws, receiver: Receiver, before: str | None, details_of: str
) -> None:
    receiver.reset()
    put(api, receiver.url("/status/500"), before, retry_schedule=[1])
    send(aws.start("SendWebhooksFunction", ALLOW_HTTP="true", DETAILS_OF=details_of), {})
    put(api, receiver.url("/status/500"), '"other"', version=1, retry_schedule=[1])
    send_queued(aws)
    if details_of == "failures":
        assert resend(aws, history(aws)[-1]) == 202
        send_queued(aws)
    first, *retries = receiver.requests
    assert {request.body for request in retries} == {first.body}


@pytest.mark.usefixtures("reset_receiver")
def test_a_message_returns_to_the_queue_if_the_evaluator_fails(
    api: Api, aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(api, receiver.url("/status/200"), TEXT)
    # Not the shared one, which has started.
    monkeypatch.setattr("hooklog.webhooks.transformation.EvaluatorClient", EvaluatorClient)
    sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
    monkeypatch.setattr("sys.executable", "/none")
    assert len(send(sender, {}, {"url": receiver.url("/status/200")})) == 1
    assert len(receiver.requests) == len(history(aws)) == 1


def test_a_tenants_slow_expressions_do_not_delay_the_batch(
    api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
) -> None:
    evil = [f"evil.w{number}" for number in range(3)]
    for webhook_id in evil:
        url = receiver.url("/status/200")
        api.put(webhook_id, url=url, enabled=True, transformation="($f := function($n) {$f($n)}; $f(1))")
    put(api, receiver.url("/status/200"), TEXT)
    assert send(sender, *({"webhook_id": webhook_id} for webhook_id in evil), {}) == []
    order = [row["webhook_id"]["S"] for row in history(aws)]
    assert sorted(order) == [ID, *evil]
    assert order.index(ID) <= 1
    errors = {details(aws, row).get("error", {}).get("message") for row in history(aws)}
    assert errors == {None, "The transformation failed: it takes more than 0.5 s to evaluate"}


def test_nothing_is_evaluated_that_could_not_be_logged_in_time(
    api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
) -> None:
    put(api, receiver.url("/status/200"), "$error('no')", timeout_seconds=1)
    context = type(CONTEXT)(aws_request_id="r", get_remaining_time_in_millis=lambda: 34_000)
    event = sqs_event({"webhook_id": ID, "payload": {}})
    returned = [{"itemIdentifier": event["Records"][0]["messageId"]}]
    assert sender.lambda_handler(event, context) == {"batchItemFailures": returned}
    assert history(aws) == []


def test_an_expression_that_does_not_compile_is_not_saved(api: Api) -> None:
    fields = {"url": "https://shop.example/hooks"}
    for transformation, reason in (
        ("payload.(", "does not compile: Expected ) before end of expression (S0203, character 9)"),
        ("", "a JSONata expression of up to 32768 characters"),
        ("'" + "x" * 32_767 + "'", "a JSONata expression of up to 32768 characters"),
        ({"text": 1}, "not an object"),
    ):
        status, body = api.put(**fields, transformation=transformation)
        assert (status, reason in body["error"]["message"]) == (400, True), body
    assert api.put(**fields, transformation="'" + "x" * 32_766 + "'")[0] == 201
    assert api.get()[1]["transformation"] == "'" + "x" * 32_766 + "'"
