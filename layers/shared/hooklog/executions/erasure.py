"""Erase the details of executions, for people who ask to be forgotten.

An erased execution has a mark among its details, which outlives any part of them that is still to be written, and
`erased` in its summary. The mark is written first and the summary last: once that says so, the erasure is complete.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from hooklog.executions import details
from hooklog.executions.attempts import all_attempts
from hooklog.executions.history import find
from hooklog.executions.rows import ExecutionRow, mark_erased

MARK_SECONDS: Final = 29 * 86_400
"""How long a mark lasts at least: a day longer than an item may wait to be logged, which is 14 days before it is
redriven from the dead-letter queue and 14 days afterwards."""

Key = tuple[str, str]
"""A webhook's id and an execution's."""


def erase_execution(webhook_id: str, execution_id: str) -> None:
    """Erase its details and keep its summary. Raises NotFound."""
    _erase(find(webhook_id, execution_id))


def erase_message(message_id: str, covered: Callable[[str], bool]) -> int:
    """Erase the message's executions on the webhooks that are covered; returns how many were not erased before."""
    keys = [(each.webhook_id, each.execution_id) for each in all_attempts(message_id) if covered(each.webhook_id)]
    rows = [row for row in ExecutionRow.batch_get(keys, consistent_read=True) if not row.erased]
    for row in rows:
        _erase(row)
    return len(rows)


def erase_again(written: Iterable[Key]) -> int:
    """Erase what was written to the log after it had been erased; returns how many executions that concerned."""
    erased = details.marked(set(written))
    for webhook_id, execution_id in erased:
        details.delete(webhook_id, execution_id)
        mark_erased(webhook_id, execution_id)
    return len(erased)


def _erase(row: ExecutionRow) -> None:
    details.mark(row.webhook_id, row.executed_at, max(int(row.expires_at), int(time.time()) + MARK_SECONDS))
    details.delete(row.webhook_id, row.executed_at)
    mark_erased(row.webhook_id, row.executed_at)
