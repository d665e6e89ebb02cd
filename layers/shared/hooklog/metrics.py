"""The metrics that Hooklog's functions emit: names, units and dimensions.

Each value has the dimension `service` (the stack), and those in BY_TRIGGER a second time with `trigger` as well. A
webhook is not a dimension: CloudWatch charges for every value of one. Log lines say which webhook fails.
"""

from enum import StrEnum
from typing import Final

NAMESPACE: Final = "Hooklog"


class Metric(StrEnum):
    """Every metric that Hooklog's functions emit."""

    DELIVERED = "Delivered"
    """Emitted as 0 too, because the success rate needs a value while every attempt fails."""
    FAILED = "Failed"
    DELIVERY_LATENCY = "DeliveryLatency"
    """From the start of the request to the end of the response."""
    QUEUE_LATENCY = "QueueLatency"
    """From when the webhook was due to the start of the request."""
    HARD_ERRORS = "HardErrors"
    RETRIED = "Retried"
    RESENT = "Resent"
    EXHAUSTED = "Exhausted"
    SKIPPED = "Skipped"
    """Not sent because the webhook's transformation says so: neither delivered nor failed."""
    BLOCKED = "Blocked"
    REDELIVERED = "Redelivered"
    INVALID = "Invalid"
    UNLOGGED = "Unlogged"
    DISABLED = "Disabled"
    """Webhooks that were disabled because their receivers are gone."""
    FAULTS = "Faults"
    """Messages that go back to the queue because of a fault of ours. Lambda's `Errors` does not count them."""
    BATCH_UTILISATION = "BatchUtilisation"
    """How full a batch was, of BatchSize."""
    TOKENS_REFUSED = "TokensRefused"
    """Lambda counts each as one of the authorizer's `Errors`; this tells them from faults."""

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
