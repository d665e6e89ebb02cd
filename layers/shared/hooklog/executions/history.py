"""The history, read from the log: pages of summaries, one execution with its details, all of one message."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from hooklog.errors import NotFound
from hooklog.executions.attempts import all_attempts
from hooklog.executions.details import read_details
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import ExecutionRow, Summary, error_of, summary_of

MAX_READ: Final = 1000
"""The most executions that are read for one page. Only `status=success` reaches it, if many failures lie between the
successes: the page is then shorter than its limit, and its cursor continues from there."""


class Status(StrEnum):
    """What a page of the history is narrowed to."""

    SUCCESS = "success"
    FAILURE = "failure"


class Query(NamedTuple):
    """Which executions of a webhook: those at or after `since` and before `until`, both as ids begin."""

    webhook_id: str
    status: Status | None = None
    since: str | None = None
    until: str | None = None


class Page(NamedTuple):
    """Executions, newest first, and the id of the last one read if there are more."""

    executions: list[Summary]
    more_after: str | None


def list_executions(query: Query, limit: int, after: str | None) -> Page:
    """The page of at most `limit` executions that are older than the one with the id `after`."""
    if query.since and query.until and query.since >= query.until:
        return Page([], None)  # DynamoDB refuses bounds that are the wrong way round
    found: list[Summary] = []
    last: str | None = None
    for read, row in enumerate(_rows(query, limit + 1, after), start=1):
        wanted = not (query.status is Status.SUCCESS and row.failed_at)
        if wanted and len(found) == limit:
            return Page(found, last)
        last = row.executed_at
        if wanted:
            found.append(summary_of(row))
        if read == MAX_READ:
            return Page(found, last)
    return Page(found, None)


def _rows(query: Query, page_size: int, after: str | None) -> Iterator[ExecutionRow]:
    """Newest first, read lazily: a request is made only for a row that is asked for."""
    failures = query.status is Status.FAILURE
    source = ExecutionRow.failures if failures else ExecutionRow
    at = ExecutionRow.failed_at if failures else ExecutionRow.executed_at
    start = after and {
        "webhook_id": {"S": query.webhook_id},
        "executed_at": {"S": after},
        **({"failed_at": {"S": after}} if failures else {}),
    }
    rows = source.query(
        query.webhook_id,
        _between(at, query.since, query.until),
        scan_index_forward=False,
        page_size=page_size,
        last_evaluated_key=start or None,
    )
    return iter(rows)


def _between(at: UnicodeAttribute, since: str | None, until: str | None) -> Condition | None:
    """An id begins with its time and goes on with `-`, so that it sorts behind that time itself."""
    if since and until:
        return at.between(since, until)
    if since:
        return at >= since
    return at < until if until else None


def get_execution(webhook_id: str, execution_id: str, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """One execution with its details, if any are kept, its sensitive headers masked. Raises NotFound."""
    row = find(webhook_id, execution_id)
    error = error_of(row)
    details = read_details(webhook_id, execution_id, sensitive)
    return {**summary_of(row), **({"error": error} if error else {}), **details}


def find(webhook_id: str, execution_id: str) -> ExecutionRow:
    """Raises NotFound."""
    try:
        return ExecutionRow.get(webhook_id, execution_id)
    except DoesNotExist:
        raise NotFound("there is no such execution of this webhook, or it has expired") from None


def list_message(message_id: str, visible: Callable[[str], bool]) -> list[Summary]:
    """The executions of one message, in the order of attempts, on the webhooks that are visible."""
    keys = [(each.webhook_id, each.execution_id) for each in all_attempts(message_id) if visible(each.webhook_id)]
    rows = ExecutionRow.batch_get(keys)
    return sorted(map(summary_of, rows), key=lambda shown: shown["execution_id"])
