"""The registry of webhooks: what is done with the table `Webhooks`."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pynamodb.exceptions import DeleteError, DoesNotExist, PutError, UpdateError
from pynamodb.expressions.condition import Condition

from hooklog.errors import Conflict, NotFound
from hooklog.executions.execution import compact_time, iso_time
from hooklog.webhooks.retry import RetrySchedule
from hooklog.webhooks.rows import WebhookRow
from hooklog.webhooks.webhook import Webhook

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

ROTATION: Final = timedelta(hours=24)
"""How long the secret before the last one still signs."""

_LISTED = "webhooks"
_FIRST, _LAST = "!", "~"  # sort before and behind all that an id is made of


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


class Page(NamedTuple):
    """Webhooks in the order of their ids, and the id of the last one if there are more."""

    webhooks: list[Webhook]
    more_after: str | None


class Subscribers(NamedTuple):
    """Ids of a topic's webhooks in order, and the last one that was looked at if there are more."""

    webhook_ids: list[str]
    more_after: str | None


def read(webhook_id: str, *, consistent: bool = False) -> Registered | None:
    """The webhook as it was a moment ago, or, `consistent`, as it is."""
    try:
        row = WebhookRow.get(webhook_id, consistent_read=consistent)
    except DoesNotExist:
        return None
    return Registered(_webhook(row), _keys(row))


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


def list_webhooks(patterns: Sequence[str], limit: int, after: str | None) -> Page:
    """The first `limit` webhooks behind the id `after` that a token's ids and prefixes (`acme.*`) cover."""
    candidates = _ids(patterns, after or "", limit + 1)
    found: list[Webhook] = []
    while len(found) <= limit and (ids := list(islice(candidates, limit + 1 - len(found)))):
        found += sorted(map(_webhook, WebhookRow.batch_get(ids)), key=lambda webhook: webhook.webhook_id)
    return Page(found[:limit], found[limit - 1].webhook_id if len(found) > limit else None)


def subscribers(topic: str, event_type: str | None, after: str, limit: int) -> Subscribers:
    """Those that take messages of this type, among the first `limit` webhooks of the topic behind the id `after`.

    One that was switched off for its failures is among them: what it misses meanwhile is to be in its history.
    """
    bounds = WebhookRow.webhook_id > (after or _FIRST)
    rows = list(WebhookRow.by_topic.query(topic, bounds, limit=limit))
    takers = [row for row in rows if not row.event_types or event_type in row.event_types]
    wanted = [row.webhook_id for row in takers if row.enabled or row.disabled_reason]
    return Subscribers(wanted, rows[-1].webhook_id if len(rows) == limit else None)


def _ids(patterns: Iterable[str], after: str, page_size: int) -> Iterator[str]:
    """The ids behind `after`, in order, read lazily; of those that a token names, also ids that are not there."""
    for pattern in _disjoint(patterns):
        prefix = pattern.removesuffix("*")
        if prefix == pattern:
            yield from [pattern] if pattern > after else []
        elif after < prefix + _LAST:
            bounds = WebhookRow.webhook_id.between(max(prefix or _FIRST, after + _FIRST), prefix + _LAST)
            for row in WebhookRow.by_id.query(_LISTED, bounds, page_size=page_size):
                yield row.webhook_id


def _disjoint(patterns: Iterable[str]) -> list[str]:
    """The patterns in order, without those that a prefix among the others covers."""
    prefixes = [pattern[:-1] for pattern in set(patterns) if pattern.endswith("*")]

    def covered(pattern: str) -> bool:
        return any(pattern.startswith(prefix) and pattern != prefix + "*" for prefix in prefixes)

    return sorted(pattern for pattern in set(patterns) if not covered(pattern))


def _save(registered: Registered, condition: Condition) -> None:
    webhook, keys = registered.webhook, registered.keys
    schedule, until = webhook.retry_schedule, keys.previous_until
    row = WebhookRow(
        webhook_id=webhook.webhook_id,
        listed=_LISTED,
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


def _webhook(row: WebhookRow) -> Webhook:
    schedule = row.retry_schedule
    return Webhook(
        webhook_id=row.webhook_id,
        name=row.name,
        url=row.url,
        headers=row.headers,
        event_types=tuple(row.event_types),
        enabled=bool(row.enabled),
        timeout_seconds=float(row.timeout_seconds),
        retry_schedule=None if schedule is None else RetrySchedule(tuple(schedule)),
        transformation=row.transformation,
        sensitive_headers=tuple(row.sensitive_headers),
        topic=row.topic,
        version=int(row.version),
        created_at=row.created_at,
        updated_at=row.updated_at,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
    )


def _keys(row: WebhookRow) -> SealedKeys:
    until = None if row.previous_until is None else datetime.fromtimestamp(int(row.previous_until), UTC)
    return SealedKeys(row.sealed_key, row.previous_key, until)
