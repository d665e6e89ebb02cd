"""The metrics that Hooklog's functions emit: names, units and dimensions.

Every metric has the dimension `service` (the stack). Those in BY_TRIGGER are also emitted with the dimension `trigger`.
Webhooks are not a dimension, because CloudWatch charges for each value. Log lines say which webhook fails.
"""

from enum import StrEnum
from typing import Final

NAMESPACE: Final = "Hooklog"


class Metric(StrEnum):
    """Every metric that Hooklog's functions emit."""

    DELIVERED = "Delivered"
    """Also emitted as 0, because the success rate needs a value while every attempt fails."""
    FAILED = "Failed"
    DELIVERY_LATENCY = "DeliveryLatency"
    """From the start of the request to the end of the response."""
    QUEUE_LATENCY = "QueueLatency"
    """From the time when the webhook was due to the start of the request, including the wait for a rate limit."""
    HARD_ERRORS = "HardErrors"
    RETRIED = "Retried"
    RESENT = "Resent"
    EXHAUSTED = "Exhausted"
    SKIPPED = "Skipped"
    """Not sent because the webhook's transformation returned nothing: neither delivered nor failed."""
    BLOCKED = "Blocked"
    THROTTLED = "Throttled"
    """Messages that had to wait for their webhook's rate limit, each counted once."""
    REDELIVERED = "Redelivered"
    INVALID = "Invalid"
    UNLOGGED = "Unlogged"
    DISABLED = "Disabled"
    """Webhooks that were disabled automatically."""
    FAULTS = "Faults"
    """Messages that return to the queue because of a fault in Hooklog or AWS. Lambda's `Errors` excludes them."""
    BATCH_UTILISATION = "BatchUtilisation"
    """How full a batch was, in percent of BatchSize."""
    EVENT_AGE = "EventAge"
    """How long the oldest due event has been waiting to be published. Emitted only if one waits."""
    TOKENS_REFUSED = "TokensRefused"
    """Rejected tokens. Lambda also counts each in the authorizer's `Errors`; subtract them to see the faults."""

    @property
    def unit(self) -> str:
        """The unit's name in CloudWatch."""
        return _UNITS.get(self, "Count")


_UNITS: Final = {
    Metric.DELIVERY_LATENCY: "Milliseconds",
    Metric.QUEUE_LATENCY: "Milliseconds",
    Metric.BATCH_UTILISATION: "Percent",
    Metric.EVENT_AGE: "Seconds",
}

BY_TRIGGER: Final = frozenset({Metric.DELIVERED, Metric.FAILED, Metric.DELIVERY_LATENCY, Metric.QUEUE_LATENCY})
