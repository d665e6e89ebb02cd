"""The sender's cache with many webhooks: memory, reads of the registry and decrypted keys.

Runs the deployed cache without AWS, with a clock of its own.
"""

import gc
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, cast

import psutil

from benchmarks.capacity import decrypted_share, registry_reads_share
from benchmarks.figures import Figure
from hooklog.executions.execution import compact_time, iso_time
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.rows import EncryptedKeys, Registered
from hooklog.webhooks.webhook import Webhook

WEBHOOKS: Final = 20_000
MANY_WEBHOOKS: Final = 100_000
"""More than there is room for."""
CIPHERTEXT_BYTES: Final = 184
"""Of a key of 32 bytes that KMS has encrypted."""
PER_SECOND: Final = 12.0
"""Executions of one sender: a full batch each 0.85 s."""
EXECUTIONS: Final = 60_000
MEMORY_MB: Final = 32
"""The most that the cache may take of a sender's memory."""


class _Registry:
    """A registry and its key, which count what is read and decrypted."""

    def __init__(self) -> None:
        self.reads = 0
        self.decrypts = 0
        self._typical = make_webhook(1, "https://shop.example/hooks")

    def read(self, webhook_id: str) -> Registered:
        self.reads += 1
        webhook = self._typical.webhook._replace(webhook_id=webhook_id)
        return Registered(webhook, EncryptedKeys(webhook_id.encode().ljust(CIPHERTEXT_BYTES)))

    def decrypt(self, webhook_id: str, encrypted: bytes) -> bytes:
        self.decrypts += 1
        return bytes(encrypted[:32])


def make_webhook(number: int, url: str, topic: str | None = None, event_types: tuple[str, ...] = ()) -> Registered:
    """Make a webhook of typical size, with a key as long as KMS encrypts it."""
    at = iso_time(compact_time(datetime(2026, 11, 28, tzinfo=UTC)))
    fields = {
        "name": f"Send orders to warehouse {number}",
        "url": url,
        "headers": {"X-Shop": "berlin"},
        "enabled": True,
    }
    targeted = {**fields, "topic": topic, "event_types": list(event_types)}
    parsed = Webhook.parse(targeted, f"scale.{number:05}", None)
    webhook = parsed._replace(version=1, created_at=at, updated_at=at)
    return Registered(webhook, EncryptedKeys(random.Random(number).randbytes(CIPHERTEXT_BYTES)))


def measure() -> Iterator[Figure]:
    """Send to random webhooks, evenly, and compare the cache's misses with the model's."""
    for webhooks in (WEBHOOKS, MANY_WEBHOOKS):
        registry, now, name = _Registry(), [1_800_000_000.0], f"cache of {webhooks:,} webhooks"
        cache = WebhookCache(registry.read, cast("Any", registry), clock=lambda now=now: now[0])  # type: ignore[misc]
        before = _memory_mb()
        for number in range(webhooks):
            cache.find(f"scale.{number:05}")
        yield Figure(f"{name}: memory", _memory_mb() - before, at_most=MEMORY_MB, unit="MB")
        registry.reads = registry.decrypts = 0
        generator = random.Random(2026)
        for _ in range(EXECUTIONS):
            now[0] += 1 / PER_SECOND
            cache.find(f"scale.{generator.randrange(webhooks):05}")
        reads = registry.reads / EXECUTIONS / registry_reads_share(PER_SECOND, webhooks)
        yield Figure(f"{name}: reads of the registry, measured / predicted", reads, at_least=0.98, at_most=1.02)
        decrypted = registry.decrypts / EXECUTIONS - decrypted_share(webhooks)
        yield Figure(f"{name}: share of decrypted keys, measured - predicted", decrypted, at_least=-0.02, at_most=0.02)


def _memory_mb() -> float:
    gc.collect()
    return float(psutil.Process(os.getpid()).memory_info().rss) / 2**20
