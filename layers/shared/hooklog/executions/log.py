"""Writing executions to the log, gathered into few requests."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection

from hooklog.errors import get_error_code
from hooklog.executions.details import DetailsRow, pack
from hooklog.executions.execution import Execution
from hooklog.executions.rows import ExecutionRow, row_of

MAX_BATCH_ITEMS: Final = 25
MAX_BATCH_BYTES: Final = 8_000_000
"""Half of what BatchWriteItem takes: binary values grow by a third on the wire."""

WRITE_SECONDS: Final = 4.0
"""How long, over all requests of one call, unprocessed items are sent again before they count as not taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Put:
    """One item on its way to a table."""

    table: str
    item: Mapping[str, Any]
    """As DynamoDB spells it: `{"webhook_id": {"S": "acme.orders"}, …}`."""
    size: int
    """Its bytes, about."""

    @property
    def execution(self) -> tuple[str, str]:
        """The ids of its webhook and of the execution that it belongs to."""
        return self.item["webhook_id"]["S"], self.item["executed_at"]["S"].partition("#")[0]


class Refused(NamedTuple):
    """What DynamoDB did not take."""

    puts: Sequence[Put]
    cause: str


class Retention(NamedTuple):
    """For how many days an execution's parts are kept."""

    execution_days: int
    details_days: int


def puts_of(executions: Sequence[Execution], retention: Retention, *, details_of_all: bool) -> list[Put]:
    """The items of these executions, details first, so that a summary is never without its details."""
    failed = [each for each in executions if not each.delivery.success and not each.details_not_stored]
    detailed = executions if details_of_all else failed
    parts = (part for execution in detailed for part in pack(execution, retention.details_days))
    details = [Put(DetailsRow.Meta.table_name, part.serialize(), len(part.content) + 1024) for part in parts]
    return details + [summary_put(execution, retention) for execution in executions]


def summary_put(execution: Execution, retention: Retention) -> Put:
    """The item of an execution's summary."""
    row = row_of(execution, retention.execution_days)
    return Put(ExecutionRow.Meta.table_name, row.serialize(), 1024)


def write(connection: Connection, puts: Sequence[Put], sleep: Callable[[float], None] = time.sleep) -> Refused | None:
    """Put the items, in order; what comes back is what DynamoDB did not take.

    After a first request that fails, the rest is not tried: an outage must not cost a time-out for each.
    """
    batches, ends = list(_batches(puts)), time.monotonic() + WRITE_SECONDS
    for number, batch in enumerate(batches):
        try:
            left = _put_batch(connection, batch, ends, sleep)
        except (BotoCoreError, ClientError) as error:
            return Refused([put for rest in batches[number:] for put in rest], get_error_code(error))
        if left:
            rest = [put for later in batches[number + 1 :] for put in later]
            return Refused([*left, *rest], "UnprocessedItems")
    return None


def _put_batch(connection: Connection, batch: Sequence[Put], ends: float, sleep: Callable[[float], None]) -> list[Put]:
    """Put them, again with backoff while DynamoDB leaves some unprocessed; give back those it never took."""
    table, puts = batch[0].table, {_key(put.item): put for put in batch}
    pause = 0.05
    while True:
        requests = [{"PutRequest": {"Item": put.item}} for put in puts.values()]
        answer = connection.dispatch("BatchWriteItem", {"RequestItems": {table: requests}})
        left = answer.get("UnprocessedItems", {}).get(table, [])
        puts = {key: puts[key] for key in (_key(request["PutRequest"]["Item"]) for request in left)}
        if not puts or time.monotonic() + pause > ends:
            return list(puts.values())
        sleep(random.uniform(0, pause))  # noqa: S311 - full jitter, not a secret
        pause *= 2


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["webhook_id"]["S"], item["executed_at"]["S"]


def _batches(puts: Sequence[Put]) -> Iterator[list[Put]]:
    """Each of one table, within what BatchWriteItem takes."""
    batch: list[Put] = []
    for put in puts:
        full = len(batch) == MAX_BATCH_ITEMS or sum(p.size for p in batch) + put.size > MAX_BATCH_BYTES
        if batch and (full or batch[0].table != put.table):
            yield batch
            batch = []
        batch.append(put)
    if batch:
        yield batch
