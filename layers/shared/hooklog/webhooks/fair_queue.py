"""A fair queue for expressions: one at a time, fast ones first, tenants in turn."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from itertools import count
from threading import Condition
from typing import Any, Final, NamedTuple

from hooklog.errors import NoTimeLeft

MEMORY_SECONDS: Final = 60.0
"""How long a slow expression is remembered as slow."""

MAX_REMEMBERED: Final = 1000
"""Remembered expressions, and remembered tenants."""


class Lane(IntEnum):
    """The priority of an expression by its earlier evaluations.

    Lower values go first.
    """

    QUICK = 0
    SLOW = 1
    OVERTIME = 2
    """It exceeded its limits."""


class Owner(NamedTuple):
    """A webhook's expression."""

    webhook_id: str
    expression: str

    @property
    def tenant(self) -> str:
        """The webhook ID up to the first dot, as in a token's `acme.*`."""
        return self.webhook_id.partition(".")[0]

    @property
    def key(self) -> tuple[str, int]:
        return self.webhook_id, hash(self.expression)


class _Waiting(NamedTuple):
    number: int
    lane: Lane
    tenant: str


class FairQueue:
    """A queue that lets one thread at a time evaluate an expression. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = Condition()
        self._numbers = count(1)
        self._waiting: list[_Waiting] = []
        self._is_busy = False
        self._costly_turns: dict[str, int] = {}
        self._lanes: dict[tuple[str, int], tuple[Lane, float]] = {}

    @property
    def waiting(self) -> int:
        """The number of waiting threads."""
        with self._changed:
            return len(self._waiting)

    def find_lane(self, owner: Owner) -> Lane:
        """Return the remembered lane of an expression."""
        with self._changed:
            lane, until = self._lanes.get(owner.key, (Lane.QUICK, math.inf))
            return lane if self._clock() < until else Lane.QUICK

    def remember(self, owner: Owner, lane: Lane) -> None:
        """Remember a lane for MEMORY_SECONDS.

        Call it within the turn, so that other tenants get the next ones.
        """
        with self._changed:
            self._lanes.pop(owner.key, None)
            self._lanes[owner.key] = lane, self._clock() + MEMORY_SECONDS
            _evict_oldest(self._lanes)
            self._record_costly_turn(owner)

    @contextmanager
    def turn(self, owner: Owner, lane: Lane, seconds: float) -> Iterator[None]:
        """Wait for a turn and hold it. Raises NoTimeLeft after so many seconds.

        Within a lane, the tenant whose last costly turn is longest ago goes first, then the order is first come, first
        served. A turn is costly if it is not in the lane QUICK, or turns out to be slow.
        """
        with self._changed:
            if self._is_busy or self._waiting:
                self._wait(_Waiting(next(self._numbers), lane, owner.tenant), seconds)
            self._is_busy = True
            if lane is not Lane.QUICK:
                self._record_costly_turn(owner)
        try:
            yield
        finally:
            with self._changed:
                self._is_busy = False
                if self._waiting:
                    self._changed.notify_all()

    def _record_costly_turn(self, owner: Owner) -> None:
        self._costly_turns.pop(owner.tenant, None)
        self._costly_turns[owner.tenant] = next(self._numbers)
        _evict_oldest(self._costly_turns)

    def _wait(self, waiting: _Waiting, seconds: float) -> None:
        def is_next() -> bool:
            return not self._is_busy and min(self._waiting, key=self._rank) is waiting

        self._waiting.append(waiting)
        has_turn = self._changed.wait_for(is_next, None if seconds == math.inf else max(seconds, 0.0))
        self._waiting.remove(waiting)
        if not has_turn:
            self._changed.notify_all()
            raise NoTimeLeft("other expressions are evaluated first")

    def _rank(self, waiting: _Waiting) -> tuple[int, int, int]:
        return waiting.lane, self._costly_turns.get(waiting.tenant, 0), waiting.number


def _evict_oldest(remembered: dict[Any, Any]) -> None:
    if len(remembered) > MAX_REMEMBERED:
        del remembered[next(iter(remembered))]
