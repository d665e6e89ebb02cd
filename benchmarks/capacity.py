"""What a load takes of AWS, by Little's law: from arrivals, receivers' answers and the retry schedule.

A model, of averages: it knows no bursts, no cold starts and no throttling. `python -m benchmarks.rehearsal` holds it
to a run on the local AWS.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from statistics import NormalDist
from typing import Final

from benchmarks.taken import CPU_INVOCATION_SECONDS, CPU_WEBHOOK_SECONDS, TAKEN
from tests.template import default

RETRY_SCHEDULE: Final = tuple(int(delay) for delay in default({"Ref": "RetrySchedule"}).split(","))
BATCH_SIZE: Final = int(default({"Ref": "BatchSize"}))
MEMORY_MB: Final = int(default({"Ref": "SenderMemoryMb"}))

POLLERS: Final = 5
"""Batches that Lambda reads and has at work at the same time, while they are enough."""
VCPU_MB: Final = 1769
"""The memory at which a function has one vCPU."""
LOG_SECONDS: Final = 0.01
"""A BatchWriteItem: assumed."""
ENVIRONMENT_SECONDS: Final = 7200
"""How long one of Lambda's environments lives: assumed."""
LONGEST_SQS_DELAY: Final = 900
SCALED_FOR: Final = 0.7
"""The share of provisioned capacity that auto scaling aims at, from what was consumed, which is all at most."""
SCALING_SECONDS: Final = 180
"""Two minutes above that share raise the alarm, and a minute passes until the table has more: assumed."""

_STEPS: Final = 1500
_NINETY_NINTH = NormalDist().inv_cdf(0.99)


@dataclass(frozen=True, slots=True)
class Receivers:
    """Receivers that behave alike. What they need to answer is log-normal."""

    share: float = 1.0
    """Of the webhooks."""
    median_seconds: float = 0.1
    slow_seconds: float = 1.0
    """One answer in a hundred takes longer."""
    failing: float = 0.02
    """Share of first attempts that are answered, but not with 2xx."""
    hanging: float = 0.001
    """Share of first attempts that are not answered at all."""
    lasting: float = 0.5
    """Share of retries that end as the attempt before."""
    one_webhook: bool = False
    """Whether all of it is one webhook's."""

    @property
    def failed(self) -> float:
        return self.failing + self.hanging

    def answered_within(self, seconds: float) -> float:
        """Share of answers."""
        if self.slow_seconds <= self.median_seconds:
            return float(seconds >= self.median_seconds)
        spread = math.log(self.slow_seconds / self.median_seconds) / _NINETY_NINTH
        return NormalDist(math.log(self.median_seconds), spread).cdf(math.log(seconds))


@dataclass(frozen=True, slots=True)
class Deployment:
    """The template's parameters that matter here, at their defaults."""

    batch_size: int = BATCH_SIZE
    window_seconds: float = 0
    """How long Lambda gathers a batch."""
    memory_mb: int = MEMORY_MB
    timeout_seconds: float = 15
    delays: tuple[int, ...] = RETRY_SCHEDULE


