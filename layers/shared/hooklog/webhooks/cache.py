"""A cache of webhooks and their decrypted keys."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from hooklog.errors import RegistryUnavailable, get_error_code
from hooklog.messages.call import Call, ClientIdentity
from hooklog.messages.message import Message
from hooklog.webhooks.client_certificate import EncryptedClientKey
from hooklog.webhooks.encryption import KeyEncryption, Purpose
from hooklog.webhooks.rows import Registered
from hooklog.webhooks.webhook import Webhook

FRESH_SECONDS: Final = 20.0
"""How long a webhook is cached, also a missing one. Changes take effect within 30 s."""

STALE_SECONDS: Final = 3600.0
"""How long a cached webhook is used if it cannot be read again."""

PAUSE_SECONDS: Final = 5.0
"""How long to wait after a failed read before the next, so that not every message of a batch tries."""

MAX_WEBHOOKS: Final = 2000
"""Cached webhooks."""

MAX_CHARACTERS: Final = 8_000_000
"""Characters of all cached webhooks, up to four bytes each. A webhook usually has a few thousand, at most 80,000."""

MAX_DECRYPTED: Final = 50_000
"""Cached decrypted keys: about 400 bytes for a secret, up to 8 KB for a client certificate. Above this number of
webhooks, most executions would call KMS."""

_LOCK_COUNT = 64
_UNREADABLE = (BotoCoreError, ClientError, PynamoDBException)
_INVALID_CIPHERTEXT = frozenset({"IncorrectKeyException", "InvalidCiphertextException"})


class Entry(NamedTuple):
    """A webhook with its decrypted keys."""

    webhook: Webhook
    key: bytes
    previous: tuple[tuple[bytes, datetime], ...] = ()
    """Previous keys, newest first, with the time until which each also signs."""
    identity: ClientIdentity | None = None

    @property
    def length(self) -> int:
        """The number of characters of the webhook and its client certificate."""
        return self.webhook.length + (len(self.identity.chain) + len(self.identity.key) if self.identity else 0)

    def make_call(self, message: Message, now: datetime) -> Call:
        """Create the call for a message to the webhook's URL."""
        call = self.webhook.make_call(message, self.keys(now))
        return call._replace(identity=self.identity) if self.identity else call

    def keys(self, now: datetime) -> list[bytes]:
        """Return the keys that sign now, newest first."""
        return [self.key, *(key for key, until in self.previous if now < until)]


class _Item(NamedTuple):
    entry: Entry | None
    """None if the webhook does not exist, or could not be read."""
    read_at: float | None
    """None if it could not be read."""
    checked_at: float
    """The time of the last read, including failed ones."""
    ttl: float
    """Seconds after `checked_at` until the next read."""
    cause: str = ""

    @property
    def length(self) -> int:
        return self.entry.length if self.entry else 0


