"""A batch of queue messages: all processed at once, each logged as soon as it is done."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Barrier
from typing import Any, Final, NamedTuple

from hooklog.aws import DYNAMODB_TIMEOUT_SECONDS, SERVICE_TIMEOUT_SECONDS
from hooklog.errors import HooklogError, InvalidMessage, NoTimeLeft, NotQueued, describe_error
from hooklog.executions.execution import Execution, Trigger
from hooklog.executions.rows import remove_next_attempt
from hooklog.queues.dead_letters import DeadLetterQueue
from hooklog.queues.retry_tasks import RetryQueue, RetryScheduler, RetryTask
from hooklog.sending.failure_monitor import MONITOR_SECONDS, Disabled, FailureMonitor
from hooklog.sending.fan_out import FannedOut
from hooklog.sending.log_writer import LogWriter
from hooklog.sending.processor import Ignored, MessageProcessor, Postponed, Processed
from hooklog.sending.queue_message import QueueMessage

FLUSH_SECONDS: Final = 0.25
"""How long a finished delivery waits for others, to be logged in the same request."""

Record = Mapping[str, Any]
"""One record of an SQS event."""

Poison = list[tuple[Record, str]]
"""Records that can never be sent, with the reason."""


@dataclass(slots=True)
class Outcome:
    """The outcome of a batch."""

    executions: list[Execution] = field(default_factory=list)
    pending: int = 0
    """Items that went to the queue of pending log writes."""
    pending_cause: str = ""
    invalid: list[tuple[str, str]] = field(default_factory=list)
    """Queue message id and reason of those that went to the dead-letter queue."""
    ignored: list[str] = field(default_factory=list)
    """Why nothing was to be sent, for each such message."""
    fanned_out: list[FannedOut] = field(default_factory=list)
    """Messages of topics that were copied for a page of webhooks."""
    disabled: list[Disabled] = field(default_factory=list)
    stale_cause: str = ""
    """Why a failure that was retried still has its `next_attempt_at`."""
    monitor_cause: str = ""
    """Why the failure monitor did not note which webhooks are failing."""
    postponed: int = 0
    """Retries and resends that come again later, because the log could not be read or they are not due."""
    unsent: list[str] = field(default_factory=list)
    """Queue message ids of those for which there was no time; they go back to the queue."""
    faults: dict[str, str] = field(default_factory=dict)
    """Queue message id and cause of those that go back to the queue for a fault of ours."""


class Destinations(NamedTuple):
    """The queues that a message may go on to."""

    scheduler: RetryScheduler
    retries: RetryQueue
    dead_letters: DeadLetterQueue


class Sender:
    """Sends batches, of `threads` messages at once; its threads are kept from one invocation to the next."""

    def __init__(
        self,
        processor: MessageProcessor,
        log_writer: LogWriter,
        destinations: Destinations,
        monitor: FailureMonitor,
        threads: int,
    ) -> None:
        self._processor = processor
        self._log_writer = log_writer
        self._destinations = destinations
        self._monitor = monitor
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="delivery")
        self._start(threads)

    def _start(self, threads: int) -> None:
        """All of them now: a thread that cannot be started later would fail a batch of which half has been sent."""
        together = Barrier(threads)
        wait([self._pool.submit(together.wait) for _ in range(threads)])

    def send(self, records: Sequence[Record], seconds_left: Callable[[], float]) -> Outcome:
        """Process each record and log the outcome. Never raises because of one record."""
        outcome = Outcome()
        pending: dict[Future[Processed], Record] = {}
        poison: Poison = []
        others: dict[str, Processed] = {}
        for record in {record["messageId"]: record for record in records}.values():
            try:
                received = QueueMessage.parse(record)
            except InvalidMessage as invalid:
                poison.append((record, str(invalid)))
            else:
                pending[self._pool.submit(self._processor.process, received, seconds_left)] = record
        for finished, waiting in _gathered(pending):
            reserved = DYNAMODB_TIMEOUT_SECONDS if waiting else 0.0  # for their log
            executions = self._sort_out({future: pending[future] for future in finished}, outcome, poison, others)
            self._store(executions, outcome, _less(seconds_left, reserved))
        # What goes to queues comes last: it may take time that the log needs.
        self._finish(others, outcome, seconds_left)
        for record, reason in poison:
            self._send_to_dlq(record, reason, outcome, seconds_left)
        self._take_back(outcome, seconds_left)
        self._observe(outcome, seconds_left)
        return outcome

    def _take_back(self, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Remove the planned retry of executions that others have followed, under the same reserve as `_observe`."""
        followed = {(each.webhook_id, each.previous_id) for each in outcome.executions if each.previous_id}
        if outcome.pending or seconds_left() < DYNAMODB_TIMEOUT_SECONDS + MONITOR_SECONDS:
            return
        updates = [self._pool.submit(remove_next_attempt, *ids) for ids in followed]
        for update in updates:
            if error := update.exception():
                outcome.stale_cause = describe_error(error)

    def _observe(self, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Show the batch to the failure monitor; not while DynamoDB takes nothing, and after all deliveries."""
        if outcome.pending:
            return
        try:
            for each in self._monitor.observe(outcome.executions, seconds_left):
                outcome.disabled.append(each)
        except Exception as error:  # noqa: BLE001 - all is sent and logged, and must not come again for this
            outcome.monitor_cause = describe_error(error)

    def _sort_out(
        self,
        finished: Mapping[Future[Processed], Record],
        outcome: Outcome,
        poison: Poison,
        others: dict[str, Processed],
    ) -> Mapping[str, Execution]:
        """Returns the executions; adds the rest to `poison`, `others` and the outcome."""
        done: dict[str, Processed] = {}
        for future, record in finished.items():
            error = future.exception()
            if error is None:
                done[record["messageId"]] = future.result()
            else:
                self._account_for(record, error, outcome, poison)
        others |= {q: each for q, each in done.items() if not isinstance(each, Execution)}
        return {q: each for q, each in done.items() if isinstance(each, Execution)}

    def _account_for(self, record: Record, error: BaseException, outcome: Outcome, poison: Poison) -> None:
        if isinstance(error, InvalidMessage):
            poison.append((record, str(error)))
        elif isinstance(error, NoTimeLeft):
            outcome.unsent.append(record["messageId"])
        else:
            outcome.faults[record["messageId"]] = describe_error(error)

    def _store(self, executions: Mapping[str, Execution], outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Log them and schedule their retries: all together, or one by one if that fails, as for lack of memory."""
        try:
            logged = self._log(executions, outcome)
        except Exception as error:  # noqa: BLE001 - they have been sent: nothing may keep them out of the log
            cause = describe_error(error)
        else:
            if logged:
                self._schedule(executions, outcome, seconds_left)
            return
        if len(executions) == 1:
            outcome.faults |= dict.fromkeys(executions, f"not logged: {cause}")
            return
        for queue_message_id, execution in executions.items():
            self._store({queue_message_id: execution}, outcome, seconds_left)

    def _log(self, executions: Mapping[str, Execution], outcome: Outcome) -> bool:
        """Returns whether these are in the log, or on their way there."""
        try:
            waiting = self._log_writer.write(list(executions.values()))
        except NotQueued as error:
            outcome.faults |= dict.fromkeys(executions, f"not logged: {error}")
            return False
        if waiting:
            outcome.pending += len(waiting.puts)
            outcome.pending_cause = waiting.cause
        outcome.executions += executions.values()
        return True

    def _schedule(
        self, executions: Mapping[str, Execution], outcome: Outcome, seconds_left: Callable[[], float]
    ) -> None:
        """If no time is left, it is done when the message comes again, which finds its execution in the log."""
        try:
            if due := {_retry(each): each.next_attempt_at for each in executions.values() if each.next_attempt_at}:
                _require_time(seconds_left)
                self._destinations.scheduler.schedule(due, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - whatever it was, what else has been sent must still be logged
            failed = (q for q, each in executions.items() if each.next_attempt_at)
            outcome.faults |= dict.fromkeys(failed, f"retry not queued: {_why(error)}")

    def _finish(self, others: Mapping[str, Processed], outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        for queue_message_id, each in others.items():
            try:
                self._finish_one(each, outcome, seconds_left)
            except Exception as error:  # noqa: BLE001 - as of a retry
                outcome.faults[queue_message_id] = f"retry or resend not queued: {_why(error)}"

    def _finish_one(self, each: Processed, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        if isinstance(each, Postponed):
            _require_time(seconds_left)
            self._destinations.retries.put({each.task: each.seconds})
            outcome.postponed += 1
        elif isinstance(each, FannedOut):
            outcome.fanned_out.append(each)
        elif isinstance(each, Ignored):
            if each.retry:
                _require_time(seconds_left)
                self._destinations.scheduler.schedule(dict([each.retry]), datetime.now(UTC))
            outcome.ignored.append(each.reason)

    def _send_to_dlq(self, record: Record, reason: str, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        try:
            _require_time(seconds_left)
            self._destinations.dead_letters.send(record, reason)
        except Exception as error:  # noqa: BLE001 - whatever it was, the message must not be lost
            cause = f"not put on the dead-letter queue ({reason}): {_why(error)}"
            outcome.faults[record["messageId"]] = cause
        else:
            outcome.invalid.append((record["messageId"], reason))


def _less(seconds_left: Callable[[], float], reserved: float) -> Callable[[], float]:
    return lambda: seconds_left() - reserved


def _require_time(seconds_left: Callable[[], float]) -> None:
    """Raises NotQueued if a queue that does not answer would end the invocation, and bring the whole batch back."""
    if seconds_left() < SERVICE_TIMEOUT_SECONDS:
        raise NotQueued("no time is left")


def _why(error: Exception) -> str:
    """Its text if it is ours, which names AWS's error; else its kind and place."""
    return str(error) if isinstance(error, HooklogError) else describe_error(error)


def _retry(execution: Execution) -> RetryTask:
    message = execution.delivery.message
    ids = message.webhook_id, message.message_id, execution.execution_id
    task = RetryTask(*ids, Trigger.RETRY, skip_if_resent=True, inline_payload=execution.inline_payload)
    return task._replace(queue_message_id=execution.queue_message_id)


def _gathered(futures: Mapping[Future[Processed], Record]) -> Iterator[tuple[set[Future[Processed]], bool]]:
    """The futures as they finish, in groups: all that finish within FLUSH_SECONDS of a group's first.

    With each group comes whether others are still to finish.
    """
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        more, pending = wait(pending, timeout=FLUSH_SECONDS) if pending else (set(), pending)
        yield done | more, bool(pending)
