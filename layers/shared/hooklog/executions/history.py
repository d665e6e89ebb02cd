"""The history: pages of a webhook's executions, and those of one message."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from hooklog.errors import NotFound
from hooklog.executions.attempts import list_all_attempts
from hooklog.executions.details import read_details
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import ExecutionRow, Summary, get_error, to_summary

MAX_READ: Final = 1000
"""Executions read for one page. Only `status=success` reaches this maximum, if there are many failures between the
successes. The page is then shorter than its limit, and its cursor continues from there."""


class Status(StrEnum):
    """A filter of the history."""

    SUCCESS = "success"
    FAILURE = "failure"


class Query(NamedTuple):
    """A selection of a webhook's executions at or after `since` and before `until`.

    Both times are in the format of `compact_time`.
    """

    webhook_id: str
    status: Status | None = None
    since: str | None = None
    until: str | None = None


class Page(NamedTuple):
    """Executions, newest first, and the last ID read if there are more."""

    executions: list[Summary]
    more_after: str | None


def list_executions(query: Query, limit: int, after: str | None) -> Page:
    """List at most `limit` executions that are older than the one named `after`."""
    if query.since and query.until and query.since >= query.until:
        return Page([], None)  # DynamoDB rejects such bounds
    found: list[Summary] = []
    last_id: str | None = None
    for count, row in enumerate(_read_rows(query, limit + 1, after), start=1):
        matches = not (query.status is Status.SUCCESS and row.failed_id)
        if matches and len(found) == limit:
            return Page(found, last_id)
        last_id = row.execution_id
        if matches:
            found.append(to_summary(row))
        if count == MAX_READ:
            return Page(found, last_id)
    return Page(found, None)


def _read_rows(query: Query, page_size: int, after: str | None) -> Iterator[ExecutionRow]:
    """Read rows lazily, newest first."""
    only_failures = query.status is Status.FAILURE
    source = ExecutionRow.failures if only_failures else ExecutionRow
    sort_key = ExecutionRow.failed_id if only_failures else ExecutionRow.execution_id
    start = after and {
        "webhook_id": {"S": query.webhook_id},
        "executed_at": {"S": after},
        **({"failed_at": {"S": after}} if only_failures else {}),
    }
    rows = source.query(
        query.webhook_id,
        _build_condition(sort_key, query.since, query.until),
        scan_index_forward=False,
        page_size=page_size,
        last_evaluated_key=start or None,
    )
    return iter(rows)


def _build_condition(sort_key: UnicodeAttribute, since: str | None, until: str | None) -> Condition | None:
    """Build the key condition.

    An ID is longer than its time, so it sorts after `until` and BETWEEN excludes it.
    """
    if since and until:
        return sort_key.between(since, until)
    if since:
        return sort_key >= since
    return sort_key < until if until else None


def get_execution(webhook_id: str, execution_id: str, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """Return an execution with its details, if they are stored, and masked headers.

    Raises NotFound.
    """
    row = get_row(webhook_id, execution_id)
    error = get_error(row)
    details = read_details(webhook_id, execution_id, sensitive)
    return {**to_summary(row), **({"error": error} if error else {}), **details}


def get_row(webhook_id: str, execution_id: str) -> ExecutionRow:
    """Read the row of an execution. Raises NotFound."""
    try:
        return ExecutionRow.get(webhook_id, execution_id)
    except DoesNotExist:
        raise NotFound("there is no such execution of this webhook, or it has expired") from None


def list_message_executions(message_id: str, is_covered: Callable[[str], bool]) -> list[Summary]:
    """List a message's executions on the covered webhooks, in the order of attempts."""
    attempts = [each for each in list_all_attempts(message_id) if is_covered(each.webhook_id)]
    rows = ExecutionRow.batch_get([(each.webhook_id, each.execution_id) for each in attempts])
    return sorted(map(to_summary, rows), key=lambda summary: summary["execution_id"])
