"""The processing of one message of the ordered queue.

The message stays on the queue until it has succeeded or has no more retries. The log says which attempt is next.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from hooklog.errors import InvalidMessage, WrongQueue
from hooklog.executions.details import read_message
from hooklog.executions.execution import Execution, Trigger, iso_time
from hooklog.executions.rows import Attempt, ExecutionRow
from hooklog.messages.message import Message
from hooklog.queues.dead_letters import WEBHOOKS, is_redriven
from hooklog.queues.ordered_queue import MAX_HOLD_SECONDS
from hooklog.sending.attempt import AttemptContext
from hooklog.sending.processor import (
    Ignored,
    MessageProcessor,
    Ready,
    Waiting,
    find_sent,
    make_context,
)
from hooklog.sending.queue_message import QueueMessage

RETRY_DAYS: Final = 10
"""How long after it was queued a message may be retried. The four days until the queue deletes it remain for messages
behind it, which then have one attempt each."""

STANDARD_GRACE: Final = timedelta(seconds=120)
"""How long a retry on the webhook queue, which follows a resend, may be late before the ordered queue takes over."""

_EARLY = timedelta(seconds=1)


class NotDue(NamedTuple):
    """A message to process again at this time."""

    at: datetime


class OrderedMessage(NamedTuple):
    """A message of the ordered queue, parsed."""

    received: QueueMessage
    message: Message
    receive_count: int
    is_redriven: bool

    @property
    def may_have_been_sent(self) -> bool:
        return self.receive_count > 1 or self.is_redriven

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> "OrderedMessage":
        """Parse a record of an SQS event. Raises InvalidMessage."""
        received, group = QueueMessage.parse(record), record["attributes"].get("MessageGroupId")
        message = received.content
        if not isinstance(message, Message) or received.wait or not math.isinf(received.unique_until):
            raise InvalidMessage("the ordered queue takes messages to a webhook, not topics' messages or retries")
        if group != message.webhook_id:
            raise InvalidMessage(f"MessageGroupId must be the webhook_id on the ordered queue, not {group!r:.140}")
        return cls(received, message, int(record["attributes"]["ApproximateReceiveCount"]), is_redriven(record))


class OrderedProcessor:
    """The processor of messages of the ordered queue. Thread-safe."""

    def __init__(self, processor: MessageProcessor, clock: Callable[[], datetime] | None = None) -> None:
        self._processor = processor
        self._clock = clock or (lambda: datetime.now(UTC))

    def process(
        self, ordered: OrderedMessage, seconds_left: Callable[[], float], *, is_new: bool
    ) -> Execution | Ignored | Waiting | NotDue:
        """Process the message. `is_new` says that it has always been behind one that had not been done.

        So it cannot have been sent, however often it was delivered, unless it is redriven, which changes its place.
        Raises what `MessageProcessor.process` raises; if the log cannot be read, nothing was sent.
        """
        is_new = is_new and not ordered.is_redriven
        attempts = [] if is_new or not ordered.may_have_been_sent else _find_attempts(ordered)
        if not attempts:
            self._require_ordered(ordered.message)
            return self._send(ordered, ordered.message, self._make_first_context(ordered, is_new=is_new), seconds_left)
        last = max(attempts, key=lambda each: each.execution_id)
        row = ExecutionRow.get(last.webhook_id, last.execution_id, consistent_read=True)
        if any(each.success for each in attempts) or row.erased or not row.next_attempt_at:
            return Ignored("logged before")
        due_at = datetime.fromisoformat(row.next_attempt_at)
        takes_over_at = due_at if row.receive_count else due_at + STANDARD_GRACE
        if takes_over_at > self._clock() + _EARLY:
            return NotDue(takes_over_at)
        context = _make_retry_context(ordered, row, due_at, max(each.attempt for each in attempts))
        return self._send(ordered, read_message(row) or ordered.message, context, seconds_left)

    def _require_ordered(self, message: Message) -> None:
        """Raise WrongQueue if the message does not belong on this queue, and RegistryUnavailable.

        One without a URL may be for a webhook that does not exist. This is logged, as on the webhook queue.
        """
        entry = self._processor.webhooks.find(message.webhook_id)
        if not (entry and entry.webhook.ordered):
            entry = self._processor.webhooks.refresh(message.webhook_id)
        if entry is None and message.url is not None:
            raise WrongQueue("the webhook is not registered: put its messages on the webhook queue, QueueUrl", WEBHOOKS)
        if entry and not entry.webhook.ordered:
            raise WrongQueue("the webhook is not ordered: put its messages on the webhook queue, QueueUrl", WEBHOOKS)

    def _make_first_context(self, ordered: OrderedMessage, *, is_new: bool) -> AttemptContext:
        """Create the context of a first attempt.

        What the message waited for others is not its delay.
        """
        is_first_receive = not is_new and not ordered.may_have_been_sent
        return _make_context(ordered)._replace(
            redelivered=not is_new and ordered.may_have_been_sent,
            due_at=ordered.received.due_at if is_first_receive else self._clock(),
        )

    def _send(
        self, ordered: OrderedMessage, message: Message, context: AttemptContext, seconds_left: Callable[[], float]
    ) -> Execution | Ignored | Waiting:
        alone = ordered.received._replace(siblings=1)
        return self._processor.send(alone, Ready(message, context), seconds_left)


def _find_attempts(ordered: OrderedMessage) -> list[Attempt]:
    """Find the logged attempts of the message, including resends on the webhook queue."""
    received = ordered.received
    return [each for each in find_sent(received, ordered.message) if each.is_of(received.queue_message_id)]


def _make_context(ordered: OrderedMessage) -> AttemptContext:
    queued_at = ordered.received.due_at
    context = make_context(ordered.received)
    return context._replace(receive_count=ordered.receive_count, retry_until=queued_at + timedelta(days=RETRY_DAYS))


def _make_retry_context(ordered: OrderedMessage, last: ExecutionRow, due_at: datetime, attempt: int) -> AttemptContext:
    """Create the context of the attempt after `last`."""
    return _make_context(ordered)._replace(
        attempt=attempt + 1,
        trigger=Trigger.RETRY,
        retries_used=int(last.retries_used or 0) + 1,
        task_id=ordered.received.queue_message_id,
        previous_id=last.execution_id,
        redelivered=_may_have_been_sent_since(ordered, last, due_at),
        due_at=due_at,
    )


def _may_have_been_sent_since(ordered: OrderedMessage, last: ExecutionRow, due_at: datetime) -> bool:
    """Return whether a sender that was killed may have sent the message after `last`.

    Each delivery since then that the wait does not explain may have done so. If the message was redriven since then,
    its earlier deliveries are unknown.
    """
    attempted_at = datetime.fromisoformat(iso_time(last.execution_id))
    if ordered.is_redriven and ordered.received.due_at > attempted_at:
        return True
    waited = (due_at - attempted_at).total_seconds()
    expected = max(math.ceil(waited / MAX_HOLD_SECONDS), 1)
    return ordered.receive_count - int(last.receive_count or 0) > expected
