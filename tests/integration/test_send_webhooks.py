"""The sender's handler, from an SQS event to the rows of the log."""

import base64
import gzip
import json
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hooklog.executions.execution import Trigger
from hooklog.queues.retry_tasks import RetryTask
from hooklog.sending.fan_out import PAGE_SIZE
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.receiver import Receiver
from tests.webhooks import CONTEXT

Start = Any


@pytest.fixture
def app(aws: MockAws, receiver: Receiver) -> ModuleType:
    receiver.reset()
    return aws.start("SendWebhooksFunction", ALLOW_HTTP="true")


def message(url: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_id": "acme.orders", "url": url, "payload": {"order": 1742}, **fields}


def send(app: ModuleType, *bodies: object, receive_count: int = 1) -> dict[str, Any]:
    response: dict[str, Any] = app.lambda_handler(sqs_event(*bodies, receive_count=receive_count), CONTEXT)
    return response


NO_FAULTS: dict[str, Any] = {"batchItemFailures": []}


def test_a_success_is_stored_as_one_small_row(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    before = int(time.time())
    body = message(receiver.url("/status/200"), message_id="msg_1", event_type="order.created")
    assert send(app, body) == NO_FAULTS
    (row,) = aws.rows("Executions")
    executed_at, expires_at = row.pop("executed_at")["S"], int(row.pop("expires_at")["N"])
    assert int(row.pop("duration_ms")["N"]) < 60_000
    assert row == {
        "webhook_id": {"S": "acme.orders"},
        "message_id": {"S": "msg_1"},
        "event_type": {"S": "order.created"},
        "attempt": {"N": "1"},
        "result": {"N": "200"},
        "body_bytes": {"N": "0"},
        "queue_message_id": {"S": "059f36b4-87a3-44ab-83d2-000000000000"},
    }
    assert len(executed_at) == len("20261123T173600.123456Z-9f3a2c1d")
    assert 90 * 86_400 <= expires_at - before < 90 * 86_400 + 10
    assert aws.rows("ExecutionDetails") == []


def test_the_details_of_a_failure_are_stored_compressed(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    before = int(time.time())
    assert send(app, message(receiver.url("/status/500", body="out of stock"))) == NO_FAULTS
    (row,) = aws.rows("Executions")
    assert (row["failed_at"], row["result"], "hard_error" in row) == (row["executed_at"], {"N": "500"}, False)
    (details,) = aws.rows("ExecutionDetails")
    assert (details["webhook_id"], details["executed_at"]) == (row["webhook_id"], row["executed_at"])
    assert 30 * 86_400 <= int(details["expires_at"]["N"]) - before < 30 * 86_400 + 10
    content = json.loads(gzip.decompress(details["content"]["B"]))
    assert (content["request_body"], content["response_body"]) == ('{"order":1742}', "out of stock")


def test_the_setting_all_stores_the_details_of_a_success(aws: MockAws, receiver: Receiver) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", DETAILS_OF="all")
    send(app, message(receiver.url("/status/200", body="thanks")))
    (details,) = aws.rows("ExecutionDetails")
    assert json.loads(gzip.decompress(details["content"]["B"]))["response_body"] == "thanks"


def test_a_body_of_1_mib_is_logged_whole(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    noise = base64.b85encode(_random_bytes(830_000)).decode()
    assert len(noise) > 1_000_000
    assert send(app, message(receiver.url("/status/500"), payload=noise)) == NO_FAULTS
    parts = aws.rows("ExecutionDetails")
    assert len(parts) > 1
    parts.sort(key=lambda row: row["executed_at"]["S"])
    content = json.loads(gzip.decompress(b"".join(row["content"]["B"] for row in parts)))
    assert json.loads(content["request_body"]) == noise


def test_ten_bodies_of_1_mib_are_logged_whole(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    noise = base64.b85encode(_random_bytes(830_000)).decode()
    assert send(app, *[message(receiver.url("/status/500"), payload=noise)] * 10) == NO_FAULTS
    assert len(aws.rows("Executions")) == 10
    assert sum(len(row["content"]["B"]) for row in aws.rows("ExecutionDetails")) > 8_000_000


def _random_bytes(count: int) -> bytes:
    import random

    return random.Random(1742).randbytes(count)


def test_a_receivers_failure_is_never_a_batch_item_failure(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    urls = [receiver.refused_url, *map(receiver.url, ("/status/500", "/reset", "/garbage", "/status/302", "/close"))]
    assert send(app, *map(message, urls), message("ftp://example.com/")) == NO_FAULTS
    results = sorted(int(row["result"]["N"]) for row in aws.rows("Executions"))
    assert results == [0, 0, 0, 0, 0, 302, 500]
    assert len(aws.rows("ExecutionDetails")) == 7


@pytest.mark.parametrize("networks", ["", "10.0.0.0/8"])
def test_nothing_is_sent_to_a_network_that_is_not_allowed(aws: MockAws, receiver: Receiver, networks: str) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", ALLOWED_NETWORKS=networks)
    receiver.reset()
    assert send(app, message(receiver.url("/status/200"))) == NO_FAULTS
    (row,) = aws.rows("Executions")
    assert (row["result"]["N"], "next_attempt_at" in row, receiver.connections) == ("0", False, 0)
    assert aws.waiting("WebhookQueue") == 0


def test_the_messages_of_a_batch_are_sent_in_parallel(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    """Expect a connection per message: one thread would reuse its connection."""
    receiver.reset()
    assert send(app, *[message(receiver.url("/status/200", delay=1))] * 10) == NO_FAULTS
    assert receiver.connections == 10
    assert len(aws.rows("Executions")) == 10


def test_the_messages_of_a_larger_batch_are_sent_in_parallel(aws: MockAws, receiver: Receiver) -> None:
    """Expect a connection per message: ten threads would reuse their connections."""
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", BATCH_SIZE="25")
    receiver.reset()
    assert send(app, *[message(receiver.url("/status/200", delay=2))] * 25) == NO_FAULTS
    assert receiver.connections == 25
    assert len(aws.rows("Executions")) == 25


def test_a_slow_receiver_delays_neither_sending_nor_logging(aws: MockAws, receiver: Receiver) -> None:
    import threading

    receiver.reset()
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
    bodies = [message(receiver.url("/silent"), timeout_seconds=6)]
    bodies += [message(receiver.url("/status/200"))] * 9
    batch = threading.Thread(target=send, args=(app, *bodies))
    batch.start()
    receiver.wait_for(9, path="/status/200")
    while len(aws.rows("Executions")) < 9:
        assert batch.is_alive(), "the other messages were logged only after the slow one"
        time.sleep(0.02)
    batch.join()
    assert len(aws.rows("Executions")) == 10


POISON = {
    "not json": "not JSON",
    '{"webhook_id": "w", "url": null, "payload": 1}': "url must be",
    '{"webhook_id": "w", "url": "https://x.example/\\u00ad", "payload": 1}': "url contains U+00AD SOFT HYPHEN at",
    '{"webhook_id": "w", "headers": {"Content_Length": "9"}, "payload": 1}': "header Content_Length is not allowed",
    '{"webhook_id": "w/../x", "url": "https://x/", "payload": 1}': "webhook_id must be",
}


def test_poison_goes_to_the_dead_letter_queue_at_once(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    good = message(receiver.url("/status/200"))
    assert send(app, good, *POISON, good) == NO_FAULTS
    assert len(aws.rows("Executions")) == 2
    dead_letters = {each["Body"]: each["MessageAttributes"] for each in aws.messages("WebhookDeadLetterQueue")}
    assert dead_letters.keys() == POISON.keys()
    for body, reason in POISON.items():
        assert reason in dead_letters[body]["Reason"]["StringValue"]
        assert dead_letters[body]["QueueMessageId"]["StringValue"].startswith("059f36b4-")
        assert dead_letters[body]["tenant"] == {"DataType": "String", "StringValue": "acme"}


def test_the_largest_poison_message_goes_to_the_dlq(app: ModuleType, aws: MockAws) -> None:
    body = "x" * 1_048_576
    assert send(app, body) == NO_FAULTS
    (dead_letter,) = aws.messages("WebhookDeadLetterQueue")
    assert dead_letter["MessageAttributes"]["BodyEncoding"]["StringValue"] == "gzip+base64"
    assert gzip.decompress(base64.b64decode(dead_letter["Body"])).decode() == body


def test_an_incompressible_poison_message_is_truncated(app: ModuleType, aws: MockAws) -> None:
    body = base64.b64encode(_random_bytes(786_000)).decode()
    assert send(app, body) == NO_FAULTS
    (dead_letter,) = aws.messages("WebhookDeadLetterQueue")
    assert dead_letter["MessageAttributes"]["BodyEncoding"]["StringValue"] == "truncated"
    assert "not JSON" in dead_letter["MessageAttributes"]["Reason"]["StringValue"]
    assert body.startswith(dead_letter["Body"])
    assert len(dead_letter["Body"]) > 1_000_000


def test_a_poison_message_that_cannot_be_sent_to_the_dlq_is_redelivered(aws: MockAws, receiver: Receiver) -> None:
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", DEAD_LETTER_QUEUE_URL="http://127.0.0.1:1/none")
    event = sqs_event("not json", message(receiver.url("/status/200")))
    response = app.lambda_handler(event, CONTEXT)
    assert response == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert len(aws.rows("Executions")) == 1


def test_connections_are_reused_across_invocations(app: ModuleType, receiver: Receiver) -> None:
    for _ in range(3):
        send(app, message(receiver.url("/status/200")))
    assert len({request.connection for request in receiver.requests}) == 1


def test_the_log_lines_name_the_failure_without_content(
    app: ModuleType, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "s3cr3t-t0ken"
    url, headers = receiver.url("/status/500", body=secret), {"Authorization": secret}
    body = message(url, headers=headers, payload=secret, message_id="msg_1", event_type="order.created")
    send(app, body, '{"payload": "' + secret)
    written = [app.logger.registered_formatter.format(log) for log in caplog.records if log.name == "hooklog"]
    lines = [json.loads(line) for line in written]
    assert secret not in "".join(written)
    assert {line["event"] for line in lines} == {"execution_failed", "message_dead_lettered", "batch_processed"}
    failed = next(line for line in lines if line["event"] == "execution_failed")
    assert (failed["webhook_id"], failed["message_id"], failed["result"]) == ("acme.orders", "msg_1", 500)
    assert (failed["status_class"], failed["event_type"]) == ("5xx", "order.created")
    assert failed["queue_ms"] > 0


def last_batch(app: ModuleType, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """Return the log lines of the last batch by event."""
    written = [json.loads(app.logger.registered_formatter.format(record)) for record in caplog.records]
    lines = {line["event"]: line for line in written if "event" in line}
    caplog.clear()
    return lines


def test_a_batch_counts_each_message_by_its_outcome(
    app: ModuleType, aws: MockAws, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    counted = ("delivered", "failed", "invalid", "ignored", "postponed", "unsent", "faults")
    good = message(receiver.url("/status/200"), message_id="msg_1")
    missing = RetryTask("acme.orders", "msg_2", "20261124T022030.387442Z-c406244c", Trigger.RETRY, skip_if_resent=True)

    def counts(app: ModuleType) -> tuple[int, ...]:
        batch = last_batch(app, caplog)["batch_processed"]
        return tuple(batch[name] for name in counted)

    send(app, good, message(receiver.url("/status/500"), message_id="msg_3"), "not JSON")
    assert counts(app) == (1, 1, 1, 0, 0, 0, 0)
    send(app, good, receive_count=2)
    assert counts(app) == (0, 0, 0, 1, 0, 0, 0)
    send(app, missing.to_body())
    assert counts(app) == (0, 0, 0, 0, 1, 0, 0)
    no_time = SimpleNamespace(aws_request_id="request-2", get_remaining_time_in_millis=lambda: 1000)
    app.lambda_handler(sqs_event(good), no_time)
    assert counts(app) == (0, 0, 0, 0, 0, 1, 0)
    aws.dynamodb.delete_table(TableName=aws.refs["Executions"])
    send(app, good)
    lag = last_batch(app, caplog)["log_writes_pending"]
    assert (lag["level"], lag["items"], lag["cause"]) == ("WARNING", 1, "ResourceNotFoundException")
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", UNLOGGED_QUEUE_URL="http://127.0.0.1:1/none")
    send(app, good)
    lines = last_batch(app, caplog)
    back = lines["message_returned"]
    assert back["cause"].startswith(
        "not logged: ResourceNotFoundException, nor queued: AWS.SimpleQueueService.NonExistentQueue"
    )
    assert (back["level"], lines["batch_processed"]["faults"]) == ("ERROR", 1)


def test_the_producers_trace_is_sent_on_every_attempt(aws: MockAws, receiver: Receiver) -> None:
    receiver.reset()
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1")
    send(app, message(receiver.url("/status/500")))
    app.lambda_handler(aws.take("WebhookQueue"), CONTEXT)
    trace = "00-6743a1b04f3c2a1d5e6b7a8c9d0e1f2a-53995c3f42cd8ad8-00"  # as events/sqs_batch.json has it
    assert [request.header("traceparent") for request in receiver.requests] == [trace, trace]


OUR_TRACE = "Root=1-0eade200-0eade2000eade2000eade200;Parent=0eade2000eade200;Sampled=1;Lineage=1:0eade200:0"
"""The trace header that the SDK adds to a message that a traced function sends."""


def from_the_queue(aws: MockAws, queue: str = "WebhookQueue", count: int = 1) -> dict[str, Any]:
    """Return messages that a function enqueued, as Lambda receives them."""
    event = aws.take(queue, count)
    for record in event["Records"]:
        record["attributes"]["AWSTraceHeader"] = OUR_TRACE
    return event


def add_traceparent(app: ModuleType, trace: str | None, *bodies: object) -> None:
    event = sqs_event(*bodies)
    for record in event["Records"]:
        record["attributes"].pop("AWSTraceHeader")
        record["attributes"] |= {"AWSTraceHeader": trace} if trace else {}
    assert app.lambda_handler(event, CONTEXT)["batchItemFailures"] == []


@pytest.mark.parametrize("trace", [None, "Root=1-6743a1b0-4f3c2a1d5e6b7a8c9d0e1f2a;Parent=53995c3f42cd8ad8;Sampled=1"])
class TestNoTraceOfOurs:
    """Tests that a receiver gets its producer's trace or none.

    It never gets ours, however the message arrived.
    """

    @pytest.fixture
    def expected(self, trace: str | None) -> str | None:
        return trace and "00-6743a1b04f3c2a1d5e6b7a8c9d0e1f2a-53995c3f42cd8ad8-01"

    def test_our_own_trace_is_not_sent_on_a_retry(
        self, aws: MockAws, receiver: Receiver, trace: str | None, expected: str | None
    ) -> None:
        receiver.reset()
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="1")
        add_traceparent(app, trace, message(receiver.url("/status/500")))
        app.lambda_handler(from_the_queue(aws), CONTEXT)
        assert [request.header("traceparent") for request in receiver.requests] == [expected] * 2

    def test_our_own_trace_is_not_sent_on_fan_out_copies(
        self, aws: MockAws, receiver: Receiver, trace: str | None, expected: str | None
    ) -> None:
        """Includes copies of the second page."""
        receiver.reset()
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
        put = aws.endpoint("put_webhook", ALLOW_HTTP="true")
        body = {"url": receiver.url("/status/200"), "enabled": True, "topic": "acme"}
        for webhook_id in ("w000", f"w{PAGE_SIZE:03}"):
            put.lambda_handler(api_event({"webhook_id": webhook_id}, scope="webhooks:manage", body=body), None)
        row, _ = aws.rows("Webhooks")
        for number in range(1, PAGE_SIZE):
            aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "webhook_id": {"S": f"w{number:03}"}})
        add_traceparent(app, trace, {"topic": "acme", "payload": 1})
        first = from_the_queue(aws, count=PAGE_SIZE + 1)["Records"]
        app.lambda_handler({"Records": [record for record in first if "topic" in json.loads(record["body"])]}, CONTEXT)
        copies = [record for record in first if json.loads(record["body"]).get("webhook_id") == "w000"]
        app.lambda_handler({"Records": [*copies, *from_the_queue(aws)["Records"]]}, CONTEXT)
        assert [request.header("traceparent") for request in receiver.requests] == [expected] * 2

    def test_our_own_trace_is_not_sent_on_a_redriven_dead_letter(
        self, aws: MockAws, receiver: Receiver, trace: str | None, expected: str | None
    ) -> None:
        """It is redriven twice, because it is still invalid the first time."""
        receiver.reset()
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
        body = json.dumps({**message(receiver.url("/status/200")), "timeout_seconds": 99})
        add_traceparent(app, trace, body)
        for fixed in (False, True):
            (dead_letter,) = aws.messages("WebhookDeadLetterQueue")
            fields = json.loads(dead_letter["Body"])
            event = sqs_event(json.dumps({**fields, "timeout_seconds": 9 if fixed else fields["timeout_seconds"]}))
            record = event["Records"][0]
            record["attributes"]["AWSTraceHeader"] = OUR_TRACE
            record["messageAttributes"] = {
                name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
                for name, value in dead_letter["MessageAttributes"].items()
            }
            app.lambda_handler(event, CONTEXT)
        assert [request.header("traceparent") for request in receiver.requests] == [expected]


def test_deliveries_are_logged_for_sampled_invocations(
    aws: MockAws, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    for rate, lines in (("1", 1), ("0", 0)):
        caplog.clear()
        app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", DEBUG_SAMPLE_RATE=rate)
        send(app, message(receiver.url("/status/200"), message_id="msg_1"))
        written = [app.logger.registered_formatter.format(log) for log in caplog.records if log.name == "hooklog"]
        delivered = [line for line in map(json.loads, written) if line["event"] == "execution_delivered"]
        assert [(line["level"], line["message_id"]) for line in delivered] == [("DEBUG", "msg_1")] * lines
