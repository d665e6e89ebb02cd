"""Durations and times.

They are parsed from what users type, and formatted as the API writes them.
"""

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(r"(\d{1,4})([smhd])", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Parse `90s`, `15m`, `1h` or `7d`.

    Raises argparse.ArgumentTypeError for anything else, and for zero.
    """
    match = _DURATION.fullmatch(text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 90s, 15m, 1h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_time(text: str, now: datetime | None = None) -> datetime:
    """Parse a time in the past: a duration before `now`, or an ISO 8601 time.

    A time without a time zone is in UTC. Raises argparse.ArgumentTypeError for anything else.
    """
    if _DURATION.fullmatch(text):
        return (now or datetime.now(UTC)) - parse_duration(text)
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # in UTC, the year can be 0 or 10000
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: write a duration such as 1h, or a time such as 2026-11-24T02:00Z"
        ) from None


def format_time(when: datetime) -> str:
    """Format a time as the API does: ISO 8601 in UTC, with microseconds."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def executed_at(execution_id: str) -> str:
    """Return the time that an execution's ID starts with, as the API formats it."""
    return format_time(datetime.strptime(execution_id.partition("-")[0], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC))
