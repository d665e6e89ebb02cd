"""Raises the events of webhooks and publishes them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from itertools import islice
from operator import attrgetter, methodcaller
from typing import Final, NamedTuple

from hooklog.aws import DYNAMODB_TIMEOUT_SECONDS
from hooklog.errors import HooklogError, NoTimeLeft, describe_error
from hooklog.events import outbox
from hooklog.events.event import Event, is_exhausted
from hooklog.events.health import MAX_AGE, Health, add_exhausted, evaluate
from hooklog.events.outbox import Stored
from hooklog.events.topic import EventTopic
from hooklog.statistics.counts import read_hours
from hooklog.statistics.hours import hour_of
from hooklog.statistics.seen import SeenRow
from hooklog.statistics.stream import CountedHour

PAGE: Final = 100
"""Webhooks whose due events are published together."""


class Published(NamedTuple):
    """The outcome of publishing pending events."""

    published: int = 0
    pending: int = 0
    """Due events that still wait."""
    cause: str = ""
    """Why they do."""
    waiting_since: str = ""
    """When the first of them was due; empty if none waits."""
    has_stopped: bool = False
    """Whether SNS failed or time was short, so that others may wait as well."""

    def add(self, other: "Published") -> "Published":
        waiting_since = min(filter(None, (self.waiting_since, other.waiting_since)), default="")
        return Published(
            self.published + other.published,
            self.pending + other.pending,
            self.cause or other.cause,
            waiting_since,
            self.has_stopped or other.has_stopped,
        )


class Observed(NamedTuple):
    """The outcome of observing a batch."""

    webhooks: dict[str, Stored]
    causes: Counter[str]
    """Why the events of other webhooks could not be raised, and of how many."""
    must_come_again: bool
    """Whether the same batch may raise them later. A bug of ours must not stop the stream for a day."""


class EventPublisher(NamedTuple):
    """A publisher of pending events, which remain pending if SNS or DynamoDB fails."""

    topic: EventTopic
    pool: Executor

    def observe(
        self,
        hours: Iterable[CountedHour],
        rows: Mapping[str, SeenRow],
        now: datetime,
        seconds_left: Callable[[], float],
    ) -> Observed:
        """Raise the events that follow from a batch's hours, while time allows. They are then pending.

        `rows`: the webhooks' rows, as they were read before. Costs nothing for webhooks that raise none. The same batch
        again raises nothing new: at most `message.exhausted` with the same `event_id`, in a later hour.
        """
        webhooks: dict[str, list[CountedHour]] = defaultdict(list)
        for each in hours:
            webhooks[each.webhook_id].append(each)

        def update(webhook_id: str) -> Stored:
            if seconds_left() < DYNAMODB_TIMEOUT_SECONDS:
                raise NoTimeLeft
            return _update_health(webhook_id, outbox.to_stored(rows.get(webhook_id)), webhooks[webhook_id], now)

        updates = {webhook_id: self.pool.submit(update, webhook_id) for webhook_id in webhooks}
        errors = {webhook_id: error for webhook_id, each in updates.items() if (error := each.exception())}
        updated = {webhook_id: each.result() for webhook_id, each in updates.items() if webhook_id not in errors}
        must_come_again = any(isinstance(error, (*outbox.UNAVAILABLE, HooklogError)) for error in errors.values())
        return Observed(updated, Counter(map(describe_error, errors.values())), must_come_again)

    def publish(self, webhooks: Mapping[str, Stored], now: datetime, seconds_left: Callable[[], float]) -> Published:
        """Publish the due events of these webhooks and remove them from the outbox.

        Stops if SNS fails or time is short. Never raises AWS's exceptions.
        """
        due = {pending.event["event_id"]: pending for each in webhooks.values() for pending in each.health.due(now)}
        unpublished = self.topic.publish((pending.event for pending in due.values()), seconds_left)
        waiting = {event["event_id"] for event in unpublished.events} if unpublished else set()
        removed = self._remove(webhooks, [due[event_id].event for event_id in due.keys() - waiting])
        return Published(
            published=len(due) - len(waiting),
            pending=len(waiting),
            cause=unpublished.cause if unpublished else removed,
            waiting_since=min((due[event_id].due_at for event_id in waiting), default=""),
            has_stopped=bool(unpublished and unpublished.has_stopped),
        )

    def publish_due(self, now: datetime, seconds_left: Callable[[], float]) -> Published:
        """Publish the due events of every webhook, those that wait longest first.

        Stops if SNS fails or time is short. Raises pynamodb's exceptions.
        """
        total, webhook_ids = Published(), outbox.list_due(now)
        while page := list(islice(webhook_ids, PAGE)):
            total = total.add(self.publish(outbox.read(page), now, seconds_left))
            if total.has_stopped:
                break
        return total

    def _remove(self, webhooks: Mapping[str, Stored], published: Iterable[Event]) -> str:
        """Remove published events; return why some may be published again."""
        event_ids: dict[str, set[str]] = defaultdict(set)
        for event in published:
            event_ids[event["webhook_id"]].add(event["event_id"])
        futures = [
            self.pool.submit(outbox.change, webhook_id, webhooks[webhook_id], methodcaller("without", frozenset(ids)))
            for webhook_id, ids in event_ids.items()
        ]
        errors = [error for future in futures if (error := future.exception())]
        return describe_error(errors[0]) if errors else ""


def _update_health(webhook_id: str, stored: Stored, hours: Sequence[CountedHour], now: datetime) -> Stored:
    counts = {each.hour: each.counts for each in hours}
    exhausted = [execution for each in hours for execution in each.exhausted if is_exhausted(execution)]

    def change_health(health: Health) -> Health:
        changed = evaluate(health, webhook_id, counts, now)
        if changed != health:  # which is rare, so decide by every hour, as it is now
            first, last = hour_of(now - MAX_AGE), max(hour_of(now), *counts)
            changed = evaluate(health, webhook_id, read_hours(webhook_id, first, last, consistent=True), now)
        for execution in sorted(exhausted, key=attrgetter("execution_id")):
            changed = add_exhausted(changed, execution, now)
        return changed

    return outbox.change(webhook_id, stored, change_health)
