"""The values of the metrics that one batch emits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hooklog.errors import ErrorType
from hooklog.executions.execution import Execution, Trigger
from hooklog.metrics import Metric
from hooklog.sending.outcome import Outcome


class Sample(NamedTuple):
    """Values of metrics with the same dimensions, without zeros except of DELIVERED."""

    trigger: Trigger | None
    values: Mapping[Metric, Sequence[float]]


def compute_samples(outcome: Outcome, messages: int, batch_size: int) -> Iterator[Sample]:
    """Compute the metrics of a batch with so many messages of at most `batch_size`; 0 for an ordered batch."""
    executions = outcome.executions
    for trigger in sorted({execution.trigger for execution in executions}):
        of_trigger = [each for each in executions if each.trigger is trigger and not each.delivery.skipped]
        if of_trigger:
            yield Sample(trigger, _compute_by_trigger(of_trigger))
    counted = _count_all(executions) | {
        Metric.THROTTLED: outcome.throttled,
        Metric.INVALID: len(outcome.invalid),
        Metric.UNLOGGED: outcome.pending,
        Metric.DISABLED: len(outcome.disabled),
        Metric.FAULTS: len(outcome.faults),
    }
    utilisation = {Metric.BATCH_UTILISATION: [100 * messages / batch_size]} if messages else {}
    values = utilisation | {metric: [count] for metric, count in counted.items() if count}
    if values:
        yield Sample(None, values)


def _compute_by_trigger(executions: Sequence[Execution]) -> Mapping[Metric, Sequence[float]]:
    delivered = sum(each.delivery.success for each in executions)
    failed = len(executions) - delivered
    return {
        Metric.DELIVERED: [delivered],
        **({Metric.FAILED: [failed]} if failed else {}),
        Metric.DELIVERY_LATENCY: [each.delivery.duration_ms for each in executions],
        Metric.QUEUE_LATENCY: [each.queue_ms for each in executions],
    }


def _count_all(executions: Sequence[Execution]) -> dict[Metric, int]:
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
