"""The webhooks that have executions: the only module that reads and writes the table `SeenWebhooks`.

A webhook is in it from its first execution until its last one expires, whether it is registered or not.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from hooklog.tables import AttachedTable
from hooklog.webhooks.lists import iterate_ids

LISTED: Final = "all"
"""The value of `listed` in every row."""

_DAY: Final = 24 * 60 * 60


class SeenIndex(GlobalSecondaryIndex["SeenRow"]):  # type: ignore[no-untyped-call]
    """All rows, ordered by ID. It has keys only, so that changes of a row do not write to it."""

    class Meta:
        index_name = "listed"
        projection = KeysOnlyProjection()

    listed = UnicodeAttribute(hash_key=True)
    webhook_id = UnicodeAttribute(range_key=True)


class SeenRow(AttachedTable):
    """A webhook that has executions."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute()
    expires_at = NumberAttribute()
    """When its last execution has expired, in Unix seconds."""

    by_id = SeenIndex()


class SeenPage(NamedTuple):
    """IDs in order, and the last one if there are more."""

    webhook_ids: list[str]
    more_after: str | None


def list_seen_ids(patterns: Sequence[str], limit: int, after: str | None) -> SeenPage:
    """List the first `limit` IDs after the ID `after` that the patterns cover."""
    candidates = iterate_ids(patterns, after or "", lambda bounds: _query_ids(bounds, limit + 1))
    found: list[str] = []
    while len(found) <= limit and (ids := list(islice(candidates, limit + 1 - len(found)))):
        found += sorted(row.webhook_id for row in SeenRow.batch_get(ids, attributes_to_get=["webhook_id"]))
    return SeenPage(found[:limit], found[limit - 1] if len(found) > limit else None)


def find_expiring(expiries: Mapping[str, int]) -> dict[str, int]:
    """Return those of these IDs, with their new expiries in Unix seconds, that must be written.

    A row is written at most once a day, so an expiry should be a day later than necessary. Reads one read unit for
    each ID. Raises pynamodb's exceptions.
    """
    rows = {row.webhook_id: row for row in SeenRow.batch_get(expiries, consistent_read=True)}
    return {
        webhook_id: expires_at
        for webhook_id, expires_at in expiries.items()
        if webhook_id not in rows or rows[webhook_id].expires_at + _DAY <= expires_at
    }


def list_until(webhook_id: str, expires_at: int) -> None:
    """List a webhook until it expires, in Unix seconds. Raises UpdateError."""
    SeenRow(webhook_id).update([SeenRow.listed.set(LISTED), SeenRow.expires_at.set(expires_at)])


def _query_ids(bounds: Condition, page_size: int) -> Iterator[str]:
    return (row.webhook_id for row in SeenRow.by_id.query(LISTED, bounds, page_size=page_size))
