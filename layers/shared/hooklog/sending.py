"""A batch of queue messages: all sent at once, each logged as soon as it is done."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Final

from hooklog.delivery import Courier
from hooklog.errors import InvalidMessage, LogUnavailable
from hooklog.execution import Execution, Trigger, record
from hooklog.log import ExecutionLog
from hooklog.message import Message, parse_message

FLUSH_SECONDS: Final = 0.25
"""How long a finished delivery waits for others, to be logged in the same request."""

Record = Mapping[str, Any]
"""One record of an SQS event."""

Bury = Callable[[Record, str], None]
"""Puts a record that can never be sent on the dead-letter queue, with its reason; raises if that fails."""


@dataclass(slots=True)
class Outcome:
    """What came of a batch."""

    executions: list[Execution] = field(default_factory=list)
    """Those that were logged."""
    invalid: list[tuple[str, str]] = field(default_factory=list)
    """Queue message id and reason of those that went to the dead-letter queue."""
    faults: dict[str, str] = field(default_factory=dict)
    """Queue message id and cause of those that come back to the queue, for a fault of ours."""


class Sender:
    """Sends batches; its threads are kept from one invocation to the next."""

    def __init__(self, courier: Courier, log: ExecutionLog, bury: Bury, *, threads: int = 10) -> None:
        self._courier = courier
        self._log = log
        self._bury = bury
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="delivery")

    def send(self, records: Sequence[Record]) -> Outcome:
        """Send each record's message and log what came of it. Never raises for one record's sake."""
        outcome = Outcome()
        deliveries = {
            self._pool.submit(self._deliver, message): queue_id for queue_id, message in self._parse(records, outcome)
        }
        for finished in _gathered(deliveries):
            self._write({future: deliveries[future] for future in finished}, outcome)
        return outcome

    def _parse(self, records: Sequence[Record], outcome: Outcome) -> Iterator[tuple[str, Message]]:
        for queue_record in records:
            queue_id = queue_record["messageId"]
            try:
                yield queue_id, parse_message(queue_record["body"], queue_id)
            except InvalidMessage as invalid:
                self._bury_record(queue_record, str(invalid), outcome)

    def _bury_record(self, queue_record: Record, reason: str, outcome: Outcome) -> None:
        queue_id = queue_record["messageId"]
        try:
            self._bury(queue_record, reason)
        except Exception as error:  # noqa: BLE001 - whatever it was, the message must not be lost
            outcome.faults[queue_id] = f"not put on the dead-letter queue ({reason}): {error!r}"
        else:
            outcome.invalid.append((queue_id, reason))

    def _deliver(self, message: Message) -> Execution:
        return record(self._courier.deliver(message, attempt=1), Trigger.EVENT)

    def _write(self, finished: Mapping[Future[Execution], str], outcome: Outcome) -> None:
        executions: dict[str, Execution] = {}
        for future, queue_id in finished.items():
            if error := future.exception():
                outcome.faults[queue_id] = repr(error)
            else:
                executions[queue_id] = future.result()
        unlogged: frozenset[str] = frozenset()
        try:
            self._log.write(list(executions.values()))
        except LogUnavailable as unavailable:
            unlogged = unavailable.execution_ids
            outcome.faults |= {q: str(unavailable) for q, e in executions.items() if e.execution_id in unlogged}
        outcome.executions += [e for e in executions.values() if e.execution_id not in unlogged]


def _gathered(futures: Mapping[Future[Execution], str]) -> Iterator[set[Future[Execution]]]:
    """The futures as they finish, in groups: all that finish within FLUSH_SECONDS of a group's first."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        more, pending = wait(pending, timeout=FLUSH_SECONDS) if pending else (set(), pending)
        yield done | more
