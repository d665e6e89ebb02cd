"""The history: pages of a webhook's executions, and those of one message."""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import chain
from operator import and_, itemgetter
from typing import Any, Final, NamedTuple

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from hooklog.errors import NotFound
from hooklog.executions.attempts import list_all_attempts
from hooklog.executions.details import read_details
from hooklog.executions.execution import DetailsOf, iso_time
from hooklog.executions.filters import Filters, Status
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import ExecutionRow, Summary, get_error, to_summary
from hooklog.messages.event_types import get_prefix
from hooklog.tables import Item, get_items

MAX_READ: Final = 1000
"""Executions read for one page. Only a filtered page reaches this maximum, if it finds few matches. The page is then
shorter than its limit, and its cursor continues from there."""

_MIN_SIZE: Final = 100
"""Executions of every request but a page's first."""


NO_EXECUTION: Final = "there is no such execution of this webhook, or it has expired"


class Query(NamedTuple):
    """A selection of a webhook's executions at or after `since` and before `until`.

    Both times are in the format of `compact_time`.
    """

    webhook_id: str
    filters: Filters = Filters()
    since: str | None = None
    until: str | None = None

    @property
    def is_filtered(self) -> bool:
        return self.filters != Filters()

    @property
    def is_empty(self) -> bool:
        """Whether no execution can match. DynamoDB rejects bounds in the wrong order."""
        is_backwards = self.since is not None and self.until is not None and self.since >= self.until
        return is_backwards or self.filters.are_contradictory


class Page(NamedTuple):
    """Executions, newest first, and the last ID read if there may be more."""

    executions: list[Summary]
    more_after: str | None

    def searched_to(self, query: Query) -> str | None:
        """Return the time down to which no match is missing, in ISO 8601.

        After the last page this is the beginning of the query; None if it has none.
        """
        last = self.more_after or query.since
        return iso_time(last) if last else None


class _Chunk(NamedTuple):
    """The response to one request."""

    items: list[Item]
    """The matches, newest first."""
    read_count: int
    last_id: str | None
    """The last execution read, whether it matches or not; None at the end of the query."""


def list_executions(query: Query, limit: int, after: str | None) -> Page:
    """List at most `limit` executions that are older than the one named `after`.

    One match more than `limit` shows that there is another page. Reads at most MAX_READ executions to find it, in
    growing requests.
    """
    if query.is_empty:
        return Page([], None)
    found: list[Item] = []
    last_id, size, unread = after, limit + 1, MAX_READ
    while unread > 0:
        chunk = _read_chunk(query, min(size, unread), last_id)
        found += chunk.items
        if len(found) > limit:
            last_shown: str = found[limit - 1]["executed_at"]["S"]
            return Page(list(map(to_summary, found[:limit])), min(last_shown, last_id or last_shown))
        if chunk.last_id is None:
            return Page(list(map(to_summary, found)), None)
        last_id, size, unread = chunk.last_id, max(2 * size, _MIN_SIZE), unread - chunk.read_count
    return Page(list(map(to_summary, found)), last_id)


def _read_chunk(query: Query, size: int, after: str | None) -> _Chunk:
    """Read up to `size` executions, fewer if DynamoDB's response reaches 1 MB."""
    only_failures = query.filters.select_failures
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
        _build_filter(query.filters),
        scan_index_forward=False,
        page_size=size,
        last_evaluated_key=start or None,
    )
    page = next(rows.page_iter)
    last_key = page.get("LastEvaluatedKey")
    return _Chunk(page["Items"], page["ScannedCount"], last_key["executed_at"]["S"] if last_key else None)


def _build_filter(filters: Filters) -> Condition | None:
    """Build the filter expression, which DynamoDB applies after reading.

    It omits `status=failure`, which selects the index.
    """
    conditions: list[Condition] = []
    if filters.status is Status.SUCCESS:
        conditions.append(ExecutionRow.failed_id.does_not_exist())
    if pattern := filters.event_type:
        attribute, prefix = ExecutionRow.event_type, get_prefix(pattern)
        conditions.append(attribute == pattern if prefix is None else attribute.startswith(prefix))
    if filters.result:
        conditions.append(ExecutionRow.result.between(*filters.result))
    if filters.error_type:
        conditions.append(ExecutionRow.error_type == str(filters.error_type))
    return reduce(and_, conditions) if conditions else None


def _build_condition(sort_key: UnicodeAttribute, since: str | None, until: str | None) -> Condition | None:
    """Build the key condition.

    An ID is longer than its time, so it sorts after `until` and BETWEEN excludes it.
    """
    if since and until:
        return sort_key.between(since, until)
    if since:
        return sort_key >= since
    return sort_key < until if until else None


def build_execution(
    item: Item, details_items: Sequence[Item], sensitive: SensitiveHeaders, details_of: DetailsOf
) -> dict[str, Any]:
    """Return an execution with its details, if they are stored, and masked headers.

    `details_items` are those of `details.build_keys` that exist. `details_of` explains why there are none.
    """
    summary, error = to_summary(item), get_error(item)
    details = read_details(summary["webhook_id"], summary["execution_id"], details_items, sensitive)
    return {**summary, "details_of": str(details_of), **({"error": error} if error else {}), **details}


def get_row(webhook_id: str, execution_id: str) -> ExecutionRow:
    """Read the row of an execution. Raises NotFound."""
    try:
        return ExecutionRow.get(webhook_id, execution_id)
    except DoesNotExist:
        raise NotFound(NO_EXECUTION) from None


def list_message_executions(
    connection: Connection, message_id: str, is_covered: Callable[[str], bool]
) -> list[Summary]:
    """List a message's executions on the covered webhooks, in the order of attempts."""
    attempts = [each for each in list_all_attempts(message_id) if is_covered(each.webhook_id)]
    found = get_items(connection, [ExecutionRow.get_key(each.webhook_id, each.execution_id) for each in attempts])
    return sorted(map(to_summary, chain(*found.values())), key=itemgetter("execution_id"))
