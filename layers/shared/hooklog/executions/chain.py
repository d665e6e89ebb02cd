"""The executions of one message, across its attempts."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hooklog.executions.tables import ExecutionRow


class Link(NamedTuple):
    """One execution of a message, as the index `by_message` knows it."""

    webhook_id: str
    execution_id: str
    attempt: int
    result: int
    queue_message_id: str
    skipped: bool = False

    @property
    def success(self) -> bool:
        return self.skipped or 200 <= self.result <= 299


def links(message_id: str, webhook_id: str, since: str = "") -> list[Link]:
    """The message's executions on this webhook, from the execution `since` on, oldest first.

    As of a moment ago: the index follows the table. A topic's message has executions on thousands of other webhooks,
    which DynamoDB cannot be told to leave out: AWS's documentation forbids keys in filters, and does not say whose.
    """
    return [_link(item) for item in _items(message_id, since) if item["webhook_id"]["S"] == webhook_id]


def all_links(message_id: str) -> list[Link]:
    """The message's executions on every webhook, oldest first."""
    return [_link(item) for item in _items(message_id)]


def _items(message_id: str, since: str = "") -> Iterator[Mapping[str, Any]]:
    """As DynamoDB spells them: to make rows of them takes as long as to read them."""
    bounds = ExecutionRow.executed_at >= since if since else None
    for page in ExecutionRow.by_message.query(message_id, bounds).page_iter:
        yield from page["Items"]


def _link(item: Mapping[str, Any]) -> Link:
    return Link(
        webhook_id=item["webhook_id"]["S"],
        execution_id=item["executed_at"]["S"],
        attempt=int(item["attempt"]["N"]),
        result=int(item["result"]["N"]),
        queue_message_id=item.get("queue_message_id", item["message_id"])["S"],
        skipped="skipped" in item,
    )
