"""Messages that wait for their webhook's rate limit, as copies on the webhook queue.

A copy has the body of the original, and message attributes with what would be lost with it: `QueueMessageId` and
`TraceHeader`, as a dead letter, and `RateLimit`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage
from hooklog.queues.dead_letters import (
    EXPLAINING_ATTRIBUTES,
    ID_ATTRIBUTE,
    MAX_MESSAGE_BYTES,
    TRACE_ATTRIBUTE,
    build_attributes,
    get_queue_message_id,
    get_trace_header,
)
from hooklog.queues.sqs import MAX_DELAY_SECONDS, send_all

WAIT_ATTRIBUTE: Final = "RateLimit"
"""The message attribute with a Wait as JSON."""

MAX_ATTRIBUTE_BYTES: Final = 4_096
"""Of the producer's attributes, in JSON. Longer ones are omitted: ten messages are sent in one request."""

_MICROSECONDS: Final = 1_000_000


class Wait(NamedTuple):
    """A message's place in the line of its webhook, and what its copies keep of the original."""

    until: int
    """The place: when to take a slot, in Unix microseconds."""
    rate: int
    """The limit for which the place was reserved."""
    due_at: int
    """When the message should have been sent without the limit, in Unix milliseconds."""
    unique_until: int
    """Unix seconds after which a second copy may exist; 0 if it may exist already."""
    sent_since: str
    """If it was sent before, its execution ID is not less than this."""

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> "Wait | None":
        """Parse the attribute of a record of an SQS event, if present. Raises InvalidMessage."""
        attribute = record.get("messageAttributes", {}).get(WAIT_ATTRIBUTE)
        if attribute is None:
            return None
        try:
            wait = cls(**json.loads(attribute["stringValue"]))
            datetime.fromtimestamp(wait.due_at / 1000, UTC)
        except (ValueError, TypeError, KeyError, OverflowError, OSError):
            raise InvalidMessage(f"the attribute {WAIT_ATTRIBUTE} must be one that Hooklog has written") from None
        if not all(type(value) is int for value in wait[:-1]) or type(wait.sent_since) is not str:
            raise InvalidMessage(f"the attribute {WAIT_ATTRIBUTE} must be one that Hooklog has written")
        return wait

    def compute_delay(self, now: float) -> int:
        """Return SQS's delay at a time in Unix seconds: whole seconds, up to one too early, or 15 minutes."""
        return max(min(math.floor(self.until / _MICROSECONDS - now), MAX_DELAY_SECONDS), 0)


class WaitingMessages:
    """The webhook queue, for messages that wait."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def put(self, waits: Sequence[tuple[Mapping[str, Any], str, Wait]], now: float) -> None:
        """Queue copies of records with their webhook's ID. Raises NotQueued unless all were accepted."""
        entries = [
            _build_entry(record, webhook_id, wait) | {"DelaySeconds": wait.compute_delay(now)}
            for record, webhook_id, wait in waits
        ]
        send_all(self._clients.sqs, self._queue_url, entries)


def can_wait(record: Mapping[str, Any]) -> bool:
    """Return whether the record leaves room for the attributes of its copy.

    Only the last kilobytes below SQS's limit do not.
    """
    return len(record["body"].encode()) <= MAX_MESSAGE_BYTES - 2 * MAX_ATTRIBUTE_BYTES


def _build_entry(record: Mapping[str, Any], webhook_id: str, wait: Wait) -> dict[str, Any]:
    own = {
        name: value
        for name, value in record.get("messageAttributes", {}).items()
        if name not in (*EXPLAINING_ATTRIBUTES, WAIT_ATTRIBUTE)
    }
    if len(json.dumps(own)) > MAX_ATTRIBUTE_BYTES:
        own = {}
    added = {ID_ATTRIBUTE: get_queue_message_id(record), WAIT_ATTRIBUTE: json.dumps(wait._asdict())}
    if trace := get_trace_header(record):
        added[TRACE_ATTRIBUTE] = trace
    return {
        "MessageBody": record["body"],
        "MessageAttributes": build_attributes(added, own),
        "MessageGroupId": record.get("attributes", {}).get("MessageGroupId") or webhook_id,
    }
