"""Tests of messages that the product puts on its own queues again.

Each loop ends with a dead letter that has a reason.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from hooklog.queues.retry_tasks import LONGEST_WAIT
from hooklog.sending.fan_out import MAX_REQUEUES, PAGE_SIZE
from hooklog.sending.processor import MAX_POSTPONEMENTS
from hooklog.sending.recovery import MAX_RUNS
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, Api

TOPIC, WEBHOOK = "acme", "acme.orders"
ORIGIN = {"queue_message_id": "q1", "unique_until": 4_000_000_000}
RETRY = {
    "webhook_id": WEBHOOK,
    "message_id": "msg_1",
    "repeat_of": "20261123T173600.123456Z-9f3a2c1d",
    "trigger": "retry",
    "once": True,
    "deferrals": 0,
}


def continuation(**origin: Any) -> dict[str, Any]:
    """Return a continuation of a topic's fan-out task."""
    copy_of = {**ORIGIN, **origin}
    return {"topic": TOPIC, "after": "w", "copies": 5, "message_id": "m1", "copy_of": copy_of, "payload": 1}


def waiting(due_in: timedelta) -> dict[str, Any]:
    """Return a retry that is due this long after the test begins.

    The test may begin a while after this call.
    """
    return {**RETRY, "due": due_in}


def set_due(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "due": (datetime.now(UTC) + body["due"]).isoformat()} if "due" in body else body


def send(sender: ModuleType, *bodies: Mapping[str, Any]) -> None:
    assert sender.lambda_handler(sqs_event(*bodies), CONTEXT)["batchItemFailures"] == []


def reasons(aws: MockAws, queue: str = "WebhookDeadLetterQueue") -> list[str]:
    return [dead_letter["MessageAttributes"]["Reason"]["StringValue"] for dead_letter in aws.messages(queue)]


@pytest.mark.parametrize(
    ("ended", "continued", "reason"),
    [
        (
            continuation(trips=MAX_REQUEUES),
            continuation(trips=MAX_REQUEUES - 1),
            "again 10,000 times, with 5 copies made",
        ),
        (continuation(trips=-1), continuation(), "copy_of must be"),
        ({**RETRY, "deferrals": MAX_POSTPONEMENTS}, {**RETRY, "deferrals": MAX_POSTPONEMENTS - 1}, "not in the log"),
        (waiting(LONGEST_WAIT + timedelta(minutes=1)), waiting(LONGEST_WAIT - timedelta(minutes=1)), "within 29 hours"),
        (waiting(timedelta(days=365_000)), waiting(timedelta(minutes=20)), "within 29 hours"),
    ],
)
def test_messages_that_the_sender_enqueues_for_itself_end(
    aws: MockAws,
    api: Api,
    sender: ModuleType,
    receiver: Receiver,
    ended: dict[str, Any],
    continued: dict[str, Any],
    reason: str,
) -> None:
    api.put("x", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
    send(sender, set_due(continued))
    assert (aws.waiting("WebhookQueue"), reasons(aws)) == (1, [])
    send(sender, set_due(ended))
    assert aws.waiting("WebhookQueue") == 1
    (found,) = reasons(aws)
    assert reason in found


def test_each_continuation_of_a_fan_out_task_is_counted(
    aws: MockAws, api: Api, sender: ModuleType, receiver: Receiver
) -> None:
    """Count only in the continuation, because copies do not return."""
    api.put("x", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
    (row,) = aws.rows("Webhooks")
    for number in range(PAGE_SIZE + 1):
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "webhook_id": {"S": f"w{number:03}"}})
    send(sender, continuation(trips=7))
    bodies = [json.loads(record["body"]) for record in aws.take("WebhookQueue", PAGE_SIZE + 1)["Records"]]
    assert [body["copy_of"]["trips"] for body in bodies if "topic" in body] == [8]
    assert all(body["copy_of"] == ORIGIN for body in bodies if "topic" not in body)


def test_a_redriven_fan_out_task_restarts_the_count(
    aws: MockAws, api: Api, sender: ModuleType, receiver: Receiver
) -> None:
    api.put("x", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
    event = sqs_event(continuation(trips=MAX_REQUEUES))
    event["Records"][0]["messageAttributes"] = {
        "Reason": {"dataType": "String", "stringValue": "requeued too often"},
        "QueueMessageId": {"dataType": "String", "stringValue": "q1"},
    }
    assert sender.lambda_handler(event, CONTEXT)["batchItemFailures"] == []
    assert (aws.waiting("WebhookQueue"), reasons(aws)) == (1, [])


@pytest.fixture
def recovery_id(aws: MockAws, sender: ModuleType, receiver: Receiver) -> str:
    """Return the ID of a recovery with two failures."""
    url = receiver.url("/status/410")
    send(sender, *({"webhook_id": WEBHOOK, "message_id": f"m{n}", "url": url, "payload": n} for n in range(2)))
    start = aws.endpoint("start_recovery")
    path, body = {"webhook_id": WEBHOOK}, {"since": "2026-01-01T00:00:00Z"}
    response = start.lambda_handler(api_event(path, scope="executions:resend", body=body), None)
    return str(json.loads(response["body"])["recovery_id"])


def run(aws: MockAws, event: dict[str, Any], seconds: float) -> None:
    context = type(CONTEXT)(get_remaining_time_in_millis=lambda: seconds * 1000)
    aws.start("RunRecoveryFunction").lambda_handler(event, context)


def test_each_run_of_a_recovery_is_counted(aws: MockAws, recovery_id: str) -> None:
    task = {"webhook_id": WEBHOOK, "recovery_id": recovery_id}
    event = aws.take("RecoveryQueue")
    assert json.loads(event["Records"][0]["body"]) == task
    for runs in (1, 2):
        run(aws, event, seconds=0)
        event = aws.take("RecoveryQueue")
        assert json.loads(event["Records"][0]["body"]) == {**task, "runs": runs}


def test_a_recovery_that_does_not_end_is_sent_to_the_dlq_and_continues_when_redriven(
    aws: MockAws, recovery_id: str
) -> None:
    aws.take("RecoveryQueue")
    task = {"webhook_id": WEBHOOK, "recovery_id": recovery_id}
    run(aws, sqs_event({**task, "runs": MAX_RUNS - 1}), seconds=0)
    assert aws.waiting("RecoveryQueue") == 0
    (dead_letter,) = aws.messages("RecoveryDeadLetterQueue")
    assert "has not ended after 10,000 runs" in dead_letter["MessageAttributes"]["Reason"]["StringValue"]
    run(aws, sqs_event(dead_letter["Body"]), seconds=60)
    assert aws.waiting("RecoveryQueue") == 0
    assert len(aws.take("WebhookQueue", 2)["Records"]) == 2


def test_a_recovery_that_ends_in_its_last_run_is_not_sent_to_the_dlq(aws: MockAws, recovery_id: str) -> None:
    run(aws, sqs_event({"webhook_id": WEBHOOK, "recovery_id": recovery_id, "runs": MAX_RUNS - 1}), seconds=60)
    assert aws.waiting("RecoveryDeadLetterQueue") == 0


@pytest.mark.parametrize(
    "body",
    ["not JSON", "{}", '{"webhook_id": "w", "recovery_id": 1}', '{"webhook_id": "w", "recovery_id": "r", "runs": -1}'],
)
def test_an_invalid_recovery_task_is_sent_to_the_dlq_at_once(aws: MockAws, body: str) -> None:
    run(aws, sqs_event(body), seconds=60)
    assert len(reasons(aws, "RecoveryDeadLetterQueue")) == 1
