"""What the queue asks for: one of its messages, parsed."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hooklog.messages.fields import parse_object
from hooklog.messages.message import Message
from hooklog.messages.trace import traced
from hooklog.queues.dead_letters import is_redriven, trace_header
from hooklog.queues.repeats import Repeat, unscheduled
from hooklog.sending.topics import UNIQUE_SECONDS, Origin, Publication


class Order(NamedTuple):
    """One queue message, parsed."""

    content: Message | Repeat | Publication
    queue_message_id: str
    """Of a copy of a topic's message it is that one's: by it, two copies for one webhook know each other."""
    redelivered: bool
    """Whether the queue has handed it out before: the function may have died after it had sent it."""
    due_at: datetime
    """When it was put on the queue; of a retry, once it is looked up, the time that was set for it."""
    unique_until: float = math.inf
    """Of a copy: Unix seconds from which on there may be a second one."""

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> "Order":
        """Read one record of an SQS event: a message, a topic's message or a repeat. Raises InvalidMessage."""
        queue_message_id = record["messageId"]
        attributes = record["attributes"]
        redelivered = int(attributes["ApproximateReceiveCount"]) > 1
        due_at = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC)
        fields = unscheduled(parse_object(record["body"]))
        if "repeat_of" in fields:
            return cls(Repeat.parse(fields), queue_message_id, redelivered, due_at)
        origin = Origin.parse(fields)
        if origin and is_redriven(record):
            origin = origin._replace(trips=0)
        trace = "" if origin else trace_header(record)
        if "topic" in fields:
            unique_until = int(attributes["ApproximateFirstReceiveTimestamp"]) // 1000 + UNIQUE_SECONDS
            origin = origin or Origin(queue_message_id, unique_until)
            publication = Publication.parse(fields, origin._replace(unique_until=0) if redelivered else origin)
            traced_one = publication._replace(message=_traced(publication.message, trace))
            return cls(traced_one, queue_message_id, redelivered, due_at)
        own = {name: value for name, value in fields.items() if name != "copy_of"}
        message = _traced(Message.parse(own, queue_message_id), trace)
        if origin:
            return cls(message, origin.queue_message_id, redelivered, due_at, origin.unique_until)
        return cls(message, queue_message_id, redelivered, due_at)


def _traced(message: Message, xray_header: str) -> Message:
    """With its producer's trace, which its retries read from the log. What we copied or put back is traced no more."""
    return message._replace(headers=traced(message.headers, xray_header))
