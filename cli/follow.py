"""Follows executions as they are logged, with a bounded rate of API calls."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from cli.api import Api, ApiFailure
from cli.failure import CliFailure
from cli.pace import MAX_WAITS, Pace
from cli.stack import Stack
from hooklog.access.grants import Scope
from hooklog.webhooks.patterns import get_prefix

_SERVER_ERROR: Final = 500
_POLL_SECONDS: Final = 1.0
_LIST_SECONDS: Final = 10.0
"""How often new webhooks of a prefix are looked for."""
_LATE: Final = timedelta(seconds=120)
"""How much later an execution may be logged than one that started after it."""
_CLOCK_ERROR: Final = timedelta(minutes=10)
"""How far this machine's clock may be ahead of the sender's."""
_FILTERED_PERIOD: Final = timedelta(days=1)
"""How far back a filter looks for the last executions: one that hardly any execution matches would read everything."""

Record = dict[str, Any]
Result = TypeVar("Result")


@dataclass(slots=True)
class _Stream:
    """One webhook's executions, of which each is returned once."""

    webhook_id: str
    newest: datetime
    """The time of the newest execution, or a time since which there was none."""
    seen: dict[str, datetime] = field(default_factory=dict)
    """The executions that a poll could return again, with their times."""

    @property
    def since(self) -> datetime:
        return self.newest - _LATE

    def take(self, found: Sequence[Record], polled_at: datetime) -> list[Record]:
        """Return the new ones of these executions, oldest first, and move on."""
        added = [one for one in reversed(found) if one["execution_id"] not in self.seen]
        times = {one["execution_id"]: get_time(one) for one in added}
        self.newest = max(self.newest, polled_at - _CLOCK_ERROR, *times.values())
        self.seen = {key: when for key, when in {**self.seen, **times}.items() if when >= self.since}
        return added


class Follower:
    """The executions of all webhooks that `patterns` cover.

    The API's filters and `accepts` select them.
    """

    def __init__(
        self,
        stack: Stack,
        patterns: Sequence[str],
        filters: Mapping[str, str],
        pace: Pace,
        accepts: Callable[[Record], bool] = lambda _: True,
    ) -> None:
        self.api = Api(stack, f"{Scope.EXECUTIONS_READ} {Scope.WEBHOOKS_READ}", pace=pace)
        self._prefixes = [pattern for pattern in patterns if get_prefix(pattern) is not None]
        self._ids = [pattern for pattern in patterns if get_prefix(pattern) is None]
        # Without executions:read, the list does not read each webhook's last execution and counts.
        self._lister = Api(stack, Scope.WEBHOOKS_READ, webhooks=self._prefixes, pace=pace)
        self._filters = filters
        self._accepts = accepts
        self._pace = pace
        self._started_at = datetime.now(UTC)
        self._streams: dict[str, _Stream] = {}
        self.webhook_ids = self._ids
        self._listed_at = 0.0

    def find_webhooks(self) -> list[str]:
        """Find the webhooks to follow, and return their IDs."""
        self._listed_at = time.monotonic()
        found = self._lister.list_webhooks(seen=True) if self._prefixes else iter(())
        self.webhook_ids = list(dict.fromkeys([*self._ids, *(one["webhook_id"] for one in found)]))
        return self.webhook_ids

    def start(self, last: int) -> list[Record]:
        """Return the last executions of all found webhooks together, oldest first."""
        recent = [one for webhook_id in self.webhook_ids for one in self._start(webhook_id, last)]
        recent.sort(key=lambda one: str(one["execution_id"]))
        return recent[-last:] if last else []

    def follow(self, ends: float | None, sleep: Callable[[float], None] = time.sleep) -> Iterator[Record]:
        """Yield executions as they are logged, until the monotonic time `ends`.

        Those of one webhook are in order.
        """
        while ends is None or time.monotonic() < ends:
            round_ends = time.monotonic() + _POLL_SECONDS
            self.retry(self._add_new_webhooks)
            for stream in self._streams.values():
                if ends is not None and time.monotonic() >= ends:
                    return
                polled_at = datetime.now(UTC)
                found = self.retry(partial(self._poll, stream))
                yield from filter(self._accepts, stream.take(found, polled_at))
            sleep(max(round_ends - time.monotonic(), 0))

    def retry(self, read: Callable[[], Result]) -> Result:
        """Read from the API. Tries again after errors, with growing pauses."""
        for failures in range(MAX_WAITS):
            try:
                return read()
            except CliFailure as failure:
                if isinstance(failure, ApiFailure) and failure.status < _SERVER_ERROR:
                    raise
                self._pace.back_off(failures, None)
        return read()

    def _poll(self, stream: _Stream) -> list[Record]:
        return list(self.api.list_executions(stream.webhook_id, self._filters, since=stream.since))

    def _start(self, webhook_id: str, last: int) -> list[Record]:
        """Start a stream, and return the webhook's last executions."""
        taken: list[Record] = []
        accepted: list[Record] = []
        since = self._started_at - _FILTERED_PERIOD if self._filters else None
        for one in self.api.list_executions(webhook_id, self._filters, since=since):
            taken.append(one)
            if len(accepted) < last and self._accepts(one):
                accepted.append(one)
            elif len(accepted) == last and get_time(one) < get_time(taken[0]) - _LATE:
                break
        stream = _Stream(webhook_id, get_time(taken[0]) if taken else self._started_at)
        stream.take(taken, stream.newest)
        self._streams[webhook_id] = stream
        return accepted

    def _add_new_webhooks(self) -> None:
        """Follow new webhooks of a prefix, from the time at which following began."""
        if self._prefixes and time.monotonic() - self._listed_at >= _LIST_SECONDS:
            for webhook_id in self.find_webhooks():
                self._streams.setdefault(webhook_id, _Stream(webhook_id, self._started_at + _LATE))


def get_time(execution: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(execution["executed_at"])
