"""The processing of one queue message.

Depending on the message, it is sent, a logged execution is sent again, copies are queued, or nothing happens.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from hooklog.errors import InvalidMessage, MustWait, NoTimeLeft, WrongQueue, describe_error
from hooklog.executions.attempts import RecentAttempts, list_attempts, list_recent_attempts
from hooklog.executions.details import read_message
from hooklog.executions.execution import Execution, MessageIndex, Trigger
from hooklog.executions.rows import Attempt, ExecutionRow, get_queue_message_id
from hooklog.messages.codec import from_inline, to_inline
from hooklog.messages.message import Message
from hooklog.queues.dead_letters import ORDERED
from hooklog.queues.retry_tasks import LONGEST_WAIT, RetryTask
from hooklog.queues.sqs import MAX_DELAY_SECONDS
from hooklog.queues.waiting import Wait
from hooklog.sending.attempt import AttemptContext, Dispatcher, TimeBudget, Transform
from hooklog.sending.fan_out import LOGGED_SECONDS, FannedOut, FanOut, FanOutTask
from hooklog.sending.queue_message import QueueMessage
from hooklog.webhooks.cache import Entry, WebhookCache
from hooklog.webhooks.transformation import Transformer

if TYPE_CHECKING:
    from hooklog.limits.limiter import RateLimiter, Slot

LOG_SECONDS: Final = 15.0
"""Reserved at the end of an invocation to write to the log, or to the queue of pending log writes: enough even if
DynamoDB and then SQS time out."""

FAN_OUT_SECONDS: Final = 30.0
"""The longest that a page of a fan-out may take."""

MAX_POSTPONEMENTS: Final = 100
"""About a day. After that, a retry goes to the dead-letter queue."""

NOT_SUBSCRIBED: Final = "not among the webhook's event types"


class Postponed(NamedTuple):
    """A task to queue again after so many seconds.

    It is not due, or the log could not be read.
    """

    task: RetryTask
    seconds: int
    cause: str = ""
    """Why the log could not be read; empty if the task is not due."""


class Ignored(NamedTuple):
    """A queue message for which nothing was sent, and nothing needs to be."""

    reason: str
    retry: tuple[RetryTask, datetime] | None = None
    """A retry that may not have been scheduled when its failure was logged."""


class Waiting(NamedTuple):
    """A queue message to queue again, because its webhook's rate limit has no slot soon."""

    webhook_id: str
    wait: Wait
    is_new: bool
    """Whether it waits for the first time."""


Processed = Execution | Postponed | Ignored | FannedOut | Waiting

LOG_UNREADABLE = (BotoCoreError, ClientError, PynamoDBException)


class Ready(NamedTuple):
    """A message to send now, with its context."""

    message: Message
    context: AttemptContext


