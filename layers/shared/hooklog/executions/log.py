"""Batched writes of executions to the log."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection

from hooklog.errors import get_error_code
from hooklog.executions.details import DetailsRow, to_items
from hooklog.executions.execution import Execution, MessageIndex
from hooklog.executions.rows import ExecutionRow, to_item

MAX_BATCH_ITEMS: Final = 25
MAX_BATCH_BYTES: Final = 8_000_000
"""Half of BatchWriteItem's limit, because binary values grow by a third on the wire."""

WRITE_SECONDS: Final = 4.0
"""How long a call to `write` resends unprocessed items, over all of its requests, unless its caller has less time."""

FIRST_PAUSE_SECONDS: Final = 0.05
"""The longest pause before unprocessed items are resent for the first time; it doubles each time."""


@dataclass(frozen=True, slots=True, eq=False)
class Put:
    """An item to write to a table."""

    table: str
    item: Mapping[str, Any]
    """In DynamoDB's format: `{"webhook_id": {"S": "acme.orders"}, …}`."""
    size: int
    """Its approximate size in bytes."""

    @property
    def execution(self) -> tuple[str, str]:
        """The webhook ID and the execution ID that it belongs to."""
        return self.item["webhook_id"]["S"], self.item["executed_at"]["S"].partition("#")[0]


class Unwritten(NamedTuple):
    """The items that DynamoDB did not accept."""

    puts: Sequence[Put]
    cause: str


class Retention(NamedTuple):
    """How many days summaries and details are stored, and what the index by message contains."""

    execution_days: int
    details_days: int
    message_index: MessageIndex = MessageIndex.ALL


def build_puts(executions: Sequence[Execution], retention: Retention, *, details_of_all: bool) -> list[Put]:
    """Build the items of these executions, details first.

    In this order, no summary exists without its details.
    """
    failed = [each for each in executions if not each.delivery.success and not each.details_not_stored]
    detailed = executions if details_of_all else failed
    parts = (part for execution in detailed for part in to_items(execution, retention.details_days))
    details = [Put(DetailsRow.Meta.table_name, part, len(part["content"]["B"]) + 1024) for part in parts]
    if details_of_all:  # the details of a message's executions are erased by the index
        retention = retention._replace(message_index=MessageIndex.ALL)
    return details + [build_summary_put(execution, retention) for execution in executions]


def build_summary_put(execution: Execution, retention: Retention) -> Put:
    """Build the item of an execution's summary."""
    is_indexed = retention.message_index is MessageIndex.ALL or not execution.settled_at_once
    return Put(ExecutionRow.Meta.table_name, to_item(execution, retention.execution_days, is_indexed=is_indexed), 1024)


def write(connection: Connection, puts: Sequence[Put], seconds: float = WRITE_SECONDS) -> Unwritten | None:
    """Write the items in order, and return those that DynamoDB did not accept.

    Resends unprocessed items once, and again for so many seconds. The first failed request ends the call, because each
    further one could time out during an outage.
    """
    batches, deadline = list(_batches(puts)), time.monotonic() + seconds
    for number, batch in enumerate(batches, start=1):
        if unwritten := _write_batch(connection, batch, deadline):
            rest = [put for later in batches[number:] for put in later]
            return unwritten._replace(puts=[*unwritten.puts, *rest])
    return None


def _write_batch(connection: Connection, batch: Sequence[Put], deadline: float) -> Unwritten | None:
    """Write a batch; resend unprocessed items with backoff, once and until the deadline.

    Returns the items that are still unprocessed, without those that an earlier request wrote.
    """
    left, pause = list(batch), FIRST_PAUSE_SECONDS
    while True:
        try:
            left = _request(connection, left)
        except (BotoCoreError, ClientError) as error:
            return Unwritten(left, get_error_code(error))
        if not left:
            return None
        if pause > FIRST_PAUSE_SECONDS and time.monotonic() + pause > deadline:
            return Unwritten(left, "UnprocessedItems")
        time.sleep(random.uniform(0, pause))  # noqa: S311 - full jitter, not a secret
        pause *= 2


def _request(connection: Connection, puts: Sequence[Put]) -> list[Put]:
    """Write items of one table with one request, and return those that DynamoDB did not process."""
    table, by_key = puts[0].table, {_key(put.item): put for put in puts}
    requests = [{"PutRequest": {"Item": put.item}} for put in by_key.values()]
    response = connection.dispatch("BatchWriteItem", {"RequestItems": {table: requests}})
    unprocessed = response.get("UnprocessedItems", {}).get(table, [])
    return [by_key[_key(request["PutRequest"]["Item"])] for request in unprocessed]


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["webhook_id"]["S"], item["executed_at"]["S"]


def _batches(puts: Sequence[Put]) -> Iterator[list[Put]]:
    """Split the items into batches of one table each, within BatchWriteItem's limits."""
    batch: list[Put] = []
    for put in puts:
        is_full = len(batch) == MAX_BATCH_ITEMS or sum(p.size for p in batch) + put.size > MAX_BATCH_BYTES
        if batch and (is_full or batch[0].table != put.table):
            yield batch
            batch = []
        batch.append(put)
    if batch:
        yield batch
