"""Batched writes of executions to the log."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection

from hooklog.errors import get_error_code
from hooklog.executions.details import DetailsRow, to_items
from hooklog.executions.execution import Execution
from hooklog.executions.rows import ExecutionRow, to_item

MAX_BATCH_ITEMS: Final = 25
MAX_BATCH_BYTES: Final = 8_000_000
"""Half of BatchWriteItem's limit, because binary values grow by a third on the wire."""

WRITE_SECONDS: Final = 4.0
"""How long a call to `write` resends unprocessed items, over all of its requests."""


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
    """How many days summaries and details are stored."""

    execution_days: int
    details_days: int


def build_puts(executions: Sequence[Execution], retention: Retention, *, details_of_all: bool) -> list[Put]:
    """Build the items of these executions, details first.

    In this order, no summary exists without its details.
    """
    failed = [each for each in executions if not each.delivery.success and not each.details_not_stored]
    detailed = executions if details_of_all else failed
    parts = (part for execution in detailed for part in to_items(execution, retention.details_days))
    details = [Put(DetailsRow.Meta.table_name, part, len(part["content"]["B"]) + 1024) for part in parts]
    return details + [build_summary_put(execution, retention) for execution in executions]


def build_summary_put(execution: Execution, retention: Retention) -> Put:
    """Build the item of an execution's summary."""
    return Put(ExecutionRow.Meta.table_name, to_item(execution, retention.execution_days), 1024)


def write(connection: Connection, puts: Sequence[Put], sleep: Callable[[float], None] = time.sleep) -> Unwritten | None:
    """Write the items in order, and return those that DynamoDB did not accept.

    The first failed request ends the call, because each further one could time out during an outage.
    """
    batches, deadline = list(_batches(puts)), time.monotonic() + WRITE_SECONDS
    for number, batch in enumerate(batches):
        try:
            unprocessed = _write_batch(connection, batch, deadline, sleep)
        except (BotoCoreError, ClientError) as error:
            return Unwritten([put for rest in batches[number:] for put in rest], get_error_code(error))
        if unprocessed:
            rest = [put for later in batches[number + 1 :] for put in later]
            return Unwritten([*unprocessed, *rest], "UnprocessedItems")
    return None


def _write_batch(
    connection: Connection, batch: Sequence[Put], deadline: float, sleep: Callable[[float], None]
) -> list[Put]:
    """Write a batch; resend unprocessed items with backoff until the deadline.

    Returns the items that are still unprocessed.
    """
    table, puts = batch[0].table, {_key(put.item): put for put in batch}
    pause = 0.05
    while True:
        requests = [{"PutRequest": {"Item": put.item}} for put in puts.values()]
        response = connection.dispatch("BatchWriteItem", {"RequestItems": {table: requests}})
        unprocessed = response.get("UnprocessedItems", {}).get(table, [])
        puts = {key: puts[key] for key in (_key(request["PutRequest"]["Item"]) for request in unprocessed)}
        if not puts or time.monotonic() + pause > deadline:
            return list(puts.values())
        sleep(random.uniform(0, pause))  # noqa: S311 - full jitter, not a secret
        pause *= 2


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
