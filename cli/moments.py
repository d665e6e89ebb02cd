"""Times as people type them and as executions carry them."""

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN: Final = re.compile(r"(\d{1,4})([smhd])", re.ASCII)


def span(text: str) -> timedelta:
    """`90s`, `15m`, `1h` or `7d`. Raises argparse.ArgumentTypeError for anything else, and for no time at all."""
    match = _SPAN.fullmatch(text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time: write 90s, 15m, 1h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def moment(text: str) -> datetime:
    """So long ago, or an ISO 8601 time, of UTC if it names no zone. Raises argparse.ArgumentTypeError otherwise."""
    if _SPAN.fullmatch(text):
        return datetime.now(UTC) - span(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a span such as 1h nor a time such as 2026-11-24T02:00Z"
        ) from None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def iso(when: datetime) -> str:
    """As the API writes and takes it."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def executed_at(execution_id: str) -> str:
    """The time that an execution's id begins with, as the API writes it."""
    return iso(datetime.strptime(execution_id.partition("-")[0], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC))
