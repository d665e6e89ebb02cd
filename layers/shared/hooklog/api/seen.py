"""Webhooks that are registered or have executions, and how they do."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple

from hooklog.aws import CONCURRENT_CALLS
from hooklog.executions.history import Query, list_executions
from hooklog.statistics.intervals import count_last_day
from hooklog.statistics.seen import list_seen_ids
from hooklog.webhooks.lists import list_covered
from hooklog.webhooks.webhook import Webhook


class Page(NamedTuple):
    """A page of IDs in order, and its last one if there are more."""

    webhooks: dict[str, Webhook | None]
    """By ID; None if not registered."""
    more_after: str | None


def list_registered_and_seen(patterns: Sequence[str], limit: int, after: str | None) -> Page:
    """List the first `limit` webhooks after the ID `after` that the patterns cover."""
    registered, seen = list_covered(patterns, limit, after), list_seen_ids(patterns, limit, after)
    found: dict[str, Webhook | None] = dict.fromkeys(seen.webhook_ids)
    found |= {webhook.webhook_id: webhook for webhook in registered.webhooks}
    ids = sorted(found)
    has_more = len(ids) > limit or registered.more_after or seen.more_after
    return Page({each: found[each] for each in ids[:limit]}, ids[:limit][-1] if has_more else None)


def read_activity(webhook_ids: Iterable[str], now: datetime) -> list[dict[str, Any]]:
    """Read each webhook's last execution and counts of 24 hours, in order."""

    def read(webhook_id: str) -> dict[str, Any]:
        newest = list_executions(Query(webhook_id), 1, None).executions
        return {"last_execution": newest[0] if newest else None, "last_24_hours": count_last_day(webhook_id, now)}

    with ThreadPoolExecutor(CONCURRENT_CALLS) as pool:
        return list(pool.map(read, webhook_ids))
