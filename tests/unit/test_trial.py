"""How a webhook is tried out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from hooklog.api.trial import MAX_TRIAL_SECONDS, Laboratory, Trial
from hooklog.delivery.delivery import Delivery
from hooklog.messages.call import Call
from hooklog.webhooks.directory import Entry
from hooklog.webhooks.transformation import Transformer
from hooklog.webhooks.webhook import Webhook
from tests import template

if TYPE_CHECKING:
    from hooklog.delivery.courier import Courier


@dataclass
class Witness:
    """A courier that sends nothing."""

    calls: list[Call] = field(default_factory=list)

    def deliver(self, call: Call, attempt: int) -> Delivery:
        self.calls.append(call)
        return Delivery.skip(call, attempt, datetime.now(UTC))


@pytest.mark.parametrize(("seconds", "given"), [(30, MAX_TRIAL_SECONDS), (2.5, 2.5)])
def test_a_receiver_has_no_longer_than_the_answer_can_wait(seconds: float, given: float) -> None:
    fields: dict[str, Any] = {"url": "https://shop.example/hooks", "timeout_seconds": seconds}
    webhook = Webhook.parse(fields, "acme.orders", None)
    witness = Witness()
    Laboratory(cast("Courier", witness), Transformer()).run(Trial.parse({}, "acme.orders"), Entry(webhook, b"key"))
    assert [call.timeout_seconds for call in witness.calls] == [given]


def test_there_is_time_to_log_it() -> None:
    """API Gateway waits for 29 s, whatever a function's own time is."""
    assert MAX_TRIAL_SECONDS + 8 <= template.functions()["TestWebhookFunction"]["Timeout"] <= 29
