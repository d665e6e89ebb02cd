"""One attempt to send a message: transformed, then refused, skipped or sent, and what the log keeps of it.

The sender makes them of queue messages, the webhook test of a call of the API.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.delivery import Delivery
from hooklog.errors import ErrorType, HardError, NoTimeLeft
from hooklog.executions.execution import Execution, Trigger, name_execution
from hooklog.messages.call import Call
from hooklog.messages.codec import to_inline
from hooklog.messages.message import Message
from hooklog.queues.retry_tasks import MAX_INLINE_LENGTH
from hooklog.webhooks.cache import Entry
from hooklog.webhooks.retry import RetrySchedule, jitter

Transform = Callable[[Message, str | None], Message | None]
"""Makes the message that is sent, by a webhook's expression; None says that nothing is sent. Raises HardError."""


class AttemptContext(NamedTuple):
    """Why a message is sent now, and how often it has been."""

    queue_message_id: str
    """Of the message that was accepted."""
    attempt: int = 1
    trigger: Trigger = Trigger.EVENT
    retries_used: int = 0
    task_id: str = ""
    """Of the queue message that asked for this retry or resend."""
    follows: str = ""
    """The execution before it, if that may say when it would be retried."""
    redelivered: bool = False
    due_at: datetime | None = None


class TimeBudget(NamedTuple):
    """The seconds that an attempt may take."""

    seconds_left: Callable[[], float]
    """Of the invocation."""
    reserved: float
    """Kept free after the attempt, to log it."""
    longest: float = math.inf
    """The most that a receiver gets of its time-out."""
    shortest: float = math.inf
    """The least that it gets if less than its time-out is left. By default its time-out is not cut."""

    def left(self) -> float:
        return self.seconds_left() - self.reserved

    def for_receiver(self, timeout_seconds: float) -> float:
        """Raises NoTimeLeft."""
        seconds = min(timeout_seconds, self.longest, self.left())
        if seconds < min(timeout_seconds, self.shortest):
            raise NoTimeLeft("too little time was left for the receiver")
        return seconds


class Dispatcher:
    """Makes attempts. Safe to use from several threads."""

    def __init__(
        self,
        client: WebhookClient,
        schedule: RetrySchedule,
        clock: Callable[[], datetime] | None = None,
        *,
        details_stored: bool = True,
    ) -> None:
        """`schedule` is for webhooks without their own. Without stored details, a retry has its message inside."""
        self._client = client
        self._schedule = schedule
        self._clock = clock or (lambda: datetime.now(UTC))
        self._details_stored = details_stored

    def dispatch(
        self,
        message: Message,
        entry: Entry | None,
        context: AttemptContext,
        budget: TimeBudget,
        transform: Transform,
        *,
        dry_run: bool = False,
    ) -> Execution:
        """Send the message to its own URL, or to this webhook; a dry run makes the request and does not send it.

        None of a webhook means that there is none for a message without a URL. Raises NoTimeLeft, and what `transform`
        raises but HardError: nothing was sent.
        """
        call = entry.webhook.call(message, entry.keys(self._clock())) if entry else Call.from_message(message)
        try:
            prepared = _prepare(call, entry, transform)
        except HardError as refusal:  # its body is kept, so that it can be sent later
            return self._execution(Delivery.not_sent(call, context.attempt, self._clock(), refusal), context)
        if prepared is None:
            return self._execution(Delivery.skip(call, context.attempt, self._clock()), context)
        if dry_run:
            return self._execution(self._client.dry_run(prepared, context.attempt), context)
        prepared = prepared._replace(timeout_seconds=budget.for_receiver(prepared.timeout_seconds))
        delivery = self._client.deliver(prepared, context.attempt)
        if delivery.success:
            return self._execution(delivery, context)
        schedule = (entry and entry.webhook.retry_schedule) or self._schedule
        next_attempt_at = schedule.next_attempt(delivery, context.retries_used, self._clock(), jitter)
        return self._execution(delivery, context, next_attempt_at)

    def _execution(
        self, delivery: Delivery, context: AttemptContext, next_attempt_at: datetime | None = None
    ) -> Execution:
        not_stored = not self._details_stored and not delivery.success
        inline = to_inline(delivery.message) if not_stored and next_attempt_at else ""
        if len(inline) > MAX_INLINE_LENGTH:
            inline, next_attempt_at = "", None
        return Execution(
            execution_id=name_execution(delivery.started_at),
            delivery=delivery,
            trigger=context.trigger,
            queue_message_id=context.queue_message_id,
            task_id=context.task_id,
            follows=context.follows,
            retries_used=context.retries_used,
            next_attempt_at=next_attempt_at,
            redelivered=context.redelivered,
            due_at=context.due_at,
            details_not_stored=not_stored,
            inline_payload=inline,
        )


def _prepare(call: Call, entry: Entry | None, transform: Transform) -> Call | None:
    """The call with the body that is sent; None if nothing is to be sent. Raises HardError if nothing may be."""
    if call.message.url is not None:
        return call
    if entry is None:
        raise HardError(ErrorType.UNKNOWN_WEBHOOK)
    if not entry.webhook.enabled:
        raise HardError(ErrorType.DISABLED_WEBHOOK)
    transformed = transform(call.message, entry.webhook.transformation)
    return None if transformed is None else call._replace(message=transformed)
