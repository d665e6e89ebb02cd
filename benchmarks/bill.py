"""A month's bill: what a load takes, times list prices.

Beside what `benchmarks.cost` counts there is what Lambda and the producer do. The producer sends ten messages in a
request; Lambda receives and deletes a batch in one request each; Scheduler sends each retry by one. A failure is taken
to be alone in its batch, so that its retry has a request to itself. Month: 30 days.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.capacity import POLLERS, Load
from benchmarks.prices import (
    INFREQUENT_GB,
    INFREQUENT_UNITS,
    PRICES,
    READ_CAPACITY,
    STANDING,
    WRITE_CAPACITY,
    Price,
    Unit,
)
from benchmarks.taken import TAKEN
from hooklog.executions.execution import Trigger
from hooklog.metrics import BY_TRIGGER, Metric
from tests.template import TEMPLATE, default, functions, resources

MONTH_SECONDS: Final = 30 * 86_400
GB: Final = 1024**3
MB_OF_GB: Final = 1024
PRODUCERS_BATCH: Final = 10
LONG_POLL_SECONDS: Final = 20
RETRY_READS: Final = 0.5
"""Units of each that a retry reads of the log: items of less than 4 KB, as they were a moment ago."""
SCALING_ALARMS: Final = 4
"""What each scaling policy makes, on its own, of alarms on metrics of DynamoDB; as known in 2025."""

HISTORY_MONTHS: Final = int(default({"Ref": "ExecutionRetentionDays"})) / 30
DETAILS_MONTHS: Final = int(default({"Ref": "DetailsRetentionDays"})) / 30

Bill = dict[Unit, float]
"""USD a month."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Choices that change prices and no load."""

    recovery: bool = True
    """Point-in-time recovery."""
    infrequent: bool = False
    """DynamoDB's class for infrequent access."""
    capacity: "Capacity | None" = None
    """None where units are paid for by the request."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Units a second that each table of the log and each of its indexes has at least, scaled by use."""

    writes: int
    reads: int
    used: float = 0.7
    """Share of the capacity, on average."""

    def write_units(self, load: Load) -> float:
        """Units of capacity that the load keeps there, in each place whole ones."""
        return sum(self._scaled(units, self.writes) for units in writes(load))

    def read_units(self, load: Load) -> float:
        return sum(self._scaled(units, self.reads) for units in reads(load))

    def _scaled(self, units: float, least: int) -> int:
        return max(least, math.ceil(units / self.used))


def monthly(webhooks: float, load: Load, terms: Terms = Terms()) -> Bill:
    """What so many webhooks a month cost, that come like this load."""
    factor = webhooks / load.per_second
    bill = {unit: PRICES[unit].of(factor * quantity) for unit, quantity in _quantities(load).items()}
    written, read = _units(load, factor, terms)
    bill[Unit.WRITE_UNIT] += written  # to those of the registry, which is paid for by the request
    bill[Unit.READ_UNIT] += read
    if terms.infrequent:
        bill[Unit.STORED_GB] *= INFREQUENT_GB.usd / PRICES[Unit.STORED_GB].usd
    if not terms.recovery:
        bill[Unit.BACKED_UP_GB] = 0
    return bill | {Unit.STANDING: standing() + (_scaling() if terms.capacity else 0)}


def _units(load: Load, seconds: float, terms: Terms) -> tuple[float, float]:
    """What the log's write and read units cost, at this load for so many seconds."""
    dearer = INFREQUENT_UNITS.usd if terms.infrequent else 1
    if terms.capacity:
        hours = seconds / 3600
        written = WRITE_CAPACITY.of(hours * terms.capacity.write_units(load))
        read = READ_CAPACITY.of(hours * terms.capacity.read_units(load))
    else:
        written = PRICES[Unit.WRITE_UNIT].of(seconds * sum(writes(load)))
        read = PRICES[Unit.READ_UNIT].of(seconds * sum(reads(load)))
    return dearer * written, dearer * read


def writes(load: Load) -> tuple[float, ...]:
    """Units a second of Executions, by_message, failures, ExecutionDetails. The rest of a load's is the registry's.

    A retry takes back when the execution before it would be retried.
    """
    return load.executions + load.retries, load.executions, load.failures + load.retries, load.failures


