"""Fan-out: a topic's message is copied for every webhook of the topic that takes it, a page of webhooks at a time."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage
from hooklog.messages.codec import to_fan_out_copy
from hooklog.messages.fields import MAX_ID_LENGTH, describe_actual, read_identifier
from hooklog.messages.message import Message
from hooklog.queues.dead_letters import MAX_MESSAGE_BYTES
from hooklog.queues.sqs import send_all
from hooklog.webhooks.lists import subscribers

PAGE_SIZE: Final = 100
"""Webhooks of one page, after which the message is put on the queue again with how far it has come: what a crash may
have to do a second time."""

MAX_PAGE_BYTES: Final = 10_000_000
"""Of all copies of one page."""

UNIQUE_SECONDS: Final = 540
"""For how long, from the first receipt of a message of a topic, there can be no second copy for the same webhook. A
crash makes second copies, and shows when the message comes back, 730 s after that receipt; an invocation that begins to
send a copy within this time is over by then."""

MAX_TRIPS: Final = 10_000
"""How often a topic's message is put on the queue again: for a million webhooks, or a hundred thousand where it is very
long. One that still has not ended is in a loop."""

_LONGEST_ID = "x" * MAX_ID_LENGTH


class Origin(NamedTuple):
    """The message of a topic that a copy was made of, or that a continuation continues."""

    queue_message_id: str
    unique_until: int
    """Unix seconds from which on there may be a second copy; 0 where there may be one already."""
    trips: int = 0
    """How often the topic's message was put on the queue again. It is inside `copy_of`, where senders of an older
    version ignore it."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Origin | None":
        """Read `copy_of`, if it is there. Raises InvalidMessage."""
        if "copy_of" not in fields:
            return None
        value = fields["copy_of"]
        known = isinstance(value, dict) and _is_count(value.get("unique_until")) and _is_count(value.get("trips", 0))
        if not known:
            raise InvalidMessage(f"copy_of must be what Hooklog puts there{describe_actual(fields, 'copy_of')}")
        return cls(read_identifier(value, "queue_message_id"), value["unique_until"], value.get("trips", 0))

    def to_fields(self) -> dict[str, Any]:
        trips = {"trips": self.trips} if self.trips else {}
        return {"copy_of": {"queue_message_id": self.queue_message_id, "unique_until": self.unique_until, **trips}}


class FanOutTask(NamedTuple):
    """A message of a topic, and how far its fan-out has come."""

    message: Message
    """With the topic instead of a webhook's id."""
    origin: Origin
    after: str = ""
    """The last webhook of the page before; empty on the first page."""
    copies: int = 0
    """How many copies were made up to there."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any], origin: Origin) -> "FanOutTask":
        """Read a producer's fields, or what `_continuation` wrote. Raises InvalidMessage."""
        for name in ("webhook_id", "url"):
            if name in fields:
                raise InvalidMessage(f"{name} must not come with topic: the webhooks of the topic have their own")
        own = {name: value for name, value in fields.items() if name not in ("topic", "copy_of", "after", "copies")}
        topic, after = read_identifier(fields, "topic"), read_identifier(fields, "after") if "after" in fields else ""
        if not _is_count(copies := fields.get("copies", 0)):
            raise InvalidMessage(f"copies must be a whole number{describe_actual(fields, 'copies')}")
        return cls(Message.parse({**own, "webhook_id": topic}, origin.queue_message_id), origin, after, copies)


class FannedOut(NamedTuple):
    """A message of a topic was copied for a page of webhooks."""

    topic: str
    message_id: str
    copies: int
    """Since its beginning."""
    complete: bool
    """Whether none of the topic's webhooks is left."""


class FanOut:
    """Puts copies of topics' messages on the webhook queue. Safe to use from several threads."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def run(self, task: FanOutTask) -> FannedOut:
        """Copy it for the next page of its topic's webhooks, then put it on the queue again if there are more.

        Raises InvalidMessage if its copies would be too long or it was put on the queue MAX_TRIPS times, NotQueued, and
        what reading the registry raises.
        """
        if task.origin.trips >= MAX_TRIPS:
            raise InvalidMessage(
                f"the topic's message has been put on the queue again {MAX_TRIPS:,} times, with {task.copies:,} "
                f"copies made: redrive it to let it go on"
            )
        size = _longest(task)
        message, topic = task.message, task.message.webhook_id
        limit = max(min(PAGE_SIZE, MAX_PAGE_BYTES // size), 1)
        found = subscribers(topic, message.event_type, task.after, limit)
        copies = task.copies + len(found.webhook_ids)
        entries = [_entry(webhook_id, _copy(task, webhook_id)) for webhook_id in found.webhook_ids]
        if found.more_after:
            origin = task.origin._replace(trips=task.origin.trips + 1)
            rest = task._replace(after=found.more_after, copies=copies, origin=origin)
            entries.append(_entry(topic, _continuation(rest)))
        send_all(self._clients.sqs, self._queue_url, entries)
        return FannedOut(topic, message.message_id, copies, complete=not found.more_after)


def _longest(task: FanOutTask) -> int:
    """The bytes of the longest message that it leads to. Raises InvalidMessage if SQS would not take that."""
    origin = task.origin._replace(trips=MAX_TRIPS)
    size = len(_continuation(task._replace(after=_LONGEST_ID, origin=origin)).encode())
    if size > MAX_MESSAGE_BYTES:
        raise InvalidMessage(
            f"the message is too long to be copied for each webhook: with what is added it has {size:,} bytes, "
            f"and SQS takes {MAX_MESSAGE_BYTES:,}"
        )
    return size


def _entry(group: str, body: str) -> dict[str, Any]:
    return {"MessageBody": body, "MessageGroupId": group}


def _copy(task: FanOutTask, webhook_id: str) -> str:
    origin = task.origin._replace(trips=0)
    return to_fan_out_copy(task.message, {"webhook_id": webhook_id, **origin.to_fields()})


def _continuation(task: FanOutTask) -> str:
    own = {"topic": task.message.webhook_id, "after": task.after, "copies": task.copies}
    return to_fan_out_copy(task.message, own | task.origin.to_fields())


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
