"""A batch of queue messages, processed in parallel and logged as they finish."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from threading import Barrier
from typing import Any, Final, NamedTuple, TypeVar

from hooklog.aws import DYNAMODB_TIMEOUT_SECONDS, SERVICE_TIMEOUT_SECONDS
from hooklog.errors import HooklogError, InvalidMessage, NoTimeLeft, NotQueued, describe_error
from hooklog.executions.execution import Execution, Trigger
from hooklog.executions.rows import remove_next_attempt
from hooklog.queues.dead_letters import DeadLetterQueue
from hooklog.queues.retry_tasks import RetryQueue, RetryScheduler, RetryTask
from hooklog.queues.waiting import WaitingMessages, can_wait
from hooklog.sending.failure_monitor import MONITOR_SECONDS, FailureMonitor
from hooklog.sending.fan_out import FannedOut
from hooklog.sending.log_writer import LogWriter
from hooklog.sending.outcome import Outcome
from hooklog.sending.processor import Ignored, MessageProcessor, Postponed, Processed, Waiting
from hooklog.sending.queue_message import QueueMessage

FLUSH_SECONDS: Final = 0.25
"""How long a finished delivery waits for others, so that one request logs them together."""

T = TypeVar("T")

Record = Mapping[str, Any]
"""One record of an SQS event."""

InvalidRecords = list[tuple[Record, InvalidMessage]]
"""Records that can never be sent, with the reason."""


class Destinations(NamedTuple):
    """The queues to which a message may be sent."""

    scheduler: RetryScheduler
    retries: RetryQueue
    dead_letters: DeadLetterQueue
    waiting: WaitingMessages


class Sender:
    """A sender of batches with `threads` threads, which outlive an invocation."""

    def __init__(
        self,
        processor: MessageProcessor,
        log_writer: LogWriter,
        destinations: Destinations,
        monitor: FailureMonitor,
        threads: int,
    ) -> None:
        self.processor = processor
        self._log_writer = log_writer
        self._destinations = destinations
        self._monitor = monitor
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="delivery")
        start_threads(self._pool, threads)

    def send(self, records: Sequence[Record], seconds_left: Callable[[], float]) -> Outcome:
        """Process each record and log its execution.

        Never raises because of a single record.
        """
        outcome = Outcome()
        pending: dict[Future[Processed], Record] = {}
        invalid_records: InvalidRecords = []
        others: dict[str, Processed] = {}
        by_id = {record["messageId"]: record for record in records}
        for record, received in _parse(by_id.values(), invalid_records):
            pending[self._pool.submit(self.processor.process, received, seconds_left)] = record
        for finished, are_others_pending in group_finished(pending):
            reserved = DYNAMODB_TIMEOUT_SECONDS if are_others_pending else 0.0  # to log the others
            results = {future: pending[future] for future in finished}
            executions = self._collect(results, outcome, invalid_records, others)
            self._store(executions, outcome, _reserve(seconds_left, reserved))
            waiting = {message_id: each for message_id, each in others.items() if isinstance(each, Waiting)}
            others = {message_id: each for message_id, each in others.items() if message_id not in waiting}
            self._queue_waiting(waiting, by_id, outcome, _reserve(seconds_left, reserved))
        # The queues come last, because they may take time that the log needs.
        self._finish(others, outcome, seconds_left)
        for record, invalid in invalid_records:
            self.send_to_dlq(record, invalid, outcome, seconds_left)
        self.finish_executions(outcome, seconds_left)
        return outcome

    def finish_executions(self, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Do what logged executions lead to, as far as time allows."""
        self._remove_next_attempts(outcome, seconds_left)
        self._monitor_failures(outcome, seconds_left)

    def _remove_next_attempts(self, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Remove `next_attempt_at` of executions that others followed.

        Does nothing if too little time is left or DynamoDB accepts too little.
        """
        followed = {(each.webhook_id, each.previous_id) for each in outcome.executions if each.previous_id}
        if outcome.pending or seconds_left() < DYNAMODB_TIMEOUT_SECONDS + MONITOR_SECONDS:
            return
        updates = [self._pool.submit(remove_next_attempt, *ids) for ids in followed]
        for update in updates:
            if error := update.exception():
                outcome.stale_cause = describe_error(error)

    def _monitor_failures(self, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Pass the logged executions to the failure monitor. It never observes those whose log writes are pending."""
        try:
            for each in self._monitor.observe(outcome.logged, seconds_left):
                outcome.disabled.append(each)
        except Exception as error:  # noqa: BLE001 - all messages are sent and logged, so they must not be returned
            outcome.monitor_cause = describe_error(error)

    def _collect(
        self,
        finished: Mapping[Future[Processed], Record],
        outcome: Outcome,
        invalid_records: InvalidRecords,
        others: dict[str, Processed],
    ) -> Mapping[str, Execution]:
        """Return the executions by queue message ID.

        Adds the rest to `invalid_records`, `others` and `outcome`.
        """
        results: dict[str, Processed] = {}
        for future, record in finished.items():
            error = future.exception()
            if error is None:
                results[record["messageId"]] = future.result()
            else:
                self._add_error(record, error, outcome, invalid_records)
        others |= {message_id: each for message_id, each in results.items() if not isinstance(each, Execution)}
        return {message_id: each for message_id, each in results.items() if isinstance(each, Execution)}

    def _add_error(
        self, record: Record, error: BaseException, outcome: Outcome, invalid_records: InvalidRecords
    ) -> None:
        if isinstance(error, InvalidMessage):
            invalid_records.append((record, error))
        elif isinstance(error, NoTimeLeft):
            outcome.unsent.append(record["messageId"])
        else:
            outcome.faults[record["messageId"]] = describe_error(error)

    def _store(self, executions: Mapping[str, Execution], outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Log executions and schedule their retries.

        Does so together, or one by one if that fails, for example because memory is low.
        """
        try:
            is_logged = self.log(executions, outcome)
        except Exception as error:  # noqa: BLE001 - they were sent, so they must be logged
            cause = describe_error(error)
        else:
            if is_logged:
                self._schedule(executions, outcome, seconds_left)
            return
        if len(executions) == 1:
            outcome.faults |= dict.fromkeys(executions, f"not logged: {cause}")
            return
        for queue_message_id, execution in executions.items():
            self._store({queue_message_id: execution}, outcome, seconds_left)

    def log(self, executions: Mapping[str, Execution], outcome: Outcome) -> bool:
        """Log executions; return whether they are in the log or are pending log writes."""
        try:
            unwritten = self._log_writer.write(list(executions.values()))
        except NotQueued as error:
            outcome.faults |= dict.fromkeys(executions, f"not logged: {error}")
            return False
        if unwritten:
            outcome.pending += len(unwritten.puts)
            outcome.unlogged |= {put.execution for put in unwritten.puts}
            outcome.pending_cause = unwritten.cause
        outcome.executions += executions.values()
        outcome.throttled += sum(each.throttled for each in executions.values())
        return True

    def _schedule(
        self, executions: Mapping[str, Execution], outcome: Outcome, seconds_left: Callable[[], float]
    ) -> None:
        """Schedule retries.

        Without time for that, the queue delivers the message again, which then schedules them.
        """
        try:
            if due := {
                _make_retry_task(each): each.next_attempt_at for each in executions.values() if each.next_attempt_at
            }:
                _require_time(seconds_left)
                self._destinations.scheduler.schedule(due, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - the rest of the batch must still be logged
            failed = (message_id for message_id, each in executions.items() if each.next_attempt_at)
            outcome.faults |= dict.fromkeys(failed, f"retry not queued: {_describe(error)}")

    def _queue_waiting(
        self,
        waiting: Mapping[str, Waiting],
        records: Mapping[str, Record],
        outcome: Outcome,
        seconds_left: Callable[[], float],
    ) -> None:
        """Queue messages again that wait for a rate limit.

        One that is too long for that returns to the queue like one without time left.
        """
        outcome.unsent += (message_id for message_id in waiting if not can_wait(records[message_id]))
        waits = {message_id: each for message_id, each in waiting.items() if can_wait(records[message_id])}
        if not waits:
            return
        try:
            _require_time(seconds_left)
            copies = [(records[message_id], each.webhook_id, each.wait) for message_id, each in waits.items()]
            self._destinations.waiting.put(copies, time.time())
        except Exception as error:  # noqa: BLE001 - the rest of the batch must still be logged
            outcome.faults |= dict.fromkeys(waits, f"not queued to wait for its rate limit: {_describe(error)}")
        else:
            outcome.waiting += len(waits)
            outcome.throttled += sum(each.is_new for each in waits.values())

    def _finish(self, others: Mapping[str, Processed], outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        for queue_message_id, each in others.items():
            try:
                self._finish_one(each, outcome, seconds_left)
            except Exception as error:  # noqa: BLE001 - the rest of the batch must still be finished
                outcome.faults[queue_message_id] = f"retry or resend not queued: {_describe(error)}"

    def _finish_one(self, result: Processed, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        if isinstance(result, Postponed):
            _require_time(seconds_left)
            self._destinations.retries.put({result.task: result.seconds})
            outcome.postponed += 1
            outcome.postponed_cause = result.cause or outcome.postponed_cause
        elif isinstance(result, FannedOut):
            outcome.fanned_out.append(result)
        elif isinstance(result, Ignored):
            if result.retry:
                _require_time(seconds_left)
                self._destinations.scheduler.schedule(dict([result.retry]), datetime.now(UTC))
            outcome.ignored.append(result.reason)

    def send_to_dlq(
        self, record: Record, invalid: InvalidMessage, outcome: Outcome, seconds_left: Callable[[], float]
    ) -> None:
        """Send the record to the dead-letter queue. If that fails, the outcome has a fault."""
        try:
            _require_time(seconds_left)
            self._destinations.dead_letters.send(record, invalid)
        except Exception as error:  # noqa: BLE001 - the message must not be lost
            cause = f"not put on the dead-letter queue ({invalid}): {_describe(error)}"
            outcome.faults[record["messageId"]] = cause
        else:
            outcome.invalid.append((record["messageId"], str(invalid)))


def start_threads(pool: ThreadPoolExecutor, threads: int) -> None:
    """Start all threads of a pool now.

    A failure to start one later would fail a batch that is half sent.
    """
    barrier = Barrier(threads)
    wait([pool.submit(barrier.wait) for _ in range(threads)])


def _parse(records: Iterable[Record], invalid_records: InvalidRecords) -> list[tuple[Record, QueueMessage]]:
    """Parse records, and add those that can never be sent to `invalid_records`."""
    parsed: list[tuple[Record, QueueMessage]] = []
    for record in records:
        try:
            parsed.append((record, QueueMessage.parse(record)))
        except InvalidMessage as invalid:
            invalid_records.append((record, invalid))
    siblings = Counter(received.webhook_id for _, received in parsed)
    return [(record, received._replace(siblings=siblings[received.webhook_id])) for record, received in parsed]


def _reserve(seconds_left: Callable[[], float], reserved: float) -> Callable[[], float]:
    return lambda: seconds_left() - reserved


def _require_time(seconds_left: Callable[[], float]) -> None:
    """Raise NotQueued unless there is time for a request to SQS that times out.

    If the invocation ended during the request, the whole batch would be returned.
    """
    if seconds_left() < SERVICE_TIMEOUT_SECONDS:
        raise NotQueued("no time is left")


def _describe(error: Exception) -> str:
    """Return the text of an error of Hooklog, or the description of another.

    The texts of Hooklog's errors contain AWS's error code.
    """
    return str(error) if isinstance(error, HooklogError) else describe_error(error)


def _make_retry_task(execution: Execution) -> RetryTask:
    message = execution.delivery.message
    ids = message.webhook_id, message.message_id, execution.execution_id
    task = RetryTask(*ids, Trigger.RETRY, skip_if_resent=True, inline_payload=execution.inline_payload)
    return task._replace(queue_message_id=execution.queue_message_id)


def group_finished(futures: Iterable[Future[T]]) -> Iterator[tuple[set[Future[T]], bool]]:
    """Group futures that finish within FLUSH_SECONDS of a group's first.

    Yields with each group whether others are pending.
    """
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        more, pending = wait(pending, timeout=FLUSH_SECONDS) if pending else (set(), pending)
        yield done | more, bool(pending)
