"""The log of executions in DynamoDB: its two tables, and how the sender writes them.

`Executions` holds a summary of every execution, always under 1 KB: one write unit, and a page of the history costs
the same however large the bodies are. `ExecutionDetails` holds what View shows, for failed executions, compressed,
in as many items as it takes.
"""

import gzip
import json
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.attributes import BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from hooklog.errors import LogUnavailable
from hooklog.execution import Execution, Trigger

CONNECT_TIMEOUT_SECONDS: Final = 1
READ_TIMEOUT_SECONDS: Final = 3
"""DynamoDB answers within milliseconds; pynamodb's defaults (15 s and 30 s) outlive the function."""

MAX_PART_BYTES: Final = 380_000
"""Of compressed details in one item, under DynamoDB's 400 KB an item."""

MAX_BATCH_ITEMS: Final = 25
MAX_BATCH_BYTES: Final = 8_000_000
"""Half of what BatchWriteItem takes: binary values grow by a third on the wire."""

WRITE_SECONDS: Final = 8.0
"""How long unprocessed items are sent again before the write counts as failed."""

_DAY_SECONDS = 86_400


class _LogTable(Model):
    @classmethod
    def attach(cls, connection: Connection, table_name: str) -> None:
        """Read and write this table, so named, over a connection that other tables share."""
        cls.Meta.table_name = table_name
        cls._connection = None
        table = cls._get_connection()
        connection.add_meta_table(table.get_meta_table())
        table.connection = connection


class FailuresIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """Failed executions alone: a row is in it if it has `failed_at`."""

    class Meta:
        index_name = "failures"
        projection = AllProjection()

    webhook_id = UnicodeAttribute(hash_key=True)
    failed_at = UnicodeAttribute(range_key=True)


class MessageIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """The executions of one message."""

    class Meta:
        index_name = "by_message"
        projection = IncludeProjection(["attempt", "result"])

    message_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)


class ExecutionRow(_LogTable):
    """A summary. What is usual is left out (trigger event, no hard error), for it is stored by the million."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)
    failed_at = UnicodeAttribute(null=True)
    message_id = UnicodeAttribute()
    event_type = UnicodeAttribute(null=True)
    attempt = NumberAttribute()
    trigger = UnicodeAttribute(null=True)
    duration_ms = NumberAttribute()
    result = NumberAttribute()
    hard_error = BooleanAttribute(null=True)
    expires_at = NumberAttribute()

    failures = FailuresIndex()
    by_message = MessageIndex()


class DetailsRow(_LogTable):
    """A part of an execution's details; parts after the first have `#1`, `#2`… behind the execution's id."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)
    content = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute()


class _Put(NamedTuple):
    execution_id: str
    item: Mapping[str, Any]
    size: int


class ExecutionLog:
    """Writes executions. One thread at a time."""

    def __init__(
        self,
        connection: Connection,
        *,
        executions_table: str,
        details_table: str,
        execution_retention_days: int,
        details_retention_days: int,
        details_of_all: bool,
    ) -> None:
        self._connection = connection
        self._executions_table = executions_table
        self._details_table = details_table
        self._execution_retention = execution_retention_days * _DAY_SECONDS
        self._details_retention = details_retention_days * _DAY_SECONDS
        self._details_of_all = details_of_all

    def write(self, executions: Sequence[Execution]) -> None:
        """Write these executions, details first, so that a summary is never without its details.

        Raises LogUnavailable with the ids of those that DynamoDB did not take; the others are written.
        """
        details = [put for e in executions if self._has_details(e) for put in self._details(e)]
        failures = _Failures()
        self._put(self._details_table, details, failures)
        summaries = [self._summary(e) for e in executions if e.execution_id not in failures.ids]
        self._put(self._executions_table, summaries, failures)
        if failures.ids:
            raise LogUnavailable(failures.ids, failures.cause)

    def _has_details(self, execution: Execution) -> bool:
        return self._details_of_all or not execution.delivery.success

    def _summary(self, execution: Execution) -> _Put:
        delivery, execution_id = execution.delivery, execution.execution_id
        row = ExecutionRow(
            webhook_id=execution.webhook_id,
            executed_at=execution_id,
            failed_at=None if delivery.success else execution_id,
            message_id=delivery.message.message_id,
            event_type=delivery.message.event_type,
            attempt=delivery.attempt,
            trigger=None if execution.trigger is Trigger.EVENT else str(execution.trigger),
            duration_ms=delivery.duration_ms,
            result=delivery.result,
            hard_error=True if delivery.error else None,
            expires_at=int(delivery.started_at.timestamp()) + self._execution_retention,
        )
        return _Put(execution_id, row.serialize(), 1024)

    def _details(self, execution: Execution) -> Iterator[_Put]:
        document = json.dumps(execution.details(), ensure_ascii=False, separators=(",", ":"))
        content = gzip.compress(document.encode("utf-8", "backslashreplace"), compresslevel=6, mtime=0)
        expires_at = int(execution.delivery.started_at.timestamp()) + self._details_retention
        for part, start in enumerate(range(0, len(content), MAX_PART_BYTES)):
            row = DetailsRow(
                webhook_id=execution.webhook_id,
                executed_at=f"{execution.execution_id}#{part}" if part else execution.execution_id,
                content=content[start : start + MAX_PART_BYTES],
                expires_at=expires_at,
            )
            yield _Put(execution.execution_id, row.serialize(), len(row.content) + 1024)

    def _put(self, table: str, puts: Sequence[_Put], failures: "_Failures") -> None:
        for batch in _batches(puts):
            try:
                left = self._put_batch(table, [{"PutRequest": {"Item": put.item}} for put in batch])
            except (BotoCoreError, ClientError) as error:
                failures.add((put.execution_id for put in batch), _cause(error))
                continue
            if left:
                keys = {request["PutRequest"]["Item"]["executed_at"]["S"].partition("#")[0] for request in left}
                failures.add(keys, "DynamoDB left them unprocessed")

    def _put_batch(self, table: str, requests: list[Any]) -> list[Any]:
        """Put them, again with backoff while DynamoDB leaves some unprocessed; give back those it never took."""
        ends, pause = time.monotonic() + WRITE_SECONDS, 0.05
        while True:
            answer = self._connection.dispatch("BatchWriteItem", {"RequestItems": {table: requests}})
            requests = answer.get("UnprocessedItems", {}).get(table, [])
            if not requests or time.monotonic() + pause > ends:
                return requests
            time.sleep(random.uniform(0, pause))  # noqa: S311 - full jitter, not a secret
            pause *= 2


def _cause(error: Exception) -> str:
    """An error code where DynamoDB gave one; its texts, and botocore's, differ from version to version."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


class _Failures:
    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.cause = ""

    def add(self, execution_ids: Iterable[str], cause: str) -> None:
        self.ids.update(execution_ids)
        self.cause = cause


def _batches(puts: Sequence[_Put]) -> Iterator[list[_Put]]:
    batch: list[_Put] = []
    size = 0
    for put in puts:
        if batch and (len(batch) == MAX_BATCH_ITEMS or size + put.size > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(put)
        size += put.size
    if batch:
        yield batch


def connect() -> Connection:
    """A connection to DynamoDB with its client made: the one that all tables share."""
    connection = Connection(
        connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        max_retry_attempts=2,
    )
    _ = connection.client
    return connection
