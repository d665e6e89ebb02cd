"""The counts of each webhook and hour, in the table `ExecutionCounts`.

No other module reads or writes the table.

An item has only the counts that are not 0, and for each shard of the stream the last sequence number that it includes.
The attributes are `succeeded`, `failed`, …; `d<n>` for bucket n of the durations; and `s_<shard>`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError
from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from hooklog.errors import get_error_code
from hooklog.executions.execution import Trigger
from hooklog.executions.rows import StreamedExecution
from hooklog.statistics.durations import bucket_of
from hooklog.tables import AttachedTable


@dataclass(frozen=True, slots=True)
class Counts:
    """How many executions of a webhook ended in which way."""

    succeeded: int = 0
    """Answered 2xx."""
    failed: int = 0
    hard_errors: int = 0
    """The failed ones without an HTTP status."""
    skipped: int = 0
    excluded_failures: int = 0
    """The failed ones that say nothing about the receiver: webhook tests, and those that were not attempted."""
    excluded_successes: int = 0
    """The succeeded webhook tests."""
    durations: Mapping[int, int] = field(default_factory=dict)
    """A histogram of the executions that were attempted: bucket → executions. See durations.py."""

    def __add__(self, other: "Counts") -> "Counts":
        sums = {name: getattr(self, name) + getattr(other, name) for name in NAMES}
        return Counts(**sums, durations=Counter(self.durations) + Counter(other.durations))

    @property
    def attempts_failed(self) -> int:
        """Attempts at the receiver that failed, without webhook tests."""
        return self.failed - self.excluded_failures

    @property
    def attempts_succeeded(self) -> int:
        """Attempts at the receiver that succeeded, without webhook tests."""
        return self.succeeded - self.excluded_successes


NAMES: Final = ("succeeded", "failed", "hard_errors", "skipped", "excluded_failures", "excluded_successes")
"""The fields of Counts that are numbers, which are also the names of attributes."""

_BUCKET: Final = "d"
_SHARD: Final = "s_"


class CountsRow(AttachedTable):
    """An item of the table: a webhook and an hour. See the module for its other attributes."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    hour = UnicodeAttribute(range_key=True)
    expires_at = NumberAttribute()


def read_hours(webhook_id: str, first: str, last: str, *, consistent: bool = False) -> dict[str, Counts]:
    """Read the counts of the hours from `first` to `last`, both included.

    Hours without executions are left out. An hour has about 300 bytes, however many executions: 13 of them cost half a
    read unit, or one if `consistent`.
    """
    found: dict[str, Counts] = {}
    query: dict[str, Any] = {
        "KeyConditionExpression": "#webhook_id = :webhook_id AND #hour BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#webhook_id": "webhook_id", "#hour": "hour"},
        "ExpressionAttributeValues": {
            ":webhook_id": {"S": webhook_id},
            ":first": {"S": first},
            ":last": {"S": last},
        },
        "ConsistentRead": consistent,
    }
    while True:
        page = CountsRow.call("Query", query)
        found |= {item["hour"]["S"]: to_counts(item) for item in page["Items"]}
        if not (start := page.get("LastEvaluatedKey")):
            return found
        query["ExclusiveStartKey"] = start


def to_counts(item: Mapping[str, Any]) -> Counts:
    """Convert an item in DynamoDB's format."""
    numbers = {name: int(item[name]["N"]) for name in NAMES if name in item}
    return Counts(**numbers, durations=dict(_durations(item)))


def _durations(item: Mapping[str, Any]) -> Iterable[tuple[int, int]]:
    for name, value in item.items():
        if name[0] == _BUCKET and name[1:].isdecimal():
            yield int(name[1:]), int(value["N"])


class Added(NamedTuple):
    """The result of a call to `add`."""

    counts: Counts
    """All that the hour's item has now."""
    executions: int
    """How many were added: the others had been added before."""


def add(webhook_id: str, hour: str, shard: str, executions: Mapping[str, StreamedExecution], expires_at: int) -> Added:
    """Add executions of a webhook and hour, each of them once.

    `executions` maps sequence numbers of one shard, padded to the same length, to executions; at least one. The first
    time, a shard's records must come in their order. They may come again in any way, because the item says up to which
    number it includes each shard. One write, if no record comes again. Raises botocore's exceptions.
    """
    key = {"webhook_id": {"S": webhook_id}, "hour": {"S": hour}}
    while executions:
        try:
            response = CountsRow.call("UpdateItem", {"Key": key, **_to_update(shard, executions, expires_at)})
        except ClientError as error:
            if get_error_code(error) != "ConditionalCheckFailedException":
                raise
        else:
            return Added(to_counts(response["Attributes"]), len(executions))
        item = CountsRow.call("GetItem", {"Key": key, "ConsistentRead": True}).get("Item", {})
        included = item[_SHARD + shard]["S"] if _SHARD + shard in item else ""
        executions = {number: execution for number, execution in executions.items() if number > included}
    return Added(to_counts(item), 0)


def tally(executions: Iterable[StreamedExecution]) -> Counts:
    """Count executions."""
    numbers, durations = Counter[str](), Counter[int]()
    for execution in executions:
        numbers.update(_kinds(execution))
        if execution.was_attempted:
            durations[bucket_of(execution.duration_ms)] += 1
    return Counts(**numbers, durations=durations)


def _kinds(execution: StreamedExecution) -> Iterator[str]:
    """Yield the names of the counts that an execution adds to."""
    is_test = execution.trigger == Trigger.TEST
    if execution.skipped:
        yield "skipped"
    elif execution.success:
        yield "succeeded"
        if is_test:
            yield "excluded_successes"
    else:
        yield "failed"
        if execution.hard_error:
            yield "hard_errors"
        if is_test or not execution.was_attempted:
            yield "excluded_failures"


def _to_update(shard: str, executions: Mapping[str, StreamedExecution], expires_at: int) -> dict[str, Any]:
    """Build the update that adds the executions if the item includes none of them."""
    counts = tally(executions.values())
    additions = {name: number for name in NAMES if (number := getattr(counts, name))}
    additions |= {f"{_BUCKET}{bucket}": number for bucket, number in counts.durations.items()}
    adds = ", ".join(f"#{name} :{name}" for name in additions)
    values = {f":{name}": {"N": str(number)} for name, number in additions.items()}
    names = {f"#{name}": name for name in additions}
    return {
        "UpdateExpression": f"SET #shard = :last, #expires_at = :expires_at ADD {adds}",
        "ConditionExpression": "attribute_not_exists(#shard) OR #shard < :first",
        "ExpressionAttributeNames": {"#shard": _SHARD + shard, "#expires_at": "expires_at", **names},
        "ExpressionAttributeValues": {
            ":first": {"S": min(executions)},
            ":last": {"S": max(executions)},
            ":expires_at": {"N": str(expires_at)},
            **values,
        },
        "ReturnValues": "ALL_NEW",
    }
