"""The sender's cache of webhooks: what it holds, and for how long."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from hooklog.errors import RegistryUnavailable
from hooklog.webhooks.cache import (
    FRESH_SECONDS,
    MAX_CHARACTERS,
    MAX_WEBHOOKS,
    PAUSE_SECONDS,
    STALE_SECONDS,
    Entry,
    WebhookCache,
)
from hooklog.webhooks.client_certificate import NO_NOTICE, EncryptedClientKey
from hooklog.webhooks.encryption import Purpose
from hooklog.webhooks.rows import EncryptedKeys, PreviousKey, Registered
from hooklog.webhooks.webhook import Webhook

if TYPE_CHECKING:
    from hooklog.webhooks.encryption import KeyEncryption

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OUTAGE = EndpointConnectionError(endpoint_url="https://dynamodb")


class Keys:
    """Decrypts by reversing the bytes, and records each call."""

    def __init__(self) -> None:
        self.decrypted: list[bytes] = []
        self.failure: ClientError | None = None
        """Raised for keys of client certificates."""

    def decrypt(self, webhook_id: str, encrypted: bytes, purpose: Purpose = Purpose.SIGNING) -> bytes:
        self.decrypted.append(encrypted)
        if self.failure and purpose is Purpose.CLIENT_CERTIFICATE:
            raise self.failure
        return encrypted[::-1]


@dataclass
class Registry:
    """Registered webhooks, a clock and a record of reads."""

    rows: dict[str, Registered] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    outage: Exception | None = None
    now: float = 1_000_000.0
    encryption: Keys = field(default_factory=Keys)

    def read(self, webhook_id: str) -> Registered | None:
        self.reads.append(webhook_id)
        if self.outage:
            raise self.outage
        return self.rows.get(webhook_id)

    def register(self, webhook_id: str, **fields: Any) -> None:
        webhook = Webhook.parse({"url": "https://shop.example/", **fields}, webhook_id, None)
        self.rows[webhook_id] = Registered(webhook, EncryptedKeys(b"key", (PreviousKey(b"old", NOW),)))

    def cache(self) -> WebhookCache:
        return WebhookCache(self.read, cast("KeyEncryption", self.encryption), lambda: self.now)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.register("a", name="before")
    return registry


def name(entry: Entry | None) -> str:
    assert entry
    return entry.webhook.name


def test_a_webhook_is_read_once_while_it_is_fresh(registry: Registry) -> None:
    cache = registry.cache()
    cache.find("a")
    registry.register("a", name="after")
    registry.now += FRESH_SECONDS - 0.1
    assert (name(cache.find("a")), registry.reads) == ("before", ["a"])
    registry.now += 0.2
    assert (name(cache.find("a")), registry.reads) == ("after", ["a", "a"])


def test_a_change_takes_effect_within_thirty_seconds(registry: Registry) -> None:
    cache = registry.cache()
    cache.find("a")
    registry.register("a", name="after")
    registry.now += 30
    assert name(cache.find("a")) == "after"


def test_a_webhook_cached_before_a_given_time_is_read_again_once(registry: Registry) -> None:
    cache = registry.cache()
    cache.find("a")
    registry.register("a", name="after")
    registry.now += 2
    moment = datetime.fromtimestamp(registry.now - 1, UTC)
    assert name(cache.find("a")) == "before"
    assert [name(cache.find("a", checked_since=moment)) for _ in range(2)] == ["after", "after"]
    assert registry.reads == ["a", "a"]


def test_a_missing_webhook_is_cached_as_well(registry: Registry) -> None:
    cache = registry.cache()
    assert cache.find("b") is cache.find("b") is None
    registry.register("b")
    assert (cache.find("b"), registry.reads) == (None, ["b"])
    registry.now += FRESH_SECONDS
    assert cache.find("b")


def test_a_clock_that_was_set_back_keeps_no_entry_fresh(registry: Registry) -> None:
    cache = registry.cache()
    cache.find("a")
    registry.now -= 3600
    cache.find("a")
    assert len(registry.reads) == 2


def test_a_webhook_that_cannot_be_read_is_served_stale_for_an_hour(registry: Registry) -> None:
    cache = registry.cache()
    cache.find("a")
    registry.outage = OUTAGE
    registry.now += STALE_SECONDS - 1
    assert name(cache.find("a")) == "before"
    registry.now += PAUSE_SECONDS
    with pytest.raises(RegistryUnavailable, match="EndpointConnectionError"):
        cache.find("a")
    registry.outage = None
    registry.now += PAUSE_SECONDS
    assert name(cache.find("a")) == "before"


def test_a_missing_webhook_is_not_served_stale_in_an_outage(registry: Registry) -> None:
    cache = registry.cache()
    cache.find("b")
    registry.outage = OUTAGE
    registry.now += FRESH_SECONDS
    with pytest.raises(RegistryUnavailable):
        cache.find("b")


def test_not_every_message_reads_during_an_outage(registry: Registry) -> None:
    cache = registry.cache()
    registry.outage = OUTAGE
    for _ in range(10):
        with pytest.raises(RegistryUnavailable):
            cache.find("a")
    assert registry.reads == ["a"]
    registry.outage = None
    registry.now += PAUSE_SECONDS
    assert name(cache.find("a")) == "before"


@pytest.mark.parametrize("known", [True, False])
def test_a_failed_read_starts_a_pause(registry: Registry, known: bool) -> None:
    def read_until_timeout(webhook_id: str) -> Registered | None:
        registry.now += 6.0 if registry.outage else 0.0
        return registry.read(webhook_id)

    cache = WebhookCache(read_until_timeout, cast("KeyEncryption", registry.encryption), lambda: registry.now)
    if known:
        cache.find("a")
        registry.now += FRESH_SECONDS
    registry.reads.clear()
    registry.outage = OUTAGE
    for _ in range(10):
        with nullcontext() if known else pytest.raises(RegistryUnavailable):
            cache.find("a")
    assert registry.reads == ["a"]
    registry.now += PAUSE_SECONDS - 0.1
    with nullcontext() if known else pytest.raises(RegistryUnavailable):
        cache.find("a")
    assert registry.reads == ["a"]


def test_concurrent_lookups_share_one_read(registry: Registry) -> None:
    release = threading.Event()
    read = registry.read

    def slow(webhook_id: str) -> Registered | None:
        release.wait(60)
        return read(webhook_id)

    cache = WebhookCache(slow, cast("KeyEncryption", registry.encryption), lambda: registry.now)
    with ThreadPoolExecutor(10) as pool:
        futures = [pool.submit(cache.find, "a") for _ in range(10)]
        while not any(future.running() for future in futures):
            time.sleep(0.001)
        release.set()
    assert {name(future.result()) for future in futures} == {"before"}
    assert registry.reads == ["a"]


def test_a_key_is_decrypted_once_however_often_its_webhook_is_read(registry: Registry) -> None:
    cache = registry.cache()
    for _ in range(3):
        entry = cache.find("a")
        registry.now += FRESH_SECONDS
    assert entry
    assert sorted(registry.encryption.decrypted) == [b"key", b"old"]
    assert entry.keys(NOW - timedelta(seconds=1)) == [b"yek", b"dlo"]
    assert entry.keys(NOW) == [b"yek"]


def test_a_key_that_has_ended_is_not_decrypted(registry: Registry) -> None:
    registry.now = NOW.timestamp()
    entry = registry.cache().find("a")
    assert entry
    assert (entry.keys(NOW), registry.encryption.decrypted) == ([b"yek"], [b"key"])


def test_a_key_is_decrypted_for_its_own_webhook_only(registry: Registry) -> None:
    """A ciphertext copied to another webhook's row is sent to KMS, which refuses it."""
    cache = registry.cache()
    registry.register("b")
    cache.find("a")
    registry.encryption.decrypted.clear()
    cache.find("b")
    assert sorted(registry.encryption.decrypted) == [b"key", b"old"]


