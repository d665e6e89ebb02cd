"""AWS's quotas in us-east-1, with where and when they were read, and what a load takes of each."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.capacity import Load, Receivers
from tests.template import default

BUSIEST: Final = 0.1
"""Share of the webhook that has most."""

_OTHERS: Final = Receivers(1 - BUSIEST)
_WELL: Final = Receivers(BUSIEST, one_webhook=True)
_HANGING: Final = Receivers(BUSIEST, failing=0, hanging=1, lasting=1, one_webhook=True)

SCENARIOS: Final[dict[str, Load]] = {
    "an ordinary day": Load(1, (_OTHERS, _WELL)),
    "the busiest receiver hangs, for half an hour": Load(1, (_OTHERS, _HANGING), since_seconds=1800),
    "… for a day": Load(1, (_OTHERS, _HANGING), since_seconds=86_400),
}
"""Each at one webhook a second."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit, and what reaches it."""

    name: str
    limit: float
    taken: Callable[[Load], float]
    remedy: str
    source: str
    read: str

    def breaks_at(self, scenario: Load) -> float:
        """The webhooks a second at which this load reaches it; infinite beyond a million."""
        low, high = 0.0, 20.0  # as powers of two
        if self.taken(at(scenario, 2**high)) < self.limit:
            return math.inf
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (low, middle) if self.taken(at(scenario, 2**middle)) >= self.limit else (middle, high)
        return float(2**high)


def at(scenario: Load, per_second: float) -> Load:
    """The same load at another rate."""
    return replace(scenario, per_second=per_second)


_AWS: Final = "docs.aws.amazon.com"
_READ: Final = "2026-11-24"

QUOTAS: Final = (
    Quota(
        "`SenderConcurrency`",
        float(default({"Ref": "SenderConcurrency"})),
        lambda load: load.concurrency,
        "the parameter, up to 1,000",
        "template.yaml",
        "-",
    ),
    Quota(
        "Lambda: invocations at one time, of an account and of one queue",
        1000,
        lambda load: load.concurrency,
        "ask AWS; the template's limit of the parameter with it",
        f"{_AWS}/lambda/latest/dg/services-sqs-scaling.html",
        _READ,
    ),
    Quota(
        "SQS: messages in flight",
        120_000,
        lambda load: load.in_flight,
        "ask AWS; or a second stack for some of the webhooks",
        f"{_AWS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html",
        _READ,
    ),
    Quota(
        "DynamoDB: write units a second of a new table",
        4000,
        lambda load: load.executions,
        "grows by itself as the load does, to twice its peak of half an hour ago; or set warm throughput beforehand",
        "repost.aws/knowledge-center/on-demand-table-throttling-dynamodb",
        _READ,
    ),
    Quota(
        "`WriteCapacityMax`, where `WriteCapacityMin` is set",
        float(default({"Ref": "WriteCapacityMax"})),
        lambda load: load.executions,
        "the parameter; what is beyond is logged later",
        "template.yaml",
        "-",
    ),
    Quota(
        "DynamoDB: write units a second of a table and its indexes",
        40_000,
        lambda load: load.write_units,
        "ask AWS",
        f"{_AWS}/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html",
        _READ,
    ),
    Quota(
        "DynamoDB: write units a second of one webhook (a partition)",
        1000,
        lambda load: load.hottest_partition,
        "cannot be raised: its log lags by way of UnloggedExecutions; send under several webhook ids",
        "repost.aws/knowledge-center/on-demand-table-throttling-dynamodb",
        _READ,
    ),
    Quota(
        "Scheduler: CreateSchedule calls a second",
        5000,
        lambda load: load.schedules_set,
        "ask AWS; messages come back after 12 minutes and set their retry anew",
        f"{_AWS}/scheduler/latest/UserGuide/scheduler-quotas.html",
        _READ,
    ),
    Quota(
        "Scheduler: invocations a second",
        1000,
        lambda load: load.schedules_set,
        "ask AWS; retries come later",
        f"{_AWS}/scheduler/latest/UserGuide/scheduler-quotas.html",
        _READ,
    ),
    Quota(
        "Scheduler: schedules that wait",
        10_000_000,
        lambda load: load.schedules_kept,
        "ask AWS; or shorten `RetrySchedule`",
        f"{_AWS}/scheduler/latest/UserGuide/scheduler-quotas.html",
        _READ,
    ),
    Quota(
        "KMS: calls a second",
        10_000,
        lambda load: load.decrypts,
        "ask AWS",
        "not confirmed: the smallest region's, as known in 2025",
        "-",
    ),
)
