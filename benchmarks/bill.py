"""A month's bill: a load's usage times list prices.

Adds what Lambda and the producer use to what `benchmarks.cost` counts. Assumptions: the producer sends ten messages per
request; Lambda receives and deletes each batch with one request; Scheduler sends each retry with one request; a failure
is alone in its batch, so its retry has its own request. A month has 30 days.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
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
from benchmarks.stats_model import Counting
from benchmarks.usage import COUNTING, USAGE
from hooklog.metrics import BY_TRIGGER, Metric
from tests.template import TEMPLATE, default, deployed, functions, resources

MONTH_SECONDS: Final = 30 * 86_400
GB: Final = 1024**3
MB_OF_GB: Final = 1024
PRODUCERS_BATCH: Final = 10
LONG_POLL_SECONDS: Final = 20
RETRY_READS: Final = 0.5
"""Units of each read of a retry: an eventually consistent read of an item below 4 KB."""
SCALING_ALARMS: Final = 4
"""CloudWatch alarms that each scaling policy creates; as known in 2025."""

HISTORY_MONTHS: Final = int(default({"Ref": "ExecutionRetentionDays"})) / 30
DETAILS_MONTHS: Final = int(default({"Ref": "DetailsRetentionDays"})) / 30

Bill = dict[Unit, float]
"""USD per month."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Options that change prices but not the load."""

    recovery: bool = True
    """Point-in-time recovery."""
    infrequent: bool = False
    """DynamoDB's table class for infrequent access."""
    capacity: "Capacity | None" = None
    """None if units are billed on demand."""
    counting: bool = True
    """Whether executions are counted."""
    indexes_all: bool = True
    """Whether the index by message contains messages that succeed at their first attempt."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Minimum units per second of each table and index of the log, scaled with use."""

    writes: int
    reads: int
    used: float = 0.7
    """Average share of the capacity that is used."""

    def write_units(self, load: Load, *, indexes_all: bool = True) -> float:
        """Return the provisioned write capacity, in whole units per table and index."""
        return sum(self._scale(units, self.writes) for units in write_units(load, indexes_all=indexes_all))

    def read_units(self, load: Load) -> float:
        return sum(self._scale(units, self.reads) for units in read_units(load))

    def _scale(self, units: float, minimum: int) -> int:
        return max(minimum, math.ceil(units / self.used))


def monthly_bill(webhooks: float, load: Load, terms: Terms = Terms()) -> Bill:
    """Return the cost of this many webhooks per month, with this load's profile."""
    factor = webhooks / load.per_second
    bill = {unit: PRICES[unit].of(factor * quantity) for unit, quantity in _quantities(load, terms).items()}
    written, read = _price_units(load, factor, terms)
    bill[Unit.WRITE_UNIT] += written  # the registry's are already counted, always on demand
    bill[Unit.READ_UNIT] += read
    if terms.infrequent:
        bill[Unit.STORED_GB] *= INFREQUENT_GB.usd / PRICES[Unit.STORED_GB].usd
    if terms.counting:
        for unit, usd in counting_bill(webhooks, load).items():
            bill[unit] += usd
    if not terms.recovery:
        bill[Unit.BACKED_UP_GB] = 0
    return bill | {Unit.STANDING: standing_cost() + (_scaling_alarms_cost() if terms.capacity else 0)}


def counting_bill(webhooks: float, load: Load) -> Bill:
    """Return the cost of counting the executions of this many webhooks, with this load's profile.

    The counts are always on demand, in the standard table class. What Lambda reads of the stream is free.
    """
    factor, counting = webhooks / load.per_second, Counting.of(load)
    stored = counting.items * COUNTING.item_bytes * HISTORY_MONTHS / GB
    quantities = {
        Unit.WRITE_UNIT: counting.write_units,
        Unit.READ_UNIT: counting.read_units,
        Unit.STORED_GB: stored,
        Unit.BACKED_UP_GB: stored,
        Unit.INVOCATION: counting.invocations,
        Unit.GB_SECOND: counting.gb_seconds,
        Unit.LOGGED_GB: counting.log_bytes / GB,
    }
    return {unit: PRICES[unit].of(factor * quantity) for unit, quantity in quantities.items()}


def _price_units(load: Load, seconds: float, terms: Terms) -> tuple[float, float]:
    """Return the cost of the log's write and read units for this many seconds."""
    surcharge = INFREQUENT_UNITS.usd if terms.infrequent else 1
    if terms.capacity:
        hours = seconds / 3600
        written = WRITE_CAPACITY.of(hours * terms.capacity.write_units(load, indexes_all=terms.indexes_all))
        read = READ_CAPACITY.of(hours * terms.capacity.read_units(load))
    else:
        written = PRICES[Unit.WRITE_UNIT].of(seconds * sum(write_units(load, indexes_all=terms.indexes_all)))
        read = PRICES[Unit.READ_UNIT].of(seconds * sum(read_units(load)))
    return surcharge * written, surcharge * read


