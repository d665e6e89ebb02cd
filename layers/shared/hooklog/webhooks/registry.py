"""The registry, which reads, creates, changes, disables and deletes webhooks.

The SDK sends a write again if DynamoDB's response is lost. So a condition that is not met may be met by what the write
itself has written, and that is a success.
"""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition

from hooklog.errors import Conflict, NotFound
from hooklog.executions.execution import compact_time, iso_time
from hooklog.tables import try_write
from hooklog.webhooks.client_certificate import EncryptedClientKey
from hooklog.webhooks.rows import EncryptedKeys, Registered, WebhookRow, to_previous_attributes, to_registered, to_row
from hooklog.webhooks.webhook import Webhook

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

_CHANGED: Final = "another request has just changed this webhook; read it again"


def read(webhook_id: str, *, consistent: bool = False) -> Registered | None:
    """Read a webhook; None if it does not exist."""
    try:
        row = WebhookRow.get(webhook_id, consistent_read=consistent)
    except DoesNotExist:
        return None
    return to_registered(row)


def find(webhook_id: str) -> Registered:
    """Read a webhook consistently. Raises NotFound."""
    if registered := read(webhook_id, consistent=True):
        return registered
    raise NotFound("there is no such webhook")


def create(webhook: Webhook, key: bytes, now: datetime, client_key: EncryptedClientKey | None = None) -> Webhook:
    """Create a webhook with its encrypted keys.

    Raises Conflict if it exists, or if it has a version.
    """
    if webhook.version:
        raise Conflict("there is no such webhook (any more); omit version to create it")
    at = iso_time(compact_time(now))
    created = webhook._replace(version=1, created_at=at, updated_at=at)
    _save(Registered(created, EncryptedKeys(key), client_key), WebhookRow.webhook_id.does_not_exist())
    return created


def change(
    webhook: Webhook, stored: Registered, now: datetime, client_key: EncryptedClientKey | None = None
) -> Webhook:
    """Replace a stored webhook with the key of its client certificate, but not its signing keys.

    Raises Conflict unless the versions match.
    """
    before = stored.webhook
    if webhook.version != before.version:
        hint = "" if webhook.version else "; to replace it, send the version that you have read"
        raise Conflict(f"this webhook has version {before.version}, not {webhook.version or 'a new one'}{hint}")
    changed = webhook._replace(
        version=before.version + 1,
        created_at=before.created_at,
        updated_at=iso_time(compact_time(now)),
        disabled_reason=None if webhook.enabled else before.disabled_reason,
    )
    unchanged = _is_unchanged(before) & _has_keys(stored.keys)
    _save(Registered(changed, stored.keys, client_key), unchanged)
    return changed


def replace_keys(stored: Registered, keys: EncryptedKeys) -> None:
    """Replace the webhook's keys. Raises Conflict."""
    actions: list[Action] = [WebhookRow.encrypted_key.set(keys.current)]
    for name, value in to_previous_attributes(keys).items():
        attribute = getattr(WebhookRow, name)
        actions.append(attribute.remove() if value is None else attribute.set(value))
    if not _update(stored.webhook, actions, _has_keys(stored.keys) | _has_keys(keys)):
        raise Conflict(_CHANGED)


def set_failing_since(webhook: Webhook, since: str | None) -> None:
    """Set or remove `failing_since`, unless the row has changed since it was read."""
    attribute = WebhookRow.failing_since
    unchanged = _is_unchanged(webhook) & _has_same_failing_since(webhook)
    _update(webhook, [attribute.set(since) if since else attribute.remove()], unchanged)


def disable(webhook: Webhook, reason: str, now: datetime) -> bool:
    """Disable a webhook, as a new version; return False if it changed after the read."""
    version, at = webhook.version + 1, iso_time(compact_time(now))
    actions: list[Action] = [
        WebhookRow.enabled.set(False),
        WebhookRow.disabled_reason.set(reason),
        WebhookRow.failing_since.remove(),
        WebhookRow.version.set(version),
        WebhookRow.updated_at.set(at),
    ]
    unchanged = _is_unchanged(webhook) & (WebhookRow.enabled == True)  # noqa: E712 - a pynamodb condition
    done = (WebhookRow.version == version) & (WebhookRow.updated_at == at) & (WebhookRow.disabled_reason == reason)
    return _update(webhook, actions, unchanged | done)


def delete(webhook_id: str) -> None:
    """Delete a webhook, but not its history. Raises NotFound.

    Keeps one with the same ID that was created meanwhile.
    """
    created_at = find(webhook_id).webhook.created_at
    try_write(partial(WebhookRow(webhook_id).delete, WebhookRow.created_at == created_at))


def _is_unchanged(webhook: Webhook) -> Condition:
    """Return the condition that the row is still this webhook in this version.

    One that was deleted and created again may have the same version.
    """
    is_same: Condition = (WebhookRow.version == webhook.version) & (WebhookRow.created_at == webhook.created_at)
    return is_same


def _has_keys(keys: EncryptedKeys) -> Condition:
    """Return the condition that the row has this key and the newest of these previous keys.

    A rotation that only ends previous keys changes the latter, but neither the key nor the version.
    """
    previous = WebhookRow.previous_key
    has_previous = previous == keys.previous[0].encrypted if keys.previous else previous.does_not_exist()
    has_keys: Condition = (WebhookRow.encrypted_key == keys.current) & has_previous
    return has_keys


def _has_same_failing_since(webhook: Webhook) -> Condition:
    attribute = WebhookRow.failing_since
    return attribute == webhook.failing_since if webhook.failing_since else attribute.does_not_exist()


def _update(webhook: Webhook, actions: list["Action"], condition: Condition) -> bool:
    """Update the row; return whether the condition was met."""
    return try_write(partial(WebhookRow(webhook.webhook_id).update, actions, condition))


def _save(registered: Registered, condition: Condition) -> None:
    """Save the row. Raises Conflict if it has changed since it was read."""
    if not try_write(partial(to_row(registered).save, condition)) and not _is_saved(registered):
        raise Conflict(_CHANGED)


def _is_saved(registered: Registered) -> bool:
    """Return whether the row is this webhook, with these keys.

    It is read instead of written again, because events and failures change some of its attributes.
    """
    stored = read(registered.webhook.webhook_id, consistent=True)
    return stored is not None and _get_state(stored) == _get_state(registered)


def _get_state(registered: Registered) -> tuple[dict[str, Any], EncryptedKeys]:
    return registered.webhook.to_response(None), registered.keys