def reads(load: Load) -> tuple[float, ...]:
    """Likewise: each retry reads its execution, its message's chain and its details."""
    each = (load.executions - load.per_second) * RETRY_READS
    return each, each, 0, each


def _scaling() -> float:
    policies = len(resources("AWS::ApplicationAutoScaling::ScalingPolicy"))
    return STANDING["AWS::CloudWatch::Alarm"].of(policies * SCALING_ALARMS)


def load_of(webhooks: float, **others: object) -> Load:
    """A month's webhooks as they come, evenly."""
    return Load(webhooks / MONTH_SECONDS, **others)  # type: ignore[arg-type]


def _quantities(load: Load) -> dict[Unit, float]:
    """A second, in the units of the price lists; of what is kept, all of its months at once."""
    delivered, failed, retried = TAKEN["delivered"], TAKEN["failed"], TAKEN["retried"]
    retries = load.executions - load.per_second
    soon = load.failures - load.schedules_set
    successes = load.executions - load.failures
    requests = load.per_second / PRODUCERS_BATCH + 2 * load.invocations + soon + load.schedules_set
    summaries = successes * delivered.summary_bytes + load.failures * failed.summary_bytes
    copies = successes * delivered.index_bytes + load.failures * failed.index_bytes
    details = load.failures * failed.details_bytes
    history, kept_details = summaries * HISTORY_MONTHS / GB, details * DETAILS_MONTHS / GB
    lines = successes * delivered.log_bytes + load.failures * failed.log_bytes
    logged = load.invocations * TAKEN["invocation"].log_bytes + lines
    return {
        Unit.WRITE_UNIT: load.write_units - sum(writes(load)),
        Unit.READ_UNIT: load.executions * TAKEN["met first"].read_units
        + retries * retried.read_units
        - sum(reads(load)),
        Unit.STORED_GB: history + copies * HISTORY_MONTHS / GB + kept_details,
        Unit.BACKED_UP_GB: history + kept_details,
        Unit.INVOCATION: load.invocations,
        Unit.GB_SECOND: load.concurrency * load.deployment.memory_mb / MB_OF_GB,
        Unit.SQS_REQUEST: requests,
        Unit.FAIR_REQUEST: requests,
        Unit.SCHEDULE: load.schedules_set,
        Unit.DECRYPT: load.decrypts,
        Unit.LOGGED_GB: logged / GB,
        Unit.SENT_GB: load.executions * delivered.sent_bytes / GB,
    }


def standing() -> float:
    """USD a month, whether anything is sent or not."""
    return sum(price.of(count) for count, price in stock().values())


def stock() -> dict[str, tuple[float, Price]]:
    """What stands there: how many of each, and the price of one."""
    kinds = Counter(resource["Type"] for resource in TEMPLATE["Resources"].values())
    kinds["AWS::CloudWatch::Alarm"] = sum(map(_watched, resources("AWS::CloudWatch::Alarm").values()))
    kinds["metric"] = len(Metric) + len(BY_TRIGGER) * len(set(Trigger) - {Trigger.TEST})  # which is not counted
    polls = _queues_polled() * POLLERS * MONTH_SECONDS / LONG_POLL_SECONDS
    kept = {kind.removeprefix("AWS::"): (float(kinds[kind]), price) for kind, price in STANDING.items()}
    return {**kept, "long polls": (polls, PRICES[Unit.SQS_REQUEST])}


def rotations() -> int:
    """Of the template's KMS keys, those that are paid for: the first two of each, a year apart."""
    return 2 * sum(bool(key.get("EnableKeyRotation")) for key in resources("AWS::KMS::Key").values())


def _watched(alarm: Mapping[str, Any]) -> int:
    """An alarm is paid for by the metric."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1


def _queues_polled() -> int:
    events = [event for function in functions().values() for event in function.get("Events", {}).values()]
    polled = [event for event in events if event["Type"] == "SQS"]
    return len(polled) + len(resources("AWS::Lambda::EventSourceMapping"))
