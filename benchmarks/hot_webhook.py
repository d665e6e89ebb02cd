"""A webhook with more executions than its DynamoDB partition takes: how far its log lags.

`Overload` calculates it. `simulate` plays the sender, the partition, the queue of pending log writes and its function,
event by event, with the waits of the code. `python -m benchmarks hot` compares the two.
"""

import heapq
import random
import statistics
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from benchmarks.figures import Figure
from hooklog.executions.log import FIRST_PAUSE_SECONDS, WRITE_SECONDS
from hooklog.sending.log_writer import SENDER_WRITE_SECONDS
from tests.template import TEMPLATE, functions

PARTITION_WRITES: Final = 1000.0
"""Per second. DynamoDB cannot be asked for more."""
BURST_SECONDS: Final = 0.5
"""Assumed: how long an idle partition's writes are saved up."""
BATCH: Final = 10
SEND_SECONDS: Final = 0.85
"""A batch of a normal day without its log write."""
WRITERS: Final = int(
    functions()["LogUnloggedFunction"]["Events"]["Unlogged"]["Properties"]["ScalingConfig"]["MaximumConcurrency"]
)
WRITER_SECONDS: Final = 0.03
"""Assumed duration of an invocation that writes ten pending items at once, with what Lambda adds to it."""
RETURN_SECONDS: Final = int(TEMPLATE["Resources"]["UnloggedExecutions"]["Properties"]["VisibilityTimeout"])
"""After it, an item that was not written is tried again."""
RETENTION_SECONDS: Final = int(TEMPLATE["Resources"]["UnloggedExecutions"]["Properties"]["MessageRetentionPeriod"])
SDK_PAUSES: Final = (1.0, 2.0)
"""The longest pauses of the SDK before it repeats a request whose items were all throttled."""


@dataclass(frozen=True, slots=True)
class Overload:
    """Executions per second of one webhook: during the overload, and after it."""

    per_second: float
    seconds: float
    after: float

    @property
    def backlog(self) -> float:
        """Pending log writes at its end."""
        return max(self.per_second - PARTITION_WRITES, 0) * self.seconds

    @property
    def drained_within(self) -> tuple[float, float]:
        """How many seconds after its end the log is complete: at least, and at most.

        What waits is written with the capacity that new executions leave. At most: the last items were refused just
        before there was room for them, and return later.
        """
        spare = min(PARTITION_WRITES - self.after, WRITERS * BATCH / WRITER_SECONDS)
        soonest = self.backlog / spare
        return soonest, soonest + RETURN_SECONDS

    @property
    def longest_seconds(self) -> float:
        """How long it may last until items are too old to be kept on the queue.

        New executions are written first, so the oldest item waits until the end, and then for the rest.
        """
        spare = PARTITION_WRITES - self.after
        return RETENTION_SECONDS * spare / (spare + self.per_second - PARTITION_WRITES)


