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

from hooklog.errors import RowContended
from hooklog.events.event import Event
from hooklog.events.health import Health, PendingEvent, Raised
from hooklog.executions.execution import compact_time, iso_time
from hooklog.statistics import seen
from hooklog.statistics.seen import PENDING, SeenRow
from hooklog.tables import try_write

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

UNAVAILABLE: Final = (BotoCoreError, ClientError, PynamoDBException, RowContended)
"""What the functions of this module raise if DynamoDB fails or others change the row all the time."""

MAX_TRIES: Final = 20
"""How many times a change is tried if other functions change the row at the same time."""


class Stored(NamedTuple):
    """A webhook's health, as it was read."""

    health: Health = Health()
    version: int = 0
    """0 if it was never written."""
    expires_at: int = 0
    """When its row expires, in Unix seconds; 0 if there is none."""


def read(webhook_ids: Iterable[str]) -> dict[str, Stored]:
    """Read the health of webhooks, consistently."""
    ids = list(webhook_ids)
    rows = seen.read(ids)
    return {webhook_id: to_stored(rows.get(webhook_id)) for webhook_id in ids}


def change(webhook_id: str, stored: Stored, change_health: Callable[[Health], Health], expires_at: int = 0) -> Stored:
    """Change a webhook's health, and return it as it is then stored.

    Reads it and calls `change_health` again if the row has changed since it was read. The row does not expire before
    `expires_at`, in Unix seconds. Raises RowContended if the row changes at each of MAX_TRIES.
    """
    for _ in range(MAX_TRIES):
        changed = change_health(stored.health)
        if changed == stored.health:
            return stored
        wanted = Stored(changed, stored.version + 1, max(stored.expires_at, expires_at))
        if _write(webhook_id, stored, wanted):
            return wanted
        stored = read([webhook_id])[webhook_id]
    raise RowContended(webhook_id)


def keep(event: Event, expires_at: int) -> None:
    """Keep an event that could not be published, so that it is published later.

    Its webhook's row does not expire before `expires_at`, in Unix seconds. Raises one of UNAVAILABLE.
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
    version, expires_at = int(row.outbox_version or 0), int(row.expires_at or 0)
    return Stored(Health(health.get("failing_since", ""), raised, pending), version, expires_at)


def _write(webhook_id: str, stored: Stored, wanted: Stored) -> bool:
    """Write what is wanted, unless the row has changed; return whether it was."""
    row, version, health = SeenRow(webhook_id), SeenRow.outbox_version, wanted.health
    raised = {str(event_type): list(last) for event_type, last in health.raised.items()}
    actions: list[Action] = [
        SeenRow.health.set({"failing_since": health.failing_since, "raised": raised}),
        version.set(wanted.version),
    ]
    if health.pending:
        actions += [
            SeenRow.pending_events.set([each._asdict() for each in health.pending]),
            SeenRow.outbox.set(PENDING),
            SeenRow.due_at.set(min(each.due_at for each in health.pending)),
        ]
    else:
        actions += [SeenRow.pending_events.remove(), SeenRow.outbox.remove(), SeenRow.due_at.remove()]
    if wanted.expires_at != stored.expires_at:
        actions.append(SeenRow.expires_at.set(wanted.expires_at))
    unchanged = version == stored.version if stored.version else version.does_not_exist()
    return try_write(partial(row.update, actions, unchanged))
