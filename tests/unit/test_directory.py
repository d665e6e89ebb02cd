"""What the sender remembers of webhooks, and for how long."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from hooklog.errors import RegistryUnreachable
from hooklog.webhooks.directory import (
    FRESH_SECONDS,
    MAX_KEPT,
    MAX_KEPT_LENGTH,
    PAUSE_SECONDS,
    STALE_SECONDS,
    Directory,
    Entry,
)
from hooklog.webhooks.rows import Registered, SealedKeys
from hooklog.webhooks.webhook import Webhook

if TYPE_CHECKING:
    from hooklog.webhooks.vault import Vault

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OUTAGE = EndpointConnectionError(endpoint_url="https://dynamodb")


class Keys:
    """Opens what is sealed by turning it round; counts how often."""

    def __init__(self) -> None:
        self.opened: list[bytes] = []

    def open(self, webhook_id: str, sealed: bytes) -> bytes:
        self.opened.append(sealed)
        return sealed[::-1]


@dataclass
class Registry:
    """What is registered, a clock, and how often it was read."""

    rows: dict[str, Registered] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    outage: Exception | None = None
    now: float = 1_000_000.0
    vault: Keys = field(default_factory=Keys)

    def read(self, webhook_id: str) -> Registered | None:
        self.reads.append(webhook_id)
        if self.outage:
            raise self.outage
        return self.rows.get(webhook_id)

    def register(self, webhook_id: str, **fields: Any) -> None:
        webhook = Webhook.parse({"url": "https://shop.example/", **fields}, webhook_id, None)
        self.rows[webhook_id] = Registered(webhook, SealedKeys(b"key", b"old", NOW))

    def directory(self) -> Directory:
        return Directory(self.read, cast("Vault", self.vault), lambda: self.now)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.register("a", name="before")
    return registry


def name(entry: Entry | None) -> str:
    assert entry
    return entry.webhook.name


def test_a_webhook_is_read_once_while_it_is_fresh(registry: Registry) -> None:
    directory = registry.directory()
    directory.find("a")
    registry.register("a", name="after")
    registry.now += FRESH_SECONDS - 0.1
    assert (name(directory.find("a")), registry.reads) == ("before", ["a"])
    registry.now += 0.2
    assert (name(directory.find("a")), registry.reads) == ("after", ["a", "a"])


def test_a_change_is_effective_within_thirty_seconds(registry: Registry) -> None:
    directory = registry.directory()
    directory.find("a")
    registry.register("a", name="after")
    registry.now += 30
    assert name(directory.find("a")) == "after"


def test_one_that_was_read_before_a_moment_is_read_again_once(registry: Registry) -> None:
    directory = registry.directory()
    directory.find("a")
    registry.register("a", name="after")
    registry.now += 2
    moment = datetime.fromtimestamp(registry.now - 1, UTC)
    assert name(directory.find("a")) == "before"
    assert [name(directory.find("a", as_of=moment)) for _ in range(2)] == ["after", "after"]
    assert registry.reads == ["a", "a"]


def test_that_there_is_none_is_remembered_as_well(registry: Registry) -> None:
    directory = registry.directory()
    assert directory.find("b") is directory.find("b") is None
    registry.register("b")
    assert (directory.find("b"), registry.reads) == (None, ["b"])
    registry.now += FRESH_SECONDS
    assert directory.find("b")


def test_a_clock_that_was_set_back_keeps_nothing_fresh(registry: Registry) -> None:
    directory = registry.directory()
    directory.find("a")
    registry.now -= 3600
    directory.find("a")
    assert len(registry.reads) == 2


def test_what_cannot_be_read_is_taken_as_it_was_for_an_hour(registry: Registry) -> None:
    directory = registry.directory()
    directory.find("a")
    registry.outage = OUTAGE
    registry.now += STALE_SECONDS - 1
    assert name(directory.find("a")) == "before"
    registry.now += PAUSE_SECONDS
    with pytest.raises(RegistryUnreachable, match="EndpointConnectionError"):
        directory.find("a")
    registry.outage = None
    registry.now += PAUSE_SECONDS
    assert name(directory.find("a")) == "before"


def test_that_there_was_none_is_not_taken_for_true_in_an_outage(registry: Registry) -> None:
    directory = registry.directory()
    directory.find("b")
    registry.outage = OUTAGE
    registry.now += FRESH_SECONDS
    with pytest.raises(RegistryUnreachable):
        directory.find("b")


def test_an_outage_is_not_asked_about_by_each_message(registry: Registry) -> None:
    directory = registry.directory()
    registry.outage = OUTAGE
    for _ in range(10):
        with pytest.raises(RegistryUnreachable):
            directory.find("a")
    assert registry.reads == ["a"]
    registry.outage = None
    registry.now += PAUSE_SECONDS
    assert name(directory.find("a")) == "before"


@pytest.mark.parametrize("known", [True, False])
def test_a_pause_begins_when_reading_has_failed(registry: Registry, known: bool) -> None:
    def time_out(webhook_id: str) -> Registered | None:
        registry.now += 6.0 if registry.outage else 0.0
        return registry.read(webhook_id)

    directory = Directory(time_out, cast("Vault", registry.vault), lambda: registry.now)
    if known:
        directory.find("a")
        registry.now += FRESH_SECONDS
    registry.reads.clear()
    registry.outage = OUTAGE
    for _ in range(10):
        with nullcontext() if known else pytest.raises(RegistryUnreachable):
            directory.find("a")
    assert registry.reads == ["a"]
    registry.now += PAUSE_SECONDS - 0.1
    with nullcontext() if known else pytest.raises(RegistryUnreachable):
        directory.find("a")
    assert registry.reads == ["a"]


def test_those_who_ask_at_once_wait_for_one_read(registry: Registry) -> None:
    release = threading.Event()
    read = registry.read

    def slow(webhook_id: str) -> Registered | None:
        release.wait(10)
        return read(webhook_id)

    directory = Directory(slow, cast("Vault", registry.vault), lambda: registry.now)
    with ThreadPoolExecutor(10) as pool:
        found = [pool.submit(directory.find, "a") for _ in range(10)]
        while not any(future.running() for future in found):
            time.sleep(0.001)
        release.set()
    assert {name(future.result()) for future in found} == {"before"}
    assert registry.reads == ["a"]


def test_a_key_is_opened_once_however_often_its_webhook_is_read(registry: Registry) -> None:
    directory = registry.directory()
    for _ in range(3):
        entry = directory.find("a")
        registry.now += FRESH_SECONDS
    assert entry
    assert sorted(registry.vault.opened) == [b"key", b"old"]
    assert entry.keys(NOW - timedelta(seconds=1)) == [b"yek", b"dlo"]
    assert entry.keys(NOW) == [b"yek"]


def test_a_key_is_opened_for_its_own_webhook_only(registry: Registry) -> None:
    """A ciphertext that was copied to another webhook's row goes to KMS, which refuses it there."""
    directory = registry.directory()
    registry.register("b")
    directory.find("a")
    registry.vault.opened.clear()
    directory.find("b")
    assert sorted(registry.vault.opened) == [b"key", b"old"]


