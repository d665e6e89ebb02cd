"""Reads the sender's log lines from CloudWatch Logs.

Uses FilterLogEvents, not Logs Insights: it returns lines immediately, page by page, and the local AWS supports it. The
local AWS returns lines that do not match a JSON pattern, so this module filters again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

EXECUTION_FAILED: Final = "execution_failed"
BATCH_PROCESSED: Final = "batch_processed"
LATENCY: Final = "DeliveryLatency"

_PATTERNS: Final = {
    EXECUTION_FAILED: f'{{ $.event = "{EXECUTION_FAILED}" }}',
    None: f'{{ ($.event = "{EXECUTION_FAILED}") || ($.event = "{BATCH_PROCESSED}") || ($.{LATENCY}[0] >= 0) }}',
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that is a JSON object."""

    event_id: str
    milliseconds: int
    """When it was written, since the Unix epoch."""
    line: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SenderLog:
    """The log group of a stack's sender."""

    client: Any
    group: str

    def read_lines(self, since: datetime, event: str | None = None) -> Iterator[LogLine]:
        """Yield failures, batches and latencies, oldest first.

        `event` limits them to lines with this event.
        """
        pages = self.client.get_paginator("filter_log_events").paginate(
            logGroupName=self.group, startTime=int(since.timestamp() * 1000), filterPattern=_PATTERNS[event]
        )
        for page in pages:
            for found in page["events"]:
                line = _parse(found["message"])
                if line and (event is None or line.get("event") == event):
                    yield LogLine(_id(found), found["timestamp"], line)


def _id(event: Mapping[str, Any]) -> str:
    """Return CloudWatch's ID; the local AWS has none for the lines of functions."""
    return str(event.get("eventId") or f"{event['logStreamName']} {event['timestamp']} {event['message']}")


def _parse(text: str) -> dict[str, Any] | None:
    """Return None for the runtime's own lines, which are not JSON."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
