"""A model of what a load uses on AWS, based on Little's law.

Its input is arrivals, response times and the retry schedule. It models averages: no bursts, no cold starts, no
throttling. `python -m benchmarks.model_check` compares it with a run on the local AWS.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from statistics import NormalDist
from typing import Final

from benchmarks.usage import CPU_INVOCATION_SECONDS, CPU_WEBHOOK_SECONDS, USAGE
from hooklog.webhooks.cache import FRESH_SECONDS, MAX_DECRYPTED, MAX_WEBHOOKS
from tests.template import default

RETRY_SCHEDULE: Final = tuple(int(delay) for delay in default({"Ref": "RetrySchedule"}).split(","))
BATCH_SIZE: Final = int(default({"Ref": "BatchSize"}))
MEMORY_MB: Final = int(default({"Ref": "SenderMemoryMb"}))

POLLERS: Final = 5
"""Batches that Lambda reads and processes at the same time, unless the load needs more."""
VCPU_MB: Final = 1769
"""The memory at which a function has one vCPU."""
LOG_SECONDS: Final = 0.01
"""Assumed duration of a BatchWriteItem."""
ENVIRONMENT_SECONDS: Final = 7200
"""Assumed lifetime of a Lambda execution environment."""
LONGEST_SQS_DELAY: Final = 900
TARGET_UTILISATION: Final = 0.7
"""The share of provisioned capacity that auto scaling aims for. It sees consumption, which cannot exceed capacity."""
SCALING_SECONDS: Final = 180
"""Assumed duration of a step: two minutes until the alarm, and one until the table has more capacity."""

_STEPS: Final = 1500
_NINETY_NINTH = NormalDist().inv_cdf(0.99)


@dataclass(frozen=True, slots=True)
class Receivers:
    """Receivers that behave alike. Their response times are log-normal."""

    share: float = 1.0
    """Share of the webhooks."""
    median_seconds: float = 0.1
    slow_seconds: float = 1.0
    """One response in a hundred takes longer."""
    failing: float = 0.02
    """Share of first attempts with a response other than 2xx."""
    hanging: float = 0.001
    """Share of first attempts without a response."""
    lasting: float = 0.5
    """Share of retries that fail again."""
    one_webhook: bool = False
    """Whether all of them belong to one webhook."""

    @property
    def failed(self) -> float:
        return self.failing + self.hanging

    def answered_within(self, seconds: float) -> float:
        """Return the share of responses within this time."""
        if self.slow_seconds <= self.median_seconds:
            return float(seconds >= self.median_seconds)
        spread = math.log(self.slow_seconds / self.median_seconds) / _NINETY_NINTH
        return NormalDist(math.log(self.median_seconds), spread).cdf(math.log(seconds))


@dataclass(frozen=True, slots=True)
class Deployment:
    """The template parameters that affect capacity, at their defaults."""

    batch_size: int = BATCH_SIZE
    window_seconds: float = 0
    """How long Lambda waits to batch_fill a batch."""
    memory_mb: int = MEMORY_MB
    timeout_seconds: float = 15
    delays: tuple[int, ...] = RETRY_SCHEDULE


@dataclass(frozen=True)
class Load:
    """Webhooks per second to a mix of receivers.

    Their failures began `since_seconds` ago.
    """

    per_second: float
    receivers: tuple[Receivers, ...] = (Receivers(),)
    deployment: Deployment = field(default_factory=Deployment)
    webhooks: int = 1000
    """Number of different webhooks."""
    since_seconds: float = math.inf

    @cached_property
    def executions(self) -> float:
        """Attempts per second, including retries."""
        return sum(rate for _, _, rate in self._attempts())

    @cached_property
    def retries(self) -> float:
        """Retries per second."""
        return sum(rate for _, stage, rate in self._attempts() if stage)

    @cached_property
    def failures(self) -> float:
        """Failed executions per second."""
        return sum(self._failed(group, stage, rate) for group, stage, rate in self._attempts())

    @cached_property
    def exhausted(self) -> float:
        """Failed last attempts per second."""
        last = len(self.deployment.delays)
        return sum(self._failed(group, stage, rate) for group, stage, rate in self._attempts() if stage == last)

    @cached_property
    def recovered(self) -> float:
        """Successful retries per second."""
        return sum(rate - self._failed(group, stage, rate) for group, stage, rate in self._attempts() if stage)

    @property
    def settled_at_once(self) -> float:
        """Successful first attempts per second."""
        return self.executions - self.failures - self.recovered

    @cached_property
    def hanging(self) -> float:
        """Executions per second that time out."""
        return sum(
            self._failed(group, stage, rate) * group.hanging / group.failed
            for group, stage, rate in self._attempts()
            if group.failed
        )

    @cached_property
    def schedules_set(self) -> float:
        """CreateSchedule calls per second."""
        return sum(rate for rate, delay, _ in self._retries() if delay > LONGEST_SQS_DELAY)

    @cached_property
    def schedules_kept(self) -> float:
        """Pending schedules."""
        return sum(rate * waiting for rate, delay, waiting in self._retries() if delay > LONGEST_SQS_DELAY)

    @cached_property
    def messages_delayed(self) -> float:
        """Retries that wait as delayed messages."""
        return sum(rate * waiting for rate, delay, waiting in self._retries() if delay <= LONGEST_SQS_DELAY)

    @cached_property
    def batch_fill(self) -> float:
        """Webhooks per batch, at best: those that arrive while all pollers are busy."""
        size, previous = 1.0, 0.0
        while size - previous > 0.01:
            arrived = self.executions * (self.batch_duration(size) + self.deployment.window_seconds) / POLLERS
            size, previous = min(max(arrived, 1.0), self.deployment.batch_size), size
        return size

    @cached_property
    def batch_seconds(self) -> float:
        """Duration of an invocation."""
        return self.batch_duration(self.batch_fill)

    def batch_duration(self, size: float) -> float:
        """Return the duration of a batch: its slowest receiver plus our own time."""
        step = self.deployment.timeout_seconds / _STEPS
        slowest = step * sum(1 - math.pow(share, size) for share in self.ended_shares())
        share_of_vcpu = min(self.deployment.memory_mb / VCPU_MB, 1)
        own = (CPU_INVOCATION_SECONDS + size * CPU_WEBHOOK_SECONDS) / share_of_vcpu
        return slowest + own + LOG_SECONDS

    @property
    def invocations(self) -> float:
        """Per second."""
        return self.executions / self.batch_fill

    @property
    def concurrency(self) -> float:
        """Concurrent invocations."""
        return self.invocations * self.batch_seconds

    @property
    def in_flight(self) -> float:
        """Messages that are received but not yet deleted."""
        return self.executions * (self.batch_seconds + self.deployment.window_seconds / 2)

    @property
    def write_units(self) -> float:
        """Per second, of all tables and indexes."""
        delivered, retried, failed = (USAGE[kind].write_units for kind in ("delivered", "retried", "failed"))
        clearing = 2 * (self.retries - self.recovered)  # of next_attempt_at, in the table and in `failures`
        return self.settled_at_once * delivered + self.recovered * retried + self.failures * failed + clearing

    @property
    def hottest_partition(self) -> float:
        """Write units per second of the busiest webhook.

        Each execution takes one, and each retry one more.
        """
        loads = (self.only(group) for group in self.receivers if group.one_webhook)
        return max((load.executions + load.retries for load in loads), default=0.0)

    @property
    def decrypts(self) -> float:
        """KMS calls per second: each environment decrypts each webhook's key once, as long as its cache has room."""
        environments = max(self.concurrency, 1)
        once = environments * min(self.webhooks, MAX_DECRYPTED) / ENVIRONMENT_SECONDS
        return min(once + self.executions * decrypted_share(self.webhooks), self.executions)

    def only(self, group: Receivers) -> "Load":
        """Return the part of the load that goes to these receivers."""
        return Load(self.per_second, (group,), self.deployment, since_seconds=self.since_seconds)

    def _attempts(self) -> Iterator[tuple[Receivers, int, float]]:
        """Yield each kind of receiver with the attempts' numbers and rates.

        The first attempt has number 0; rates are per second.
        """
        for group in self.receivers:
            first = self.per_second * group.share
            yield group, 0, first
            for number in range(1, len(self.deployment.delays) + 1):
                if sum(self.deployment.delays[:number]) <= self.since_seconds:
                    yield group, number, first * group.failed * math.pow(group.lasting, number - 1)

    def _failed(self, group: Receivers, stage: int, rate: float) -> float:
        return rate * (group.lasting if stage else group.failed)

    def _retries(self) -> Iterator[tuple[float, int, float]]:
        """Yield the rate and delay of retries, and how many seconds are pending."""
        delays = self.deployment.delays
        for group, stage, rate in self._attempts():
            if stage < len(delays):
                waiting = min(delays[stage], self.since_seconds - sum(delays[:stage]))
                yield self._failed(group, stage, rate), delays[stage], waiting

    def ended_shares(self) -> tuple[float, ...]:
        """Return the share of executions that have ended at each step up to the timeout.

        Independent of the rate.
        """
        return _compute_ended_shares(replace(self, per_second=1.0))


