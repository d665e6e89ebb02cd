"""Whose expression is evaluated next: one at a time, and nobody's slow ones before another's quick ones."""

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
"""How long an expression that was slow is taken to be so again."""

MAX_REMEMBERED: Final = 1000
"""Expressions, and tenants, that are remembered."""


class Lane(IntEnum):
    """How an expression did before. Lower ones go first."""

    QUICK = 0
    SLOW = 1
    OVERTIME = 2
    """It ran out of its bounds."""


class Owner(NamedTuple):
    """A webhook's expression."""

    webhook_id: str
    expression: str

    @property
    def tenant(self) -> str:
        """What stands before the first dot of the webhook's id, as in a token's `acme.*`."""
        return self.webhook_id.partition(".")[0]

    @property
    def key(self) -> tuple[str, int]:
        return self.webhook_id, hash(self.expression)


class _Waiting(NamedTuple):
    number: int
    lane: Lane
    tenant: str


class FairQueue:
    """Gives turns. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = Condition()
        self._numbers = count(1)
        self._waiting: list[_Waiting] = []
        self._taken = False
        self._costly_turns: dict[str, int] = {}
        self._lanes: dict[tuple[str, int], tuple[Lane, float]] = {}

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        with self._changed:
            return len(self._waiting)

    def lane_of(self, owner: Owner) -> Lane:
        """Where it belongs by what is remembered of it."""
        with self._changed:
            lane, until = self._lanes.get(owner.key, (Lane.QUICK, math.inf))
            return lane if self._clock() < until else Lane.QUICK

    def remember(self, owner: Owner, lane: Lane) -> None:
        """For MEMORY_SECONDS. Within its turn, so that other tenants have the next ones."""
        with self._changed:
            self._lanes.pop(owner.key, None)
            self._lanes[owner.key] = lane, self._clock() + MEMORY_SECONDS
            _forget_the_oldest(self._lanes)
            self._note_costly_turn(owner)

    @contextmanager
    def turn(self, owner: Owner, lane: Lane, seconds: float) -> Iterator[None]:
        """Wait for a turn, and have it. Raises NoTimeLeft unless it comes within so many seconds.

        Within a lane, the tenant goes first whose last costly turn is longest ago: one in another lane than QUICK, or
        one that was slow for the first time. Others go as they come.
        """
        with self._changed:
            if self._taken or self._waiting:
                self._wait(_Waiting(next(self._numbers), lane, owner.tenant), seconds)
            self._taken = True
            if lane is not Lane.QUICK:
                self._note_costly_turn(owner)
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                if self._waiting:
                    self._changed.notify_all()

    def _note_costly_turn(self, owner: Owner) -> None:
        self._costly_turns.pop(owner.tenant, None)
        self._costly_turns[owner.tenant] = next(self._numbers)
        _forget_the_oldest(self._costly_turns)

    def _wait(self, waiting: _Waiting, seconds: float) -> None:
        def is_next() -> bool:
            return not self._taken and min(self._waiting, key=self._rank) is waiting

        self._waiting.append(waiting)
        came = self._changed.wait_for(is_next, None if seconds == math.inf else max(seconds, 0.0))
        self._waiting.remove(waiting)
        if not came:
            self._changed.notify_all()
            raise NoTimeLeft("others' expressions are evaluated first")

    def _rank(self, waiting: _Waiting) -> tuple[int, int, int]:
        return waiting.lane, self._costly_turns.get(waiting.tenant, 0), waiting.number


def _forget_the_oldest(remembered: dict[Any, Any]) -> None:
    if len(remembered) > MAX_REMEMBERED:
        del remembered[next(iter(remembered))]
