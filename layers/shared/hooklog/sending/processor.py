"""What one queue message leads to: a message sent, a logged execution sent again, copies, or nothing."""

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from hooklog.errors import InvalidMessage, NoTimeLeft
from hooklog.executions.attempts import attempts_on, recent_attempts
from hooklog.executions.details import read_message
from hooklog.executions.execution import Execution, Trigger
from hooklog.executions.rows import Attempt, ExecutionRow, accepted_id
from hooklog.messages.codec import from_inline, to_inline
from hooklog.messages.message import Message
from hooklog.queues.repeats import LONGEST_WAIT, Repeat
from hooklog.queues.sqs import MAX_DELAY_SECONDS
from hooklog.sending.attempt import AttemptContext, Dispatcher, TimeBudget
from hooklog.sending.orders import Order
from hooklog.sending.topics import Publication, Published, Publisher
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.transformation import Transformer

LOG_SECONDS: Final = 15.0
"""Kept free at the end of an invocation, for the log to be written, be it only to the queue of what is unlogged: though
DynamoDB and a queue do not answer, one after the other, the rest of the batch is accounted for."""

PUBLISH_SECONDS: Final = 30.0
"""What it may take to copy a topic's message for a stretch of webhooks."""

MAX_DEFERRALS: Final = 100
"""About a day, at the longest pause; after that a repeat goes to the dead-letter queue."""

NOT_SUBSCRIBED: Final = "not among the webhook's event types"

_REQUEUE_GRACE = timedelta(seconds=120)  # longer than an exchange and its log may take together


class Deferred(NamedTuple):
    """The log could not be read, or it is not due; the repeat is to come again after this many seconds."""

    repeat: Repeat
    seconds: int


class Settled(NamedTuple):
    """Nothing was to be sent."""

    reason: str
    due: tuple[Repeat, datetime] | None = None
    """A retry that may not have been put on the queue when this was logged."""


Done = Execution | Deferred | Settled | Published

LOG_UNREADABLE = (BotoCoreError, ClientError, PynamoDBException)


class _Ready(NamedTuple):
    """A logged execution that is to be sent again now."""

    message: Message
    context: AttemptContext