@dataclass(frozen=True)
class Load:
    """So many webhooks a second, to these receivers, whose failures began `since_seconds` ago."""

    per_second: float
    receivers: tuple[Receivers, ...] = (Receivers(),)
    deployment: Deployment = field(default_factory=Deployment)
    webhooks: int = 1000
    """How many different ones."""
    since_seconds: float = math.inf

    @cached_property
    def executions(self) -> float:
        """Attempts a second, the first ones and retries."""
        return sum(rate for _, _, rate in self._attempts())

    @cached_property
    def retries(self) -> float:
        """Executions a second that follow another."""
        return sum(rate for _, stage, rate in self._attempts() if stage)

    @cached_property
    def failures(self) -> float:
        """Executions a second that fail."""
        return sum(self._failed(group, stage, rate) for group, stage, rate in self._attempts())

    @cached_property
    def recovered(self) -> float:
        """Retries a second that succeed."""
        return sum(rate - self._failed(group, stage, rate) for group, stage, rate in self._attempts() if stage)

    @cached_property
    def hanging(self) -> float:
        """Executions a second that take all of their time."""
        return sum(
            self._failed(group, stage, rate) * group.hanging / group.failed
            for group, stage, rate in self._attempts()
            if group.failed
        )

    @cached_property
    def schedules_set(self) -> float:
        """CreateSchedule calls a second."""
        return sum(rate for rate, delay, _ in self._retries() if delay > LONGEST_SQS_DELAY)

    @cached_property
    def schedules_kept(self) -> float:
        """Schedules that wait."""
        return sum(rate * waiting for rate, delay, waiting in self._retries() if delay > LONGEST_SQS_DELAY)

    @cached_property
    def messages_delayed(self) -> float:
        """Retries that wait on the queue."""
        return sum(rate * waiting for rate, delay, waiting in self._retries() if delay <= LONGEST_SQS_DELAY)

    @cached_property
    def fill(self) -> float:
        """Webhooks in a batch, at best: as many as come while Lambda's pollers are at work, if these are enough."""
        size, before = 1.0, 0.0
        while size - before > 0.01:
            came = self.executions * (self.seconds_of(size) + self.deployment.window_seconds) / POLLERS
            size, before = min(max(came, 1.0), self.deployment.batch_size), size
        return size

    @cached_property
    def batch_seconds(self) -> float:
        """How long an invocation takes."""
        return self.seconds_of(self.fill)

    def seconds_of(self, size: float) -> float:
        """How long a batch of this size takes: as long as the slowest of its receivers, and our own time."""
        step = self.deployment.timeout_seconds / _STEPS
        slowest = step * sum(1 - math.pow(share, size) for share in self.ended())
        share_of_vcpu = min(self.deployment.memory_mb / VCPU_MB, 1)
        own = (CPU_INVOCATION_SECONDS + size * CPU_WEBHOOK_SECONDS) / share_of_vcpu
        return slowest + own + LOG_SECONDS

    @property
    def invocations(self) -> float:
        """A second."""
        return self.executions / self.fill

    @property
    def concurrency(self) -> float:
        """Invocations at one time."""
        return self.invocations * self.batch_seconds

    @property
    def in_flight(self) -> float:
        """Messages that are received and not yet deleted."""
        return self.executions * (self.batch_seconds + self.deployment.window_seconds / 2)

    @property
    def write_units(self) -> float:
        """A second, of all tables and indexes."""
        delivered, retried, failed = (TAKEN[kind].write_units for kind in ("delivered", "retried", "failed"))
        at_once = self.executions - self.failures - self.recovered
        taken_back = 2 * (self.retries - self.recovered)  # in the table and the index `failures`; else in `retried`
        return at_once * delivered + self.recovered * retried + self.failures * failed + taken_back

    @property
    def hottest_partition(self) -> float:
        """Write units a second of the busiest webhook: one for each of its executions, and for each that is retried."""
        loads = (self.alone(group) for group in self.receivers if group.one_webhook)
        return max((load.executions + load.retries for load in loads), default=0.0)

    @property
    def decrypts(self) -> float:
        """KMS calls a second: each environment's first of each webhook."""
        environments = max(self.concurrency, 1)
        return min(environments * self.webhooks / ENVIRONMENT_SECONDS, self.executions)

    def alone(self, group: Receivers) -> "Load":
        """What comes to these receivers."""
        return Load(self.per_second, (group,), self.deployment, since_seconds=self.since_seconds)

    def _attempts(self) -> Iterator[tuple[Receivers, int, float]]:
        """Of each kind of receiver: the number of the attempt, from 0, and how many there are a second."""
        for group in self.receivers:
            first = self.per_second * group.share
            yield group, 0, first
            for number in range(1, len(self.deployment.delays) + 1):
                if sum(self.deployment.delays[:number]) <= self.since_seconds:
                    yield group, number, first * group.failed * math.pow(group.lasting, number - 1)

    def _failed(self, group: Receivers, stage: int, rate: float) -> float:
        return rate * (group.lasting if stage else group.failed)

    def _retries(self) -> Iterator[tuple[float, int, float]]:
        """How many are set a second, their delay, and for how many seconds those have waited that wait."""
        delays = self.deployment.delays
        for group, stage, rate in self._attempts():
            if stage < len(delays):
                waiting = min(delays[stage], self.since_seconds - sum(delays[:stage]))
                yield self._failed(group, stage, rate), delays[stage], waiting

    def ended(self) -> tuple[float, ...]:
        """Share of executions that have ended, by time, in steps up to the time-out. The rate makes no difference."""
        return _ended(replace(self, per_second=1.0))


@cache
def _ended(load: Load) -> tuple[float, ...]:
    step = load.deployment.timeout_seconds / _STEPS
    parts = [(load.alone(group).executions / load.executions, group) for group in load.receivers]
    answered = 1 - load.hanging / load.executions
    return tuple(
        answered * sum(part * group.answered_within((number + 0.5) * step) for part, group in parts)
        for number in range(_STEPS)
    )


@dataclass(frozen=True, slots=True)
class Rise:
    """What becomes of a sudden load on provisioned capacity."""

    minutes: float
    """Until the capacity is enough."""
    late: float
    """Writes that are throttled until then, each tried again later."""


def rise(writes: float, capacity: float) -> Rise:
    """So many writes a second, from now on, where there is capacity for fewer. Bursts are left out."""
    steps, late = 0, 0.0
    while capacity < writes:
        late += (writes - capacity) * SCALING_SECONDS
        capacity = math.ceil(capacity / SCALED_FOR)
        steps += 1
    return Rise(steps * SCALING_SECONDS / 60, late)
