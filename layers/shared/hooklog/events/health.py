"""Decide from a webhook's counts whether it is failing or has recovered.

Nothing here calls AWS. A webhook raises at most one event of a type in each hour of the clock. `webhook.failing` or
`webhook.recovered` that comes too early for that is deferred to the next hour. If the opposite happens meanwhile, the
deferred event is withdrawn, so that a webhook that flaps raises few events, and the last one published is true.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from hooklog.events.event import (
    Event,
    EventType,
    build_exhausted,
    build_failing,
    build_recovered,
)
from hooklog.statistics.hours import hour_of, hour_of_execution, start_of

if TYPE_CHECKING:
    from hooklog.executions.rows import StreamedExecution
    from hooklog.statistics.counts import Counts

MIN_ATTEMPTS: Final = 10
"""From so many attempts in an hour, a webhook fails if most of them failed."""

MIN_FAILURES: Final = 3
"""From so many attempts in an hour, a webhook fails if all of them failed."""

MAX_AGE: Final = timedelta(hours=24)
"""Older hours raise no events: executions that are logged late, or counted for the first time."""

MAX_PENDING: Final = 200
"""Events of one webhook that wait to be published: those of more than two days. The newest are kept."""

_OPPOSITE: Final = {EventType.FAILING: EventType.RECOVERED, EventType.RECOVERED: EventType.FAILING}
_HOUR: Final = timedelta(hours=1)


class Raised(NamedTuple):
    """When the last event of a type was raised."""

    hour: str = ""
    """The hour of its executions."""
    slot: str = ""
    """The hour of the clock in which it may be published."""


class PendingEvent(NamedTuple):
    """An event that waits to be published."""

    event: Event
    due_at: str
    """When it may be published: ISO 8601, in UTC."""


class Health(NamedTuple):
    """Whether a webhook is failing, as its events say, and its unpublished events."""

    failing_since: str = ""
    """The hour; empty if it is not failing."""
    raised: Mapping[str, Raised] = MappingProxyType({})
    """By the type of the event."""
    pending: tuple[PendingEvent, ...] = ()

    def last(self, event_type: EventType) -> Raised:
        return self.raised.get(event_type, Raised())

    def due(self, now: datetime) -> list[PendingEvent]:
        """Return the events to publish now."""
        return [each for each in self.pending if datetime.fromisoformat(each.due_at) <= now]

    def without(self, event_ids: frozenset[str]) -> "Health":
        """Return it without these pending events."""
        return self._replace(pending=tuple(each for each in self.pending if each.event["event_id"] not in event_ids))

    def with_pending(self, event: Event, due_at: str) -> "Health":
        """Return it with one more pending event, unless that is pending already."""
        if any(each.event["event_id"] == event["event_id"] for each in self.pending):
            return self
        return self._replace(pending=(*self.pending, PendingEvent(event, due_at))[-MAX_PENDING:])


def evaluate(health: Health, webhook_id: str, hours: Mapping[str, "Counts"], now: datetime) -> Health:
    """Raise the events that follow from the counts of these hours, oldest first."""
    oldest = hour_of(now - MAX_AGE)
    for hour in sorted(hours):
        if hour >= oldest:
            health = _evaluate_hour(health, webhook_id, hour, hours[hour], now)
    return health


def add_exhausted(health: Health, execution: "StreamedExecution", now: datetime) -> Health:
    """Raise `message.exhausted`, at most once in each hour of the clock."""
    slot, hour = hour_of(now), hour_of_execution(execution.execution_id)
    if hour < hour_of(now - MAX_AGE) or health.last(EventType.EXHAUSTED).slot >= slot:
        return health
    return _raise(health, EventType.EXHAUSTED, hour, slot, build_exhausted(execution, now))


def is_failing(counts: "Counts") -> bool:
    """Return whether most of at least ten attempts failed, or all of at least three."""
    failed, attempts = counts.attempts_failed, counts.attempts_failed + counts.attempts_succeeded
    return attempts >= MIN_FAILURES and (failed == attempts or (attempts >= MIN_ATTEMPTS and failed * 2 > attempts))


def _evaluate_hour(health: Health, webhook_id: str, hour: str, counts: "Counts", now: datetime) -> Health:
    """Raise the event that follows from an hour, unless a later one contradicts it."""
    if health.failing_since:
        if hour >= health.last(EventType.FAILING).hour and counts.attempts_succeeded > counts.attempts_failed:
            slot = _find_slot(health, EventType.RECOVERED, now)
            event = build_recovered(webhook_id, hour, counts, health.failing_since, slot, now)
            return _change(health, EventType.RECOVERED, hour, slot, event)
    elif hour >= health.last(EventType.RECOVERED).hour and is_failing(counts):
        slot = _find_slot(health, EventType.FAILING, now)
        return _change(health, EventType.FAILING, hour, slot, build_failing(webhook_id, hour, counts, slot, now))
    return health


def _change(health: Health, event_type: EventType, hour: str, slot: str, event: Event) -> Health:
    """Raise an event, or withdraw the opposite one if that is deferred."""
    opposite = _OPPOSITE[event_type]
    if deferred := _find_deferred(health, opposite, event["at"]):
        last = health.last(opposite)
        raised = {
            **health.raised,
            opposite: last._replace(slot=_add_hour(last.slot, -_HOUR)),
            event_type: health.last(event_type)._replace(hour=hour),
        }
        since = deferred.event["failing_since"][:13] if opposite is EventType.RECOVERED else ""
        return health.without(frozenset({deferred.event["event_id"]}))._replace(failing_since=since, raised=raised)
    since = hour if event_type is EventType.FAILING else ""
    return _raise(health._replace(failing_since=since), event_type, hour, slot, event)


def _find_slot(health: Health, event_type: EventType, now: datetime) -> str:
    """Return the next hour of the clock in which such an event may be published."""
    last = health.last(event_type).slot
    return max(hour_of(now), _add_hour(last, _HOUR)) if last else hour_of(now)


def _raise(health: Health, event_type: EventType, hour: str, slot: str, event: Event) -> Health:
    due_at = max(event["at"], f"{slot}:00:00.000000Z")
    raised = {**health.raised, event_type: Raised(hour, slot)}
    return health._replace(raised=raised).with_pending(event, due_at)


def _find_deferred(health: Health, event_type: EventType, now: str) -> PendingEvent | None:
    return next((each for each in health.pending if each.event["type"] == event_type and each.due_at > now), None)


def _add_hour(hour: str, change: timedelta) -> str:
    return hour_of(start_of(hour) + change)