class MessageProcessor:
    """Does what queue messages ask for. Safe to use from several threads."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        webhooks: WebhookCache,
        publisher: Publisher,
        clock: Callable[[], datetime] | None = None,
        *,
        transformer: Transformer | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._webhooks = webhooks
        self._publisher = publisher
        self._transformer = transformer or Transformer()
        self._clock = clock or (lambda: datetime.now(UTC))

    def process(self, order: Order, seconds_left: Callable[[], float]) -> Done:
        """Do what the queue message asks for.

        Raises NoTimeLeft where it could not be finished in time, InvalidMessage where it can never be,
        RegistryUnreachable where its webhook must be known first, EvaluatorLost where it must be transformed, what
        reading the log raises where it must be known first whether a message was sent before, and what
        `Publisher.publish` does of a topic's message.
        """
        content = order.content
        if isinstance(content, Publication):
            if seconds_left() < PUBLISH_SECONDS + LOG_SECONDS:
                raise NoTimeLeft(f"{PUBLISH_SECONDS:g} s may be needed to copy this")
            return self._publisher.publish(content)
        if isinstance(content, Repeat):
            return self._repeat(order, content, seconds_left)
        again = order.redelivered or order.unique_until <= self._clock().timestamp()
        if again and (settled := self._logged_before(order, content, _sent_before(order, content))):
            return settled
        return self._send(content, _context(order), seconds_left)

    def _logged_before(self, order: Order, content: Message | Repeat, attempts: Iterable[Attempt]) -> Settled | None:
        for attempt in attempts:
            if attempt.asked_by == order.asked_by:
                return Settled("logged before", self._due(content, attempt))
        return None

    def _due(self, content: Message | Repeat, attempt: Attempt) -> tuple[Repeat, datetime] | None:
        """The retry of a logged failure: later than planned, so that the one that was planned shows in the log."""
        row = ExecutionRow.get(attempt.webhook_id, attempt.execution_id, consistent_read=True)
        if not row.next_attempt_at or row.erased:
            return None
        at = max(datetime.fromisoformat(row.next_attempt_at), self._clock()) + _REQUEUE_GRACE
        again = Repeat(row.webhook_id, row.message_id, row.executed_at, Trigger.RETRY, once=True)
        again = again._replace(queue_message_id=attempt.queue_message_id)
        return (again._replace(carried=_packed(content)) if row.details_not_stored else again), at

    def _repeat(self, order: Order, repeat: Repeat, seconds_left: Callable[[], float]) -> Done:
        if repeat.due and (left := (repeat.due - self._clock()).total_seconds()) > 1:
            return _wait(repeat, left)
        try:
            found = self._look_up(order, repeat)
        except LOG_UNREADABLE:
            if order.redelivered and not repeat.once:
                raise  # put on the queue once more, it would not know that it has been sent
            return _defer(repeat)
        return self._send(*found, seconds_left) if isinstance(found, _Ready) else found

    def _look_up(self, order: Order, repeat: Repeat) -> _Ready | Settled | Deferred:
        """What a repeat asks for, unless its message was sent meanwhile. Raises what reading the log does."""
        before = list(_sent_before(order, repeat)) if order.redelivered else []
        if settled := self._logged_before(order, repeat, before):
            return settled
        row = ExecutionRow.get(repeat.webhook_id, repeat.execution_id)
        order = order._replace(queue_message_id=order.queue_message_id or accepted_id(row))
        later = [
            each
            for each in [*before, *attempts_on(repeat.webhook_id, repeat.message_id, repeat.execution_id)]
            if each.execution_id > repeat.execution_id and each.follows(order.queue_message_id)
        ]
        if repeat.once and later:
            return Settled("sent again meanwhile")
        if row.erased:
            return Settled("erased")
        if not (message := _message(repeat, row)):
            return _defer(repeat)
        attempt = 1 + max([int(row.attempt), *(each.attempt for each in later)])
        used, last = 0, max([row.executed_at, *(each.execution_id for each in later)])
        if repeat.trigger is Trigger.RETRY:
            used = int(row.retries_used or 0) + 1
            due_at = row.next_attempt_at and datetime.fromisoformat(row.next_attempt_at)
            order = order._replace(due_at=due_at or order.due_at)
        context = _context(order)._replace(
            attempt=attempt,
            trigger=repeat.trigger,
            retries_used=used,
            follows=last if later or row.next_attempt_at else "",
        )
        return _Ready(message, context)

    def _send(self, message: Message, context: AttemptContext, seconds_left: Callable[[], float]) -> Done:
        """Send it to its own URL, or to its registered webhook as that is now.

        A resend usually follows a fix, so it does not use what was read before it was asked for.
        """
        budget = TimeBudget(seconds_left, LOG_SECONDS)
        entry = None
        if message.url is None:
            as_of = context.due_at if context.trigger is Trigger.RESEND else None
            entry = self._webhooks.find(message.webhook_id, as_of=as_of)
        if entry and context.trigger is Trigger.EVENT and not entry.webhook.takes(message.event_type):
            return Settled(NOT_SUBSCRIBED)
        transform = partial(self._transformer.shape, seconds_left=budget.left)
        return self._dispatcher.dispatch(message, entry, context, budget, transform)


def _context(order: Order) -> AttemptContext:
    """Of a first attempt; that of a retry or resend follows from the log."""
    return AttemptContext(
        queue_message_id=order.queue_message_id,
        task_id=order.repeat_id,
        redelivered=order.redelivered,
        due_at=order.due_at,
    )


def _sent_before(order: Order, content: Message | Repeat) -> Iterator[Attempt]:
    """The executions that its queue message may have led to: from the table, which holds what was written a moment ago.

    The index has those that lie too far back on a busy webhook. It follows the table, and has had the time for them.
    """
    recent = recent_attempts(content.webhook_id, content.message_id, order.sent_since)
    yield from recent.attempts
    if not recent.complete:
        yield from attempts_on(content.webhook_id, content.message_id)


def _wait(repeat: Repeat, seconds: float) -> Deferred:
    """It is not due for so long: SQS holds it back, a quarter of an hour at a time."""
    if seconds > LONGEST_WAIT.total_seconds():
        raise InvalidMessage(f"due must lie within {LONGEST_WAIT.total_seconds() / 3600:g} hours from now")
    return Deferred(repeat, min(math.ceil(seconds), MAX_DELAY_SECONDS))


def _defer(repeat: Repeat) -> Deferred:
    """The log lags or is out of reach: come again, after a minute at first and a quarter of an hour in the end."""
    if repeat.deferrals >= MAX_DEFERRALS:
        raise InvalidMessage(f"execution {repeat.execution_id} or its details are not in the log")
    again = repeat._replace(deferrals=repeat.deferrals + 1)
    return Deferred(again, min(60 * 2**repeat.deferrals, MAX_DELAY_SECONDS))


def _packed(content: Message | Repeat) -> str:
    """An order's message, for its retry to carry; empty where the log alone could have had it and has not."""
    if isinstance(content, Message):
        return to_inline(content)
    if content.carried:
        return content.carried
    message = _message(content, ExecutionRow.get(content.webhook_id, content.execution_id))
    return to_inline(message) if message else ""


def _message(repeat: Repeat, row: ExecutionRow) -> Message | None:
    """What is to be sent again: from the repeat itself, or from the log; None where neither has it (yet)."""
    if repeat.carried:
        return from_inline(repeat.carried, repeat.webhook_id, repeat.message_id)
    return read_message(row)
