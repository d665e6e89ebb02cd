"""The attempts of one message, found in the log.

A message id is the producer's name for what it sends, and may come twice. What is followed from attempt to attempt is
the queue message that was accepted: its id is in every execution that it led to.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hooklog.executions.rows import Attempt, ExecutionRow, attempt_of

LOOKED_AT: Final = 1000
"""Executions of a webhook, the newest, in which an attempt is looked for that the index may not have yet: a second's
worth of the busiest webhook, and about 75 read units."""


class Recent(NamedTuple):
    """The attempts of a message among its webhook's newest executions."""

    attempts: Sequence[Attempt]
    complete: bool
    """Whether all executions of the time were looked at."""


def attempts_on(webhook_id: str, message_id: str, since: str = "") -> list[Attempt]:
    """The message's attempts on this webhook, from the execution `since` on, oldest first.

    As of a moment ago: the index follows the table. Those on the other webhooks of a topic are read, but left out.
    """
    return [attempt_of(item) for item in _items(message_id, since, webhook_id)]


def recent_attempts(webhook_id: str, message_id: str, since: str) -> Recent:
    """The message's attempts that began at or after `since`, as of now: reads the table, and consistently."""
    query = ExecutionRow.query(
        webhook_id,
        ExecutionRow.executed_at >= since,
        ExecutionRow.message_id == message_id,
        scan_index_forward=False,
        consistent_read=True,
        page_size=LOOKED_AT,
    )
    page = next(query.page_iter)
    return Recent([attempt_of(item) for item in page["Items"]], "LastEvaluatedKey" not in page)


def all_attempts(message_id: str) -> list[Attempt]:
    """The message's attempts on every webhook, oldest first."""
    return [attempt_of(item) for item in _items(message_id)]


def _items(message_id: str, since: str = "", webhook_id: str = "") -> Iterator[Mapping[str, Any]]:
    """The webhook's id is a key of the table but not of the index, so the filter may name it."""
    bounds = ExecutionRow.executed_at >= since if since else None
    only = ExecutionRow.webhook_id == webhook_id if webhook_id else None
    for page in ExecutionRow.by_message.query(message_id, bounds, only).page_iter:
        yield from page["Items"]
