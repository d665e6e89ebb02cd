"""The rate limiter, which lets a message go when its slot has come."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Final, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from hooklog.errors import LimitUnavailable, MustWait, RowContended, get_error_code
from hooklog.limits.slots import MAX_LATENESS, MAX_WAIT, MAX_WAIT_RETURNED, SECOND, Grant, Request

GATHER_SECONDS: Final = 0.1
"""How long the first message of a batch waits for the others of its webhook, so that one write reserves for all."""

MAX_LOST_SLOTS: Final = 5
"""How many slots in a row a message may lose because its thread or its connection was late. Then it returns."""

MIN_LEAD: Final = 5_000
FIRST_LEAD: Final = 50_000
MAX_LEAD: Final = 500_000
"""The earliest slot is so many microseconds after the reservation starts, as long as the last ones took. If it had
passed when its reservation was written, it would be lost."""

_FAILURES = (BotoCoreError, ClientError, PynamoDBException, RowContended)


class Reserve(Protocol):
    """Reserves slots for a webhook, as `Reservations.reserve` does."""

    def __call__(self, webhook_id: str, request: Request) -> Grant: ...


class _Place(NamedTuple):
    """A slot, or a place in the line."""

    at: int
    is_slot: bool
    is_delayed: bool
    """Whether the limit does not let the message go at once."""


@dataclass(slots=True)
class _Group:
    """Messages of one webhook whose slots are reserved together."""

    returned: list[bool] = field(default_factory=list)
    full: Event = field(default_factory=Event)
    done: Event = field(default_factory=Event)
    places: list[_Place] = field(default_factory=list)
    cause: str = ""


class RateLimiter:
    """The rate limiter of a sender. Thread-safe."""

    longest_wait_seconds: Final = MAX_WAIT_RETURNED / SECOND

    def __init__(
        self,
        reserve: Reserve,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._write = reserve
        self._clock = clock
        self._sleep = sleep
        self._groups: dict[tuple[str, int], _Group] = {}
        self._lead = FIRST_LEAD
        self._lock = Lock()

    def now(self) -> int:
        """Return the time in Unix microseconds."""
        return int(self._clock() * SECOND)

    def is_early(self, until: int) -> bool:
        """Return whether a place in the line has not been reached."""
        return until > self.now() + MAX_WAIT

    def reserve_slot(self, webhook_id: str, rate: int, siblings: int, *, returned: bool) -> "Slot":
        """Reserve a slot within longest_wait_seconds.

        `siblings` messages of the batch may ask at the same time, including this one. Raises MustWait and
        LimitUnavailable.
        """
        return Slot(self, webhook_id, rate, self._reserve(webhook_id, rate, siblings, returned=returned))

    def reserve_again(self, slot: "Slot") -> int:
        """Return the time of a slot in the place of one that is gone. Raises as `reserve_slot` does."""
        return self._reserve(slot.webhook_id, slot.rate, 1, returned=True).at

    def sleep_until(self, at: int) -> bool:
        """Wait for a slot; return whether a request may still start in it."""
        while (left := at - self.now()) > 0:
            self._sleep(left / SECOND)
        return left >= -MAX_LATENESS

    def _reserve(self, webhook_id: str, rate: int, siblings: int, *, returned: bool) -> _Place:
        place = self._reserve_together(webhook_id, rate, siblings, returned=returned)
        if not place.is_slot:
            raise MustWait(place.at)
        return place

    def _reserve_together(self, webhook_id: str, rate: int, siblings: int, *, returned: bool) -> _Place:
        key = webhook_id, rate
        with self._lock:
            group = self._groups.get(key)
            if is_first := group is None:
                group = self._groups[key] = _Group()
            number = len(group.returned)
            group.returned.append(returned)
            if len(group.returned) >= siblings:
                self._close(key, group)
        if is_first:
            group.full.wait(GATHER_SECONDS)
            with self._lock:
                self._close(key, group)
            self._reserve_group(webhook_id, rate, group)
        group.done.wait()
        if group.cause:
            raise LimitUnavailable(group.cause)
        return group.places[number]

    def _close(self, key: tuple[str, int], group: _Group) -> None:
        """Let no further message join the group."""
        if self._groups.get(key) is group:
            del self._groups[key]
        group.full.set()

    def _reserve_group(self, webhook_id: str, rate: int, group: _Group) -> None:
        try:
            started, returned = self.now(), sum(group.returned)
            request = Request(started + self._lead, rate, returned, len(group.returned) - returned)
            grant = self._write(webhook_id, request)
            took = self.now() - started
            self._lead = min(max(took * 5 // 4, self._lead * 9 // 10, MIN_LEAD), MAX_LEAD)
            places = [_Place(at, is_slot=True, is_delayed=at > request.now) for at in grant.slots]
            places += [_Place(at, is_slot=False, is_delayed=True) for at in grant.places]
            first_returned = sorted(range(len(places)), key=lambda number: not group.returned[number])
            by_number = dict(zip(first_returned, places, strict=True))
            group.places = [by_number[number] for number in range(len(places))]
        except _FAILURES as error:
            group.cause = get_error_code(error)
        except BaseException as error:
            group.cause = type(error).__name__
            raise
        finally:
            group.done.set()


class Slot:
    """A reserved slot of a webhook's rate limit."""

    def __init__(self, limiter: RateLimiter, webhook_id: str, rate: int, place: _Place) -> None:
        self.webhook_id = webhook_id
        self.rate = rate
        self.is_delayed = place.is_delayed
        """Whether the limit delays the request."""
        self._limiter = limiter
        self._at: int | None = place.at

    def wait(self) -> None:
        """Wait until one request may start.

        Takes another slot if connecting took so long that this one has passed, or if a request has used it. Raises
        MustWait and LimitUnavailable.
        """
        for _ in range(MAX_LOST_SLOTS):
            at = self._limiter.reserve_again(self) if self._at is None else self._at
            self._at = None
            if self._limiter.sleep_until(at):
                return
        raise MustWait(self._limiter.now())