class WebhookCache:
    """A cache that finds webhooks by ID.

    Thread-safe; threads that need the same webhook share one read.
    """

    def __init__(
        self,
        read: Callable[..., Registered | None],
        encryption: KeyEncryption,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._encryption = encryption
        self._clock = clock  # not monotonic: that clock may stop while the Lambda environment is frozen
        self._items: dict[str, _Item] = {}
        self._length = 0
        self._decrypted: dict[tuple[str, bytes, Purpose], bytes] = {}
        self._webhook_locks = [Lock() for _ in range(_LOCK_COUNT)]
        self._lock = Lock()

    def find(self, webhook_id: str, *, checked_since: datetime | None = None) -> Entry | None:
        """Return a webhook; None if it does not exist.

        It may come from the cache, if it was checked since that time. Raises RegistryUnavailable.
        """
        with self._webhook_locks[hash(webhook_id) % _LOCK_COUNT]:
            item, now = self._items.get(webhook_id), self._clock()
            is_outdated = item and checked_since and item.checked_at < checked_since.timestamp()
            if item is None or is_outdated or not 0 <= now - item.checked_at < item.ttl:
                item = self._read_item(webhook_id, item, now)
                self._store(webhook_id, item)
        if item.read_at is None:
            raise RegistryUnavailable(item.cause)
        return item.entry

    def refresh(self, webhook_id: str) -> Entry | None:
        """Read a webhook now, consistently; None if it does not exist.

        Raises RegistryUnavailable if it cannot be read, even if it is cached.
        """
        with self._webhook_locks[hash(webhook_id) % _LOCK_COUNT]:
            item = self._read_item(webhook_id, self._items.get(webhook_id), self._clock(), consistent=True)
            self._store(webhook_id, item)
        if item.cause:
            raise RegistryUnavailable(item.cause)
        return item.entry

    def invalidate(self, webhook_id: str) -> None:
        """Read a webhook again before its next use, because it has changed."""
        with self._lock:
            if item := self._items.get(webhook_id):
                self._items[webhook_id] = item._replace(ttl=0.0)

    def _read_item(self, webhook_id: str, before: _Item | None, now: float, *, consistent: bool = False) -> _Item:
        try:
            registered = self._read(webhook_id, consistent=True) if consistent else self._read(webhook_id)
            return _Item(self._make_entry(registered) if registered else None, now, now, FRESH_SECONDS)
        except _UNREADABLE as error:
            cause, checked_at = type(error).__name__, self._clock()  # the read may have taken longer than the pause
            if before and before.entry and before.read_at is not None and now - before.read_at < STALE_SECONDS:
                return _Item(before.entry, before.read_at, checked_at, PAUSE_SECONDS, cause)
            return _Item(None, None, checked_at, PAUSE_SECONDS, cause)

    def _make_entry(self, registered: Registered) -> Entry:
        """Decrypt the keys, but not those that have ended, which saves calls of KMS."""
        webhook, keys = registered.webhook, registered.keys
        decrypt, now = partial(self._decrypt, webhook.webhook_id), datetime.fromtimestamp(self._clock(), UTC)
        previous = tuple((decrypt(key), until) for key, until in keys.previous if now < until)
        client_key = registered.client_key
        identity = self._make_identity(webhook.webhook_id, client_key) if client_key else None
        return Entry(webhook, decrypt(keys.current), previous, identity)

    def _make_identity(self, webhook_id: str, stored: EncryptedClientKey) -> ClientIdentity:
        """Decrypt the key of a client certificate.

        It stays empty if it cannot be decrypted, because waiting would not help. Its executions then say so.
        """
        try:
            key = self._decrypt(webhook_id, stored.encrypted, Purpose.CLIENT_CERTIFICATE)
        except ClientError as error:
            if get_error_code(error) not in _INVALID_CIPHERTEXT:
                raise
            key = b""
        return ClientIdentity(webhook_id, stored.chain, key)

    def _decrypt(self, webhook_id: str, encrypted: bytes, purpose: Purpose = Purpose.SIGNING) -> bytes:
        """Decrypt a key once per webhook and purpose.

        KMS rejects a ciphertext that was copied from another webhook, or to the place of another key.
        """
        if (key := self._decrypted.get((webhook_id, encrypted, purpose))) is None:
            key = self._encryption.decrypt(webhook_id, encrypted, purpose)
            with self._lock:
                self._decrypted[webhook_id, encrypted, purpose] = key
                if len(self._decrypted) > MAX_DECRYPTED:
                    del self._decrypted[next(iter(self._decrypted))]
        return key

    def _store(self, webhook_id: str, item: _Item) -> None:
        """Store a webhook, and evict the oldest above MAX_WEBHOOKS or MAX_CHARACTERS."""
        with self._lock:
            before = self._items.pop(webhook_id, None)
            self._items[webhook_id] = item
            self._length += item.length - (before.length if before else 0)
            while len(self._items) > MAX_WEBHOOKS or self._length > MAX_CHARACTERS:
                self._length -= self._items.pop(next(iter(self._items))).length
