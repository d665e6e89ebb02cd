"""The rotation of a webhook's signing secret."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from hooklog.delivery.signature import parse_secret
from hooklog.errors import Conflict, InvalidRequest
from hooklog.messages.field_errors import FieldErrors
from hooklog.messages.fields import describe_actual
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.rows import EncryptedKeys, PreviousKey

DEFAULT_OVERLAP_HOURS: Final = 24
MAX_OVERLAP_HOURS: Final = 168

MAX_PREVIOUS_KEYS: Final = 9
"""Previous keys that sign at the same time. Each adds 48 bytes to a request and a call of KMS to a cold start."""

_FIELDS: Final = frozenset({"secret", "overlap_hours"})


class Rotation(NamedTuple):
    """A request to replace a webhook's key."""

    key: bytes | None
    """The customer's own key; None to generate one."""
    overlap: timedelta
    """How long the replaced key also signs. Zero also ends every earlier key."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Rotation":
        """Parse a request body.

        Raises InvalidRequest with all invalid fields, but not their values.
        """
        errors, key, hours = FieldErrors(), None, DEFAULT_OVERLAP_HOURS
        errors.add_unknown(fields, _FIELDS)
        with errors.of("secret"):
            key = parse_secret(fields["secret"]) if "secret" in fields else None
        with errors.of("overlap_hours"):
            hours = _read_overlap_hours(fields)
        errors.raise_any()
        return cls(key, timedelta(hours=hours))

    def apply(
        self, webhook_id: str, keys: EncryptedKeys, new_key: bytes, encryption: KeyEncryption, now: datetime
    ) -> EncryptedKeys:
        """Return the keys after the rotation to `new_key`.

        Earlier keys keep their end. If the new key is the current one already, it has no successor: only `overlap` zero
        changes anything. If it is a previous one, it becomes the current one. Raises Conflict above MAX_PREVIOUS_KEYS.
        """
        previous = [each for each in keys.previous if self.overlap and now < each.until]
        if self.key is not None:
            if encryption.decrypt(webhook_id, keys.current) == new_key:
                return keys._replace(previous=tuple(previous))
            previous = [each for each in previous if encryption.decrypt(webhook_id, each.encrypted) != new_key]
        if self.overlap:
            until = (now + self.overlap).replace(microsecond=0)
            previous.insert(0, PreviousKey(keys.current, until))
        if len(previous) > MAX_PREVIOUS_KEYS:
            raise Conflict(
                f"{MAX_PREVIOUS_KEYS + 1} secrets of this webhook sign already; wait until one ends, or send "
                "overlap_hours 0, which ends all but the new one"
            )
        return EncryptedKeys(encryption.encrypt(webhook_id, new_key), tuple(previous))


def _read_overlap_hours(fields: Mapping[str, Any]) -> int:
    hours = fields.get("overlap_hours", DEFAULT_OVERLAP_HOURS)
    if type(hours) is not int or not 0 <= hours <= MAX_OVERLAP_HOURS:
        actual = describe_actual(fields, "overlap_hours")
        raise InvalidRequest(f"overlap_hours must be a whole number from 0 to {MAX_OVERLAP_HOURS}{actual}")
    return hours
