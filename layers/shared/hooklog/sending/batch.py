"""A batch of queue messages: all carried out at once, each logged as soon as it is done."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Barrier
from typing import Any, Final, NamedTuple

from hooklog.aws import DYNAMODB_UNANSWERED_SECONDS, UNANSWERED_SECONDS
from hooklog.errors import HooklogError, InvalidMessage, NoTimeLeft, NotQueued, cause_of
from hooklog.executions.execution import Execution, Trigger
from hooklog.executions.rows import remove_next_attempt
from hooklog.queues.dead_letters import DeadLetterQueue
from hooklog.queues.repeats import Repeat, RepeatQueue, RetryTimer
from hooklog.sending.archive import Archive
from hooklog.sending.disabling import WATCH_SECONDS, SwitchedOff, Watch
from hooklog.sending.orders import Order
from hooklog.sending.processor import Deferred, Done, MessageProcessor, Settled
from hooklog.sending.topics import Published

FLUSH_SECONDS: Final = 0.25
"""How long a finished delivery waits for others, to be logged in the same request."""

Record = Mapping[str, Any]
"""One record of an SQS event."""

Poison = list[tuple[Record, str]]
"""Records that can never be sent, with the reason."""


@dataclass(slots=True)
class Outcome:
    """What came of a batch."""

    executions: list[Execution] = field(default_factory=list)
    unlogged: int = 0
    """Items that went to the queue of what is to be logged later."""
    unlogged_cause: str = ""
    invalid: list[tuple[str, str]] = field(default_factory=list)
    """Queue message id and reason of those that went to the dead-letter queue."""
    settled: list[str] = field(default_factory=list)
    """Why nothing was sent, of those for which nothing was to be sent."""
    published: list[Published] = field(default_factory=list)
    """Messages of topics that were copied for some webhooks."""
    switched_off: list[SwitchedOff] = field(default_factory=list)
    stale_cause: str = ""
    """Why a failure that was retried still says when it would be."""
    unwatched_cause: str = ""
    """Why it was not kept who is failing."""
    deferred: int = 0
    """Repeats that come again later, because the log could not be read or they are not due."""
    unsent: list[str] = field(default_factory=list)
    """Queue message ids of those for which there was no time; they go back to the queue."""
    faults: dict[str, str] = field(default_factory=dict)
    """Queue message id and cause of those that go back to the queue for a fault of ours."""


class WaysOn(NamedTuple):
    """Where an order goes from here, if it goes on."""

    timer: RetryTimer
    repeats: RepeatQueue
    dead_letters: DeadLetterQueue


class Sender:
    """Sends batches, of `threads` messages at once; its threads are kept from one invocation to the next."""

    def __init__(
        self, processor: MessageProcessor, archive: Archive, ways_on: WaysOn, watch: Watch, threads: int
    ) -> None:
        self._processor = processor
        self._archive = archive
        self._ways_on = ways_on
        self._watch = watch
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="delivery")
        self._start(threads)

    def _start(self, threads: int) -> None:
        """All of them now: a thread that cannot be started later would fail a batch of which half has been sent."""
        together = Barrier(threads)
        wait([self._pool.submit(together.wait) for _ in range(threads)])

    def send(self, records: Sequence[Record], seconds_left: Callable[[], float]) -> Outcome:
        """Carry out each record's order and log what came of it. Never raises for one record's sake."""
        outcome = Outcome()
        pending: dict[Future[Done], Record] = {}
        poison: Poison = []
        others: dict[str, Done] = {}
        for record in {record["messageId"]: record for record in records}.values():
            try:
                order = Order.parse(record)
            except InvalidMessage as invalid:
                poison.append((record, str(invalid)))
            else:
                pending[self._pool.submit(self._processor.process, order, seconds_left)] = record
        for finished, waiting in _gathered(pending):
            reserved = DYNAMODB_UNANSWERED_SECONDS if waiting else 0.0  # for their log
            executions = self._sort_out({future: pending[future] for future in finished}, outcome, poison, others)
            self._keep(executions, outcome, _less(seconds_left, reserved))
        # What goes to queues comes last: it may take time that the log needs.
        self._settle(others, outcome, seconds_left)
        for record, reason in poison:
            self._bury(record, reason, outcome, seconds_left)
        self._take_back(outcome, seconds_left)
        self._look(outcome, seconds_left)
        return outcome

    def _take_back(self, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """What was planned after executions that others have followed now: under the same reserve as `_look`."""
        followed = {(each.webhook_id, each.follows) for each in outcome.executions if each.follows}
        if outcome.unlogged or seconds_left() < DYNAMODB_UNANSWERED_SECONDS + WATCH_SECONDS:
            return
        updates = [self._pool.submit(remove_next_attempt, *ids) for ids in followed]
        for update in updates:
            if error := update.exception():
                outcome.stale_cause = cause_of(error)

    def _look(self, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """What the batch says of its webhooks; not while DynamoDB takes nothing, and at no delivery's expense."""
        if outcome.unlogged:
            return
        try:
            for each in self._watch.look(outcome.executions, seconds_left):
                outcome.switched_off.append(each)
        except Exception as error:  # noqa: BLE001 - all is sent and logged, and must not come again for this
            outcome.unwatched_cause = cause_of(error)

    def _sort_out(
        self, finished: Mapping[Future[Done], Record], outcome: Outcome, poison: Poison, others: dict[str, Done]
    ) -> Mapping[str, Execution]:
        """What was sent; what came of the rest is put aside."""
        done: dict[str, Done] = {}
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
            outcome.faults[record["messageId"]] = cause_of(error)

    def _keep(self, executions: Mapping[str, Execution], outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        """Log them and set their retries: all together, or one by one where that fails, as for want of memory."""
        try:
            logged = self._log(executions, outcome)
        except Exception as error:  # noqa: BLE001 - they have been sent: nothing may keep them out of the log
            cause = cause_of(error)
        else:
            if logged:
                self._schedule(executions, outcome, seconds_left)
            return
        if len(executions) == 1:
            outcome.faults |= dict.fromkeys(executions, f"not logged: {cause}")
            return
        for queue_message_id, execution in executions.items():
            self._keep({queue_message_id: execution}, outcome, seconds_left)

    def _log(self, executions: Mapping[str, Execution], outcome: Outcome) -> bool:
        """Whether these are in the log, or on their way there."""
        try:
            waiting = self._archive.keep(list(executions.values()))
        except NotQueued as error:
            outcome.faults |= dict.fromkeys(executions, f"not logged: {error}")
            return False
        if waiting:
            outcome.unlogged += len(waiting.puts)
            outcome.unlogged_cause = waiting.cause
        outcome.executions += executions.values()
        return True

    def _schedule(
        self, executions: Mapping[str, Execution], outcome: Outcome, seconds_left: Callable[[], float]
    ) -> None:
        """Or have it done when the message comes again, where no time is left: it is then found in the log."""
        try:
            if due := {_retry(each): each.next_attempt_at for each in executions.values() if each.next_attempt_at}:
                _take_time(seconds_left)
                self._ways_on.timer.set(due, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - whatever it was, what else has been sent must still be logged
            failed = (q for q, each in executions.items() if each.next_attempt_at)
            outcome.faults |= dict.fromkeys(failed, f"retry not queued: {_why(error)}")

    def _settle(self, others: Mapping[str, Done], outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        for queue_message_id, each in others.items():
            try:
                self._settle_one(each, outcome, seconds_left)
            except Exception as error:  # noqa: BLE001 - as of a retry
                outcome.faults[queue_message_id] = f"repeat not queued: {_why(error)}"

    def _settle_one(self, each: Done, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        if isinstance(each, Deferred):
            _take_time(seconds_left)
            self._ways_on.repeats.put({each.repeat: each.seconds})
            outcome.deferred += 1
        elif isinstance(each, Published):
            outcome.published.append(each)
        elif isinstance(each, Settled):
            if each.due:
                _take_time(seconds_left)
                self._ways_on.timer.set(dict([each.due]), datetime.now(UTC))
            outcome.settled.append(each.reason)

    def _bury(self, record: Record, reason: str, outcome: Outcome, seconds_left: Callable[[], float]) -> None:
        try:
            _take_time(seconds_left)
            self._ways_on.dead_letters.bury(record, reason)
        except Exception as error:  # noqa: BLE001 - whatever it was, the message must not be lost
            cause = f"not put on the dead-letter queue ({reason}): {_why(error)}"
            outcome.faults[record["messageId"]] = cause
        else:
            outcome.invalid.append((record["messageId"], reason))


def _less(seconds_left: Callable[[], float], reserved: float) -> Callable[[], float]:
    return lambda: seconds_left() - reserved


def _take_time(seconds_left: Callable[[], float]) -> None:
    """Raises NotQueued where a queue that does not answer would end the invocation, and bring the whole batch back."""
    if seconds_left() < UNANSWERED_SECONDS:
        raise NotQueued("no time is left")


def _why(error: Exception) -> str:
    """The text where it is ours, which names what AWS said."""
    return str(error) if isinstance(error, HooklogError) else cause_of(error)


def _retry(execution: Execution) -> Repeat:
    message = execution.delivery.message
    ids = message.webhook_id, message.message_id, execution.execution_id
    repeat = Repeat(*ids, Trigger.RETRY, once=True, carried=execution.inline_payload)
    return repeat._replace(queue_message_id=execution.queue_message_id)


def _gathered(futures: Mapping[Future[Done], Record]) -> Iterator[tuple[set[Future[Done]], bool]]:
    """The futures as they finish, in groups: all that finish within FLUSH_SECONDS of a group's first.

    With each group, whether others are still to finish.
    """
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        more, pending = wait(pending, timeout=FLUSH_SECONDS) if pending else (set(), pending)
        yield done | more, bool(pending)
