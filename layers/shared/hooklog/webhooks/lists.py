"""Lists of webhooks: those that a token covers, and those of a topic."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition

from hooklog.messages.event_types import accepts
from hooklog.webhooks.patterns import ALL, get_prefix
from hooklog.webhooks.rows import LISTED, ListedIndex, WebhookRow, to_webhook
from hooklog.webhooks.webhook import Webhook

_FIRST: Final = "!"
_LAST: Final = "~"
"""Sort before and after every character of an ID."""


class Page(NamedTuple):
    """Webhooks ordered by ID, and the last ID if there are more."""

    webhooks: list[Webhook]
    more_after: str | None


class Subscribers(NamedTuple):
    """IDs of a topic's webhooks in order, and the last ID read if there are more."""

    webhook_ids: list[str]
    more_after: str | None


def list_covered(patterns: Sequence[str], limit: int, after: str | None) -> Page:
    """List the first `limit` webhooks after the ID `after` that the patterns cover."""
    candidates = iterate_ids(patterns, after or "", partial(_query_ids, page_size=limit + 1))
    found: list[Webhook] = []
    while len(found) <= limit and (ids := list(islice(candidates, limit + 1 - len(found)))):
        found += sorted(map(to_webhook, WebhookRow.batch_get(ids)), key=lambda webhook: webhook.webhook_id)
    return Page(found[:limit], found[limit - 1].webhook_id if len(found) > limit else None)


def find_subscribers(topic: str, event_type: str | None, after: str, limit: int) -> Subscribers:
    """Find the topic's webhooks that accept the event type.

    Reads the first `limit` webhooks of the topic after the ID `after`. Includes webhooks that were disabled
    automatically, so that their histories show what they miss.
    """
    bounds = WebhookRow.webhook_id > (after or _FIRST)
    rows = list(WebhookRow.by_topic.query(topic, bounds, limit=limit))
    accepting = [row for row in rows if accepts(row.event_types or (), event_type)]
    webhook_ids = [row.webhook_id for row in accepting if row.enabled or row.disabled_reason]
    return Subscribers(webhook_ids, rows[-1].webhook_id if len(rows) == limit else None)


def count_webhooks(connection: Connection, prefix: str, maximum: int) -> int:
    """Count the webhooks with this prefix, up to `maximum`.

    One eventually consistent request suffices: the keys of 5,000 webhooks have 760 KB, and a page has up to 1 MB.
    """
    bounds = WebhookRow.webhook_id.between(prefix, prefix + _LAST)
    page = connection.query(
        WebhookRow.Meta.table_name,
        LISTED,
        range_key_condition=bounds,
        index_name=ListedIndex.Meta.index_name,
        limit=maximum,
        select="COUNT",
    )
    return int(page["Count"])


def iterate_ids(patterns: Iterable[str], after: str, query: Callable[[Condition], Iterable[str]]) -> Iterator[str]:
    """Iterate over IDs after `after`, in order, lazily.

    `query` returns the IDs in bounds, which are a condition of an index's `webhook_id`. Whole names are included even
    if no such webhook exists.
    """
    for pattern in _remove_covered(patterns):
        if (prefix := get_prefix(pattern)) is None:
            yield from [pattern] if pattern > after else []
        elif after < prefix + _LAST:
            yield from query(WebhookRow.webhook_id.between(max(prefix or _FIRST, after + _FIRST), prefix + _LAST))


def _query_ids(bounds: Condition, page_size: int) -> Iterator[str]:
    return (row.webhook_id for row in WebhookRow.by_id.query(LISTED, bounds, page_size=page_size))


def _remove_covered(patterns: Iterable[str]) -> list[str]:
    """Remove patterns that another pattern covers, and sort the rest."""
    prefixes = [prefix for pattern in set(patterns) if (prefix := get_prefix(pattern)) is not None]

    def is_covered(pattern: str) -> bool:
        return any(pattern.startswith(prefix) and pattern != prefix + ALL for prefix in prefixes)

    return sorted(pattern for pattern in set(patterns) if not is_covered(pattern))
