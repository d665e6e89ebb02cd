"""Webhooks by the many: those that a token covers, and those of a topic."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from pynamodb.connection import Connection

from hooklog.webhooks.patterns import EVERY, prefix_of
from hooklog.webhooks.rows import LISTED, ListedIndex, WebhookRow, webhook_of
from hooklog.webhooks.webhook import Webhook

_FIRST: Final = "!"
_LAST: Final = "~"
"""Sort before and behind all that an id is made of."""


class Page(NamedTuple):
    """Webhooks in the order of their ids, and the id of the last one if there are more."""

    webhooks: list[Webhook]
    more_after: str | None


class Subscribers(NamedTuple):
    """Ids of a topic's webhooks in order, and the last one that was looked at if there are more."""

    webhook_ids: list[str]
    more_after: str | None


def covered(patterns: Sequence[str], limit: int, after: str | None) -> Page:
    """The first `limit` webhooks behind the id `after` that a token's ids and prefixes (`acme.*`) cover."""
    candidates = _ids(patterns, after or "", limit + 1)
    found: list[Webhook] = []
    while len(found) <= limit and (ids := list(islice(candidates, limit + 1 - len(found)))):
        found += sorted(map(webhook_of, WebhookRow.batch_get(ids)), key=lambda webhook: webhook.webhook_id)
    return Page(found[:limit], found[limit - 1].webhook_id if len(found) > limit else None)


def subscribers(topic: str, event_type: str | None, after: str, limit: int) -> Subscribers:
    """Those that take messages of this type, among the first `limit` webhooks of the topic behind the id `after`.

    One that was switched off for its failures is among them: what it misses meanwhile is to be in its history.
    """
    bounds = WebhookRow.webhook_id > (after or _FIRST)
    rows = list(WebhookRow.by_topic.query(topic, bounds, limit=limit))
    takers = [row for row in rows if not row.event_types or event_type in row.event_types]
    wanted = [row.webhook_id for row in takers if row.enabled or row.disabled_reason]
    return Subscribers(wanted, rows[-1].webhook_id if len(rows) == limit else None)


def count(connection: Connection, prefix: str, most: int) -> int:
    """How many webhooks there are below the prefix, `most` of them at most, as of a moment ago.

    One request, which reads only keys: 5,000 have 760 KB, and a page of an index may have 1 MB.
    """
    bounds = WebhookRow.webhook_id.between(prefix, prefix + _LAST)
    page = connection.query(
        WebhookRow.Meta.table_name,
        LISTED,
        range_key_condition=bounds,
        index_name=ListedIndex.Meta.index_name,
        limit=most,
        select="COUNT",
    )
    return int(page["Count"])


def _ids(patterns: Iterable[str], after: str, page_size: int) -> Iterator[str]:
    """The ids behind `after`, in order, read lazily; of those that a token names, also ids that are not there."""
    for pattern in _disjoint(patterns):
        if (prefix := prefix_of(pattern)) is None:
            yield from [pattern] if pattern > after else []
        elif after < prefix + _LAST:
            bounds = WebhookRow.webhook_id.between(max(prefix or _FIRST, after + _FIRST), prefix + _LAST)
            for row in WebhookRow.by_id.query(LISTED, bounds, page_size=page_size):
                yield row.webhook_id


def _disjoint(patterns: Iterable[str]) -> list[str]:
    """The patterns in order, without those that a prefix among the others covers."""
    prefixes = [prefix for pattern in set(patterns) if (prefix := prefix_of(pattern)) is not None]

    def is_within(pattern: str) -> bool:
        return any(pattern.startswith(prefix) and pattern != prefix + EVERY for prefix in prefixes)

    return sorted(pattern for pattern in set(patterns) if not is_within(pattern))
