"""Queries for the attempts of a message.

A producer may use a message ID twice. Therefore every execution also has the ID of the original queue message, which
tells the attempts of the two apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hooklog.executions.rows import Attempt, ExecutionRow, is_of_message, to_attempt

MAX_RECENT: Final = 1000
"""The newest executions of a webhook that are read to find attempts that the index may lack: one second of the busiest
webhook, about 75 read units."""


class RecentAttempts(NamedTuple):
    """The attempts of a message among its webhook's newest executions."""

    attempts: Sequence[Attempt]
    complete: bool
    """Whether all executions of the period were read."""


def list_attempts(webhook_id: str, message_id: str, since: str = "") -> list[Attempt]:
    """List the message's attempts on this webhook, oldest first.

    The execution `since` is the first. Reads the index, which is eventually consistent, including a topic's other
    webhooks.
    """
    return [to_attempt(item) for item in _query_index(message_id, since, webhook_id)]


def list_recent_attempts(webhook_id: str, message_id: str, since: str) -> RecentAttempts:
    """List the message's attempts at or after `since`, newest first.

    Reads the table consistently.
    """
    query = ExecutionRow.query(
        webhook_id,
        ExecutionRow.execution_id >= since,
        is_of_message(message_id),
        scan_index_forward=False,
        consistent_read=True,
        page_size=MAX_RECENT,
    )
    page = next(query.page_iter)
    return RecentAttempts([to_attempt(item) for item in page["Items"]], "LastEvaluatedKey" not in page)


def list_all_attempts(message_id: str) -> list[Attempt]:
    """List the message's attempts on all webhooks, oldest first, without those that the index leaves out."""
    return [to_attempt(item) for item in _query_index(message_id)]


def _query_index(message_id: str, since: str = "", webhook_id: str = "") -> Iterator[Mapping[str, Any]]:
    """Query `by_message`.

    The webhook ID is not one of its keys, so DynamoDB accepts a filter on it.
    """
    bounds = ExecutionRow.execution_id >= since if since else None
    on_webhook = ExecutionRow.webhook_id == webhook_id if webhook_id else None
    for page in ExecutionRow.by_message.query(message_id, bounds, on_webhook).page_iter:
        yield from page["Items"]
