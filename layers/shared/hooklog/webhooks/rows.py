"""The table `Webhooks`: its items, what they say, and the indexes by which they are found."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from hooklog.executions.execution import compact_time, iso_time
from hooklog.tables import AttachedTable
from hooklog.webhooks.webhook import FIELDS, Stored, Webhook

LISTED: Final = "webhooks"
"""The `listed` of every row."""

_ATTRIBUTES: Final = {
    Stored.TEXT: UnicodeAttribute,
    Stored.NUMBER: NumberAttribute,
    Stored.BOOLEAN: BooleanAttribute,
    Stored.JSON: JSONAttribute,
}


class ListedIndex(GlobalSecondaryIndex["WebhookRow"]):  # type: ignore[no-untyped-call]
    """All webhooks, in the order of their ids. Keys alone: a change of a webhook writes nothing here."""

    class Meta:
        index_name = "listed"
        projection = KeysOnlyProjection()

    listed = UnicodeAttribute(hash_key=True)
    webhook_id = UnicodeAttribute(range_key=True)


class TopicIndex(GlobalSecondaryIndex["WebhookRow"]):  # type: ignore[no-untyped-call]
    """The webhooks of each topic."""

    class Meta:
        index_name = "by_topic"
        projection = IncludeProjection(["enabled", "event_types", "disabled_reason"])

    topic = UnicodeAttribute(hash_key=True)
    webhook_id = UnicodeAttribute(range_key=True)


class WebhookRow(AttachedTable):
    """A webhook with its secrets, which are encrypted."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute()
    vars().update({name: _ATTRIBUTES[field.stored](null=True) for name, field in FIELDS.items()})
    enabled: BooleanAttribute
    event_types: JSONAttribute
    version: NumberAttribute
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    disabled_reason = UnicodeAttribute(null=True)
    failing_since = UnicodeAttribute(null=True)
    """Left out by each change: what was noted before it is of another receiver, maybe."""
    sealed_key = BinaryAttribute(legacy_encoding=False)
    previous_key = BinaryAttribute(legacy_encoding=False, null=True)
    previous_until = NumberAttribute(null=True)
    """Unix seconds until which the previous key signs as well."""

    by_id = ListedIndex()
    by_topic = TopicIndex()


class EncryptedKeys(NamedTuple):
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
    keys: EncryptedKeys


def webhook_of(row: WebhookRow) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id,
        **{name: field.load(getattr(row, name)) for name, field in FIELDS.items()},
        created_at=row.created_at,
        updated_at=row.updated_at,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
    )


def registered_of(row: WebhookRow) -> Registered:
    until = None if row.previous_until is None else datetime.fromtimestamp(int(row.previous_until), UTC)
    return Registered(webhook_of(row), EncryptedKeys(row.sealed_key, row.previous_key, until))


def row_of(registered: Registered) -> WebhookRow:
    """As a change writes it: without `failing_since`."""
    webhook, keys = registered.webhook, registered.keys
    until = keys.previous_until
    return WebhookRow(
        webhook_id=webhook.webhook_id,
        listed=LISTED,
        **webhook.to_json(),
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
        disabled_reason=webhook.disabled_reason,
        sealed_key=keys.current,
        previous_key=keys.previous,
        previous_until=until and int(until.timestamp()),
    )
