"""What the log says of a webhook that keeps failing: since when, and whether its receiver looks gone for good."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hooklog.errors import ErrorType
from hooklog.executions.execution import Trigger, compact_time, iso_time
from hooklog.executions.rows import ExecutionRow

LOOKED_AT: Final = 1000
"""Executions of a webhook that are read at most, the newest: some 75 read units."""

MIN_MESSAGES: Final = 3
"""Of so many different messages attempts must have failed before a receiver counts as gone."""

_PAGE = 250  # of these at once
_SAMPLE = 10  # executions read to find the first failure of an earlier time
_READ = ["executed_at", "failed_at", "message_id", "trigger", "skipped", "error_type"]
_NOT_ATTEMPTED = frozenset(str(kind) for kind in ErrorType if not kind.was_attempted)


class Failure(NamedTuple):
    """A failed attempt at a webhook's receiver."""

    at: datetime
    message_id: str


class Failures(NamedTuple):
    """A webhook's failed attempts since its last success, oldest first."""

    webhook_id: str
    newest: Sequence[Failure]
    complete: bool
    """Whether `newest` holds all of them; else it begins in their midst."""
    looked_at: int

    def first(self, since: datetime) -> Failure | None:
        """The first at or after that time; None where a success comes before it, or nothing at all."""
        if not self.complete and since < self.newest[0].at:
            bounds = ExecutionRow.executed_at >= compact_time(since)
            rows = ExecutionRow.query(self.webhook_id, bounds, limit=_SAMPLE, attributes_to_get=_READ)
            return next((_failure(row) for row in rows if _is_attempt(row)), None)
        number = bisect_left(self.newest, since, key=lambda each: each.at)
        return self.newest[number] if number < len(self.newest) else None

    def last_for(self, span: timedelta, since: datetime) -> bool:
        """Whether they show for so long that the receiver is gone: from the first one after `since` to the newest.

        Attempts must have failed in each third of that time, for different messages. A third without any says nothing
        of the receiver, so that the time then begins behind it.
        """
        start = self.first(since) if self.newest else None
        while start and (time := self.newest[-1].at - start.at) >= span:
            following = self.first(start.at + time / 3)
            if following and following.at < start.at + time * 2 / 3:
                messages = {start.message_id, following.message_id, *self._messages(start.at)}
                return len(messages) >= MIN_MESSAGES
            start = following
        return False

    def _messages(self, since: datetime) -> Iterator[str]:
        return (each.message_id for each in self.newest if each.at >= since)


def failures(webhook_id: str, since: datetime) -> Failures:
    """Its failed attempts since then, as far as they are among its newest executions, read consistently."""
    newest: list[Failure] = []
    looked_at = 0
    for row in ExecutionRow.query(
        webhook_id,
        ExecutionRow.executed_at >= compact_time(since),
        scan_index_forward=False,
        consistent_read=True,
        limit=LOOKED_AT,
        page_size=_PAGE,
        attributes_to_get=_READ,
    ):
        looked_at += 1
        if not _is_attempt(row):
            continue
        if not (failure := _failure(row)):
            return Failures(webhook_id, newest[::-1], True, looked_at)
        newest.append(failure)
    return Failures(webhook_id, newest[::-1], looked_at < LOOKED_AT or not newest, looked_at)


def _is_attempt(row: ExecutionRow) -> bool:
    """Whether it says something of the receiver."""
    return row.error_type not in _NOT_ATTEMPTED and not row.skipped and row.trigger != Trigger.TEST


def _failure(row: ExecutionRow) -> Failure | None:
    """None for a success."""
    return Failure(datetime.fromisoformat(iso_time(row.executed_at)), row.message_id) if row.failed_at else None
