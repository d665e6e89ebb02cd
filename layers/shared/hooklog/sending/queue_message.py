"""The parser of queue messages: producers' and topics' messages, and retry tasks."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from hooklog.executions.execution import compact_time
from hooklog.messages.fields import parse_object
from hooklog.messages.message import Message
from hooklog.messages.trace import add_traceparent
from hooklog.queues.dead_letters import get_queue_message_id, get_trace_header, is_redriven
from hooklog.queues.retry_tasks import RetryTask, unwrap_request
from hooklog.queues.waiting import Wait, can_wait
from hooklog.sending.fan_out import UNIQUE_SECONDS, FanOutTask, Origin

_BEGINNING: Final = "0"  # sorts before every execution ID
_MAX_CLOCK_SKEW: Final = timedelta(seconds=60)  # between SQS and Lambda


class QueueMessage(NamedTuple):
    """One queue message, parsed."""

    content: Message | RetryTask | FanOutTask
    queue_message_id: str
    """The ID of the original queue message, which all of its executions share. For a fan-out copy, it is the ID of the
    topic's message, so that duplicate copies can be detected; for a redriven dead letter, the ID before; for a retry
    task of an earlier release, empty."""
    redelivered: bool
    """Whether the queue delivered it before, or its dead letter was redriven: it may have been sent already."""
    due_at: datetime
    """When it was queued. For a retry, the processor replaces this with the scheduled time."""
    unique_until: float = math.inf
    """For a fan-out copy, or one that waits for a rate limit: Unix seconds after which a second one may exist."""
    task_id: str = ""
    """For a retry or resend: the ID of its own queue message, or of the request to resend."""
    sent_since: str = _BEGINNING
    """If it was sent before, its execution ID is not less than this."""
    first_received: int = 0
    """When the queue first delivered it, in Unix seconds."""
    wait: Wait | None = None
    """Its place in the line of a rate limit."""
    has_waited: bool = False
    """Whether it returns from that line, or has waited on the queue without a place because it has no room for one."""
    siblings: int = 1
    """How many messages of its batch are for its webhook, including this one."""

    @property
    def webhook_id(self) -> str:
        """The webhook's ID; of a fan-out, the topic."""
        return self.content.message.webhook_id if isinstance(self.content, FanOutTask) else self.content.webhook_id

    @property
    def requested_by(self) -> str:
        """The ID of the queue message or request that leads to its execution."""
        return self.task_id or self.queue_message_id

    def may_be_duplicate(self, now: datetime) -> bool:
        """Return whether it may have been sent already."""
        return self.redelivered or self.unique_until <= now.timestamp()

    def make_wait(self, until: int, rate: int, now: datetime) -> Wait:
        """Give it a place in the line of its webhook's rate limit.

        Its copy is unique as long as this invocation cannot be repeated, as copies of a fan-out are.
        """
        unique_until = 0 if self.may_be_duplicate(now) else min(self.unique_until, self.first_received + UNIQUE_SECONDS)
        due_at = round(self.due_at.timestamp() * 1000)
        return Wait(until, rate, due_at, int(unique_until), self.sent_since)

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> "QueueMessage":
        """Parse a record of an SQS event. Raises InvalidMessage."""
        received, wait = cls._parse_original(record), Wait.parse(record)
        attributes = record["attributes"]
        first_received = attributes.get("ApproximateFirstReceiveTimestamp", attributes["SentTimestamp"])
        received = received._replace(first_received=int(first_received) // 1000)
        if not wait:
            return received._replace(has_waited=received.redelivered and not can_wait(record))
        return received._replace(
            redelivered=int(attributes["ApproximateReceiveCount"]) > 1,
            due_at=_parse_timestamp(str(wait.due_at)),
            unique_until=min(received.unique_until, wait.unique_until),
            sent_since=wait.sent_since,
            wait=wait,
            has_waited=True,
        )

    @classmethod
    def _parse_original(cls, record: Mapping[str, Any]) -> "QueueMessage":
        attributes, queue_message_id, redriven = record["attributes"], get_queue_message_id(record), is_redriven(record)
        redelivered = redriven or int(attributes["ApproximateReceiveCount"]) > 1
        due_at = _parse_timestamp(attributes["SentTimestamp"])
        received_at = _parse_timestamp(attributes.get("ApproximateFirstReceiveTimestamp", attributes["SentTimestamp"]))
        since = _BEGINNING if redriven else compact_time(received_at - _MAX_CLOCK_SKEW)
        fields = unwrap_request(parse_object(record["body"]))
        if "repeat_of" in fields:
            retry = RetryTask.parse(fields)
            task_id = retry.request_id or queue_message_id
            return cls(retry, retry.queue_message_id, redelivered, due_at, task_id=task_id, sent_since=since)
        origin = Origin.parse(fields)
        if origin and redriven:
            origin = origin._replace(requeues=0)
        trace = "" if origin else get_trace_header(record)
        if "topic" in fields:
            origin = origin or Origin(queue_message_id, int(received_at.timestamp()) + UNIQUE_SECONDS)
            task = FanOutTask.parse(fields, origin._replace(unique_until=0) if redelivered else origin)
            traced_task = task._replace(message=_add_trace(task.message, trace))
            return cls(traced_task, queue_message_id, redelivered, due_at)
        message_fields = {name: value for name, value in fields.items() if name != "copy_of"}
        message = _add_trace(Message.parse(message_fields, queue_message_id), trace)
        if origin:
            ids, since = origin.queue_message_id, _first_possible_copy(origin)
            return cls(message, ids, redelivered, due_at, origin.unique_until, sent_since=since)
        return cls(message, queue_message_id, redelivered, due_at, sent_since=since)


def _parse_timestamp(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _first_possible_copy(origin: Origin) -> str:
    """Return when the topic's message was first received: no copy was sent earlier."""
    if not origin.unique_until:
        return _BEGINNING
    received_at = _parse_timestamp(str((origin.unique_until - UNIQUE_SECONDS) * 1000))
    return compact_time(received_at - _MAX_CLOCK_SKEW)


def _add_trace(message: Message, xray_header: str) -> Message:
    """Add the producer's trace, which is then logged for retries.

    Fan-out copies have it already.
    """
    return message._replace(headers=add_traceparent(message.headers, xray_header))
