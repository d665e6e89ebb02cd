"""The ordered queue as Lambda polls it: batches, batch item failures, and senders that are killed."""

import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.aws import MockAws
from tests.moto_server import CREDENTIALS
from tests.webhooks import CONTEXT, ID

Event = dict[str, Any]


class FifoQueue:
    """The mock AWS's ordered queue."""

    def __init__(self, aws: MockAws, visibility_seconds: int = 60) -> None:
        self._sqs = aws.sqs
        self.url = aws.refs["OrderedQueue"]
        self._visibility_seconds = visibility_seconds
        self._lock = threading.Lock()

    def put(self, *messages: Mapping[str, Any] | str, webhook_id: str = ID, group: str | None = None) -> None:
        """Queue messages with consecutive message IDs, unless they have their own."""
        for message in messages:
            body = message if isinstance(message, str) else {"webhook_id": webhook_id, "payload": {}, **message}
            self._sqs.send_message(
                QueueUrl=self.url,
                MessageBody=body if isinstance(body, str) else json.dumps(body),
                MessageGroupId=group or webhook_id,
                MessageDeduplicationId=f"{time.monotonic_ns()}",
            )

    def receive(self, count: int = 10) -> Event | None:
        """Receive a batch as an event; None if no message is available.

        No request is sent while every message is in flight. moto's queues are not thread-safe. And if several messages
        of a group become visible at about the same time, it may deliver the second first: those go back.
        """
        with self._lock:
            if not any(each.visible for each in self._messages()):
                return None
            received = self._sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=count,
                VisibilityTimeout=self._visibility_seconds,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            records = [_to_record(each) for each in received.get("Messages", [])]
            if any(self._is_too_early(record, records) for record in records):
                for record in records:
                    self._sqs.change_message_visibility(
                        QueueUrl=self.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
                    )
                return None
        return {"Records": records} if records else None

    def _is_too_early(self, record: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> bool:
        group = record["attributes"]["MessageGroupId"]
        left = [each.id for each in self._messages() if each.group_id == group]
        before = left[: left.index(record["messageId"])] if record["messageId"] in left else []
        return not {*before} <= {each["messageId"] for each in records}

    def _messages(self) -> list[Any]:
        """Return all messages, including those in flight. Takes far less time than a request."""
        backend = get_backend("sqs")[DEFAULT_ACCOUNT_ID][CREDENTIALS["AWS_DEFAULT_REGION"]]
        return list(backend.queues[self.url.rpartition("/")[2]]._messages)  # noqa: SLF001

    def deliver(self, app: ModuleType, event: Event | None = None, context: Any = CONTEXT) -> list[str] | None:
        """Deliver a batch, and delete what is not returned. Return the returned message IDs; None without a batch."""
        if (event := event or self.receive()) is None:
            return None
        failures = {each["itemIdentifier"] for each in app.lambda_handler(event, context)["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in failures:
                with self._lock:
                    self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        return [_message_id(record) for record in event["Records"] if record["messageId"] in failures]

    def drain(self, app: ModuleType, until: Callable[[], bool], seconds: float = 60) -> None:
        """Deliver batches until the condition holds."""
        ends = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < ends, f"not within {seconds} s"
            if self.deliver(app) is None:
                time.sleep(0.1)

    def count(self) -> int:
        """Return the number of messages, including those in flight."""
        return len(self._messages())

    @contextmanager
    def polled(self, apps: list[ModuleType]) -> Iterator[None]:
        """Let each app process batches in a thread of its own meanwhile."""
        stop = threading.Event()

        def poll(app: ModuleType) -> None:
            while not stop.is_set():
                if self.deliver(app) is None:
                    stop.wait(0.1)

        threads = [threading.Thread(target=poll, args=(app,)) for app in apps]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _to_record(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message["Attributes"]),
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value.get("StringValue")}
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:OrderedQueue.fifo",
    }


def _message_id(record: Mapping[str, Any]) -> str:
    body = json.loads(record["body"]) if record["body"].startswith("{") else {}
    return str(body.get("message_id", record["messageId"]))


def find_disorder(
    queued: Sequence[str], received: Iterable[tuple[str, str]], redelivered: Collection[str]
) -> list[str]:
    """Return what is wrong with the order of a webhook's requests: message IDs and attempts.

    Each message must come after all attempts of those before it on the queue. Only a message that is marked as
    redelivered may come again.
    """
    wrong, current, seen = [], -1, set[tuple[str, str]]()
    numbers = {message_id: number for number, message_id in enumerate(queued)}
    for message_id, attempt in received:
        number = numbers[message_id]
        is_again = number < current or (message_id, attempt) in seen
        if number > current + 1:
            wrong.append(f"{message_id} came when {queued[current + 1]} had not")
        elif is_again and message_id not in redelivered:
            wrong.append(f"{message_id} came again in attempt {attempt} after {queued[current]}")
        current = max(current, number)
        seen.add((message_id, attempt))
    return wrong + [f"{message_id} is lost" for message_id in queued[current + 1 :]]
