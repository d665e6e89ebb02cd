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
from hooklog.queues.retry_tasks import LONGEST_WAIT, RetryTask
from hooklog.queues.sqs import MAX_DELAY_SECONDS
from hooklog.sending.attempt import AttemptContext, Dispatcher, TimeBudget
from hooklog.sending.fan_out import FannedOut, FanOut, FanOutTask
from hooklog.sending.queue_message import QueueMessage
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.transformation import Transformer

LOG_SECONDS: Final = 15.0
"""Kept free at the end of an invocation to write to the log, or to the queue of pending log writes: though DynamoDB and
then a queue do not answer, the rest of the batch is accounted for."""

FAN_OUT_SECONDS: Final = 30.0
"""What it may take to copy a topic's message for a page of webhooks."""

MAX_POSTPONEMENTS: Final = 100
"""About a day, at the longest pause; after that a retry goes to the dead-letter queue."""

NOT_SUBSCRIBED: Final = "not among the webhook's event types"

_REQUEUE_GRACE = timedelta(seconds=120)  # longer than an exchange and its log may take together


class Postponed(NamedTuple):
    """The log could not be read, or the task is not due: it comes again after this many seconds."""

    task: RetryTask
    seconds: int


class Ignored(NamedTuple):
    """Nothing was to be sent."""

    reason: str
    due: tuple[RetryTask, datetime] | None = None
    """A retry that may not have been put on the queue when its failure was logged."""


Processed = Execution | Postponed | Ignored | FannedOut

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
        fan_out: FanOut,
        clock: Callable[[], datetime] | None = None,
        *,
        transformer: Transformer | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._webhooks = webhooks
        self._fan_out = fan_out
        self._transformer = transformer or Transformer()
        self._clock = clock or (lambda: datetime.now(UTC))

    def process(self, received: QueueMessage, seconds_left: Callable[[], float]) -> Processed:
        """Process the queue message.

        Raises NoTimeLeft if too little time is left, InvalidMessage if it can never be processed, RegistryUnavailable
        if its webhook cannot be read, EvaluatorUnavailable if it cannot be transformed, the log's exceptions if they
        hide whether a redelivered message was sent before, and what `FanOut.run` raises.
        """
        content = received.content
        if isinstance(content, FanOutTask):
            if seconds_left() < FAN_OUT_SECONDS + LOG_SECONDS:
                raise NoTimeLeft(f"{FAN_OUT_SECONDS:g} s may be needed to copy this")
            return self._fan_out.run(content)
        if isinstance(content, RetryTask):
            return self._retry(received, content, seconds_left)
        again = received.redelivered or received.unique_until <= self._clock().timestamp()
        if again and (ignored := self._logged_before(received, content, _sent_before(received, content))):
            return ignored
        return self._send(content, _context(received), seconds_left)

    def _logged_before(
        self, received: QueueMessage, content: Message | RetryTask, attempts: Iterable[Attempt]
    ) -> Ignored | None:
        for attempt in attempts:
            if attempt.asked_by == received.asked_by:
                return Ignored("logged before", self._due(content, attempt))
        return None

    def _due(self, content: Message | RetryTask, attempt: Attempt) -> tuple[RetryTask, datetime] | None:
        """The retry of a logged failure: later than planned, so that the one that was planned shows in the log."""
        row = ExecutionRow.get(attempt.webhook_id, attempt.execution_id, consistent_read=True)
        if not row.next_attempt_at or row.erased:
            return None
        at = max(datetime.fromisoformat(row.next_attempt_at), self._clock()) + _REQUEUE_GRACE
        again = RetryTask(row.webhook_id, row.message_id, row.executed_at, Trigger.RETRY, once=True)
        again = again._replace(queue_message_id=attempt.queue_message_id)
        return (again._replace(inline_payload=_packed(content)) if row.details_not_stored else again), at

    def _retry(self, received: QueueMessage, task: RetryTask, seconds_left: Callable[[], float]) -> Processed:
        if task.due and (left := (task.due - self._clock()).total_seconds()) > 1:
            return _wait(task, left)
        try:
            found = self._look_up(received, task)
        except LOG_UNREADABLE:
            if received.redelivered and not task.once:
                raise  # if it were put on the queue once more, it would not know that it may have been sent
            return _postpone(task)
        return self._send(*found, seconds_left) if isinstance(found, _Ready) else found

    def _look_up(self, received: QueueMessage, task: RetryTask) -> _Ready | Ignored | Postponed:
        """The message of a retry or resend, unless it was sent meanwhile. Raises what reading the log does."""
        before = list(_sent_before(received, task)) if received.redelivered else []
        if ignored := self._logged_before(received, task, before):
            return ignored
        row = ExecutionRow.get(task.webhook_id, task.execution_id)
        received = received._replace(queue_message_id=received.queue_message_id or accepted_id(row))
        later = [
            each
            for each in [*before, *attempts_on(task.webhook_id, task.message_id, task.execution_id)]
            if each.execution_id > task.execution_id and each.follows(received.queue_message_id)
        ]
        if task.once and later:
            return Ignored("sent again meanwhile")
        if row.erased:
            return Ignored("erased")
        if not (message := _message(task, row)):
            return _postpone(task)
        attempt = 1 + max([int(row.attempt), *(each.attempt for each in later)])
        used, last = 0, max([row.executed_at, *(each.execution_id for each in later)])
        if task.trigger is Trigger.RETRY:
            used = int(row.retries_used or 0) + 1
            due_at = row.next_attempt_at and datetime.fromisoformat(row.next_attempt_at)
            received = received._replace(due_at=due_at or received.due_at)
        context = _context(received)._replace(
            attempt=attempt,
            trigger=task.trigger,
            retries_used=used,
            follows=last if later or row.next_attempt_at else "",
        )
        return _Ready(message, context)

    def _send(self, message: Message, context: AttemptContext, seconds_left: Callable[[], float]) -> Processed:
        """Send it to its own URL, or to its registered webhook as that is now.

        A resend usually follows a fix, so it does not use what was read before it was asked for.
        """
        budget = TimeBudget(seconds_left, LOG_SECONDS)
        entry = None
        if message.url is None:
            as_of = context.due_at if context.trigger is Trigger.RESEND else None
            entry = self._webhooks.find(message.webhook_id, as_of=as_of)
        if entry and context.trigger is Trigger.EVENT and not entry.webhook.takes(message.event_type):
            return Ignored(NOT_SUBSCRIBED)
        transform = partial(self._transformer.transform, seconds_left=budget.left)
        return self._dispatcher.dispatch(message, entry, context, budget, transform)


