"""The events that Hooklog publishes, and their fields.

docs/events has a JSON Schema for each type. A change that a consumer would notice needs another VERSION and another
schema. Events show hours as ISO times.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from hooklog.errors import ErrorType
from hooklog.executions.execution import Trigger, compact_time, iso_time
from hooklog.statistics.hours import hour_of_execution

if TYPE_CHECKING:
    from hooklog.executions.rows import StreamedExecution
    from hooklog.statistics.counts import Counts

VERSION: Final = 1
"""The version of every event's format."""

Event = Mapping[str, Any]
"""An event as the JSON object that subscribers get."""


class EventType(StrEnum):
    """The types of events."""

    FAILING = "webhook.failing"
    RECOVERED = "webhook.recovered"
    EXHAUSTED = "message.exhausted"
    DISABLED = "webhook.disabled"
    CERTIFICATE_EXPIRING = "webhook.certificate_expiring"
    CERTIFICATE_EXPIRED = "webhook.certificate_expired"


_UNEXPECTED: Final = frozenset({ErrorType.DISABLED_WEBHOOK, ErrorType.UNKNOWN_WEBHOOK})
"""Nobody expects these messages to arrive: their webhook is disabled or does not exist."""


def is_exhausted(execution: "StreamedExecution") -> bool:
    """Return whether `message.exhausted` should be raised for it.

    True if its message's last attempt failed, except for webhook tests and messages to a disabled or unknown webhook.
    """
    return execution.exhausted and execution.trigger != Trigger.TEST and execution.error_type not in _UNEXPECTED


def build_failing(webhook_id: str, hour: str, counts: "Counts", slot: str, at: datetime) -> Event:
    """Build the event of a webhook whose attempts in this hour failed.

    `slot` is the hour of the clock in which it may be published, the only event of its type.
    """
    return _build(EventType.FAILING, webhook_id, slot, at, hour=_iso(hour), **_count(counts))


def build_recovered(webhook_id: str, hour: str, counts: "Counts", failing_since: str, slot: str, at: datetime) -> Event:
    """Build the event of a failing webhook that works again. See `build_failing`."""
    since = {"failing_since": _iso(failing_since)}
    return _build(EventType.RECOVERED, webhook_id, slot, at, hour=_iso(hour), **_count(counts), **since)


def build_exhausted(execution: "StreamedExecution", at: datetime) -> Event:
    """Build the event of a message from its last execution."""
    fields = {
        "message_id": execution.message_id,
        "event_type": execution.event_type,
        "execution_id": execution.execution_id,
        "attempts": execution.attempt,
        "result": execution.result,
        "error_type": execution.error_type,
    }
    shown = {name: value for name, value in fields.items() if value is not None}
    hour = _iso(hour_of_execution(execution.execution_id))
    return _build(EventType.EXHAUSTED, execution.webhook_id, execution.execution_id, at, hour=hour, **shown)


def build_disabled(webhook_id: str, reason: str, at: datetime) -> Event:
    """Build the event of a webhook that was disabled automatically."""
    return _build(EventType.DISABLED, webhook_id, compact_time(at), at, reason=reason)


def build_certificate_event(kind: EventType, webhook_id: str, certificate: Mapping[str, str], at: datetime) -> Event:
    """Build the event of a client certificate that expires soon or has expired, from its shown fields."""
    shown = {name: certificate[name] for name in ("subject", "serial_number", "fingerprint", "not_after")}
    return _build(kind, webhook_id, certificate["fingerprint"], at, **shown)


def _build(kind: EventType, webhook_id: str, occasion: str, at: datetime, **fields: Any) -> Event:
    """Build an event whose ID is the same whenever it is built for the same occasion."""
    return {
        "type": str(kind),
        "version": VERSION,
        "event_id": f"{kind}:{webhook_id}:{occasion}",
        "webhook_id": webhook_id,
        "at": iso_time(compact_time(at)),
        **fields,
    }


def _iso(hour: str) -> str:
    return f"{hour}:00:00Z"


def _count(counts: "Counts") -> dict[str, int]:
    return {"attempts": counts.attempts_succeeded + counts.attempts_failed, "failed": counts.attempts_failed}