OVERLOADS: Final = (
    Overload(1500, 600, 500),
    Overload(1500, 600, 900),
    Overload(3000, 3600, 500),
    Overload(3000, 3600, 900),
)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the log of a webhook lagged in a simulation."""

    backlog: float
    drained_seconds: float
    senders: int
    """The most senders that were busy at once."""


def measure() -> Iterator[Figure]:
    """Compare the calculation with shorter simulations, and the senders with those of a log without a limit."""
    for overload in (Overload(1500, 120, 500), Overload(1500, 60, 900), Overload(3000, 60, 500)):
        name = f"hot: {overload.per_second:g}/s for {overload.seconds:g} s, then {overload.after:g}/s"
        simulated, middle = simulate(overload), statistics.mean(overload.drained_within)
        backlog, drained = simulated.backlog / overload.backlog, simulated.drained_seconds / middle
        senders = simulated.senders / (overload.per_second / BATCH * SEND_SECONDS)
        yield Figure(f"{name}: backlog, simulated / calculated", backlog, at_least=0.9, at_most=1.1)
        yield Figure(f"{name}: time to drain, simulated / calculated", drained, at_least=0.7, at_most=1.35)
        yield Figure(f"{name}: senders, simulated / without a limit", senders, at_least=1, at_most=2.5)


def simulate(overload: Overload, senders: int = 1000, patience: float = SENDER_WRITE_SECONDS) -> Lag:
    """Simulate the overload until everything is logged."""
    return _Simulation(overload, senders, patience).run()


@dataclass
class _Simulation:
    overload: Overload
    senders: int
    patience: float
    generator: random.Random = field(default_factory=lambda: random.Random(2026))
    tokens: float = PARTITION_WRITES * BURST_SECONDS
    filled_at: float = 0.0
    waiting: int = 0
    busy: int = 0
    most_busy: int = 0
    writers: int = 0
    pending: deque[int] = field(default_factory=deque)
    hidden: int = 0
    """Items that were not written, until they return."""
    backlog: int = -1
    events: list[tuple[float, int, Any, tuple[Any, ...]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def run(self) -> Lag:
        self._at(0.0, self._arrive)
        while self.events:
            now, _, handle, arguments = heapq.heappop(self.events)
            handle(now, *arguments)
            if self.backlog >= 0 and not (self.pending or self.hidden or self.writers):
                return Lag(self.backlog, now - self.overload.seconds, self.most_busy)
        raise AssertionError("arrivals never end")

    def _at(self, when: float, handle: Any, *arguments: Any) -> None:
        heapq.heappush(self.events, (when, next(self.numbers), handle, arguments))

    def _arrive(self, now: float) -> None:
        """A batch arrives, and the next one later."""
        if self.backlog < 0 and now >= self.overload.seconds:
            self.backlog = sum(self.pending) + self.hidden
        rate = self.overload.per_second if now < self.overload.seconds else self.overload.after
        self.waiting += 1
        self._start_senders(now)
        self._at(now + BATCH / rate * self.generator.uniform(0.5, 1.5), self._arrive)

    def _start_senders(self, now: float) -> None:
        while self.waiting and self.busy < self.senders:
            self.waiting, self.busy = self.waiting - 1, self.busy + 1
            self.most_busy = max(self.most_busy, self.busy)
            written_at = now + SEND_SECONDS
            self._at(
                written_at, self._write, BATCH, written_at + self.patience, FIRST_PAUSE_SECONDS, 0, self._end_sender
            )

    def _end_sender(self, now: float, left: int) -> None:
        self.busy -= 1
        if left:
            self.pending.append(left)
            self._start_writers(now)
        self._start_senders(now)

    def _start_writers(self, now: float) -> None:
        while self.pending and self.writers < WRITERS:
            self.writers += 1
            items = self._receive()
            written_at = now + WRITER_SECONDS
            self._at(
                written_at, self._write, items, written_at + WRITE_SECONDS, FIRST_PAUSE_SECONDS, 0, self._end_writer
            )

    def _receive(self) -> int:
        items = 0
        while self.pending and items < BATCH:
            taken = min(self.pending[0], BATCH - items)
            items += taken
            self.pending[0] -= taken
            if not self.pending[0]:
                self.pending.popleft()
        return items

    def _end_writer(self, now: float, left: int) -> None:
        self.writers -= 1
        if left:
            self.hidden += left
            self._at(now + RETURN_SECONDS, self._return, left)
        self._start_writers(now)

    def _return(self, now: float, items: int) -> None:
        self.hidden -= items
        self.pending.append(items)
        self._start_writers(now)

    def _write(self, now: float, items: int, deadline: float, pause: float, refused: int, end: Any) -> None:
        """Write items, and again later what the partition refuses, as `hooklog.executions.log.write` does.

        If it refuses all of them, the SDK repeats the request, and then fails.
        """
        left = items - self._consume(now, items)
        if left == items and refused < len(SDK_PAUSES):
            wait = self.generator.uniform(0, SDK_PAUSES[refused])
            self._at(now + wait, self._write, left, deadline, pause, refused + 1, end)
        elif left in (0, items) or now + pause > deadline:
            end(now, left)
        else:
            self._at(now + self.generator.uniform(0, pause), self._write, left, deadline, 2 * pause, 0, end)

    def _consume(self, now: float, items: int) -> int:
        """Return how many of the items the partition takes now."""
        most = PARTITION_WRITES * BURST_SECONDS
        self.tokens, self.filled_at = min(self.tokens + PARTITION_WRITES * (now - self.filled_at), most), now
        taken = min(items, int(self.tokens))
        self.tokens -= taken
        return taken
