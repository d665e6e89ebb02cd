"""AWS's quotas in us-east-1, and how much of each a load uses.

Each has its source and date.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.capacity import Load, Receivers
from tests.template import default

BUSIEST: Final = 0.1
"""Share of the busiest webhook."""

_OTHERS: Final = Receivers(1 - BUSIEST)
_HEALTHY: Final = Receivers(BUSIEST, one_webhook=True)
_HANGING: Final = Receivers(BUSIEST, failing=0, hanging=1, lasting=1, one_webhook=True)

SCENARIOS: Final[dict[str, Load]] = {
    "a normal day": Load(1, (_OTHERS, _HEALTHY)),
    "the busiest receiver hangs for half an hour": Load(1, (_OTHERS, _HANGING), since_seconds=1800),
    "… for a day": Load(1, (_OTHERS, _HANGING), since_seconds=86_400),
}
"""Each at one webhook per second."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit, and the load that reaches it."""

    name: str
    limit: float
    usage: Callable[[Load], float]
    remedy: str
    source: str
    read: str
    per: str = ""
    """`stack` or `account`, in a region, if more of them raise it."""

    def breaks_at(self, scenario: Load) -> float:
        """Return the webhooks per second at which this load reaches the quota.

        Above a million it returns infinity.
        """
        low, high = 0.0, 20.0  # as powers of two
        if self.usage(at_rate(scenario, 2**high)) < self.limit:
            return math.inf
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (low, middle) if self.usage(at_rate(scenario, 2**middle)) >= self.limit else (middle, high)
        return float(2**high)


def at_rate(scenario: Load, per_second: float) -> Load:
    """Return the same load at another rate."""
    return replace(scenario, per_second=per_second)


_AWS: Final = "docs.aws.amazon.com"
_READ: Final = "2026-11-24"

QUOTAS: Final = (
    Quota(
        "`SenderConcurrency`",
        float(default({"Ref": "SenderConcurrency"})),
        lambda load: load.concurrency,
        "raise the parameter, up to 1,000",
        "template.yaml",
        "-",
    ),
    Quota(
        "Lambda: concurrent invocations of an account and of one queue",
        1000,
        lambda load: load.concurrency,
        "request an increase; raise the template's limit of the parameter",
        f"{_AWS}/lambda/latest/dg/services-sqs-scaling.html",
        _READ,
        "stack",
    ),
    Quota(
        "SQS: messages in flight",
        120_000,
        lambda load: load.in_flight,
        "request an increase, or move some webhooks to a second stack",
        f"{_AWS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html",
        _READ,
        "stack",
    ),
    Quota(
        "DynamoDB: write units per second of a new table",
        4000,
        lambda load: load.executions,
        "grows automatically, to twice its peak of half an hour ago; or set warm throughput in advance",
        "repost.aws/knowledge-center/on-demand-table-throttling-dynamodb",
        _READ,
    ),
    Quota(
        "`WriteCapacityMax`, if `WriteCapacityMin` is set",
        float(default({"Ref": "WriteCapacityMax"})),
        lambda load: load.executions,
        "raise the parameter; executions above it are logged later",
        "template.yaml",
        "-",
    ),
    Quota(
        "DynamoDB: write units per second of a table and its indexes",
        40_000,
        lambda load: load.write_units,
        "request an increase",
        f"{_AWS}/amazondynamodb/latest/developerguide/on-demand-capacity-mode-max-throughput.html",
        _READ,
        "stack",
    ),
    Quota(
        "DynamoDB: write units per second of one webhook (a partition)",
        1000,
        lambda load: load.hottest_partition,
        "cannot be raised: its log lags through UnloggedExecutions; use several webhook IDs",
        "repost.aws/knowledge-center/on-demand-table-throttling-dynamodb",
        _READ,
    ),
    Quota(
        "Scheduler: CreateSchedule calls per second",
        5000,
        lambda load: load.schedules_set,
        "request an increase; messages return after 12 minutes and schedule their retry again",
        f"{_AWS}/scheduler/latest/UserGuide/scheduler-quotas.html",
        _READ,
        "account",
    ),
    Quota(
        "Scheduler: invocations per second",
        1000,
        lambda load: load.schedules_set,
        "request an increase; retries are late",
        f"{_AWS}/scheduler/latest/UserGuide/scheduler-quotas.html",
        _READ,
        "account",
    ),
    Quota(
        "Scheduler: pending schedules",
        10_000_000,
        lambda load: load.schedules_kept,
        "request an increase, or shorten `RetrySchedule`",
        f"{_AWS}/scheduler/latest/UserGuide/scheduler-quotas.html",
        _READ,
        "account",
    ),
    Quota(
        "KMS: calls per second",
        10_000,
        lambda load: load.decrypts,
        "request an increase",
        f"{_AWS}/kms/latest/developerguide/requests-per-second.html",
        "2026-11-29",
        "account",
    ),
)