def _context(received: QueueMessage) -> AttemptContext:
    """The context of a first attempt; the log completes that of a retry or resend."""
    return AttemptContext(
        queue_message_id=received.queue_message_id,
        task_id=received.task_id,
        redelivered=received.redelivered,
        due_at=received.due_at,
    )


def _sent_before(received: QueueMessage, content: Message | RetryTask) -> Iterator[Attempt]:
    """The executions that its queue message may have led to: read from the table, which is up to date.

    Those too far back on a busy webhook are read from the index, which has had the time to follow the table.
    """
    recent = recent_attempts(content.webhook_id, content.message_id, received.sent_since)
    yield from recent.attempts
    if not recent.complete:
        yield from attempts_on(content.webhook_id, content.message_id)


def _wait(task: RetryTask, seconds: float) -> Postponed:
    """It is not due yet: SQS holds it back, a quarter of an hour at a time."""
    if seconds > LONGEST_WAIT.total_seconds():
        raise InvalidMessage(f"due must lie within {LONGEST_WAIT.total_seconds() / 3600:g} hours from now")
    return Postponed(task, min(math.ceil(seconds), MAX_DELAY_SECONDS))


def _postpone(task: RetryTask) -> Postponed:
    """The log lags or cannot be read: come again, after a minute at first and a quarter of an hour in the end."""
    if task.postponements >= MAX_POSTPONEMENTS:
        raise InvalidMessage(f"execution {task.execution_id} or its details are not in the log")
    again = task._replace(postponements=task.postponements + 1)
    return Postponed(again, min(60 * 2**task.postponements, MAX_DELAY_SECONDS))


def _packed(content: Message | RetryTask) -> str:
    """The message as its retry's inline payload; empty if it should be in the log and is not."""
    if isinstance(content, Message):
        return to_inline(content)
    if content.inline_payload:
        return content.inline_payload
    message = _message(content, ExecutionRow.get(content.webhook_id, content.execution_id))
    return to_inline(message) if message else ""


def _message(task: RetryTask, row: ExecutionRow) -> Message | None:
    """The message to send again, from the task itself or from the log; None if neither has it (yet)."""
    if task.inline_payload:
        return from_inline(task.inline_payload, task.webhook_id, task.message_id)
    return read_message(row)
