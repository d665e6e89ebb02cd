"""A batch of the ordered queue: webhooks in parallel, the messages of each one after another.

Each message is logged before the next one is sent. The first one that has to wait, and those behind it, return to the
queue.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, NamedTuple

from hooklog.aws import SERVICE_TIMEOUT_SECONDS
from hooklog.errors import InvalidMessage, NoTimeLeft, describe_error
from hooklog.executions.execution import Execution
from hooklog.queues.ordered_queue import MAX_HOLD_SECONDS, OrderedQueue
from hooklog.sending.batch import Record, Sender, group_finished, start_threads
from hooklog.sending.ordered import NotDue, OrderedMessage, OrderedProcessor
from hooklog.sending.outcome import Outcome
from hooklog.sending.processor import Ignored, Waiting

MAX_MESSAGES: Final = 10
"""Of a batch of a FIFO queue."""

SecondsLeft = Callable[[], float]


class _Step(NamedTuple):
    """What follows a message."""

    is_done: bool
    """Whether the next message of the group may be sent."""
    returns_at: datetime | None = None
    """If it is not done: when to process it again; None for the queue's visibility timeout."""
    is_next_new: bool = False
    """Whether the next message cannot have been sent, because this one certainly had not been done before."""


class OrderedSender:
    """A sender of batches of the ordered queue."""

    def __init__(self, sender: Sender, processor: OrderedProcessor, queue: OrderedQueue) -> None:
        self._sender = sender
        self._processor = processor
        self._queue = queue
        self._pool = ThreadPoolExecutor(MAX_MESSAGES, "ordered")
        start_threads(self._pool, MAX_MESSAGES)

    def send(self, records: Sequence[Record], seconds_left: SecondsLeft) -> Outcome:
        """Process each record and log its execution.

        Never raises because of a single record.
        """
        outcome = Outcome()
        groups = {self._pool.submit(self._send_group, group, seconds_left): group for group in _group(records).values()}
        for finished, are_others_pending in group_finished(groups):
            outcomes = [_get_outcome(future, groups[future]) for future in finished]
            for each in outcomes:
                outcome.add(each)
            if are_others_pending and seconds_left() > SERVICE_TIMEOUT_SECONDS:
                returned = {message_id for each in outcomes for message_id in each.returned}
                self._queue.delete(
                    [each for future in finished for each in groups[future] if each["messageId"] not in returned]
                )
        self._sender.finish_executions(outcome, seconds_left)
        return outcome

    def _send_group(self, group: Sequence[Record], seconds_left: SecondsLeft) -> Outcome:
        """Send the messages of one webhook until one has to wait."""
        outcome, is_new = Outcome(), False
        for number, record in enumerate(group):
            step = self._send_one(record, outcome, seconds_left, is_new=is_new)
            if not step.is_done:
                self._return(group[number:], step.returns_at, outcome, seconds_left)
                break
            is_new = is_new or step.is_next_new
        return outcome

    def _send_one(self, record: Record, outcome: Outcome, seconds_left: SecondsLeft, *, is_new: bool) -> _Step:
        message_id = record["messageId"]
        try:
            result = self._processor.process(OrderedMessage.parse(record), seconds_left, is_new=is_new)
            if isinstance(result, Execution):
                return self._log(message_id, result, outcome)
        except InvalidMessage as invalid:
            self._sender.send_to_dlq(record, invalid, outcome, seconds_left)
            return _Step(is_done=message_id not in outcome.faults)
        except NoTimeLeft:
            outcome.unsent.append(message_id)
            return _Step(is_done=False, returns_at=datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - the other groups must be sent
            outcome.faults[message_id] = describe_error(error)
            return _Step(is_done=False)
        return _finish(result, outcome)

    def _log(self, message_id: str, execution: Execution, outcome: Outcome) -> _Step:
        """Log the execution. If that fails, the message returns to the queue, and nothing behind it is sent."""
        if not self._sender.log({message_id: execution}, outcome):
            return _Step(is_done=False)
        if execution.next_attempt_at:
            return _Step(is_done=False, returns_at=execution.next_attempt_at)
        return _Step(is_done=True, is_next_new=not execution.redelivered)

    def _return(
        self, records: Sequence[Record], at: datetime | None, outcome: Outcome, seconds_left: SecondsLeft
    ) -> None:
        """Return the first record to the queue until a time, and those behind it."""
        first, *behind = records
        ids = [each["messageId"] for each in records]
        outcome.held += (each for each in ids if each not in outcome.faults and each not in outcome.unsent)
        if seconds_left() < SERVICE_TIMEOUT_SECONDS:
            outcome.hold_cause = "no time is left"
            return
        seconds = 0 if at is None else math.ceil((at - datetime.now(UTC)).total_seconds())
        held = [] if at is None else [first]
        if held or behind:
            cause = self._queue.hold(held, behind, min(max(seconds, 0), MAX_HOLD_SECONDS))
            outcome.hold_cause = cause or outcome.hold_cause


def _group(records: Sequence[Record]) -> Mapping[str, list[Record]]:
    """Group the records by webhook, in their order."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record["attributes"].get("MessageGroupId", ""), []).append(record)
    return groups


def _get_outcome(future: Future[Outcome], group: Sequence[Record]) -> Outcome:
    if error := future.exception():
        return Outcome(faults=dict.fromkeys((each["messageId"] for each in group), describe_error(error)))
    return future.result()


def _finish(result: Ignored | Waiting | NotDue, outcome: Outcome) -> _Step:
    if isinstance(result, Ignored):
        outcome.ignored.append(result.reason)
        return _Step(is_done=True)
    if isinstance(result, NotDue):
        return _Step(is_done=False, returns_at=result.at)
    outcome.throttled += result.is_new
    return _Step(is_done=False, returns_at=datetime.fromtimestamp(result.wait.until / 1_000_000, UTC))
