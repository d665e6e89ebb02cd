"""What CloudWatch counts of a batch: the metrics' names, units and dimensions.

Each value has the dimension `service` (the stack), and those in BY_TRIGGER a second time with `trigger` beside it.
A webhook is no dimension: CloudWatch takes money for every value of one. Which webhook fails is on the log lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from hooklog.errors import ErrorType
from hooklog.executions.execution import Execution, Trigger

if TYPE_CHECKING:  # for the authorizer counts too, and sends nothing
    from hooklog.sending.batch import Outcome

NAMESPACE: Final = "Hooklog"


class Metric(StrEnum):
    """Everything that Hooklog's functions count themselves."""

    DELIVERED = "Delivered"
    """0 is sent as well: while all fail, the success rate would have nothing to be reckoned from."""
    FAILED = "Failed"
    DELIVERY_LATENCY = "DeliveryLatency"
    """From the start of the request to the end of the answer."""
    QUEUE_LATENCY = "QueueLatency"
    """From when the webhook was due to the start of the request."""
    HARD_ERRORS = "HardErrors"
    RETRIED = "Retried"
    RESENT = "Resent"
    EXHAUSTED = "Exhausted"
    SKIPPED = "Skipped"
    """Not sent, as their webhooks' transformations have it: neither delivered nor failed."""
    BLOCKED = "Blocked"
    REDELIVERED = "Redelivered"
    INVALID = "Invalid"
    UNLOGGED = "Unlogged"
    DISABLED = "Disabled"
    """Webhooks that were switched off, for their receivers are gone."""
    FAULTS = "Faults"
    """Messages that go back to the queue for a fault of ours: they are no `Errors` of Lambda's."""
    BATCH_UTILISATION = "BatchUtilisation"
    """How full a batch was, of BatchSize."""
    TOKENS_REFUSED = "TokensRefused"
    """Lambda counts each of them among the authorizer's `Errors`: without these, there is no telling what failed."""

    @property
    def unit(self) -> str:
        """As CloudWatch calls it."""
        return _UNITS.get(self, "Count")


_UNITS: Final = {
    Metric.DELIVERY_LATENCY: "Milliseconds",
    Metric.QUEUE_LATENCY: "Milliseconds",
    Metric.BATCH_UTILISATION: "Percent",
}

BY_TRIGGER: Final = frozenset({Metric.DELIVERED, Metric.FAILED, Metric.DELIVERY_LATENCY, Metric.QUEUE_LATENCY})


class Sample(NamedTuple):
    """Values that share their dimensions; what is 0 is left out, but for DELIVERED."""

    trigger: Trigger | None
    values: Mapping[Metric, Sequence[float]]


def samples(outcome: "Outcome", messages: int, batch_size: int) -> Iterator[Sample]:
    """What came of a batch of so many messages, out of `batch_size` at most."""
    executions = outcome.executions
    for trigger in sorted({execution.trigger for execution in executions}):
        of_trigger = [each for each in executions if each.trigger is trigger and not each.delivery.skipped]
        if of_trigger:
            yield Sample(trigger, _by_trigger(of_trigger))
    counted = _of_all(executions) | {
        Metric.INVALID: len(outcome.invalid),
        Metric.UNLOGGED: outcome.unlogged,
        Metric.DISABLED: len(outcome.switched_off),
        Metric.FAULTS: len(outcome.faults),
    }
    utilisation = {Metric.BATCH_UTILISATION: [100 * messages / batch_size]}
    yield Sample(None, utilisation | {metric: [count] for metric, count in counted.items() if count})


def _by_trigger(executions: Sequence[Execution]) -> Mapping[Metric, Sequence[float]]:
    delivered = sum(each.delivery.success for each in executions)
    failed = len(executions) - delivered
    return {
        Metric.DELIVERED: [delivered],
        **({Metric.FAILED: [failed]} if failed else {}),
        Metric.DELIVERY_LATENCY: [each.delivery.duration_ms for each in executions],
        Metric.QUEUE_LATENCY: [each.queue_ms for each in executions],
    }


def _of_all(executions: Sequence[Execution]) -> dict[Metric, int]:
    errors = [error.error_type for each in executions if (error := each.delivery.error)]
    return {
        Metric.HARD_ERRORS: len(errors),
        Metric.RETRIED: sum(each.trigger is Trigger.RETRY for each in executions),
        Metric.RESENT: sum(each.trigger is Trigger.RESEND for each in executions),
        Metric.EXHAUSTED: sum(each.exhausted for each in executions),
        Metric.SKIPPED: sum(each.delivery.skipped for each in executions),
        Metric.BLOCKED: sum(error_type is ErrorType.BLOCKED_ADDRESS for error_type in errors),
        Metric.REDELIVERED: sum(each.redelivered for each in executions),
    }
