"""The outbox: each webhook's health and its unpublished events.

Both are in its row of SeenWebhooks. A change of the health and the events that follow from it are one conditional
write. Events are published after it, and then removed. So an event is not lost if SNS fails or a function dies in
between; it may be published twice.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from hooklog.errors import NotCounted
from hooklog.events.event import Event
from hooklog.events.health import Health, PendingEvent, Raised
from hooklog.executions.execution import compact_time, iso_time
from hooklog.statistics import seen
from hooklog.statistics.seen import PENDING, SeenRow
from hooklog.tables import try_write

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

UNAVAILABLE: Final = (BotoCoreError, ClientError, PynamoDBException)
"""What the functions of this module raise if DynamoDB fails."""

MAX_TRIES: Final = 20
"""How many times a change is tried if other functions change the row at the same time."""


class Stored(NamedTuple):
    """A webhook's health, as it was read."""

    health: Health = Health()
    version: int = 0
    """0 if it was never written."""


def read(webhook_ids: Iterable[str]) -> dict[str, Stored]:
    """Read the health of webhooks, consistently."""
    ids = list(webhook_ids)
    rows = seen.read(ids)
    return {webhook_id: to_stored(rows.get(webhook_id)) for webhook_id in ids}


def change(
    webhook_id: str, stored: Stored, change_health: Callable[[Health], Health], expires_at: int | None = None
) -> Stored:
    """Change a webhook's health, and return it as it is then stored.

    Reads it and calls `change_health` again if the row has changed since it was read. A row that has no expiry gets
    `expires_at`, in Unix seconds. Raises NotCounted if the row changes at each of MAX_TRIES.
    """
    for _ in range(MAX_TRIES):
        changed = change_health(stored.health)
        if changed == stored.health:
            return stored
        if _write(webhook_id, changed, stored.version, expires_at):
            return Stored(changed, stored.version + 1)
        stored = read([webhook_id])[webhook_id]
    raise NotCounted("the row was changed by others at each try")


def keep(event: Event, expires_at: int) -> None:
    """Keep an event that could not be published, so that it is published later.

    `expires_at`: when its webhook's row expires if it has no executions, in Unix seconds.
    """
    webhook_id = event["webhook_id"]
    stored = read([webhook_id])[webhook_id]
    change(webhook_id, stored, lambda health: health.with_pending(event, event["at"]), expires_at)


def list_due(now: datetime) -> Iterator[str]:
    """Yield the IDs of webhooks that have due events, those that wait longest first."""
    due = SeenRow.due_at <= iso_time(compact_time(now))
    for row in SeenRow.by_due_time.query(PENDING, due):
        yield row.webhook_id


def to_stored(row: SeenRow | None) -> Stored:
    """Convert a row, or None if the webhook has none."""
    if row is None:
        return Stored()
    health = cast("dict[str, Any]", row.health or {})
    raised = {name: Raised(*values) for name, values in health.get("raised", {}).items()}
    pending = tuple(PendingEvent(each["event"], each["due_at"]) for each in row.pending_events or [])
    return Stored(Health(health.get("failing_since", ""), raised, pending), int(row.outbox_version or 0))


def _write(webhook_id: str, health: Health, version: int, expires_at: int | None) -> bool:
    """Write it if the row has this version; return whether it had."""
    row, attribute = SeenRow(webhook_id), SeenRow.outbox_version
    raised = {str(event_type): list(last) for event_type, last in health.raised.items()}
    actions: list[Action] = [
        SeenRow.health.set({"failing_since": health.failing_since, "raised": raised}),
        attribute.set(version + 1),
    ]
    if health.pending:
        actions += [
            SeenRow.pending_events.set([each._asdict() for each in health.pending]),
            SeenRow.outbox.set(PENDING),
            SeenRow.due_at.set(min(each.due_at for each in health.pending)),
        ]
    else:
        actions += [SeenRow.pending_events.remove(), SeenRow.outbox.remove(), SeenRow.due_at.remove()]
    if expires_at is not None:
        actions.append(SeenRow.expires_at.set(SeenRow.expires_at | expires_at))
    unchanged = attribute == version if version else attribute.does_not_exist()
    return try_write(partial(row.update, actions, unchanged))
