"""The recent failures of a webhook, which may show that its receiver is gone."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hooklog.errors import ErrorType
from hooklog.executions.execution import Trigger, compact_time, iso_time
from hooklog.executions.rows import ExecutionRow

MAX_READ: Final = 1000
"""The newest executions of a webhook that are read: about 75 read units."""

MIN_MESSAGES: Final = 3
"""How many different messages must have failed before a receiver counts as gone."""

_PAGE_SIZE = 250
_SAMPLE_SIZE = 10  # executions read to find the first failure of an earlier time
_ATTRIBUTES = ["executed_at", "failed_at", "message_id", "trigger", "skipped", "error_type"]
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
    """Whether `newest` has all of them, and not only the last."""
    read_count: int
    """How many executions were read."""

    def find_first(self, since: datetime) -> Failure | None:
        """Return the first failure at or after that time.

        None if there is none, or a success before it.
        """
        if not self.complete and since < self.newest[0].at:
            bounds = ExecutionRow.execution_id >= compact_time(since)
            rows = ExecutionRow.query(self.webhook_id, bounds, limit=_SAMPLE_SIZE, attributes_to_get=_ATTRIBUTES)
            return next((_to_failure(row) for row in rows if _is_attempt(row)), None)
        number = bisect_left(self.newest, since, key=lambda each: each.at)
        return self.newest[number] if number < len(self.newest) else None

    def show_receiver_gone(self, span: timedelta, since: datetime) -> bool:
        """Return whether attempts have failed for at least `span`.

        The period starts with the first failure after `since`. Attempts of different messages must have failed in each
        third of the period. If a third has none, the period starts after it.
        """
        start = self.find_first(since) if self.newest else None
        while start and (period := self.newest[-1].at - start.at) >= span:
            following = self.find_first(start.at + period / 3)
            if following and following.at < start.at + period * 2 / 3:
                messages = {start.message_id, following.message_id, *self._list_messages(start.at)}
                return len(messages) >= MIN_MESSAGES
            start = following
        return False

    def _list_messages(self, since: datetime) -> Iterator[str]:
        return (each.message_id for each in self.newest if each.at >= since)


def read_failures(webhook_id: str, since: datetime) -> Failures:
    """Read the failed attempts since then among the webhook's newest executions.

    The read is consistent.
    """
    newest: list[Failure] = []
    count = 0
    for row in ExecutionRow.query(
        webhook_id,
        ExecutionRow.execution_id >= compact_time(since),
        scan_index_forward=False,
        consistent_read=True,
        limit=MAX_READ,
        page_size=_PAGE_SIZE,
        attributes_to_get=_ATTRIBUTES,
    ):
        count += 1
        if not _is_attempt(row):
            continue
        if not (failure := _to_failure(row)):
            return Failures(webhook_id, newest[::-1], True, count)
        newest.append(failure)
    return Failures(webhook_id, newest[::-1], count < MAX_READ or not newest, count)


def _is_attempt(row: ExecutionRow) -> bool:
    """Return whether the receiver was contacted for a message."""
    return row.error_type not in _NOT_ATTEMPTED and not row.skipped and row.trigger != Trigger.TEST


def _to_failure(row: ExecutionRow) -> Failure | None:
    """Convert a row; return None for a success."""
    return Failure(datetime.fromisoformat(iso_time(row.execution_id)), row.message_id) if row.failed_id else None
