"""A webhook's counts by hour or day."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from hooklog.errors import InvalidRequest
from hooklog.statistics.counts import Counts, read_hours
from hooklog.statistics.durations import percentile
from hooklog.statistics.hours import hour_of, start_of

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class Interval(StrEnum):
    """The length of an interval. Days are those of UTC."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        return _HOUR if self is Interval.HOUR else _DAY

    @property
    def longest(self) -> timedelta:
        """The longest period that one call counts."""
        return timedelta(days=31 if self is Interval.HOUR else 366)

    @property
    def default(self) -> timedelta:
        """The period before `to` if there is no `from`."""
        return timedelta(days=1 if self is Interval.HOUR else 30)

    def begin(self, at: datetime) -> datetime:
        """Return the start of the interval that contains this time."""
        if self is Interval.HOUR:
            return at.replace(minute=0, second=0, microsecond=0)
        return datetime.combine(at.date(), time(), at.tzinfo)


class Period(NamedTuple):
    """Whole intervals, one after another."""

    interval: Interval
    first: datetime
    """The start of the first interval."""
    last: datetime
    """The start of the last interval."""

    def starts(self) -> Iterator[datetime]:
        for number in range((self.last - self.first) // self.interval.length + 1):
            yield self.first + number * self.interval.length


def choose_period(interval: Interval, since: datetime | None, until: datetime | None, now: datetime) -> Period:
    """Return the intervals that contain any time from `since` to before `until`.

    Raises InvalidRequest if there is none, or if the period is too long.
    """
    end = until or now
    start = since or max(end, datetime.min.replace(tzinfo=UTC) + interval.default) - interval.default
    if start >= end:
        raise InvalidRequest("from must be earlier than to, which is now by default", "from")
    if end - start > interval.longest:
        advice = "; use interval=day for longer ones" if interval is Interval.HOUR else ""
        limit = f"a period by {interval} can have at most {interval.longest.days} days{advice}"
        raise InvalidRequest(limit, "from")
    return Period(interval, interval.begin(start), interval.begin(end - datetime.resolution))


def count_intervals(webhook_id: str, period: Period) -> dict[str, Any]:
    """Return the counts of each interval, oldest first, and of all of them."""
    counted: defaultdict[datetime, Counts] = defaultdict(Counts)
    last_hour = period.last + (period.interval.length - _HOUR)
    for hour, counts in read_hours(webhook_id, hour_of(period.first), hour_of(last_hour)).items():
        start = period.interval.begin(start_of(hour))
        counted[start] += counts
    intervals = [{"start": _format_start(start), **_to_response(counted[start])} for start in period.starts()]
    return {"intervals": intervals, "total": _to_response(sum(counted.values(), Counts()))}


def count_last_day(webhook_id: str, now: datetime) -> dict[str, int]:
    """Count the executions of the current hour and the 23 hours before."""
    hours = read_hours(webhook_id, hour_of(now - 23 * _HOUR), hour_of(now))
    return _list_counts(sum(hours.values(), Counts()))


def _to_response(counts: Counts) -> dict[str, Any]:
    percentiles = {name: percentile(counts.durations, fraction) for name, fraction in (("p50", 0.5), ("p95", 0.95))}
    return {**_list_counts(counts), "duration_ms": percentiles}


def _list_counts(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in ("succeeded", "failed", "hard_errors", "skipped")}


def _format_start(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
