"""The registry of webhooks: each read, created, changed and removed."""

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from hooklog.errors import Conflict, NotFound
from hooklog.executions.execution import compact_time, iso_time
from hooklog.tables import try_write
from hooklog.webhooks.rows import EncryptedKeys, Registered, WebhookRow, registered_of, row_of
from hooklog.webhooks.webhook import Webhook

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

ROTATION: Final = timedelta(hours=24)
"""How long the secret before the last one still signs."""

_CHANGED: Final = "this webhook has just been changed by another request; read it again"


def read(webhook_id: str, *, consistent: bool = False) -> Registered | None:
    """The webhook as it was a moment ago, or, `consistent`, as it is."""
    try:
        row = WebhookRow.get(webhook_id, consistent_read=consistent)
    except DoesNotExist:
        return None
    return registered_of(row)


def find(webhook_id: str) -> Registered:
    """Raises NotFound."""
    if registered := read(webhook_id, consistent=True):
        return registered
    raise NotFound("there is no such webhook")


def sensitive_headers(webhook_id: str) -> tuple[str, ...]:
    """The names that it masks as of a moment ago; none where there is no such webhook."""
    registered = read(webhook_id)
    return registered.webhook.sensitive_headers if registered else ()


def create(webhook: Webhook, key: bytes, now: datetime) -> Webhook:
    """Add it, with its encrypted key. Raises Conflict where it is there, or is to replace a version."""
    if webhook.version:
        raise Conflict("there is no such webhook (any more); leave version out to create it")
    at = iso_time(compact_time(now))
    created = webhook._replace(version=1, created_at=at, updated_at=at)
    _save(Registered(created, EncryptedKeys(key)), WebhookRow.webhook_id.does_not_exist())
    return created


def change(webhook: Webhook, stored: Registered, now: datetime) -> Webhook:
    """Put it in the place of the stored one, whose keys stay. Raises Conflict unless that is of its version."""
    before = stored.webhook
    if webhook.version != before.version:
        hint = "" if webhook.version else "; to replace it, send the version that you have read"
        raise Conflict(f"this webhook is of version {before.version}, not {webhook.version or 'a new one'}{hint}")
    changed = webhook._replace(
        version=before.version + 1,
        created_at=before.created_at,
        updated_at=iso_time(compact_time(now)),
        disabled_reason=None if webhook.enabled else before.disabled_reason,
    )
    unchanged = (WebhookRow.version == before.version) & (WebhookRow.sealed_key == stored.keys.current)
    _save(Registered(changed, stored.keys), unchanged)
    return changed


def rotate(stored: Registered, key: bytes, now: datetime) -> EncryptedKeys:
    """Make this encrypted key the webhook's; the one before signs as well until 24 hours from now. Raises Conflict."""
    until = (now + ROTATION).replace(microsecond=0)
    actions: list[Action] = [
        WebhookRow.sealed_key.set(key),
        WebhookRow.previous_key.set(stored.keys.current),
        WebhookRow.previous_until.set(int(until.timestamp())),
    ]
    if not _update(stored.webhook, actions, WebhookRow.sealed_key == stored.keys.current):
        raise Conflict(_CHANGED)
    return EncryptedKeys(key, stored.keys.current, until)


def note_failing(webhook: Webhook, since: str | None) -> None:
    """Since when it has been failing, or that it does not, unless somebody has written that or changed it meanwhile."""
    noted = WebhookRow.failing_since
    unchanged = (WebhookRow.version == webhook.version) & _as_noted(webhook)
    _update(webhook, [noted.set(since) if since else noted.remove()], unchanged)


def disable(webhook: Webhook, reason: str, now: datetime) -> bool:
    """As a new version, for who changes it must know. False where it has been changed meanwhile.

    True as well where it was done and the answer was lost: what is asked again then finds what it asked for.
    """
    version, at = webhook.version + 1, iso_time(compact_time(now))
    actions: list[Action] = [
        WebhookRow.enabled.set(False),
        WebhookRow.disabled_reason.set(reason),
        WebhookRow.failing_since.remove(),
        WebhookRow.version.set(version),
        WebhookRow.updated_at.set(at),
    ]
    to_do = (WebhookRow.version == webhook.version) & (WebhookRow.enabled == True)  # noqa: E712 - of DynamoDB's
    done = (WebhookRow.version == version) & (WebhookRow.updated_at == at) & (WebhookRow.disabled_reason == reason)
    return _update(webhook, actions, to_do | done)


def delete(webhook_id: str) -> None:
    """Its history stays until it expires. Raises NotFound."""
    if not try_write(partial(WebhookRow(webhook_id).delete, WebhookRow.webhook_id.exists())):
        raise NotFound("there is no such webhook")


def _as_noted(webhook: Webhook) -> Condition:
    noted = WebhookRow.failing_since
    return noted == webhook.failing_since if webhook.failing_since else noted.does_not_exist()


def _update(webhook: Webhook, actions: list["Action"], condition: Condition) -> bool:
    """Whether the condition held."""
    return try_write(partial(WebhookRow(webhook.webhook_id).update, actions, condition))


def _save(registered: Registered, condition: Condition) -> None:
    """Raises Conflict if the row has been changed since it was read."""
    if not try_write(partial(row_of(registered).save, condition)):
        raise Conflict(_CHANGED)