def test_no_more_are_remembered_than_fit(registry: Registry) -> None:
    directory = registry.directory()
    for number in range(MAX_KEPT + 1):
        directory.find(str(number))
    directory.find(str(MAX_KEPT))
    assert len(registry.reads) == MAX_KEPT + 1
    directory.find("0")
    assert len(registry.reads) == MAX_KEPT + 2


def test_the_largest_webhooks_take_no_more_memory_than_many_small_ones(registry: Registry) -> None:
    """Whoever may set webhooks up must not be able to end the sender, with the batches of others."""
    directory = registry.directory()
    large = {"transformation": "x" * 32_768, "headers": {"X-Shop": "x" * 16_000}}
    numbers = range(MAX_KEPT_LENGTH // 48_768 + 1)
    for number in numbers:
        registry.register(str(number), **large)
        directory.find(str(number))
    registry.reads.clear()
    directory.find(str(numbers[-1]))
    assert registry.reads == []
    directory.find("0")
    assert registry.reads == ["0"]


def test_one_that_is_read_again_counts_once(registry: Registry) -> None:
    directory = registry.directory()
    registry.register("a", transformation="x" * 32_768)
    directory.find("b")
    for _ in range(MAX_KEPT_LENGTH // 32_768 + 1):
        registry.now += FRESH_SECONDS - 1
        directory.find("b")
        registry.now += 1
        directory.find("a")
    registry.reads.clear()
    directory.find("b")
    assert registry.reads == []
