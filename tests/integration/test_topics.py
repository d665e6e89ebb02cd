"""Tests that a topic's message reaches each webhook once.

They include failures of the sender and of SQS.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import pytest

from hooklog.sending.fan_out import PAGE_SIZE, UNIQUE_SECONDS
from tests import template
from tests.aws import MockAws
from tests.events import sqs_event
from tests.faults import Fault, FaultyService, failing, losing_responses
from tests.proxy import AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, Api

Event = dict[str, Any]
TOPIC = "acme"
SQS_CHARACTERS = re.compile("[\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]*")
"""The characters that SendMessage allows; the mock allows any."""


def published(receive_count: int = 1, received_ago: float = 0, **fields: Any) -> Event:
    event = sqs_event({"topic": TOPIC, "message_id": "m1", "payload": {"z": 1742, "a": 19.90}, **fields})
    event["Records"][0]["attributes"] |= {
        "ApproximateReceiveCount": str(receive_count),
        "ApproximateFirstReceiveTimestamp": str(int((time.time() - received_ago) * 1000)),
    }
    return event


def redelivered(event: Event) -> Event:
    """Return the event as SQS redelivers it."""
    records = [{**r, "attributes": {**r["attributes"], "ApproximateReceiveCount": "2"}} for r in event["Records"]]
    return {"Records": records}


def send(sender: ModuleType, event: Event) -> list[Any]:
    failures: list[Any] = sender.lambda_handler(event, CONTEXT)["batchItemFailures"]
    return failures


def drain(sender: ModuleType, aws: MockAws, order: Callable[[list[Any]], Iterable[Any]] = list) -> None:
    """Process the webhook queue until it is empty."""
    while waiting := aws.waiting("WebhookQueue"):
        records = list(order(aws.take("WebhookQueue", waiting)["Records"]))
        for start in range(0, len(records), 10):
            assert send(sender, {"Records": records[start : start + 10]}) == []


def received(receiver: Receiver) -> Counter[str]:
    return Counter(request.header("x-hooklog-webhook") or "" for request in receiver.requests)


def take_all(aws: MockAws) -> tuple[list[Event], list[Any]]:
    """Take all messages off the queue.

    They are the continuations of fan-out tasks, and the copies.
    """
    records = aws.take("WebhookQueue", aws.waiting("WebhookQueue"))["Records"]
    pages = [{"Records": [record]} for record in records if "topic" in json.loads(record["body"])]
    return pages, [record for record in records if "topic" not in json.loads(record["body"])]


def webhook_of(copy: Any) -> str:
    return str(json.loads(copy["body"])["webhook_id"])


def deliver(sender: ModuleType, copies: list[Any]) -> None:
    """Send copies in order, five at a time.

    So the first ones are logged before their duplicates arrive.
    """
    for start in range(0, len(copies), 5):
        assert send(sender, {"Records": copies[start : start + 5]}) == []


def register(aws: MockAws, api: Api, receiver: Receiver, count: int, real: range) -> list[str]:
    """Subscribe `count` webhooks and return their IDs.

    To save time, only those in `real` have a key of their own.
    """
    names = [f"w{number:04}" for number in range(count)]
    for number in real:
        api.put(names[number], url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
    row = aws.rows("Webhooks")[0]
    copied = [{**row, "webhook_id": {"S": name}} for number, name in enumerate(names) if number not in real]
    for start in range(0, len(copied), 25):
        puts: Any = [{"PutRequest": {"Item": item}} for item in copied[start : start + 25]]
        aws.dynamodb.batch_write_item(RequestItems={aws.refs["Webhooks"]: puts})
    return names


def after(calls: int) -> Fault:
    """Make SQS fail after this many requests."""
    left = [calls]

    def fault(asked: AwsRequest) -> AwsResponse | None:
        left[0] -= 1
        return None if left[0] >= 0 else failing(asked)

    return fault


class TestFanOut:
    def test_every_subscribed_webhook_receives_the_same_bytes_as_its_own_message(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        url = receiver.url("/status/200")
        api.put("a", url=url, enabled=True, topic=TOPIC)
        api.put("b", url=url, enabled=True, topic=TOPIC, event_types=["order.paid", "x"])
        api.put("b2", url=url, enabled=True, topic=TOPIC, event_types=["x", "order.*"])
        api.put("c", url=url, enabled=True, topic=TOPIC, event_types=["order.refunded", "order.paid.*", "orders.*"])
        api.put("d", url=url, enabled=True, topic="acme2")
        api.put("e", url=url, enabled=True)
        api.put("f", url=url, topic=TOPIC)
        assert send(sender, published(event_type="order.paid", headers={"X-Shop": "berlin"})) == []
        drain(sender, aws)
        assert received(receiver) == {"a": 1, "b": 1, "b2": 1}
        for request in receiver.requests:
            assert request.body == b'{"z":1742,"a":19.9}'
            assert (request.header("webhook-id"), request.header("x-shop")) == ("m1", "berlin")
            assert (request.header("x-hooklog-event"), request.header("x-hooklog-attempt")) == ("order.paid", "1")
        assert sorted(row["webhook_id"]["S"] for row in aws.rows("Executions")) == ["a", "b", "b2"]

    def test_each_copy_is_retried_separately(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put("a", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
        api.put("b", url=receiver.url("/status/500"), enabled=True, topic=TOPIC, retry_schedule=[1])
        send(sender, published())
        drain(sender, aws)
        assert received(receiver) == {"a": 1, "b": 2}

    def test_a_webhook_disabled_for_its_failures_gets_executions_that_can_be_resent(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put("a", url=receiver.url("/status/200"), topic=TOPIC)
        (row,) = aws.rows("Webhooks")
        aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row, "disabled_reason": {"S": "gone"}})
        send(sender, published())
        drain(sender, aws)
        (execution,) = aws.rows("Executions")
        assert (execution["hard_error"]["BOOL"], receiver.requests) == (True, [])

    def test_a_message_without_subscribers_is_counted_and_leaves_no_execution(
        self, aws: MockAws, sender: ModuleType, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert send(sender, published()) == []
        assert (aws.rows("Executions"), aws.waiting("WebhookQueue")) == ([], 0)
        lines = {str(log.__dict__.get("event")): log.__dict__ for log in caplog.records}
        assert (lines["batch_processed"]["fanned_out"], lines["batch_processed"]["unmatched"]) == (1, 1)
        line = lines["message_fanned_out"]
        assert (line["topic"], line["message_id"], line["webhooks"]) == (TOPIC, "m1", 0)

    def test_a_message_without_an_id_gets_its_sqs_message_id(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put("a", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
        event = sqs_event({"topic": TOPIC, "payload": 1})
        send(sender, event)
        drain(sender, aws)
        assert receiver.requests[0].header("webhook-id") == event["Records"][0]["messageId"]


class TestLimits:
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"webhook_id": "a"}, "webhook_id is not allowed with topic"),
            ({"url": "https://shop.example/"}, "url is not allowed with topic"),
            ({"topic": "a/b"}, "topic must be"),
            ({"topic": None}, "topic must be"),
            ({"other": 1}, "unknown field other"),
            ({"after": 7}, "after must be"),
            ({"copies": -1}, "copies must be"),
            ({"copy_of": {"queue_message_id": "x"}}, "copy_of must be"),
            ({"copy_of": "x"}, "copy_of must be"),
        ],
    )
    def test_an_invalid_topic_message_is_sent_to_the_dlq(
        self, aws: MockAws, sender: ModuleType, fields: dict[str, Any], reason: str
    ) -> None:
        assert send(sender, published(**fields)) == []
        (dead_letter,) = aws.messages("WebhookDeadLetterQueue")
        assert reason in dead_letter["MessageAttributes"]["Reason"]["StringValue"]

    def test_a_message_whose_copies_would_exceed_the_sqs_limit_is_sent_to_the_dlq_before_any_copy_is_sent(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put("a", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
        for payload in ("x" * 1_048_400, [1e15] * 60_000):
            assert send(sender, published(payload=payload)) == []
            assert aws.waiting("WebhookQueue") == 0
            dead_letter = aws.take("WebhookDeadLetterQueue")
            assert dead_letter["Records"]

    def test_the_longest_message_reaches_the_longest_webhook_id(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put("w" * 128, url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
        payload = "x" * (1_048_576 - 1024)
        send(sender, published(payload=payload))
        drain(sender, aws)
        assert receiver.requests[0].body == json.dumps(payload).encode()

    @pytest.mark.parametrize("text", ['"\\uffff \\ufffe"', '"\\ud800"', '"\\u0000\\u001f\\u007f"', "[1e4]"])
    def test_characters_that_sqs_does_not_allow_are_delivered(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver, text: str
    ) -> None:
        api.put("a", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
        event = sqs_event(
            f'{{"topic": "{TOPIC}", "payload": {text}}}', {"webhook_id": "a", "payload": json.loads(text)}
        )
        assert send(sender, event) == []
        event = aws.take("WebhookQueue")
        assert SQS_CHARACTERS.fullmatch(event["Records"][0]["body"])
        assert send(sender, event) == []
        direct, copied = (request.body for request in receiver.requests)
        assert copied == direct

    def test_an_invocation_ends_before_a_second_copy_can_be_received(self) -> None:
        visible = template.resources("AWS::SQS::Queue")["WebhookQueue"]["VisibilityTimeout"]
        longest = template.TEMPLATE["Parameters"]["SenderTimeoutSeconds"]["MaxValue"]
        assert UNIQUE_SECONDS + longest < visible


class TestCrashes:
    @pytest.mark.parametrize(
        ("webhooks", "crashes_at", "requests"), [(4 * PAGE_SIZE, 2 * PAGE_SIZE, 4), (PAGE_SIZE + 1, 0, 10)]
    )
    def test_every_webhook_receives_the_message_once_if_the_sender_crashes(
        self,
        api: Api,
        aws: MockAws,
        aws_endpoint: str,
        sender: ModuleType,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
        webhooks: int,
        crashes_at: int,
        requests: int,
    ) -> None:
        """Crash on the page that starts at `crashes_at`.

        The crash comes after `requests` calls of SQS.
        """
        names = register(aws, api, receiver, webhooks, range(crashes_at, crashes_at + 5))
        with FaultyService(aws_endpoint) as sqs:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
            crashing_sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
            pages = [published()]
            copies: list[Any] = []
            while pages:
                event = pages.pop()
                if len(copies) == crashes_at:
                    with sqs.breaking(after(requests)):
                        assert len(send(crashing_sender, event)) == 1
                    event = redelivered(event)
                assert send(crashing_sender, event) == []
                more, new_copies = take_all(aws)
                pages += more
                copies += new_copies
        assert {webhook_of(copy) for copy in copies} == set(names)
        assert len(copies) == webhooks + 10 * requests
        deliver(sender, [copy for copy in copies if webhook_of(copy) in names[crashes_at : crashes_at + 5]])
        assert received(receiver) == dict.fromkeys(names[crashes_at : crashes_at + 5], 1)

    def test_a_continuation_that_is_queued_twice_sends_nothing_twice(
        self,
        api: Api,
        aws: MockAws,
        sqs: FaultyService,
        sender: ModuleType,
        receiver: Receiver,
    ) -> None:
        """SQS accepts it, but its response is lost. The second one waits until the first one's copies are logged."""
        names = register(aws, api, receiver, PAGE_SIZE + 5, range(PAGE_SIZE, PAGE_SIZE + 5))
        with sqs.breaking(losing_responses(sqs, "SendMessageBatch", after=PAGE_SIZE // 10)):
            assert send(sender, published()) == []
        copies = aws.take("WebhookQueue", aws.waiting("WebhookQueue") - 1)["Records"]
        first = {"Records": [record for record in copies if "topic" in json.loads(record["body"])]}
        aws.release_delayed("WebhookQueue")
        second = aws.take("WebhookQueue")
        assert "topic" in json.loads(second["Records"][0]["body"])
        for page in (first, second):
            assert send(sender, page) == []
            deliver(sender, take_all(aws)[1])
        assert received(receiver) == dict.fromkeys(names[PAGE_SIZE:], 1)

    def test_a_redelivery_of_a_finished_message_is_not_sent_twice(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        names = register(aws, api, receiver, PAGE_SIZE + 5, range(PAGE_SIZE, PAGE_SIZE + 5))
        event = published()
        copies: list[Any] = []
        for first in (event, redelivered(event)):
            pages = [first]
            while pages:
                assert send(sender, pages.pop()) == []
                more, new_copies = take_all(aws)
                pages += more
                copies += new_copies
        assert len(copies) == 2 * len(names)
        deliver(sender, [copy for copy in copies if webhook_of(copy) in names[PAGE_SIZE:]])
        assert received(receiver) == dict.fromkeys(names[PAGE_SIZE:], 1)

    def test_copies_that_waited_long_are_checked_for_duplicates(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        """In a backlog, the duplicates may arrive before the originals."""
        names = register(aws, api, receiver, 10, range(10))
        event = published(received_ago=UNIQUE_SECONDS + 1)
        for each in (event, redelivered(event)):
            assert send(sender, each) == []
        drain(sender, aws, reversed)
        assert received(receiver) == dict.fromkeys(names, 1)

    def test_a_first_delivery_reads_nothing_to_find_duplicates(
        self,
        api: Api,
        aws: MockAws,
        aws_endpoint: str,
        sender: ModuleType,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        api.put("a", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
        with FaultyService(aws_endpoint) as dynamodb:
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
            watched = aws.start("SendWebhooksFunction", ALLOW_HTTP="true")
            send(watched, published())
            drain(watched, aws)
            assert dynamodb.calls == {"Query": 1, "GetItem": 1, "BatchWriteItem": 1}
        assert received(receiver) == {"a": 1}

    def test_two_messages_with_one_id_are_both_sent(
        self, api: Api, aws: MockAws, sender: ModuleType, receiver: Receiver
    ) -> None:
        api.put("a", url=receiver.url("/status/200"), enabled=True, topic=TOPIC)
        for number in range(2):
            event = published(received_ago=UNIQUE_SECONDS + 1)
            event["Records"][0]["messageId"] = f"q{number}"
            send(sender, event)
            drain(sender, aws)
        assert received(receiver) == {"a": 2}

    @pytest.mark.parametrize("seconds", [44, 46])
    def test_fan_out_starts_only_if_enough_time_is_left(self, sender: ModuleType, seconds: int) -> None:
        context = type(CONTEXT)(aws_request_id="r", get_remaining_time_in_millis=lambda: seconds * 1000)
        failures = sender.lambda_handler(published(), context)["batchItemFailures"]
        assert len(failures) == (1 if seconds < 45 else 0)
