"""One attempt to send a message, from its transformation to its execution.

The sender and the webhook test use it.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import BeforeSend
from hooklog.errors import ErrorType, HardError, NoTimeLeft
from hooklog.executions.execution import Execution, Trigger, generate_execution_id
from hooklog.messages.call import Call
from hooklog.messages.codec import to_inline
from hooklog.messages.message import Message
from hooklog.queues.retry_tasks import MAX_INLINE_LENGTH
from hooklog.webhooks.cache import Entry
from hooklog.webhooks.retry import RetrySchedule, draw_jitter

Transform = Callable[[Message, str | None], Message | None]
"""Applies a webhook's expression to a message; returns None if nothing is to be sent. Raises HardError."""


class AttemptContext(NamedTuple):
    """The number of an attempt and its reason."""

    queue_message_id: str
    """The ID of the original queue message."""
    attempt: int = 1
    trigger: Trigger = Trigger.EVENT
    retries_used: int = 0
    task_id: str = ""
    """The ID of the queue message or request that led to this retry or resend."""
    previous_id: str = ""
    """The previous execution's ID, if its `next_attempt_at` must be removed."""
    redelivered: bool = False
    due_at: datetime | None = None
    receive_count: int = 0
    """How often the ordered queue has delivered the message; 0 for a message of the webhook queue."""
    retry_until: datetime | None = None
    """The latest time of a retry, if there is a limit."""

    @property
    def is_ordered(self) -> bool:
        return self.receive_count > 0


class TimeBudget(NamedTuple):
    """The seconds that an attempt may take."""

    seconds_left: Callable[[], float]
    """Of the invocation."""
    reserved: float
    """Reserved for logging after the attempt."""
    max_timeout: float = math.inf
    """The maximum timeout of the receiver."""
    min_timeout: float = math.inf
    """The minimum to which the receiver's timeout may be shortened. By default, it is not shortened."""

    def left(self) -> float:
        """Return the seconds left for the attempt."""
        return self.seconds_left() - self.reserved

    def limit_timeout(self, timeout_seconds: float) -> float:
        """Shorten a receiver's timeout to the time left.

        Raises NoTimeLeft if that is too short.
        """
        seconds = min(timeout_seconds, self.max_timeout, self.left())
        if seconds < min(timeout_seconds, self.min_timeout):
            raise NoTimeLeft("too little time was left for the receiver")
        return seconds


class Dispatcher:
    """A dispatcher, which makes attempts. Thread-safe."""

    def __init__(
        self,
        client: WebhookClient,
        schedule: RetrySchedule,
        clock: Callable[[], datetime] | None = None,
        *,
        details_stored: bool = True,
    ) -> None:
        """Create a dispatcher. `schedule` is the default.

        Without stored details, retries get an inline payload.
        """
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
        before_send: BeforeSend | None = None,
    ) -> Execution:
        """Send the message to its own URL, or to the webhook in `entry`.

        A dry run only builds the request. A message without a URL or an entry fails with `unknown_webhook`. Raises
        NoTimeLeft, MustWait and LimitUnavailable of `before_send`, and the exceptions of `transform` except HardError;
        then nothing was sent.
        """
        call = entry.make_call(message, self._clock()) if entry else Call.from_message(message)
        try:
            prepared = _prepare(call, entry, transform)
        except HardError as error:  # its body is logged, so that it can be resent
            return self._execution(Delivery.not_sent(call, context.attempt, self._clock(), error), context)
        if prepared is None:
            return self._execution(Delivery.skip(call, context.attempt, self._clock()), context)
        if dry_run:
            return self._execution(self._client.dry_run(prepared, context.attempt), context)
        prepared = prepared._replace(timeout_seconds=budget.limit_timeout(prepared.timeout_seconds))
        delivery = self._client.deliver(prepared, context.attempt, before_send)
        if delivery.success:
            return self._execution(delivery, context)
        schedule = (entry and entry.webhook.retry_schedule) or self._schedule
        next_attempt_at = schedule.next_attempt(delivery, context.retries_used, self._clock(), draw_jitter)
        if next_attempt_at and context.retry_until and next_attempt_at > context.retry_until:
            next_attempt_at = None
        return self._execution(delivery, context, next_attempt_at)

    def _execution(
        self, delivery: Delivery, context: AttemptContext, next_attempt_at: datetime | None = None
    ) -> Execution:
        not_stored = not self._details_stored and not delivery.success
        is_inline = not_stored and next_attempt_at and not context.is_ordered
        inline = to_inline(delivery.message) if is_inline else ""
        if len(inline) > MAX_INLINE_LENGTH:
            inline, next_attempt_at = "", None
        return Execution(
            execution_id=generate_execution_id(delivery.started_at),
            delivery=delivery,
            trigger=context.trigger,
            queue_message_id=context.queue_message_id,
            task_id=context.task_id,
            previous_id=context.previous_id,
            retries_used=context.retries_used,
            next_attempt_at=next_attempt_at,
            redelivered=context.redelivered,
            due_at=context.due_at,
            receive_count=context.receive_count,
            details_not_stored=not_stored,
            inline_payload=inline,
        )


def _prepare(call: Call, entry: Entry | None, transform: Transform) -> Call | None:
    """Transform the call's message; return None if nothing is to be sent.

    Raises HardError if it must not be sent.
    """
    if call.message.url is not None:
        return call
    if entry is None:
        raise HardError(ErrorType.UNKNOWN_WEBHOOK)
    if not entry.webhook.enabled:
        raise HardError(ErrorType.DISABLED_WEBHOOK)
    transformed = transform(call.message, entry.webhook.transformation)
    return None if transformed is None else call._replace(message=transformed)
