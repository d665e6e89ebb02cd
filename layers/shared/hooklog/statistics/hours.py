"""The hours that executions are counted by: UTC, such as `2026-11-28T18`."""

from datetime import UTC, datetime, timedelta
from typing import Final

from hooklog.executions.execution import iso_time

_LENGTH: Final = len("2026-11-28T18")


def hour_of(at: datetime) -> str:
    """Return the hour that contains a time."""
    return at.astimezone(UTC).isoformat(timespec="hours")[:_LENGTH]


def hour_of_execution(execution_id: str) -> str:
    """Return the hour in which an execution started. Raises ValueError."""
    hour = iso_time(execution_id)[:_LENGTH]
    start_of(hour)
    return hour


def start_of(hour: str) -> datetime:
    """Return the time at which an hour starts. Raises ValueError."""
    return datetime.fromisoformat(f"{hour}:00+00:00")


def end_of(hour: str, days: int = 0) -> int:
    """Return the Unix seconds of so many days after the end of an hour."""
    return int((start_of(hour) + timedelta(days=days, hours=1)).timestamp())
