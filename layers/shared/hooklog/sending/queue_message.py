"""One message of the webhook queue, parsed: a producer's, a topic's, or a retry or resend."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from hooklog.executions.execution import compact_time
from hooklog.messages.fields import parse_object
from hooklog.messages.message import Message
from hooklog.messages.trace import add_traceparent
from hooklog.queues.dead_letters import accepted_id, is_redriven, trace_header
from hooklog.queues.retry_tasks import RetryTask, unscheduled
from hooklog.sending.fan_out import UNIQUE_SECONDS, FanOutTask, Origin

_ALWAYS: Final = "0"  # below every execution's id
_CLOCKS_DIFFER: Final = timedelta(seconds=60)  # at most: SQS's and Lambda's


class QueueMessage(NamedTuple):
    """One queue message, parsed."""

    content: Message | RetryTask | FanOutTask
    queue_message_id: str
    """Of the message that was accepted, which all that follows from it names. A fan-out copy has that of its topic's
    message, so that two copies for one webhook know of each other; a dead letter, the one it had before; a retry that
    does not say, none."""
    redelivered: bool
    """Whether the queue has delivered it before, or its dead letter was redriven: it may have been sent."""
    due_at: datetime
    """When it was put on the queue; of a retry, once it is looked up, when it was due."""
    unique_until: float = math.inf
    """Of a copy: Unix seconds from which on there may be a second one."""
    task_id: str = ""
    """Of a retry or resend, the id of its own queue message."""
    sent_since: str = _ALWAYS
    """If it was sent before, its execution's id is not below this."""

    @property
    def asked_by(self) -> str:
        """The id of the queue message that its execution names as its own."""
        return self.task_id or self.queue_message_id

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> "QueueMessage":
        """Read one record of an SQS event: a message, a topic's message, a retry or resend. Raises InvalidMessage."""
        attributes, queue_message_id, redriven = record["attributes"], accepted_id(record), is_redriven(record)
        redelivered = redriven or int(attributes["ApproximateReceiveCount"]) > 1
        due_at = _time(attributes["SentTimestamp"])
        received_at = _time(attributes.get("ApproximateFirstReceiveTimestamp", attributes["SentTimestamp"]))
        since = _ALWAYS if redriven else compact_time(received_at - _CLOCKS_DIFFER)
        fields = unscheduled(parse_object(record["body"]))
        if "repeat_of" in fields:
            retry = RetryTask.parse(fields)
            return cls(retry, retry.queue_message_id, redelivered, due_at, task_id=queue_message_id, sent_since=since)
        origin = Origin.parse(fields)
        if origin and redriven:
            origin = origin._replace(trips=0)
        trace = "" if origin else trace_header(record)
        if "topic" in fields:
            origin = origin or Origin(queue_message_id, int(received_at.timestamp()) + UNIQUE_SECONDS)
            task = FanOutTask.parse(fields, origin._replace(unique_until=0) if redelivered else origin)
            traced_one = task._replace(message=_traced(task.message, trace))
            return cls(traced_one, queue_message_id, redelivered, due_at)
        own = {name: value for name, value in fields.items() if name != "copy_of"}
        message = _traced(Message.parse(own, queue_message_id), trace)
        if origin:
            unique_until = origin.unique_until
            return cls(message, origin.queue_message_id, redelivered, due_at, unique_until, sent_since=_since(origin))
        return cls(message, queue_message_id, redelivered, due_at, sent_since=since)


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _since(origin: Origin) -> str:
    """The first copy of a topic's message is sent after that has been received."""
    if not origin.unique_until:
        return _ALWAYS
    return compact_time(_time(str((origin.unique_until - UNIQUE_SECONDS) * 1000)) - _CLOCKS_DIFFER)


def _traced(message: Message, xray_header: str) -> Message:
    """With its producer's trace, which its retries read from the log. A fan-out copy has its own already."""
    return message._replace(headers=add_traceparent(message.headers, xray_header))