class MessageProcessor:
    """The processor of queue messages. Thread-safe."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        webhooks: WebhookCache,
        fan_out: FanOut,
        make_limiter: Callable[[], "RateLimiter"],
        clock: Callable[[], datetime] | None = None,
        *,
        transformer: Transformer | None = None,
        message_index: MessageIndex = MessageIndex.ALL,
    ) -> None:
        self._message_index = message_index
        self._dispatcher = dispatcher
        self.webhooks = webhooks
        self._fan_out = fan_out
        self._make_limiter = make_limiter
        self._limiter: RateLimiter | None = None
        self._limiter_lock = Lock()
        self._transformer = transformer or Transformer()
        self._clock = clock or (lambda: datetime.now(UTC))

    def process(self, received: QueueMessage, seconds_left: Callable[[], float]) -> Processed:
        """Process the queue message.

        Raises NoTimeLeft if too little time is left, InvalidMessage if it can never be processed, RegistryUnavailable
        if its webhook cannot be read, LimitUnavailable if its webhook has a rate limit that cannot be read,
        EvaluatorUnavailable if it cannot be transformed, the log's exceptions if they hide whether a message was sent
        before, and what `FanOut.run` raises.
        """
        content = received.content
        if isinstance(content, FanOutTask):
            if seconds_left() < FAN_OUT_SECONDS + LOG_SECONDS:
                raise NoTimeLeft(f"{FAN_OUT_SECONDS:g} s may be needed to copy this")
            return self._fan_out.run(content)
        if isinstance(content, RetryTask):
            return self._retry(received, content, seconds_left)
        if received.may_be_duplicate(self._clock()):
            recent = list_recent_attempts(content.webhook_id, content.message_id, received.sent_since)
            if ignored := self._ignore_if_logged(received, content, _add_older(recent, content)):
                return ignored
            received = received._replace(redelivered=received.redelivered or self._may_be_missing(recent))
        return self.send(received, Ready(content, make_context(received)), seconds_left)

    def _may_be_missing(self, recent: RecentAttempts) -> bool:
        """Return whether neither the executions that were read nor the index may have an older success."""
        return not recent.complete and self._message_index is not MessageIndex.ALL

    def _ignore_if_logged(
        self, received: QueueMessage, content: Message | RetryTask, attempts: Iterable[Attempt]
    ) -> Ignored | None:
        for attempt in attempts:
            if attempt.requested_by == received.requested_by:
                return Ignored("logged before", self._recreate_retry(content, attempt))
        return None

    def _recreate_retry(self, content: Message | RetryTask, attempt: Attempt) -> tuple[RetryTask, datetime] | None:
        """Create the retry of a logged failure again.

        It comes later than the original retry, so that it finds that one in the log.
        """
        row = ExecutionRow.get(attempt.webhook_id, attempt.execution_id, consistent_read=True)
        if not row.next_attempt_at or row.erased:
            return None
        at = max(datetime.fromisoformat(row.next_attempt_at), self._clock()) + timedelta(seconds=LOGGED_SECONDS)
        task = RetryTask(row.webhook_id, row.message_id, row.execution_id, Trigger.RETRY, skip_if_resent=True)
        task = task._replace(queue_message_id=attempt.queue_message_id)
        return (task._replace(inline_payload=_build_inline(content)) if row.details_not_stored else task), at

    def _retry(self, received: QueueMessage, task: RetryTask, seconds_left: Callable[[], float]) -> Processed:
        if task.due and (left := (task.due - self._clock()).total_seconds()) > 1:
            return _postpone_until_due(task, left)
        try:
            found = self._load(received, task)
        except LOG_UNREADABLE as error:
            if received.may_be_duplicate(self._clock()) and not task.skip_if_resent:
                raise  # a new queue message would not show that it may have been sent already
            return _postpone(task, describe_error(error))
        return self.send(received, found, seconds_left) if isinstance(found, Ready) else found

    def _load(self, received: QueueMessage, task: RetryTask) -> Ready | Ignored | Postponed:
        """Load the message of a retry or resend, unless it was sent already.

        Raises pynamodb's exceptions.
        """
        before = list(find_sent(received, task)) if received.may_be_duplicate(self._clock()) else []
        if ignored := self._ignore_if_logged(received, task, before):
            return ignored
        row = ExecutionRow.get(task.webhook_id, task.execution_id)
        received = received._replace(queue_message_id=received.queue_message_id or get_queue_message_id(row))
        later = [
            each
            for each in [*before, *list_attempts(task.webhook_id, task.message_id, task.execution_id)]
            if each.execution_id > task.execution_id and each.is_of(received.queue_message_id)
        ]
        if task.skip_if_resent and later:
            return Ignored("sent again meanwhile")
        if ignored := self._ignore_if_logged(received, task, later):  # a second message of the same request
            return ignored
        if row.erased:
            return Ignored("erased")
        if not (message := _load_message(task, row)):
            return _postpone(task, "its details are not in the log")
        attempt = 1 + max([int(row.attempt), *(each.attempt for each in later)])
        used, last = 0, max([row.execution_id, *(each.execution_id for each in later)])
        if task.trigger is Trigger.RETRY:
            used = int(row.retries_used or 0) + 1
            due_at = row.next_attempt_at and datetime.fromisoformat(row.next_attempt_at)
            received = received._replace(due_at=due_at or received.due_at)
        context = make_context(received)._replace(
            attempt=attempt,
            trigger=task.trigger,
            retries_used=used,
            previous_id=last if later or row.next_attempt_at else "",
        )
        return Ready(message, context)

    def send(
        self, received: QueueMessage, ready: Ready, seconds_left: Callable[[], float]
    ) -> Execution | Ignored | Waiting:
        """Send the message to its own URL, or to its registered webhook.

        A resend usually follows a fix, so it does not use a webhook that was cached before it was requested.
        """
        message, context = ready
        budget = TimeBudget(seconds_left, LOG_SECONDS)
        entry = None
        if message.url is None:
            checked_since = context.due_at if context.trigger is Trigger.RESEND else None
            entry = self.webhooks.find(message.webhook_id, checked_since=checked_since)
        if entry and entry.webhook.ordered and context.trigger is Trigger.EVENT and not context.is_ordered:
            entry = self._require_unordered(message.webhook_id)
        if entry and context.trigger is Trigger.EVENT and not entry.webhook.accepts(message.event_type):
            return Ignored(NOT_SUBSCRIBED)
        transform = partial(self._transformer.transform, seconds_left=budget.left)
        if not (entry and entry.webhook.enabled and entry.webhook.max_per_second):
            return self._dispatcher.dispatch(message, entry, context, budget, transform)
        return self._send_limited(received, ready, entry, budget, transform)

    def _require_unordered(self, webhook_id: str) -> Entry | None:
        """Read the webhook again, because it may have changed; raise WrongQueue if it is ordered."""
        entry = self.webhooks.refresh(webhook_id)
        if entry and entry.webhook.ordered:
            raise WrongQueue("the webhook is ordered: put its messages on the ordered queue, OrderedQueueUrl", ORDERED)
        return entry

    def _get_limiter(self) -> "RateLimiter":
        with self._limiter_lock:
            if self._limiter is None:
                self._limiter = self._make_limiter()
            return self._limiter

    def _send_limited(
        self, received: QueueMessage, ready: Ready, entry: Entry, budget: TimeBudget, transform: Transform
    ) -> Execution | Waiting:
        """Send the message within its webhook's rate limit.

        The transformation comes first, because a message that it skips needs no slot. The wait comes last, on the
        connection, so that only the request itself follows it.
        """
        message, context = ready
        rate, wait, limiter = entry.webhook.max_per_second or 0, received.wait, self._get_limiter()
        if wait and wait.rate == rate and limiter.is_early(wait.until):
            return Waiting(message.webhook_id, received.make_wait(wait.until, rate, self._clock()), is_new=False)
        slots: list[Slot] = []

        def transform_and_reserve(message: Message, expression: str | None) -> Message | None:
            if (transformed := transform(message, expression)) is None:
                return None
            needed = limiter.longest_wait_seconds + (message.timeout_seconds or entry.webhook.timeout_seconds)
            if budget.left() < needed:
                raise NoTimeLeft("too little time was left to wait for a slot of the webhook's rate limit")
            ids = message.webhook_id, rate, received.siblings
            slots.append(limiter.reserve_slot(*ids, returned=received.has_waited or context.is_ordered))
            return transformed

        try:
            execution = self._dispatcher.dispatch(
                message, entry, context, budget, transform_and_reserve, before_send=lambda: slots[0].wait()
            )
        except MustWait as must_wait:
            place = received.make_wait(must_wait.until, rate, self._clock())
            return Waiting(message.webhook_id, place, is_new=wait is None)
        return execution._replace(throttled=wait is None and any(slot.is_delayed for slot in slots))


def make_context(received: QueueMessage) -> AttemptContext:
    """Create the context of a first attempt.

    For a retry or resend, the log completes it.
    """
    return AttemptContext(
        queue_message_id=received.queue_message_id,
        task_id=received.task_id,
        redelivered=received.redelivered,
        due_at=received.due_at,
    )


def find_sent(received: QueueMessage, content: Message | RetryTask) -> Iterator[Attempt]:
    """Find executions that the queue message may have led to. Reads the table consistently."""
    return _add_older(list_recent_attempts(content.webhook_id, content.message_id, received.sent_since), content)


def _add_older(recent: RecentAttempts, content: Message | RetryTask) -> Iterator[Attempt]:
    """Iterate over the executions that a queue message may have led to.

    On a busy webhook, those that are not recent are read from the index, which includes them by now.
    """
    yield from recent.attempts
    if not recent.complete:
        yield from list_attempts(content.webhook_id, content.message_id)


def _postpone_until_due(task: RetryTask, seconds: float) -> Postponed:
    """Postpone a task that is not due, up to 15 minutes at a time."""
    if seconds > LONGEST_WAIT.total_seconds():
        raise InvalidMessage(f"due must be within {LONGEST_WAIT.total_seconds() / 3600:g} hours from now")
    return Postponed(task, min(math.ceil(seconds), MAX_DELAY_SECONDS))


def _postpone(task: RetryTask, cause: str) -> Postponed:
    """Postpone a task whose execution is not in the log.

    The backoff is from 1 to 15 minutes. Raises InvalidMessage after MAX_POSTPONEMENTS.
    """
    if task.postponements >= MAX_POSTPONEMENTS:
        raise InvalidMessage(f"execution {task.execution_id} or its details are not in the log")
    postponed = task._replace(postponements=task.postponements + 1)
    return Postponed(postponed, min(60 * 2**task.postponements, MAX_DELAY_SECONDS), cause)


def _build_inline(content: Message | RetryTask) -> str:
    """Build the inline payload for a retry.

    Empty if the message should be in the log but is not.
    """
    if isinstance(content, Message):
        return to_inline(content)
    if content.inline_payload:
        return content.inline_payload
    message = _load_message(content, ExecutionRow.get(content.webhook_id, content.execution_id))
    return to_inline(message) if message else ""


def _load_message(task: RetryTask, row: ExecutionRow) -> Message | None:
    """Load the message from the task's inline payload or from the log.

    None if neither has it (yet).
    """
    if task.inline_payload:
        return from_inline(task.inline_payload, task.webhook_id, task.message_id)
    return read_message(row)
