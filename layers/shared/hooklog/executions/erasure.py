"""Erasure of executions' details on request.

An erased execution has a mark among its details and `erased` in its summary. The mark expires later than any part that
may still be written. It is written first and the summary last, so that `erased` means complete.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from hooklog.executions import details
from hooklog.executions.attempts import list_all_attempts
from hooklog.executions.history import get_row
from hooklog.executions.rows import ExecutionRow, mark_erased

MARK_SECONDS: Final = 29 * 86_400
"""Minimum life of a mark: a day longer than a log write may be pending, which is 14 days before a redrive from the
dead-letter queue and 14 days after it."""

Key = tuple[str, str]
"""A webhook ID and an execution ID."""


def erase_execution(webhook_id: str, execution_id: str) -> None:
    """Erase the details of an execution, not its summary. Raises NotFound."""
    _erase(get_row(webhook_id, execution_id))


def erase_message(message_id: str, is_covered: Callable[[str], bool]) -> int:
    """Erase the details of the message's executions on the covered webhooks.

    Returns how many were not erased before.
    """
    attempts = [each for each in list_all_attempts(message_id) if is_covered(each.webhook_id)]
    keys = [(each.webhook_id, each.execution_id) for each in attempts]
    rows = [row for row in ExecutionRow.batch_get(keys, consistent_read=True) if not row.erased]
    for row in rows:
        _erase(row)
    return len(rows)


def erase_again(written: Iterable[Key]) -> int:
    """Erase details that were written after their erasure.

    Returns the number of executions.
    """
    erased = details.find_erased(set(written))
    for webhook_id, execution_id in erased:
        details.delete(webhook_id, execution_id)
        mark_erased(webhook_id, execution_id)
    return len(erased)


def _erase(row: ExecutionRow) -> None:
    details.mark_erased(row.webhook_id, row.execution_id, max(int(row.expires_at), int(time.time()) + MARK_SECONDS))
    details.delete(row.webhook_id, row.execution_id)
    mark_erased(row.webhook_id, row.execution_id)
