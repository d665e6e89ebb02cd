"""The sender's own log lines, in CloudWatch Logs.

FilterLogEvents is asked, not Logs Insights: it answers at once, page by page, and the local AWS has it. That one
takes a pattern of JSON for every line, so what a line says is looked at here too.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

FAILED_EXECUTION: Final = "failed execution"
BATCH: Final = "batch"
LATENCY: Final = "DeliveryLatency"

_PATTERNS: Final = {
    FAILED_EXECUTION: f'{{ $.message = "{FAILED_EXECUTION}" }}',
    None: f'{{ ($.message = "{FAILED_EXECUTION}") || ($.message = "{BATCH}") || ($.{LATENCY}[0] >= 0) }}',
}


@dataclass(frozen=True, slots=True)
class Event:
    """One line that is a JSON object."""

    event_id: str
    milliseconds: int
    """When it was written, of the unix epoch."""
    line: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SenderLog:
    """The log group of one stack's sender."""

    client: Any
    group: str

    def events(self, since: datetime, message: str | None = None) -> Iterator[Event]:
        """Failures, batches and latencies since then, or the lines with this `message` alone, oldest first."""
        pages = self.client.get_paginator("filter_log_events").paginate(
            logGroupName=self.group, startTime=int(since.timestamp() * 1000), filterPattern=_PATTERNS[message]
        )
        for page in pages:
            for event in page["events"]:
                line = _parsed(event["message"])
                if line and (message is None or line.get("message") == message):
                    yield Event(_id(event), event["timestamp"], line)


def _id(event: Mapping[str, Any]) -> str:
    """CloudWatch's own; the local AWS gives none to what functions write."""
    return str(event.get("eventId") or f"{event['logStreamName']} {event['timestamp']} {event['message']}")


def _parsed(text: str) -> dict[str, Any] | None:
    """The runtime writes lines of its own, which are no JSON."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
