"""Webhooks and their signing keys, cached between reads of the registry."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from hooklog.errors import RegistryUnavailable
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.rows import Registered
from hooklog.webhooks.webhook import Webhook

FRESH_SECONDS: Final = 20.0
"""How long a webhook, or that there is none, is taken as it was read: a change is effective within 30 s."""

STALE_SECONDS: Final = 3600.0
"""How long a webhook is used that cannot be read again."""

PAUSE_SECONDS: Final = 5.0
"""How long one that could not be read is not asked for again: not by each message of a batch."""

MAX_KEPT: Final = 2000
"""Webhooks remembered."""

MAX_KEPT_LENGTH: Final = 8_000_000
"""Characters of what they hold together, of four bytes at most; a few thousand are usual, the largest have 80,000."""

MAX_DECRYPTED: Final = 10_000
"""Decrypted keys remembered."""

_LOCKS = 64
_UNREADABLE = (BotoCoreError, ClientError, PynamoDBException)


class Entry(NamedTuple):
    """What is known of a webhook."""

    webhook: Webhook
    key: bytes
    previous_key: bytes | None = None
    previous_until: datetime | None = None

    def keys(self, now: datetime) -> list[bytes]:
        """Those that sign, the newest first."""
        keys = [self.key]
        if self.previous_key and self.previous_until and now < self.previous_until:
            keys.append(self.previous_key)
        return keys


class _Kept(NamedTuple):
    entry: Entry | None
    """None where there was no such webhook, or it could not be read."""
    read_at: float | None
    """None where it could not be read."""
    asked_at: float
    good_for: float
    cause: str = ""

    @property
    def length(self) -> int:
        return self.entry.webhook.length if self.entry else 0


class WebhookCache:
    """Finds webhooks by id. Safe to use from several threads: those that ask for the same one wait for one read."""

    def __init__(
        self,
        read: Callable[[str], Registered | None],
        encryption: KeyEncryption,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._encryption = encryption
        self._clock = clock  # not a monotonic one, which may stand still while the function is frozen
        self._kept: dict[str, _Kept] = {}
        self._length = 0
        self._decrypted: dict[tuple[str, bytes], bytes] = {}
        self._locks = [Lock() for _ in range(_LOCKS)]
        self._keeping = Lock()

    def find(self, webhook_id: str, *, as_of: datetime | None = None) -> Entry | None:
        """What is known of it, asked for since that moment; None where there is no such webhook.

        Raises RegistryUnavailable.
        """
        with self._locks[hash(webhook_id) % _LOCKS]:
            kept, now = self._kept.get(webhook_id), self._clock()
            outdated = kept and as_of and kept.asked_at < as_of.timestamp()
            if kept is None or outdated or not 0 <= now - kept.asked_at < kept.good_for:
                kept = self._ask(webhook_id, kept, now)
                self._keep(webhook_id, kept)
        if kept.read_at is None:
            raise RegistryUnavailable(kept.cause)
        return kept.entry

    def read_again(self, webhook_id: str) -> None:
        """Before it is used the next time, for it was changed just now."""
        with self._keeping:
            if kept := self._kept.get(webhook_id):
                self._kept[webhook_id] = kept._replace(good_for=0.0)

    def _ask(self, webhook_id: str, before: _Kept | None, now: float) -> _Kept:
        try:
            registered = self._read(webhook_id)
            return _Kept(self._entry(registered) if registered else None, now, now, FRESH_SECONDS)
        except _UNREADABLE as error:
            cause, asked_at = type(error).__name__, self._clock()  # it may have taken longer than the pause
            if before and before.entry and before.read_at is not None and now - before.read_at < STALE_SECONDS:
                return _Kept(before.entry, before.read_at, asked_at, PAUSE_SECONDS, cause)
            return _Kept(None, None, asked_at, PAUSE_SECONDS, cause)

    def _entry(self, registered: Registered) -> Entry:
        webhook, keys = registered.webhook, registered.keys
        previous = keys.previous and self._decrypt(webhook.webhook_id, keys.previous)
        return Entry(webhook, self._decrypt(webhook.webhook_id, keys.current), previous, keys.previous_until)

    def _decrypt(self, webhook_id: str, encrypted: bytes) -> bytes:
        """Decrypted once for this webhook, for as long as the environment lives.

        Another webhook's copy of a ciphertext goes to KMS, which does not decrypt it.
        """
        if (key := self._decrypted.get((webhook_id, encrypted))) is None:
            key = self._encryption.decrypt(webhook_id, encrypted)
            with self._keeping:
                self._decrypted[webhook_id, encrypted] = key
                if len(self._decrypted) > MAX_DECRYPTED:
                    del self._decrypted[next(iter(self._decrypted))]
        return key

    def _keep(self, webhook_id: str, kept: _Kept) -> None:
        """As the newest; the oldest are forgotten where there are too many, or they hold too much."""
        with self._keeping:
            before = self._kept.pop(webhook_id, None)
            self._kept[webhook_id] = kept
            self._length += kept.length - (before.length if before else 0)
            while len(self._kept) > MAX_KEPT or self._length > MAX_KEPT_LENGTH:
                self._length -= self._kept.pop(next(iter(self._kept))).length
