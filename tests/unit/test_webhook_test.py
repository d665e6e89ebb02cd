"""Tests of a webhook via the API: the time they may take."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from hooklog.aws import DYNAMODB_TIMEOUT_SECONDS
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import BeforeSend
from hooklog.errors import NoTimeLeft
from hooklog.messages.call import Call
from hooklog.sending.attempt import Dispatcher
from hooklog.sending.time_limit import GATEWAY_SECONDS, RESPONSE_SECONDS, TimeLimit
from hooklog.sending.webhook_test import (
    LOG_SECONDS,
    MAX_TEST_SECONDS,
    MIN_TEST_SECONDS,
    NO_RETRIES,
    RESERVE_SECONDS,
    WebhookTest,
    WebhookTester,
)
from hooklog.webhooks.cache import Entry
from hooklog.webhooks.transformation import Transformer
from hooklog.webhooks.webhook import Webhook
from tests import template

if TYPE_CHECKING:
    from hooklog.delivery.client import WebhookClient


@dataclass
class RecordingClient:
    """A client that sends nothing."""

    calls: list[Call] = field(default_factory=list)

    def deliver(self, call: Call, attempt: int, before_send: BeforeSend | None = None) -> Delivery:
        assert before_send is None, "a webhook test waits for no rate limit"
        self.calls.append(call)
        return Delivery.skip(call, attempt, datetime.now(UTC))


def run(client: RecordingClient, timeout_seconds: float, seconds_left: float) -> Delivery:
    fields: dict[str, Any] = {"url": "https://shop.example/hooks", "timeout_seconds": timeout_seconds}
    webhook = Webhook.parse(fields, "acme.orders", None)
    tester = WebhookTester(Dispatcher(cast("WebhookClient", client), NO_RETRIES), Transformer())
    test = WebhookTest.parse({}, "acme.orders")
    return tester.run(test, Entry(webhook, b"key"), TimeLimit(seconds_left)).delivery


@pytest.mark.parametrize(
    ("seconds", "remaining", "expected"),
    [
        (30, 29, MAX_TEST_SECONDS),
        (2.5, 29, 2.5),
        (30, LOG_SECONDS + 12, 12),
        (1, RESERVE_SECONDS + 0.5, 1),
        (30, RESERVE_SECONDS + 0.5, MIN_TEST_SECONDS + 0.5),
    ],
)
def test_a_receiver_has_only_the_time_that_the_response_allows(
    seconds: float, remaining: float, expected: float
) -> None:
    run(client := RecordingClient(), seconds, remaining)
    assert [call.timeout_seconds for call in client.calls] == [pytest.approx(expected, abs=0.4)]


def test_nothing_is_sent_without_time_for_the_receiver() -> None:
    client = RecordingClient()
    with pytest.raises(NoTimeLeft):
        run(client, 30, RESERVE_SECONDS - 0.01)
    assert client.calls == []


def test_time_to_log_is_reserved() -> None:
    """API Gateway waits for 29 s, regardless of the function's timeout."""
    assert MAX_TEST_SECONDS + LOG_SECONDS + RESPONSE_SECONDS <= GATEWAY_SECONDS
    assert template.functions()["TestWebhookFunction"]["Timeout"] == GATEWAY_SECONDS
    assert DYNAMODB_TIMEOUT_SECONDS + 1 <= LOG_SECONDS
