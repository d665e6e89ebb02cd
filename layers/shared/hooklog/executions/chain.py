"""The executions of one message, across its attempts."""

from typing import NamedTuple

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


def links(message_id: str, webhook_id: str) -> list[Link]:
    """The message's executions on this webhook, oldest first. As of a moment ago: the index follows the table."""
    return [link for link in all_links(message_id) if link.webhook_id == webhook_id]


def all_links(message_id: str) -> list[Link]:
    """The message's executions on every webhook, oldest first."""
    return [
        Link(
            webhook_id=row.webhook_id,
            execution_id=row.executed_at,
            attempt=int(row.attempt),
            result=int(row.result),
            queue_message_id=row.queue_message_id or row.message_id,
            skipped=bool(row.skipped),
        )
        for row in ExecutionRow.by_message.query(message_id)
    ]
