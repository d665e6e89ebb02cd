"""Batches of the log's stream: parsed, counted, and their webhooks listed."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from hooklog.aws import CONCURRENT_CALLS
from hooklog.errors import NoTimeLeft, describe_error
from hooklog.executions.rows import StreamedExecution, from_stream
from hooklog.statistics import seen
from hooklog.statistics.counts import Counts, add
from hooklog.statistics.hours import end_of, hour_of_execution
from hooklog.statistics.seen import SeenRow

T = TypeVar("T")

_MAX_DIGITS: Final = 40
"""The longest sequence number: the documentation of `StreamRecord`."""

Hour = tuple[str, str]
"""A webhook's ID and an hour, such as `2026-11-28T18`."""


@dataclass(slots=True)
class Batch:
    """The records of a batch that are new executions."""

    shard: str
    """The part of the shard's ID that differs between shards. Empty on the local AWS, which names no shard."""
    hours: dict[Hour, dict[str, StreamedExecution]] = field(default_factory=dict)
    """The executions by their sequence numbers, which are padded so that they sort."""
    invalid: dict[str, str] = field(default_factory=dict)
    """Event IDs of records that are not executions, and why."""
    ignored: int = 0
    """How many records are no new items."""


class CountedHour(NamedTuple):
    """A webhook's hour after a batch was added to it."""

    webhook_id: str
    hour: str
    counts: Counts
    """All that were counted so far."""
    added: int
    """How many executions of the batch were new."""
    exhausted: Sequence[StreamedExecution]
    """The executions of the batch that are not retried any more, including those that were not new."""


class Recorded(NamedTuple):
    """The result of recording a batch. If it has causes, the batch must come again."""

    hours: list[CountedHour]
    rows: dict[str, SeenRow]
    """The rows of its webhooks that exist, as they were read."""
    listed: int
    """How many rows of webhooks were written."""
    causes: Counter[str]
    """Why calls of DynamoDB failed, and how many did."""


def parse(event: Mapping[str, Any]) -> Batch:
    """Parse an event of Lambda.

    Never raises because of a single record, which would block its shard for a day.
    """
    batch = Batch(event.get("shardId", "")[-8:])
    for record in event.get("Records", ()):
        if record.get("eventName") != "INSERT":
            batch.ignored += 1
            continue
        try:
            number, execution = _parse_number(record), from_stream(record["dynamodb"]["NewImage"])
            hour = hour_of_execution(execution.execution_id)
        except (LookupError, TypeError, ValueError) as error:
            batch.invalid[str(record.get("eventID"))] = describe_error(error)
        else:
            batch.hours.setdefault((execution.webhook_id, hour), {})[number] = execution
    return batch


def _parse_number(record: Mapping[str, Any]) -> str:
    number: str = record["dynamodb"]["SequenceNumber"]
    if not (number.isdecimal() and len(number) <= _MAX_DIGITS):
        raise ValueError("no sequence number")
    return number.zfill(_MAX_DIGITS)


def record(batch: Batch, days: int, has_time: Callable[[], bool]) -> Recorded:
    """Count the executions of a batch, then list their webhooks.

    Both expire `days` after the execution. Tries every item while `has_time`, even if others fail.
    """
    expiries = {webhook_id: end_of(hour, days + 1) for webhook_id, hour in sorted(batch.hours)}
    with ThreadPoolExecutor(CONCURRENT_CALLS) as pool:
        counted = pool.map(partial(_try, has_time), (partial(_count, batch, hour, days) for hour in batch.hours))
        hours, failed = _split(counted)
        read, unread = _split([_try(has_time, partial(seen.read, expiries))])
        expiring = (item for rows in read for item in seen.find_expiring(rows, expiries).items())
        listings = (partial(seen.list_until, *item) for item in expiring)
        listed, unlisted = _split(pool.map(partial(_try, has_time), listings))
    rows = read[0] if read else {}
    return Recorded(hours, rows, len(listed), Counter(map(describe_error, [*failed, *unread, *unlisted])))


def _count(batch: Batch, key: Hour, days: int) -> CountedHour:
    webhook_id, hour = key
    executions = batch.hours[key]
    added = add(webhook_id, hour, batch.shard, executions, end_of(hour, days))
    exhausted = [execution for execution in executions.values() if execution.exhausted]
    return CountedHour(webhook_id, hour, *added, exhausted)


def _try(has_time: Callable[[], bool], call: Callable[[], T]) -> T | Exception:
    """Return what the call returns or raises."""
    if not has_time():
        return NoTimeLeft()
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - the others must still be tried
        return error


def _split(results: Iterable[T | Exception]) -> tuple[list[T], list[Exception]]:
    successes: list[T] = []
    errors: list[Exception] = []
    for result in results:
        if isinstance(result, Exception):
            errors.append(result)
        else:
            successes.append(result)
    return successes, errors
