"""The rows and indexes of the table `Webhooks`."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
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
from hooklog.tables import AttachedTable, Item
from hooklog.webhooks.certificate_rows import CertificatesIndex
from hooklog.webhooks.client_certificate import LISTED_CERTIFICATES, NO_NOTICE, EncryptedClientKey
from hooklog.webhooks.webhook import FIELDS, Stored, Webhook

LISTED: Final = "webhooks"
"""The value of `listed` in every row."""

_ATTRIBUTES: Final = {
    Stored.TEXT: UnicodeAttribute,
    Stored.NUMBER: NumberAttribute,
    Stored.BOOLEAN: BooleanAttribute,
    Stored.JSON: JSONAttribute,
}


class ListedIndex(GlobalSecondaryIndex["WebhookRow"]):  # type: ignore[no-untyped-call]
    """All webhooks, ordered by ID.

    It has keys only, so that changes of a webhook do not write to it.
    """

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
    """A webhook with its encrypted keys."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute()
    vars().update({name: _ATTRIBUTES[field.stored](null=True) for name, field in FIELDS.items()})
    enabled: BooleanAttribute
    event_types: JSONAttribute
    sensitive_headers: JSONAttribute
    version: NumberAttribute
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    disabled_reason = UnicodeAttribute(null=True)
    failing_since = UnicodeAttribute(null=True)
    """Removed by each change of the webhook, because its receiver may be another one."""
    encrypted_key = BinaryAttribute(legacy_encoding=False, attr_name="sealed_key")
    previous_key = BinaryAttribute(legacy_encoding=False, null=True)
    previous_until = NumberAttribute(null=True)
    """Unix seconds until which the previous key also signs."""
    earlier_keys = JSONAttribute(null=True)
    """The keys before the previous one: pairs of base64 and Unix seconds."""
    client_chain: UnicodeAttribute | None = UnicodeAttribute(null=True)
    encrypted_client_key = BinaryAttribute(legacy_encoding=False, null=True)
    certificates = UnicodeAttribute(null=True)
    """Lists it in the index of this name."""
    certificate_due_at = UnicodeAttribute(null=True)
    """When the next event of its client certificate is due."""

    by_id = ListedIndex()
    by_topic = TopicIndex()
    by_certificate = CertificatesIndex()


class PreviousKey(NamedTuple):
    """A key that was replaced, encrypted."""

    encrypted: bytes
    until: datetime
    """It also signs until then."""


class EncryptedKeys(NamedTuple):
    """A webhook's signing keys, encrypted."""

    current: bytes
    previous: tuple[PreviousKey, ...] = ()
    """Newest first. Some may have ended."""

    def to_response(self, now: datetime) -> dict[str, Any]:
        """Return until when the newest of the previous keys also signs.

        null if none does (any more).
        """
        until = next((each.until for each in self.previous if now < each.until), None)
        return {"previous_valid_until": until and iso_time(compact_time(until))}


class Registered(NamedTuple):
    """A webhook with its keys."""

    webhook: Webhook
    keys: EncryptedKeys
    client_key: EncryptedClientKey | None = None
    """Of its client certificate."""


def to_webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id,
        **{name: field.load(getattr(row, name)) for name, field in FIELDS.items()},
        created_at=row.created_at,
        updated_at=row.updated_at,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
    )


def to_sensitive_headers(item: Item) -> tuple[str, ...]:
    """Return the names of sensitive headers of an item, which may lack other attributes."""
    names = WebhookRow.from_raw_data(dict(item)).sensitive_headers
    return tuple(FIELDS["sensitive_headers"].load(names) or ())


def to_registered(row: WebhookRow) -> Registered:
    keys = EncryptedKeys(row.encrypted_key, tuple(_read_previous_keys(row)))
    return Registered(to_webhook(row), keys, _read_client_key(row))


def to_row(registered: Registered) -> WebhookRow:
    """Create the row of a created or changed webhook, without `failing_since`."""
    webhook, keys = registered.webhook, registered.keys
    return WebhookRow(
        webhook_id=webhook.webhook_id,
        listed=LISTED,
        **webhook.to_json(),
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
        disabled_reason=webhook.disabled_reason,
        encrypted_key=keys.current,
        **to_previous_attributes(keys),
        **_to_certificate_attributes(registered.client_key),
    )


def _read_client_key(row: WebhookRow) -> EncryptedClientKey | None:
    if row.client_chain is None:
        return None
    return EncryptedClientKey(row.client_chain, row.encrypted_client_key, row.certificate_due_at or NO_NOTICE)


def _to_certificate_attributes(key: EncryptedClientKey | None) -> dict[str, Any]:
    if key is None:
        return {}
    listed = {"certificates": LISTED_CERTIFICATES, "certificate_due_at": key.due_at}
    return {"client_chain": key.chain, "encrypted_client_key": key.encrypted, **listed}


def _read_previous_keys(row: WebhookRow) -> Iterator[PreviousKey]:
    if row.previous_key is not None and row.previous_until is not None:
        yield PreviousKey(row.previous_key, datetime.fromtimestamp(int(row.previous_until), UTC))
    for key, until in row.earlier_keys or ():
        yield PreviousKey(b64decode(key), datetime.fromtimestamp(until, UTC))


def to_previous_attributes(keys: EncryptedKeys) -> dict[str, Any]:
    """Return the attributes that store the previous keys; None for those to remove."""
    newest, *earlier = keys.previous or (None,)
    return {
        "previous_key": newest and newest.encrypted,
        "previous_until": newest and int(newest.until.timestamp()),
        "earlier_keys": [(b64encode(key).decode(), int(until.timestamp())) for key, until in earlier] or None,
    }
