"""What is done for one order from the queue: a message sent, a logged execution sent again, or nothing."""

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from hooklog.delivery.courier import Courier
from hooklog.delivery.delivery import Delivery
from hooklog.errors import ErrorType, InvalidMessage, NoTimeLeft, Undelivered
from hooklog.executions.attempts import attempts_on, recent_attempts
from hooklog.executions.details import read_message
from hooklog.executions.execution import Execution, Trigger, name_execution
from hooklog.executions.rows import Attempt, ExecutionRow, accepted_id
from hooklog.messages.call import Call
from hooklog.messages.codec import from_inline, to_inline
from hooklog.messages.message import Message
from hooklog.queues.repeats import LONGEST_WAIT, MAX_INLINE_LENGTH, Repeat
from hooklog.queues.sqs import MAX_DELAY_SECONDS
from hooklog.sending.orders import Order
from hooklog.sending.topics import Publication, Published, Publisher
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.retry import RetrySchedule, jitter
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


class Turn(NamedTuple):
    """Why a message is sent now, and how often it has been."""

    attempt: int = 1
    trigger: Trigger = Trigger.EVENT
    retries_used: int = 0
    follows: str = ""
    """The execution before it, if that may say when it would be retried."""


class _Ready(NamedTuple):
    """A logged execution that is to be sent again now."""

    order: Order
    message: Message
    turn: Turn


class Clerk:
    """Carries out orders. Safe to use from several threads."""

    def __init__(
        self,
        courier: Courier,
        cache: WebhookCache,
        publisher: Publisher,
        schedule: RetrySchedule,
        clock: Callable[[], datetime] | None = None,
        *,
        transformer: Transformer | None = None,
        carry: bool = False,
    ) -> None:
        """`carry` says that the log keeps no details, so that each retry has to carry its message."""
        self._courier = courier
        self._carry = carry
        self._cache = cache
        self._publisher = publisher
        self._schedule = schedule
        self._transformer = transformer or Transformer()
        self._clock = clock or (lambda: datetime.now(UTC))

    def carry_out(self, order: Order, seconds_left: Callable[[], float]) -> Done:
        """Do what the order asks for.

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
        return self._send(order, content, Turn(), seconds_left)

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
        follows = last if later or row.next_attempt_at else ""
        return _Ready(order, message, Turn(attempt, repeat.trigger, used, follows))

    def _send(self, order: Order, message: Message, turn: Turn, seconds_left: Callable[[], float]) -> Done:
        """Send it where it says itself, or where its registered webhook says now.

        Who asks for it has often just mended the webhook: that is not to be taken as it was before.
        """
        if message.url is not None:
            return self._deliver(order, Call.of(message), turn, self._schedule, seconds_left)
        entry = self._cache.find(message.webhook_id, as_of=order.due_at if turn.trigger is Trigger.RESEND else None)
        if entry is None:
            return self._refuse(order, Call.of(message), turn, Undelivered(ErrorType.UNKNOWN_WEBHOOK))
        webhook = entry.webhook
        if turn.trigger is Trigger.EVENT and not webhook.takes(message.event_type):
            return Settled(NOT_SUBSCRIBED)
        call = webhook.call(message, entry.keys(self._clock()))
        if not webhook.enabled:
            return self._refuse(order, call, turn, Undelivered(ErrorType.DISABLED_WEBHOOK))
        try:
            shaped = self._transformer.shape(message, webhook.transformation, lambda: seconds_left() - LOG_SECONDS)
        except Undelivered as failure:
            return self._refuse(order, call, turn, failure)
        if shaped is None:
            return self._execution(order, Delivery.skip(call, turn.attempt, self._clock()), turn, None)
        call = call._replace(message=shaped)
        return self._deliver(order, call, turn, webhook.retry_schedule or self._schedule, seconds_left)

    def _deliver(
        self, order: Order, call: Call, turn: Turn, schedule: RetrySchedule, seconds_left: Callable[[], float]
    ) -> Execution:
        if call.timeout_seconds + LOG_SECONDS > seconds_left():
            raise NoTimeLeft(f"{call.timeout_seconds:g} s may be needed to send this")
        delivery = self._courier.deliver(call, turn.attempt)
        again = None
        if not delivery.success:
            again = schedule.next_attempt(delivery, turn.retries_used, self._clock(), jitter)
        return self._execution(order, delivery, turn, again)

    def _refuse(self, order: Order, call: Call, turn: Turn, refusal: Undelivered) -> Execution:
        """What is logged where nothing is sent; its body is kept, where any is, so that it can be sent then."""
        return self._execution(order, Delivery.refused(call, turn.attempt, self._clock(), refusal), turn, None)

    def _execution(self, order: Order, delivery: Delivery, turn: Turn, next_attempt_at: datetime | None) -> Execution:
        unkept = self._carry and not delivery.success
        packed = to_inline(delivery.message) if unkept and next_attempt_at else ""
        if len(packed) > MAX_INLINE_LENGTH:
            packed, next_attempt_at = "", None
        return Execution(
            execution_id=name_execution(delivery.started_at),
            delivery=delivery,
            trigger=turn.trigger,
            queue_message_id=order.queue_message_id,
            task_id=order.repeat_id,
            follows=turn.follows,
            retries_used=turn.retries_used,
            next_attempt_at=next_attempt_at,
            redelivered=order.redelivered,
            due_at=order.due_at,
            details_not_stored=unkept,
            inline_payload=packed,
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
