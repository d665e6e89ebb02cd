"""The executions of one message, across its attempts.

A message id is the producer's name for what it sends, and may come twice. What is followed from attempt to attempt is
the queue message that was accepted: its id is in every execution that it led to.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hooklog.executions.tables import ExecutionRow

LOOKED_AT: Final = 1000
"""Executions of a webhook, the newest, among which one is looked for that the index may not have yet: a second's worth
of the busiest webhook, and some 75 read units."""

_BETWEEN = "/"  # in no id


class Link(NamedTuple):
    """One execution of a message, as the index `by_message` knows it."""

    webhook_id: str
    execution_id: str
    attempt: int
    result: int
    queue_message_id: str
    """Of the message that was accepted; empty where the row, of an earlier release, does not say."""
    repeat_id: str = ""
    """Of the queue message that asked for this retry or resend; empty for a first attempt."""
    skipped: bool = False

    @property
    def success(self) -> bool:
        return self.skipped or 200 <= self.result <= 299

    @property
    def asked_by(self) -> str:
        """The id of the queue message that led to this very execution."""
        return self.repeat_id or self.queue_message_id

    def follows(self, queue_message_id: str) -> bool:
        """Whether it is an attempt of that queue message; where one of the two is unknown, of its message id."""
        return not self.queue_message_id or not queue_message_id or self.queue_message_id == queue_message_id


class Recent(NamedTuple):
    """What was found of a message among its webhook's newest executions."""

    links: Sequence[Link]
    complete: bool
    """Whether all executions of the time were looked at."""


def packed(message_id: str, queue_message_id: str, repeat_id: str) -> str | None:
    """Both ids as a row holds them, in the one attribute for which `by_message` has room: an index cannot be widened.

    `accepted`, `accepted/repeat`, or `/repeat` where the accepted one is the message id; None where that is all.
    An unknown accepted id leaves `repeat`, as earlier releases wrote it.
    """
    accepted = "" if queue_message_id == message_id else queue_message_id
    if not repeat_id:
        return accepted or None
    return f"{accepted}{_BETWEEN}{repeat_id}" if queue_message_id else repeat_id


def accepted(row: ExecutionRow) -> str:
    """The id of the queue message that was accepted; empty where the row, of an earlier release, does not say."""
    return _ids(row.message_id, int(row.attempt), row.queue_message_id)[0]


def links(message_id: str, webhook_id: str, since: str = "") -> list[Link]:
    """The message's executions on this webhook, from the execution `since` on, oldest first.

    As of a moment ago: the index follows the table. Those on the other webhooks of a topic are read, and not answered.
    """
    return [_link(item) for item in _items(message_id, since, webhook_id)]


def recent(message_id: str, webhook_id: str, since: str) -> Recent:
    """The message's executions that began at or after `since`, as of now: the table is read, and consistently."""
    query = ExecutionRow.query(
        webhook_id,
        ExecutionRow.executed_at >= since,
        ExecutionRow.message_id == message_id,
        scan_index_forward=False,
        consistent_read=True,
        page_size=LOOKED_AT,
    )
    page = next(query.page_iter)
    return Recent([_link(item) for item in page["Items"]], "LastEvaluatedKey" not in page)


def all_links(message_id: str) -> list[Link]:
    """The message's executions on every webhook, oldest first."""
    return [_link(item) for item in _items(message_id)]


def _items(message_id: str, since: str = "", webhook_id: str = "") -> Iterator[Mapping[str, Any]]:
    """As DynamoDB spells them: to make rows of them takes as long as to read them.

    The webhook's id is a key of the table and not of the index, so that the filter may name it.
    """
    bounds = ExecutionRow.executed_at >= since if since else None
    only = ExecutionRow.webhook_id == webhook_id if webhook_id else None
    for page in ExecutionRow.by_message.query(message_id, bounds, only).page_iter:
        yield from page["Items"]


def _link(item: Mapping[str, Any]) -> Link:
    attempt, held = int(item["attempt"]["N"]), item.get("queue_message_id")
    queue_message_id, repeat_id = _ids(item["message_id"]["S"], attempt, held and held["S"])
    return Link(
        webhook_id=item["webhook_id"]["S"],
        execution_id=item["executed_at"]["S"],
        attempt=attempt,
        result=int(item["result"]["N"]),
        queue_message_id=queue_message_id,
        repeat_id=repeat_id,
        skipped="skipped" in item,
    )


def _ids(message_id: str, attempt: int, held: str | None) -> tuple[str, str]:
    """What `packed` has made of the accepted id and the repeat's."""
    first, between, repeat = (held or "").partition(_BETWEEN)
    if attempt > 1 and not between:
        return "", first
    return first or message_id, repeat
