"""The webhooks that have executions, in the table `SeenWebhooks`.

Only this module and events/outbox.py, whose attributes are in the same rows, read and write it. A webhook is listed
from its first execution until its last one expires, whether it is registered or not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from hooklog.tables import AttachedTable
from hooklog.webhooks.lists import iterate_ids
from hooklog.webhooks.patterns import get_prefix

LISTED: Final = "all"
"""The value of `listed` in every row."""

PENDING: Final = "pending"
"""The value of `outbox` in every row that has pending events."""

_DAY: Final = 24 * 60 * 60


class SeenIndex(GlobalSecondaryIndex["SeenRow"]):  # type: ignore[no-untyped-call]
    """All rows, ordered by ID. It has keys only, so that changes of a row do not write to it."""

    class Meta:
        index_name = "listed"
        projection = KeysOnlyProjection()

    listed = UnicodeAttribute(hash_key=True)
    webhook_id = UnicodeAttribute(range_key=True)


class PendingIndex(GlobalSecondaryIndex["SeenRow"]):  # type: ignore[no-untyped-call]
    """The rows with pending events, ordered by when the first of them is due."""

    class Meta:
        index_name = "pending"
        projection = KeysOnlyProjection()

    outbox = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class SeenRow(AttachedTable):
    """A webhook that has executions, with its health and its unpublished events."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(null=True)
    """Missing until its first execution is counted."""
    expires_at = NumberAttribute()
    """When its last execution has expired, in Unix seconds."""
    health = JSONAttribute(null=True)
    pending_events = JSONAttribute(null=True)
    outbox = UnicodeAttribute(null=True)
    """PENDING if it has pending events."""
    due_at = UnicodeAttribute(null=True)
    outbox_version = NumberAttribute(null=True)
    """Of the four attributes above: each change is conditional on it."""

    by_id = SeenIndex()
    by_due_time = PendingIndex()


class SeenPage(NamedTuple):
    """IDs in order, and the last one if there are more."""

    webhook_ids: list[str]
    more_after: str | None


def list_seen_ids(patterns: Sequence[str], limit: int, after: str | None) -> SeenPage:
    """List the first `limit` IDs after the ID `after` that the patterns cover."""
    names = {pattern for pattern in patterns if get_prefix(pattern) is None}  # the index has not shown that they exist
    candidates = iterate_ids(patterns, after or "", lambda bounds: _query_ids(bounds, limit + 1))
    found: list[str] = []
    while len(found) <= limit and (ids := list(islice(candidates, limit + 1 - len(found)))):
        rows = SeenRow.batch_get(names.intersection(ids), attributes_to_get=["webhook_id", "listed"])
        missing = names.difference(row.webhook_id for row in rows if row.listed)
        found += [webhook_id for webhook_id in ids if webhook_id not in missing]
    return SeenPage(found[:limit], found[limit - 1] if len(found) > limit else None)


def read(webhook_ids: Iterable[str]) -> dict[str, SeenRow]:
    """Read the rows of these webhooks, consistently.

    Costs one read unit each. Raises pynamodb's exceptions.
    """
    return {row.webhook_id: row for row in SeenRow.batch_get(webhook_ids, consistent_read=True)}


def find_expiring(rows: Mapping[str, SeenRow], expiries: Mapping[str, int]) -> dict[str, int]:
    """Return the expiries that must be written, by webhook ID, in Unix seconds.

    A row is written at most once a day, so an expiry should be a day later than necessary.
    """

    def must_write(row: SeenRow | None, expires_at: int) -> bool:
        return row is None or not row.listed or row.expires_at + _DAY <= expires_at

    return {webhook_id: at for webhook_id, at in expiries.items() if must_write(rows.get(webhook_id), at)}


def list_until(webhook_id: str, expires_at: int) -> None:
    """List a webhook until it expires, in Unix seconds. Raises UpdateError."""
    SeenRow(webhook_id).update([SeenRow.listed.set(LISTED), SeenRow.expires_at.set(expires_at)])


def _query_ids(bounds: Condition, page_size: int) -> Iterator[str]:
    return (row.webhook_id for row in SeenRow.by_id.query(LISTED, bounds, page_size=page_size))