@cache
def _compute_ended_shares(load: Load) -> tuple[float, ...]:
    step = load.deployment.timeout_seconds / _STEPS
    parts = [(load.only(group).executions / load.executions, group) for group in load.receivers]
    answered = 1 - load.hanging / load.executions
    return tuple(
        answered * sum(part * group.answered_within((number + 0.5) * step) for part, group in parts)
        for number in range(_STEPS)
    )


def decrypted_share(webhooks: int) -> float:
    """Return the share of executions whose key has left a sender's cache, if they are spread evenly over webhooks."""
    return max(1 - MAX_DECRYPTED / webhooks, 0)


def registry_reads_share(per_second: float, webhooks: int) -> float:
    """Return the share of a sender's executions that read their webhook, if they are spread evenly over webhooks.

    `per_second` is the rate of this sender. A webhook is read again after FRESH_SECONDS, or once it has left the cache.
    """
    per_webhook = per_second / webhooks
    fresh = 1 / (1 + per_webhook * FRESH_SECONDS)
    return max(fresh, 1 - MAX_WEBHOOKS / webhooks)


@dataclass(frozen=True, slots=True)
class ScaleUp:
    """How provisioned capacity follows a sudden load."""

    minutes: float
    """Until there is enough capacity."""
    late: float
    """Writes that are throttled until then; each is written later."""


def scale_up(writes: float, capacity: float) -> ScaleUp:
    """Model a rise to `writes` per second without burst capacity.

    `capacity` is the provisioned capacity.
    """
    steps, late = 0, 0.0
    while capacity < writes:
        late += (writes - capacity) * SCALING_SECONDS
        capacity = math.ceil(capacity / TARGET_UTILISATION)
        steps += 1
    return ScaleUp(steps * SCALING_SECONDS / 60, late)
