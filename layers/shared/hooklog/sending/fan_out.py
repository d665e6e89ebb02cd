"""Fan-out: copies of a topic's message for its webhooks, a page at a time."""

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage, NotQueued
from hooklog.messages.codec import to_fan_out_copy
from hooklog.messages.fields import MAX_ID_LENGTH, describe_actual, read_identifier
from hooklog.messages.message import Message
from hooklog.queues.dead_letters import MAX_MESSAGE_BYTES
from hooklog.queues.sqs import send_all
from hooklog.webhooks.lists import find_subscribers

PAGE_SIZE: Final = 100
"""Webhooks per page. After each page, a continuation is queued; a crash repeats at most one page."""

MAX_PAGE_BYTES: Final = 10_000_000
"""Of all copies of one page."""

UNIQUE_SECONDS: Final = 540
"""How long, after the first receipt of a topic's message, its copies are not looked up before they are sent. A crash
makes second copies, when the queue delivers the message again, 730 s after that receipt. An invocation that starts to
send a copy within UNIQUE_SECONDS has ended by then. For the exceptions, see docs/operations.md, "Duplicates"."""

LOGGED_SECONDS: Final = 120
"""Longer than an exchange and its log write together: what may be a second copy waits so long for the first one's
execution."""

MAX_REQUEUES: Final = 10_000
"""How often a topic's message is queued again. That suffices for a million webhooks, or for 100,000 if the message is
very long; more is a loop."""

_LONGEST_ID = "x" * MAX_ID_LENGTH


class Origin(NamedTuple):
    """The topic's message from which a copy or a continuation was made."""

    queue_message_id: str
    unique_until: int
    """Unix seconds after which a second copy may exist; 0 if it may exist already."""
    requeues: int = 0
    """How often the topic's message was queued again. On the wire it is inside `copy_of`, where earlier releases ignore
    it."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Origin | None":
        """Parse `copy_of`, if present. Raises InvalidMessage."""
        if "copy_of" not in fields:
            return None
        value = fields["copy_of"]
        is_valid = isinstance(value, dict) and _is_count(value.get("unique_until")) and _is_count(value.get("trips", 0))
        if not is_valid:
            raise InvalidMessage(
                f"copy_of must be an object that Hooklog has written{describe_actual(fields, 'copy_of')}"
            )
        return cls(read_identifier(value, "queue_message_id"), value["unique_until"], value.get("trips", 0))

    def to_fields(self) -> dict[str, Any]:
        requeues = {"trips": self.requeues} if self.requeues else {}
        return {"copy_of": {"queue_message_id": self.queue_message_id, "unique_until": self.unique_until, **requeues}}


class FanOutTask(NamedTuple):
    """A topic's message and the progress of its fan-out."""

    message: Message
    """Its webhook ID is the topic."""
    origin: Origin
    after: str = ""
    """The last webhook ID of the previous page; empty for the first page."""
    copies: int = 0
    """How many copies the previous pages made."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any], origin: Origin) -> "FanOutTask":
        """Parse a producer's fields, or a continuation. Raises InvalidMessage."""
        for name in ("webhook_id", "url"):
            if name in fields:
                raise InvalidMessage(f"{name} is not allowed with topic: each webhook of the topic has its own")
        message_fields = {
            name: value for name, value in fields.items() if name not in ("topic", "copy_of", "after", "copies")
        }
        topic, after = read_identifier(fields, "topic"), read_identifier(fields, "after") if "after" in fields else ""
        if not _is_count(copies := fields.get("copies", 0)):
            raise InvalidMessage(f"copies must be a whole number{describe_actual(fields, 'copies')}")
        return cls(
            Message.parse({**message_fields, "webhook_id": topic}, origin.queue_message_id), origin, after, copies
        )


class FannedOut(NamedTuple):
    """The result of a fan-out task: copies for a page of webhooks were queued."""

    topic: str
    message_id: str
    copies: int
    """Of all pages so far."""
    complete: bool
    """Whether this was the last page."""


class FanOut:
    """A fan-out, which queues copies of topics' messages. Thread-safe."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def run(self, task: FanOutTask) -> FannedOut:
        """Queue copies for the next page of webhooks, and a continuation if more follow.

        Raises InvalidMessage if the copies would be too long or after MAX_REQUEUES pages, NotQueued, and pynamodb's
        exceptions.
        """
        if task.origin.requeues >= MAX_REQUEUES:
            raise InvalidMessage(
                f"the topic's message was queued again {MAX_REQUEUES:,} times, with {task.copies:,} copies made. "
                f"Redrive it to continue"
            )
        size = _measure_longest(task)
        message, topic = task.message, task.message.webhook_id
        limit = max(min(PAGE_SIZE, MAX_PAGE_BYTES // size), 1)
        found = find_subscribers(topic, message.event_type, task.after, limit)
        copies = task.copies + len(found.webhook_ids)
        entries = [_build_entry(webhook_id, _write_copy(task, webhook_id)) for webhook_id in found.webhook_ids]
        send_all(self._clients.sqs, self._queue_url, entries)
        if found.more_after:
            origin = task.origin._replace(requeues=task.origin.requeues + 1)
            self._continue(task._replace(after=found.more_after, copies=copies, origin=origin))
        return FannedOut(topic, message.message_id, copies, complete=not found.more_after)

    def _continue(self, task: FanOutTask) -> None:
        """Queue a continuation.

        If SQS's response is lost, a second one is queued, with a delay. Its copies are looked up before they are sent.
        Otherwise, each of the topic's other webhooks would get the message twice.
        """
        topic = task.message.webhook_id
        try:
            send_all(self._clients.sqs_once, self._queue_url, [_build_entry(topic, _write_continuation(task))])
        except NotQueued:
            # not 0: the lookup begins shortly before it
            unique_until = min(task.origin.unique_until, int(time.time()))
            second = task._replace(origin=task.origin._replace(unique_until=unique_until))
            entry = {**_build_entry(topic, _write_continuation(second)), "DelaySeconds": LOGGED_SECONDS}
            send_all(self._clients.sqs, self._queue_url, [entry])


def _measure_longest(task: FanOutTask) -> int:
    """Return the bytes of the longest queue message of the task.

    Raises InvalidMessage above SQS's limit.
    """
    origin = task.origin._replace(requeues=MAX_REQUEUES)
    size = len(_write_continuation(task._replace(after=_LONGEST_ID, origin=origin)).encode())
    if size > MAX_MESSAGE_BYTES:
        raise InvalidMessage(
            f"the message is too long to be copied for each webhook: with added fields it has {size:,} bytes, "
            f"and SQS's limit is {MAX_MESSAGE_BYTES:,}"
        )
    return size


def _build_entry(group: str, body: str) -> dict[str, Any]:
    return {"MessageBody": body, "MessageGroupId": group}


def _write_copy(task: FanOutTask, webhook_id: str) -> str:
    origin = task.origin._replace(requeues=0)
    return to_fan_out_copy(task.message, {"webhook_id": webhook_id, **origin.to_fields()})


def _write_continuation(task: FanOutTask) -> str:
    progress = {"topic": task.message.webhook_id, "after": task.after, "copies": task.copies}
    return to_fan_out_copy(task.message, progress | task.origin.to_fields())


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
