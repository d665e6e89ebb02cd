"""The registry of webhooks: each read, created, changed and removed."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, UpdateError
from pynamodb.expressions.condition import Condition

from hooklog.errors import Conflict, NotFound
from hooklog.executions.execution import compact_time, iso_time
from hooklog.webhooks.rows import LISTED, WebhookRow, webhook_of
from hooklog.webhooks.webhook import Webhook

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

ROTATION: Final = timedelta(hours=24)
"""How long the secret before the last one still signs."""


class SealedKeys(NamedTuple):
    """A webhook's signing keys, encrypted."""

    current: bytes
    previous: bytes | None = None
    previous_until: datetime | None = None

    def shown(self, now: datetime) -> dict[str, Any]:
        """Until when the key before this one signs as well; null where it does not (any more)."""
        rotating = self.previous_until and now < self.previous_until
        until = iso_time(compact_time(self.previous_until)) if self.previous_until and rotating else None
        return {"previous_valid_until": until}


class Registered(NamedTuple):
    """A webhook with its keys."""

    webhook: Webhook
    keys: SealedKeys


def read(webhook_id: str, *, consistent: bool = False) -> Registered | None:
    """The webhook as it was a moment ago, or, `consistent`, as it is."""
    try:
        row = WebhookRow.get(webhook_id, consistent_read=consistent)
    except DoesNotExist:
        return None
    return Registered(webhook_of(row), _keys(row))


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
    _save(Registered(created, SealedKeys(key)), WebhookRow.webhook_id.does_not_exist())
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


def rotate(stored: Registered, key: bytes, now: datetime) -> SealedKeys:
    """Make this encrypted key the webhook's; the one before signs as well until 24 hours from now. Raises Conflict."""
    until = (now + ROTATION).replace(microsecond=0)
    actions: list[Action] = [
        WebhookRow.sealed_key.set(key),
        WebhookRow.previous_key.set(stored.keys.current),
        WebhookRow.previous_until.set(int(until.timestamp())),
    ]
    try:
        WebhookRow(stored.webhook.webhook_id).update(actions, WebhookRow.sealed_key == stored.keys.current)
    except UpdateError as error:
        _explain(error)
        raise
    return SealedKeys(key, stored.keys.current, until)


def note_failing(webhook: Webhook, since: str | None) -> None:
    """Since when it has been failing, or that it does not, unless somebody has written that or changed it meanwhile."""
    noted = WebhookRow.failing_since
    unchanged = (WebhookRow.version == webhook.version) & _as_noted(webhook)
    _update(webhook, [noted.set(since) if since else noted.remove()], unchanged)


def switch_off(webhook: Webhook, reason: str, now: datetime) -> bool:
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


def _as_noted(webhook: Webhook) -> Condition:
    noted = WebhookRow.failing_since
    return noted == webhook.failing_since if webhook.failing_since else noted.does_not_exist()


def _update(webhook: Webhook, actions: list["Action"], condition: Condition) -> bool:
    """Whether the condition held."""
    try:
        WebhookRow(webhook.webhook_id).update(actions, condition)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return False
        raise
    return True


def delete(webhook_id: str) -> None:
    """Its history stays until it expires. Raises NotFound."""
    try:
        WebhookRow(webhook_id).delete(WebhookRow.webhook_id.exists())
    except DeleteError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise NotFound("there is no such webhook") from None
        raise


def _save(registered: Registered, condition: Condition) -> None:
    webhook, keys = registered.webhook, registered.keys
    schedule, until = webhook.retry_schedule, keys.previous_until
    row = WebhookRow(
        webhook_id=webhook.webhook_id,
        listed=LISTED,
        topic=webhook.topic,
        name=webhook.name,
        url=webhook.url,
        headers=dict(webhook.headers),
        event_types=list(webhook.event_types),
        enabled=webhook.enabled,
        timeout_seconds=webhook.timeout_seconds,
        retry_schedule=None if schedule is None else list(schedule.delays),
        transformation=webhook.transformation,
        sensitive_headers=list(webhook.sensitive_headers),
        version=webhook.version,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
        disabled_reason=webhook.disabled_reason,
        sealed_key=keys.current,
        previous_key=keys.previous,
        previous_until=until and int(until.timestamp()),
    )
    try:
        row.save(condition)
    except PutError as error:
        _explain(error)
        raise


def _explain(error: PutError | UpdateError) -> None:
    """Raises Conflict where the row has been changed since it was read."""
    if error.cause_response_code == "ConditionalCheckFailedException":
        raise Conflict("this webhook has just been changed by another request; read it again") from None


def _keys(row: WebhookRow) -> SealedKeys:
    until = None if row.previous_until is None else datetime.fromtimestamp(int(row.previous_until), UTC)
    return SealedKeys(row.sealed_key, row.previous_key, until)