def write_units(load: Load, *, indexes_all: bool = True) -> tuple[float, ...]:
    """Return the log's write units per second.

    They are those of Executions, by_message, failures and ExecutionDetails, without the registry. A retry clears the
    previous execution's `next_attempt_at`.
    """
    indexed = load.executions if indexes_all else load.executions - load.settled_at_once
    return load.executions + load.retries, indexed, load.failures + load.retries, load.failures


def read_units(load: Load) -> tuple[float, ...]:
    """Return the log's read units per second, in the order of `write_units`.

    A retry reads its execution, its message's attempts and its details.
    """
    each = (load.executions - load.per_second) * RETRY_READS
    return each, each, 0, each


def _scaling_alarms_cost() -> float:
    policies = len(resources("AWS::ApplicationAutoScaling::ScalingPolicy"))
    return STANDING["AWS::CloudWatch::Alarm"].of(policies * SCALING_ALARMS)


def monthly_load(webhooks: float, **others: object) -> Load:
    """Return the load of this many webhooks per month, evenly spread."""
    return Load(webhooks / MONTH_SECONDS, **others)  # type: ignore[arg-type]


def _quantities(load: Load, terms: Terms) -> dict[Unit, float]:
    """Return quantities per second, in the units of the price lists.

    Storage covers all of its months.
    """
    delivered, failed, retried = USAGE["delivered"], USAGE["failed"], USAGE["retried"]
    retries = load.executions - load.per_second
    soon = load.failures - load.schedules_set
    successes = load.executions - load.failures
    unindexed = 0 if terms.indexes_all else load.settled_at_once
    requests = load.per_second / PRODUCERS_BATCH + 2 * load.invocations + soon + load.schedules_set
    summaries = successes * delivered.summary_bytes + load.failures * failed.summary_bytes
    summaries += unindexed * (USAGE["not indexed"].summary_bytes - delivered.summary_bytes)
    copies = (successes - unindexed) * delivered.index_bytes + load.failures * failed.index_bytes
    details = load.failures * failed.details_bytes
    history, kept_details = summaries * HISTORY_MONTHS / GB, details * DETAILS_MONTHS / GB
    lines = successes * delivered.log_bytes + load.failures * failed.log_bytes
    logged = load.invocations * USAGE["invocation"].log_bytes + lines
    return {
        Unit.WRITE_UNIT: load.write_units - sum(write_units(load)),
        Unit.READ_UNIT: load.executions * USAGE["not cached"].read_units
        + retries * retried.read_units
        - sum(read_units(load)),
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
        Unit.METRIC: sum(map(_share_of_hours, _rate_metrics(load))) / MONTH_SECONDS,
    }


def _rate_metrics(load: Load) -> Iterator[float]:
    """Yield how often each metric has a value, per second, while nothing unusual happens.

    They are without values for webhooks that only tests, resends, rate limits, faults and bad messages cause. Those of
    BY_TRIGGER also exist for first attempts and for retries.
    """
    of_metric = {Metric.DELIVERED: load.executions - load.failures, Metric.FAILED: load.failures}
    retried = {Metric.DELIVERED: load.recovered, Metric.FAILED: load.retries - load.recovered}
    for metric in BY_TRIGGER:
        yield of_metric.get(metric, load.executions)
        yield of_metric.get(metric, load.executions) - retried.get(metric, load.retries)
        yield retried.get(metric, load.retries)
    yield from (load.hanging, load.retries, load.exhausted, load.invocations)


def _share_of_hours(rate: float) -> float:
    """Return the share of hours in which something happens at this rate per second: CloudWatch bills no others."""
    return 1 - math.exp(-rate * 3600)


def standing_cost() -> float:
    """Return the fixed cost: USD per month even if nothing is sent."""
    return sum(price.of(count) for count, price in list_standing_resources().values())


def list_standing_resources() -> dict[str, tuple[float, Price]]:
    """Map each kind of fixed resource to its number and the price of one."""
    kinds = Counter(resource["Type"] for resource in TEMPLATE["Resources"].values())
    kinds["AWS::CloudWatch::Alarm"] = sum(map(_count_metrics, deployed("AWS::CloudWatch::Alarm").values()))
    polls = _count_polled_queues() * POLLERS * MONTH_SECONDS / LONG_POLL_SECONDS
    kept = {kind.removeprefix("AWS::"): (float(kinds[kind]), price) for kind, price in STANDING.items()}
    return {**kept, "long polls": (polls, PRICES[Unit.SQS_REQUEST])}


def count_key_rotations() -> int:
    """Return the number of billed key rotations.

    AWS bills the first two rotations of each KMS key with yearly rotation.
    """
    return 2 * sum(bool(key.get("EnableKeyRotation")) for key in resources("AWS::KMS::Key").values())


def _count_metrics(alarm: Mapping[str, Any]) -> int:
    """Return the number of metrics of an alarm, by which it is billed."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1


def _count_polled_queues() -> int:
    events = [event for function in functions().values() for event in function.get("Events", {}).values()]
    polled = [event for event in events if event["Type"] == "SQS"]
    return len(polled) + len(deployed("AWS::Lambda::EventSourceMapping"))