def test_a_key_is_decrypted_for_its_own_purpose_only(registry: Registry) -> None:
    """The ciphertext of a client certificate's key, copied to the place of a signing key, is sent to KMS too."""
    copied = EncryptedClientKey("chain", b"key", NO_NOTICE)
    registry.rows["a"] = registry.rows["a"]._replace(client_key=copied)
    registry.cache().find("a")
    assert sorted(registry.encryption.decrypted) == [b"key", b"key", b"old"]


@pytest.mark.parametrize("code", ["ThrottlingException", "KMSInternalException", "DisabledException", "AccessDenied"])
def test_a_webhook_whose_client_key_cannot_be_decrypted_now_waits(registry: Registry, code: str) -> None:
    """Sent without its certificate, its messages would fail."""
    registry.rows["a"] = registry.rows["a"]._replace(client_key=EncryptedClientKey("chain", b"key", NO_NOTICE))
    registry.encryption.failure = ClientError({"Error": {"Code": code}}, "Decrypt")
    cache = registry.cache()
    with pytest.raises(RegistryUnavailable):
        cache.find("a")
    registry.encryption.failure = None
    registry.now += PAUSE_SECONDS
    entry = cache.find("a")
    assert entry
    assert entry.identity == ("a", "chain", b"yek")


def test_the_number_of_remembered_entries_is_limited(registry: Registry) -> None:
    cache = registry.cache()
    for number in range(MAX_WEBHOOKS + 1):
        cache.find(str(number))
    cache.find(str(MAX_WEBHOOKS))
    assert len(registry.reads) == MAX_WEBHOOKS + 1
    cache.find("0")
    assert len(registry.reads) == MAX_WEBHOOKS + 2


def test_the_largest_webhooks_take_no_more_memory_than_many_small_ones(registry: Registry) -> None:
    """Otherwise one tenant could exhaust the sender's memory."""
    cache = registry.cache()
    large = {"transformation": "x" * 16_384, "headers": {"X-Shop": "x" * 16_000}}
    certificate = EncryptedClientKey("x" * 16_384, b"key", NO_NOTICE)
    numbers = range(MAX_CHARACTERS // 48_768 + 1)
    for number in numbers:
        registry.register(str(number), **large)
        registry.rows[str(number)] = registry.rows[str(number)]._replace(client_key=certificate)
        cache.find(str(number))
    registry.reads.clear()
    cache.find(str(numbers[-1]))
    assert registry.reads == []
    cache.find("0")
    assert registry.reads == ["0"]


def test_a_webhook_that_is_read_again_counts_once(registry: Registry) -> None:
    cache = registry.cache()
    registry.register("a", transformation="x" * 32_768)
    cache.find("b")
    for _ in range(MAX_CHARACTERS // 32_768 + 1):
        registry.now += FRESH_SECONDS - 1
        cache.find("b")
        registry.now += 1
        cache.find("a")
    registry.reads.clear()
    cache.find("b")
    assert registry.reads == []
