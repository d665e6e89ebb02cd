"""Tests that no message is lost or sent twice when AWS services fail.

They use tables and queues built from template.yaml.
"""

import base64
import gzip
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.faults import FaultyService, failing, half_processed, refusing_entries, slowly
from tests.openapi import check, operations, resolved
from tests.proxy import AwsRequest
from tests.receiver import Receiver
from tests.recoveries import SINCE, Recovery
from tests.template import ROOT

WEBHOOK = "acme.orders"
Event = dict[str, Any]


def context(seconds: float = 60) -> SimpleNamespace:
    return SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: seconds * 1000)


pytestmark = pytest.mark.usefixtures("reset_receiver")


@pytest.fixture
def app(aws: MockAws) -> ModuleType:
    return aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1,1,1800")


def message(url: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_id": WEBHOOK, "message_id": "msg_1", "url": url, "payload": {"order": 1742}, **fields}


def send(app: ModuleType, event: Event, seconds: float = 60) -> list[str]:
    """Return the IDs of the queue messages that go back to the queue."""
    response = app.lambda_handler(event, context(seconds))
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def attempts_of(aws: MockAws, message_id: str = "msg_1", **grant: Any) -> list[dict[str, Any]]:
    app = aws.endpoint("list_message_executions")
    response = app.lambda_handler(api_event({"message_id": message_id}, **grant), None)
    assert response["statusCode"] == 200, response
    executions: list[dict[str, Any]] = json.loads(response["body"])["executions"]
    return executions


def seconds_until_next(execution: dict[str, Any]) -> float:
    at = datetime.fromisoformat(execution["next_attempt_at"])
    return (at - datetime.fromisoformat(execution["executed_at"])).total_seconds()


def test_a_failure_is_retried_until_it_succeeds(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    url = receiver.url("/sequence/until", codes="500,503,200")
    send(app, sqs_event(message(url, headers={"X-Shop": "berlin"}, event_type="order.created")))
    for _ in range(2):
        assert send(app, aws.take("WebhookQueue")) == []
    assert aws.waiting("WebhookQueue") == 0
    first, second, third = attempts_of(aws)
    assert [e["result"] for e in (first, second, third)] == [500, 503, 200]
    assert [e["attempt"] for e in (first, second, third)] == [1, 2, 3]
    assert [e["trigger"] for e in (first, second, third)] == ["event", "retry", "retry"]
    assert not any("next_attempt_at" in e for e in (first, second, third))
    assert not any("exhausted" in e for e in (first, second, third))
    requests = receiver.requests
    assert {request.body for request in requests} == {b'{"order":1742}'}
    assert [request.header("x-hooklog-attempt") for request in requests] == ["1", "2", "3"]
    assert {request.header("webhook-id") for request in requests} == {"msg_1"}
    assert {request.header("X-Shop") for request in requests} == {"berlin"}
    assert {request.header("x-hooklog-event") for request in requests} == {"order.created"}


def test_a_retry_does_not_read_executions_older_than_its_own(
    aws: MockAws, aws_endpoint: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Count what a retry reads.

    A topic's message has at least as many attempts as the topic has webhooks: too many to read per retry.
    """
    read: list[int] = []

    def count(asked: AwsRequest) -> None:
        if asked.operation == "Query":
            query = json.loads(asked.body)
            read.append(aws.dynamodb.query(**query)["ScannedCount"] if query.get("IndexName") == "by_message" else 0)

    with FaultyService(aws_endpoint) as dynamodb:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1,1,1800")
        for each in (f"acme.{number}" for number in range(5)):
            send(app, sqs_event(message(receiver.url("/status/500"), webhook_id=each)))
        retries = aws.take("WebhookQueue", 5)["Records"]
        with dynamodb.breaking(count):
            send(app, {"Records": [record for record in retries if "acme.4" in record["body"]]})
        assert sum(read) == 1
        assert [e["attempt"] for e in attempts_of(aws) if e["webhook_id"] == "acme.4"] == [1, 2]


def test_a_retry_beyond_the_sqs_delay_limit_is_scheduled(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    send(app, sqs_event(message(receiver.url("/status/500"))))
    for _ in range(2):
        send(app, aws.take("WebhookQueue"))
    assert aws.waiting("WebhookQueue") == 0
    last = attempts_of(aws)[-1]
    (summary,) = aws.scheduler.list_schedules(GroupName="Retries")["Schedules"]
    schedule = aws.scheduler.get_schedule(GroupName="Retries", Name=summary["Name"])
    at = datetime.fromisoformat(last["next_attempt_at"])
    assert schedule["ScheduleExpression"] == f"at({at:%Y-%m-%dT%H:%M:%S})"
    assert (schedule["ActionAfterCompletion"], schedule["FlexibleTimeWindow"]) == ("DELETE", {"Mode": "OFF"})
    send(app, sqs_event(scheduled_body(aws, schedule["Target"])))
    assert [e["attempt"] for e in attempts_of(aws)] == [1, 2, 3, 4]
    assert attempts_of(aws)[-1]["exhausted"] is True
    assert aws.waiting("WebhookQueue") == 0


def scheduled_body(aws: MockAws, target: dict[str, Any]) -> str:
    """Return the body that Scheduler sends.

    Checks the queue and message group that it sends to.
    """
    request = json.loads(target["Input"])
    assert target["Arn"] == "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    assert target["DeadLetterConfig"]["Arn"].endswith(":WebhookDeadLetterQueue")
    assert {**request, "MessageBody": ""} == {
        "QueueUrl": aws.refs["WebhookQueue"],
        "MessageGroupId": WEBHOOK,
        "MessageBody": "",
    }
    return str(request["MessageBody"])


def test_a_retry_that_scheduler_could_not_enqueue_can_be_redriven(
    app: ModuleType, aws: MockAws, receiver: Receiver
) -> None:
    """Its dead letter is the SendMessage request that Scheduler was to make."""
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1800")
    send(app, sqs_event(message(receiver.url("/sequence/late", codes="500,200"))))
    (summary,) = aws.scheduler.list_schedules(GroupName="Retries")["Schedules"]
    request = aws.scheduler.get_schedule(GroupName="Retries", Name=summary["Name"])["Target"]["Input"]
    assert send(app, sqs_event(request)) == []
    assert [(e["attempt"], e["result"]) for e in attempts_of(aws)] == [(1, 500), (2, 200)]


@pytest.mark.parametrize("body", [1, "not JSON", "{}", '{"webhook_id": "w", "payload": 1, "url": "https://a.example"}'])
def test_a_forged_scheduler_request_is_sent_to_the_dlq(
    app: ModuleType, aws: MockAws, receiver: Receiver, body: Any
) -> None:
    request = {"QueueUrl": aws.refs["WebhookQueue"], "MessageGroupId": WEBHOOK, "MessageBody": body}
    assert send(app, sqs_event(request)) == []
    assert len(aws.messages("WebhookDeadLetterQueue")) == 1
    assert receiver.requests == []


@pytest.mark.parametrize("path", ["/status/410", "ftp://example.com/"])
def test_a_permanent_error_is_not_retried(app: ModuleType, aws: MockAws, receiver: Receiver, path: str) -> None:
    send(app, sqs_event(message(path if "://" in path else receiver.url(path))))
    (only,) = attempts_of(aws)
    assert only["exhausted"] is True
    assert ("next_attempt_at" in only, aws.waiting("WebhookQueue")) == (False, 0)


def test_retries_can_be_turned_off(aws: MockAws, receiver: Receiver) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    send(app, sqs_event(message(receiver.url("/status/500"))))
    assert (attempts_of(aws)[0]["exhausted"], aws.waiting("WebhookQueue")) == (True, 0)


@pytest.mark.parametrize(
    ("asked", "low", "high"),
    [
        ({"retry_after": 120}, 120, 146),
        ({"retry_after": "30.5"}, 30.5, 38.6),
        ({"header": "Retry-After: 30.5", "retry_after": 7}, 30.5, 38.6),
        ({"retry_after": 0}, 240, 362),
        ({"retry_after": "Sunday, 06-Nov-94 08:49:37 GMT"}, 240, 362),
    ],
)
def test_retry_after_only_delays_a_retry(
    aws: MockAws, receiver: Receiver, asked: dict[str, Any], low: float, high: float
) -> None:
    schedule = "5" if low < 240 else "300"
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE=schedule)
    send(app, sqs_event(message(receiver.url("/status/503", **asked))))
    assert low <= seconds_until_next(attempts_of(aws)[0]) <= high


def test_a_retry_delivered_twice_is_sent_once(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    send(app, sqs_event(message(receiver.url("/status/500"))))
    event = aws.take("WebhookQueue")
    for _ in range(2):
        assert send(app, event) == []
    assert len(receiver.requests) == 2


def test_a_redelivered_message_is_not_sent_twice(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    event = sqs_event(message(receiver.url("/status/200")))
    redelivered = sqs_event(message(receiver.url("/status/200")), receive_count=2)
    assert send(app, event) == []
    assert send(app, redelivered) == []
    assert (len(receiver.requests), len(attempts_of(aws))) == (1, 1)


def test_a_redelivered_failure_has_its_retry_enqueued(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    body = message(receiver.url("/status/500"))
    send(app, sqs_event(body))
    aws.take("WebhookQueue")  # as if the function had crashed before enqueuing the retry
    assert send(app, sqs_event(body, receive_count=2)) == []
    assert (len(receiver.requests), aws.waiting("WebhookQueue")) == (1, 1)


@pytest.mark.parametrize("refusal", ["an error", "an entry"])
def test_a_retry_that_sqs_refuses_is_enqueued_after_redelivery(
    aws: MockAws, aws_endpoint: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    body = message(receiver.url("/status/500"))
    with FaultyService(aws_endpoint) as sqs, monkeypatch.context() as broken:
        broken.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="300")
        with sqs.breaking(failing if refusal == "an error" else refusing_entries):
            assert len(send(app, sqs_event(body))) == 1
        assert aws.waiting("WebhookQueue") == 0
        assert send(app, sqs_event(body, receive_count=2)) == []
    assert (len(receiver.requests), len(attempts_of(aws)), aws.waiting("WebhookQueue")) == (1, 1, 1)


@pytest.mark.parametrize("path", ["/status/429", "/close"])
def test_a_retry_that_scheduler_refuses_is_scheduled_after_redelivery(
    aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    body = message(receiver.url("/status/500"))
    with monkeypatch.context() as broken:
        broken.setenv("AWS_ENDPOINT_URL_SCHEDULER", receiver.url(path))
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1800")
        assert len(send(app, sqs_event(body))) == 1
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1800")
    assert send(app, sqs_event(body, receive_count=2)) == []
    (schedule,) = aws.scheduler.list_schedules(GroupName="Retries")["Schedules"]
    (failed,) = attempts_of(aws)
    assert schedule["Name"] == f"retry-{failed['execution_id']}"
    assert [request.path for request in receiver.requests if request.header("webhook-id")] == ["/status/500"]


@pytest.mark.parametrize(("left", "planned"), [(6.4, 0), (6.6, 1), (12.9, 1), (13.1, 2)])
def test_a_retry_is_left_to_the_redelivery_if_too_little_time_is_left(
    aws: MockAws, receiver: Receiver, left: float, planned: int
) -> None:
    """Reserve time for logging the slower message.

    After redelivery both are found in the log.
    """
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1800")
    both = [message(receiver.url("/status/500", delay=delay), message_id=f"m{delay}") for delay in ("0", "0.8")]
    seconds = iter([60.0] * len(both) + [left] * 10)
    little_time = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(seconds) * 1000)
    response = app.lambda_handler(sqs_event(*both), little_time)
    assert len(response["batchItemFailures"]) == 2 - planned
    assert len(aws.scheduler.list_schedules(GroupName="Retries")["Schedules"]) == planned
    assert send(app, sqs_event(*both, receive_count=2)) == []
    assert len(aws.scheduler.list_schedules(GroupName="Retries")["Schedules"]) == 2
    assert len(receiver.requests) == 2


def test_a_retry_that_is_already_scheduled_is_unchanged(aws: MockAws, receiver: Receiver) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1800")
    body = message(receiver.url("/status/500"))
    for receive_count in (1, 2):
        assert send(app, sqs_event(body, receive_count=receive_count)) == []
    (schedule,) = aws.scheduler.list_schedules(GroupName="Retries")["Schedules"]
    planned = aws.scheduler.get_schedule(GroupName="Retries", Name=schedule["Name"])["ScheduleExpression"]
    at = datetime.fromisoformat(attempts_of(aws)[0]["next_attempt_at"])
    assert planned == f"at({at:%Y-%m-%dT%H:%M:%S})"


def test_a_message_that_may_have_been_sent_is_marked_redelivered(
    app: ModuleType, aws: MockAws, receiver: Receiver
) -> None:
    assert send(app, sqs_event(message(receiver.url("/status/200")), receive_count=2)) == []
    (only,) = attempts_of(aws)
    assert (only["redelivered"], len(receiver.requests)) == (True, 1)


def test_the_same_message_id_put_on_the_queue_twice_is_sent_twice(
    app: ModuleType, aws: MockAws, receiver: Receiver
) -> None:
    body = message(receiver.url("/status/200"))
    event = sqs_event(body, body)
    assert send(app, event) == []
    assert len(receiver.requests) == 2


def test_an_execution_that_cannot_be_logged_is_logged_later(
    aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        outage.setenv("AWS_ENDPOINT_URL_DYNAMODB", receiver.refused_url)
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
        bodies = [message(receiver.url(f"/status/{n}"), message_id=f"msg_{n}") for n in (200, 500)]
        assert send(app, sqs_event(*bodies)) == []
    assert (len(receiver.requests), aws.rows("Executions")) == (2, [])
    writer = aws.start("LogUnloggedFunction")
    event = aws.take("UnloggedExecutions", 3)
    assert send(writer, event) == []
    assert send(writer, event) == []
    assert [len(aws.rows("Executions")), len(aws.rows("ExecutionDetails"))] == [2, 1]
    (failed,) = attempts_of(aws, "msg_500")
    assert failed["result"] == 500


def test_a_pending_log_write_stays_on_its_queue_while_the_log_is_unavailable(
    app: ModuleType, aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", receiver.refused_url)
    writer = aws.start("LogUnloggedFunction")
    item = {"table": "Executions", "item": {"webhook_id": {"S": "w"}, "executed_at": {"S": "x"}}}
    event = sqs_event(item)
    assert send(writer, event) == [event["Records"][0]["messageId"]]


@pytest.mark.parametrize(
    "body", ["not JSON", "[]", "{}", '{"table": "Executions"}', '{"table": "Executions", "item": {"webhook_id": "w"}}']
)
def test_an_invalid_pending_log_write_does_not_block_others(
    app: ModuleType, aws: MockAws, receiver: Receiver, body: str
) -> None:
    """Only the invalid one returns to the queue, until it becomes a dead letter."""
    writer = aws.start("LogUnloggedFunction")
    item = {name: {"S": name} for name in ("webhook_id", "executed_at", "message_id")}
    event = sqs_event(body, {"table": aws.refs["Executions"], "item": item})
    assert send(writer, event) == [event["Records"][0]["messageId"]]
    assert aws.rows("Executions") == [item]


def test_a_retry_waits_while_the_log_is_unavailable(
    aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", receiver.refused_url)
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
    assert send(app, sqs_event(retry_task(deferrals=0))) == []
    assert aws.waiting("WebhookQueue") == 1
    assert "GetError" in cause_of_postponement(caplog)


def test_a_retry_waits_while_the_log_lags(app: ModuleType, aws: MockAws, caplog: pytest.LogCaptureFixture) -> None:
    assert send(app, sqs_event(retry_task(deferrals=5))) == []
    assert aws.waiting("WebhookQueue") == 1
    assert "DoesNotExist" in cause_of_postponement(caplog)


def test_a_retry_waits_for_its_details(
    app: ModuleType, aws: MockAws, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    send(app, sqs_event(message(receiver.url("/status/500"))))
    retry = aws.take("WebhookQueue")
    (row,) = aws.rows("ExecutionDetails")
    key = {name: row[name] for name in ("webhook_id", "executed_at")}
    aws.dynamodb.delete_item(TableName=aws.refs["ExecutionDetails"], Key=key)
    send(app, retry)
    assert aws.waiting("WebhookQueue") == 1
    assert "details" in cause_of_postponement(caplog)


def cause_of_postponement(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = [each for each in caplog.records if each.__dict__.get("event") == "tasks_postponed"]
    return str(record.__dict__["cause"])


def test_a_retry_whose_execution_never_appears_is_sent_to_the_dlq(app: ModuleType, aws: MockAws) -> None:
    assert send(app, sqs_event(retry_task(deferrals=100))) == []
    (letter,) = aws.messages("WebhookDeadLetterQueue")
    assert "not in the log" in letter["MessageAttributes"]["Reason"]["StringValue"]
    assert aws.waiting("WebhookQueue") == 0


def retry_task(deferrals: int) -> dict[str, Any]:
    return {
        "webhook_id": WEBHOOK,
        "message_id": "msg_1",
        "repeat_of": "20261123T173600.123456Z-9f3a2c1d",
        "trigger": "retry",
        "once": True,
        "deferrals": deferrals,
    }


def test_nothing_is_started_that_cannot_finish_in_time(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    quick = message(receiver.url("/status/200"), timeout_seconds=1)
    slow = message(receiver.url("/status/200"), timeout_seconds=30)
    event = sqs_event(quick, slow)
    assert send(app, event, seconds=20) == [event["Records"][1]["messageId"]]
    assert send(app, sqs_event(slow), seconds=44) != [], "a request was sent without time left to log it"
    assert len(receiver.requests) == len(aws.rows("Executions")) == 1


def test_an_invalid_response_of_the_log_counts_as_unavailable(
    aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("AWS_ENDPOINT_URL_DYNAMODB", receiver.http_url)
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
    body = message(receiver.url("/status/200"))
    assert send(app, sqs_event(body)) == []
    writer = aws.start("LogUnloggedFunction")
    assert send(writer, aws.take("UnloggedExecutions")) == []
    assert len(aws.rows("Executions")) == 1


@pytest.fixture
def resend(aws: MockAws) -> Callable[..., tuple[int, dict[str, Any]]]:
    app = aws.endpoint("resend_execution")

    def call(execution_id: str, webhook_id: str = WEBHOOK, scope: str = "executions:resend") -> Any:
        path = {"webhook_id": webhook_id, "execution_id": execution_id}
        response = app.lambda_handler(api_event(path, scope=scope), None)
        return response["statusCode"], json.loads(response["body"])

    return call


def test_a_failure_can_be_resent(app: ModuleType, aws: MockAws, receiver: Receiver, resend: Callable[..., Any]) -> None:
    send(app, sqs_event(message(receiver.url("/sequence/resend", codes="410,500,200"))))
    first = attempts_of(aws)[0]
    assert resend(first["execution_id"]) == (202, {"message_id": "msg_1"})
    send(app, aws.take("WebhookQueue"))
    assert 0.8 <= seconds_until_next(attempts_of(aws)[1]) <= 1.5, "a resend restarts the retry schedule"
    send(app, aws.take("WebhookQueue"))
    executions = attempts_of(aws)
    assert [e["trigger"] for e in executions] == ["event", "resend", "retry"]
    assert [e["attempt"] for e in executions] == [1, 2, 3]


def test_white_space_in_a_logged_url_is_stripped_before_sending(
    app: ModuleType, aws: MockAws, receiver: Receiver, resend: Callable[..., Any]
) -> None:
    send(app, sqs_event(message(receiver.url("/sequence/spaced", codes="410,200"))))
    (row,) = aws.rows("ExecutionDetails")
    details = json.loads(gzip.decompress(row["content"]["B"]))
    content = gzip.compress(json.dumps({**details, "url": f" {details['url']}\n"}).encode())
    aws.dynamodb.put_item(TableName=aws.refs["ExecutionDetails"], Item={**row, "content": {"B": content}})
    assert resend(attempts_of(aws)[0]["execution_id"])[0] == 202
    send(app, aws.take("WebhookQueue"))
    first, second = receiver.requests
    assert second.path == first.path
    assert attempts_of(aws)[1]["success"]


def test_a_resend_that_is_impossible_is_refused(
    app: ModuleType, aws: MockAws, receiver: Receiver, resend: Callable[..., Any]
) -> None:
    send(app, sqs_event(message(receiver.url("/status/200"))))
    success = attempts_of(aws)[0]["execution_id"]
    unknown = "20261123T173600.123456Z-9f3a2c1d"
    assert [resend(i)[0] for i in (success, unknown, "x")] == [409, 404, 404]
    assert resend(success, webhook_id="acme.other")[0] == 404
    assert resend(success, scope="executions:read")[0] == 403
    assert aws.waiting("WebhookQueue") == 0


def test_the_attempts_of_a_message_contain_only_the_webhooks_that_the_token_covers(
    app: ModuleType, aws: MockAws, receiver: Receiver
) -> None:
    send(app, sqs_event(message(receiver.url("/status/200"))))
    assert len(attempts_of(aws, webhooks=["acme.*"])) == 1
    assert attempts_of(aws, webhooks=["other"]) == []
    assert attempts_of(aws, "unknown") == []
    shown = aws.endpoint("list_message_executions").lambda_handler(api_event({"message_id": ".."}), None)
    assert (shown["statusCode"], "message_id must be" in shown["body"]) == (400, True)


@pytest.fixture
def recovery(aws: MockAws) -> Recovery:
    return Recovery(aws)


def test_a_recovery_resends_everything_that_failed(aws: MockAws, receiver: Receiver, recovery: Recovery) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    failed = [message(receiver.url("/status/500"), message_id=f"failed_{n}") for n in range(9)]
    send(app, sqs_event(*failed, message(receiver.url("/status/200"), message_id="fine")))
    status, body = recovery.start(since=SINCE)
    assert status == 202
    assert recovery.progress(body["recovery_id"]) == {"status": "running", "found": 0, "queued": 0}
    recovery.run(aws.take("RecoveryQueue"))
    assert recovery.progress(body["recovery_id"]) == {"status": "done", "found": 9, "queued": 9}
    receiver.reset()
    send(app, aws.take("WebhookQueue", 9))
    assert sorted(request.header("webhook-id") or "" for request in receiver.requests) == [
        f"failed_{n}" for n in range(9)
    ]


def test_a_recovery_omits_messages_that_have_succeeded_meanwhile(
    app: ModuleType, aws: MockAws, receiver: Receiver, recovery: Recovery
) -> None:
    send(app, sqs_event(message(receiver.url("/sequence/meanwhile", codes="500,500,200"))))
    for _ in range(2):
        send(app, aws.take("WebhookQueue"))
    recovery_id = recovery.start(since=SINCE)[1]["recovery_id"]
    recovery.run(aws.take("RecoveryQueue"))
    assert recovery.progress(recovery_id) == {"status": "done", "found": 0, "queued": 0}
    assert aws.waiting("WebhookQueue") == 0


def test_a_message_that_failed_more_than_once_is_recovered_once(
    app: ModuleType, aws: MockAws, receiver: Receiver, recovery: Recovery
) -> None:
    send(app, sqs_event(message(receiver.url("/status/500"))))
    send(app, aws.take("WebhookQueue"))
    aws.take("WebhookQueue")
    recovery_id = recovery.start(since=SINCE)[1]["recovery_id"]
    recovery.run(aws.take("RecoveryQueue"))
    assert recovery.progress(recovery_id) == {"status": "done", "found": 1, "queued": 1}
    receiver.reset()
    send(app, aws.take("WebhookQueue"))
    assert [request.header("x-hooklog-attempt") for request in receiver.requests] == ["3"]


def test_a_recovery_is_limited_to_its_period(aws: MockAws, receiver: Receiver, recovery: Recovery) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    send(app, sqs_event(message(receiver.url("/status/500"), message_id="before")))
    middle = datetime.now(UTC)
    send(app, sqs_event(message(receiver.url("/status/500"), message_id="after")))
    for period, found in (({"since": SINCE, "until": middle.isoformat()}, 1), ({"since": middle.isoformat()}, 1)):
        recovery_id = recovery.start(**period)[1]["recovery_id"]
        recovery.run(aws.take("RecoveryQueue"))
        assert recovery.progress(recovery_id)["found"] == found


def test_the_progress_of_a_recovery_is_saved_when_no_time_is_left(
    aws: MockAws, receiver: Receiver, recovery: Recovery
) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    send(app, sqs_event(*(message(receiver.url("/status/500"), message_id=f"m{n}") for n in range(3))))
    recovery_id = recovery.start(since=SINCE)[1]["recovery_id"]
    for ticks, expected in (([60_000, 60_000, 0, 0], ("running", 2)), ([60_000, 0, 0], ("done", 3))):
        recovery.run(aws.take("RecoveryQueue"), *ticks)
        status, count = expected
        assert recovery.progress(recovery_id) == {"status": status, "found": count, "queued": count}
    assert sorted(json.loads(record["body"])["message_id"] for record in aws.take("WebhookQueue", 3)["Records"]) == [
        "m0",
        "m1",
        "m2",
    ]


def test_a_recovery_continues_after_a_crash(aws: MockAws, receiver: Receiver, recovery: Recovery) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    for start in range(0, 110, 10):
        bodies = [message(receiver.url("/status/500"), message_id=f"m{start + n}") for n in range(10)]
        send(app, sqs_event(*bodies))
    recovery_id = recovery.start(since=SINCE)[1]["recovery_id"]
    event = aws.take("RecoveryQueue")
    recovery.run(event, *[60_000] * 101, 0)  # time for one page only
    assert recovery.progress(recovery_id) == {"status": "running", "found": 100, "queued": 100}
    aws.take("RecoveryQueue")  # as if the function had crashed before enqueuing it
    recovery.run(event)
    recovery.run(event)
    assert recovery.progress(recovery_id) == {"status": "done", "found": 110, "queued": 110}
    receiver.reset()
    resends = aws.take("WebhookQueue", 110)["Records"]
    for start in range(0, 110, 10):
        send(app, {"Records": resends[start : start + 10]})
    assert len({request.header("webhook-id") for request in receiver.requests}) == len(receiver.requests) == 110


def conflict(response: tuple[int, Any]) -> str:
    """Return the ID of the running recovery that a 409 names."""
    status, body = response
    assert (status, body["error"]["code"]) == (409, "conflict"), body
    documented = resolved(operations()["POST", "/webhooks/{webhook_id}/recover"]["responses"]["409"])
    check(body, documented["content"]["application/json"]["schema"])
    return str(body["error"]["recovery_id"])


def set_age(seconds: int, attribute: str, aws: MockAws, recovery_id: str) -> None:
    """Set one of a recovery's timestamps to `seconds` ago."""
    aws.dynamodb.update_item(
        TableName=aws.refs["Recoveries"],
        Key={"webhook_id": {"S": WEBHOOK}, "recovery_id": {"S": recovery_id}},
        UpdateExpression=f"SET {attribute} = :at",
        ExpressionAttributeValues={":at": {"N": str(int(time.time()) - seconds)}},
    )


def test_one_recovery_of_a_webhook_runs_at_a_time(aws: MockAws, receiver: Receiver, recovery: Recovery) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    send(app, sqs_event(*(message(receiver.url("/status/500"), message_id=f"m{n}") for n in range(3))))
    first = recovery.start(since=SINCE)[1]["recovery_id"]
    set_age(3600, "advanced_at", aws, first)  # until it makes progress
    recovery.run(aws.take("RecoveryQueue"), 60_000, 60_000, 0, 0)
    second = recovery.start(since="2026-02-01T00:00:00Z")
    assert conflict(second) == first
    description = f"{first}, of what failed from 2026-01-01T00:00:00.000000Z to "
    assert description in second[1]["error"]["message"]
    assert "2 found and 2 queued so far" in second[1]["error"]["message"]
    assert recovery.start("acme.other", since=SINCE)[0] == 202
    recovery.run(aws.take("RecoveryQueue", 2))
    assert recovery.progress(first) == {"status": "done", "found": 3, "queued": 3}
    assert recovery.start(since=SINCE)[0] == 202


def test_only_one_of_many_concurrent_recoveries_starts(aws: MockAws, recovery: Recovery) -> None:
    with ThreadPoolExecutor(15) as pool:
        responses = list(pool.map(lambda _: recovery.start(since=SINCE), range(15)))
    (started,) = (body["recovery_id"] for status, body in responses if status == 202)
    assert {conflict(response) for response in responses if response[0] != 202} == {started}
    assert aws.waiting("RecoveryQueue") == 1


def test_a_recovery_without_progress_for_an_hour_is_replaced_and_does_not_continue(
    aws: MockAws, receiver: Receiver, recovery: Recovery
) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    send(app, sqs_event(message(receiver.url("/status/500"))))
    first = recovery.start(since=SINCE)[1]["recovery_id"]
    dead_letter = aws.take("RecoveryQueue")
    set_age(3500, "advanced_at", aws, first)
    assert conflict(recovery.start(since=SINCE)) == first
    set_age(3600, "advanced_at", aws, first)
    second = recovery.start(since=SINCE)[1]["recovery_id"]
    recovery.run(dead_letter)  # as a redrive would
    assert recovery.progress(first) == {"status": "stopped", "found": 0, "queued": 0}
    assert conflict(recovery.start(since=SINCE)) == second
    assert aws.waiting("RecoveryQueue") == 1
    recovery.run(aws.take("RecoveryQueue"))
    assert recovery.progress(second) == {"status": "done", "found": 1, "queued": 1}


def test_a_recovery_whose_start_failed_does_not_block_another(aws: MockAws, recovery: Recovery) -> None:
    url = aws.refs["RecoveryQueue"]
    unqueued = aws.endpoint("start_recovery", RECOVERY_QUEUE_URL=f"{url}-none")
    event = api_event({"webhook_id": WEBHOOK}, scope="executions:resend", body={"since": SINCE})
    assert unqueued.lambda_handler(event, None)["statusCode"] == 500
    assert recovery.start(since=SINCE)[0] == 202


def test_a_recovery_that_crashed_at_its_start_blocks_others_for_a_minute(aws: MockAws, recovery: Recovery) -> None:
    named = {"webhook_id": WEBHOOK, "recovery_id": "#running", "named": f"rec_{'0' * 24}"}
    numbers = {"named_at": {"N": str(int(time.time()))}, "expires_at": {"N": "4000000000"}}
    item = {name: {"S": value} for name, value in named.items()} | numbers
    aws.dynamodb.put_item(TableName=aws.refs["Recoveries"], Item=item)
    assert conflict(recovery.start(since=SINCE)) == named["named"]
    set_age(60, "named_at", aws, "#running")
    assert recovery.start(since=SINCE)[0] == 202


def test_a_recovery_that_continues_just_before_its_stop_is_not_stopped(
    aws: MockAws, aws_endpoint: str, recovery: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = recovery.start(since=SINCE)[1]["recovery_id"]
    set_age(3600, "advanced_at", aws, first)

    def continue_first(asked: AwsRequest) -> None:
        if asked.operation == "UpdateItem":
            set_age(0, "advanced_at", aws, first)

    with FaultyService(aws_endpoint) as dynamodb, dynamodb.breaking(continue_first), monkeypatch.context() as broken:
        broken.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
        late = aws.endpoint("start_recovery")
        event = api_event({"webhook_id": WEBHOOK}, scope="executions:resend", body={"since": SINCE})
        response = late.lambda_handler(event, None)
    assert conflict((response["statusCode"], json.loads(response["body"]))) == first
    (row,) = (row for row in aws.rows("Recoveries") if row["recovery_id"]["S"] == first)
    assert row["status"]["S"] == "running"


@pytest.mark.parametrize(
    "body",
    [{}, {"since": "yesterday"}, {"since": 1}, {"since": SINCE, "until": SINCE}, {"since": SINCE, "til": SINCE}],
)
def test_a_recovery_requires_a_period(aws: MockAws, recovery: Recovery, body: dict[str, Any]) -> None:
    status, response = recovery.start(**body)
    assert (status, response["error"]["code"]) == (400, "invalid_request")
    assert aws.waiting("RecoveryQueue") == 0


def test_a_recovery_requires_its_scope_and_is_visible_only_to_its_webhook(aws: MockAws, recovery: Recovery) -> None:
    assert recovery.start(since=SINCE, scope="executions:read")[0] == 403
    assert recovery.progress("rec_unknown") == 404


def test_a_recovery_does_not_find_its_own_resends(aws: MockAws, receiver: Receiver, recovery: Recovery) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
    send(app, sqs_event(message(receiver.url("/status/500"))))
    recovery_id = recovery.start(since=SINCE, until="2999-01-01T00:00:00Z")[1]["recovery_id"]
    send(app, sqs_event(message(receiver.url("/status/500"), message_id="later")))
    recovery.run(aws.take("RecoveryQueue"))
    assert recovery.progress(recovery_id) == {"status": "done", "found": 1, "queued": 1}


def test_a_record_that_a_batch_contains_twice_is_sent_once(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    event = sqs_event(message(receiver.url("/status/200")))
    assert send(app, {"Records": event["Records"] * 2}) == []
    assert len(receiver.requests) == len(attempts_of(aws)) == 1


def test_a_response_that_the_client_fails_to_parse_is_logged(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    hostile = [
        receiver.url("/status/503", retry_after=f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}"),
        receiver.url("/status/429", retry_after=f"Mon, 01 Jan {'9' * 11} 00:00:00 GMT"),
    ]
    assert send(app, sqs_event(*[message(url, message_id=f"m{n}") for n, url in enumerate(hostile)])) == []
    assert [e["result"] for n in range(2) for e in attempts_of(aws, f"m{n}")] == [503, 429]


def test_a_batch_is_logged_if_its_details_cannot_be_built(
    app: ModuleType, aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr("gzip.compress", out_of_memory)
    assert send(app, sqs_event(message(receiver.url("/status/410")))) == []
    assert attempts_of(aws)[0]["result"] == 410


def test_a_batch_too_large_for_the_memory_is_logged_one_by_one(
    app: ModuleType, aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumps = json.dumps

    def short_of_memory(value: Any, *arguments: Any, **options: Any) -> str:
        text = dumps(value, *arguments, **options)
        if len(text) > 600_000:
            raise MemoryError
        return text

    payload = base64.b85encode(os.urandom(200_000)).decode()
    bodies = [message(receiver.url("/status/500"), message_id=f"m{n}", payload=payload) for n in range(4)]
    event = sqs_event(*bodies)
    with monkeypatch.context() as short:
        short.setattr("json.dumps", short_of_memory)
        assert send(app, event) == []
    assert [len(aws.rows("Executions")), len(aws.rows("ExecutionDetails"))] == [4, 4]
    assert aws.waiting("WebhookQueue") == 4


def test_retries_too_large_for_the_memory_do_not_prevent_logging(
    aws: MockAws, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(value: Any, *arguments: Any, **options: Any) -> str:
        if isinstance(value, dict) and "repeat_of" in value:
            raise MemoryError
        return dumps(value, *arguments, **options)

    dumps = json.dumps
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", DETAILS_OF="none")
    slow = message(receiver.url("/status/200", delay="0.6"), message_id="m2")
    event = sqs_event(message(receiver.url("/status/500")), slow)
    with monkeypatch.context() as short:
        short.setattr("json.dumps", short_of_memory)
        assert send(app, event) == [event["Records"][0]["messageId"]]
    assert {row["message_id"]["S"] for row in aws.rows("Executions")} == {"msg_1", "m2"}


def test_ten_messages_of_1_mib_are_sent_in_little_memory(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    """Return to the queue the messages that do not fit into memory.

    Possible repetitions are marked redelivered.
    """
    payload = base64.b85encode(os.urandom(800_000)).decode()
    bodies = [message(receiver.url("/status/410"), message_id=f"m{n}", payload=payload) for n in range(10)]
    variables = aws.environment("SendWebhooksFunction", ALLOW_HTTP="true", MALLOC_ARENA_MAX="1")
    returned = _send_in_little_memory(sqs_event(*bodies), variables)
    retried = [each for each in sqs_event(*bodies, receive_count=2)["Records"] if each["messageId"] in returned]
    assert retried, "no message ran out of memory"
    _log_pending_writes(aws)
    assert send(app, {"Records": retried}) == []
    received = Counter(request.header("webhook-id") for request in receiver.requests)
    for n in range(10):
        executions = attempts_of(aws, f"m{n}")
        assert executions
        assert received[f"m{n}"] <= len(executions) + sum(e.get("redelivered", False) for e in executions)


def _send_in_little_memory(event: Event, variables: dict[str, str]) -> set[str]:
    """Return the IDs of the messages that go back to the queue.

    They are all of them if the process is killed.
    """
    process = subprocess.run(
        [sys.executable, "-m", "tests.memory_limit", "SendWebhooksFunction", "4"],
        input=json.dumps(event),
        env={**os.environ, **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if process.returncode:
        return {record["messageId"] for record in event["Records"]}
    failures = json.loads(process.stdout.splitlines()[-1])["batchItemFailures"]
    return {failure["itemIdentifier"] for failure in failures}


def _log_pending_writes(aws: MockAws) -> None:
    writer = aws.start("LogUnloggedFunction")
    while aws.waiting("UnloggedExecutions"):
        assert send(writer, aws.take("UnloggedExecutions")) == []


@pytest.mark.parametrize("waiting", ["poison", "retry"])
def test_pending_log_writes_are_enqueued_after_the_rest_of_the_batch_is_logged(
    aws: MockAws, sqs: FaultyService, receiver: Receiver, waiting: str
) -> None:
    logged: list[int] = []

    def count_logged(_: AwsRequest) -> None:
        logged.append(len(aws.rows("Executions")))

    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
    neighbour = message(receiver.url("/status/200", delay="0.6"))
    with sqs.breaking(count_logged):
        assert send(app, sqs_event(retry_task(0) if waiting == "retry" else "-", neighbour)) == []
    assert set(logged) == {1}


@pytest.mark.parametrize("seconds", [0, 0.6])
def test_unprocessed_items_of_dynamodb_are_written_again(
    aws: MockAws, aws_endpoint: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """DynamoDB takes two of a body's three items, then the third, however slowly."""
    noise = base64.b85encode(os.urandom(800_000)).decode()
    with FaultyService(aws_endpoint) as dynamodb, monkeypatch.context() as broken:
        broken.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
        with dynamodb.breaking(slowly(half_processed(dynamodb, 1), seconds)):
            assert send(app, sqs_event(message(receiver.url("/status/410"), payload=noise))) == []
    assert [len(aws.rows(table)) for table in ("ExecutionDetails", "Executions")] == [3, 1]
    assert (dynamodb.calls["BatchWriteItem"], aws.waiting("UnloggedExecutions")) == (3, 0)


def test_a_summary_is_never_stored_without_its_details(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    """If DynamoDB fails halfway, the details are already written."""
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    assert send(app, sqs_event(message(receiver.url("/status/410")))) == []
    assert len(aws.rows("ExecutionDetails")) == 1
    assert aws.waiting("UnloggedExecutions") == 1
