"""The failure monitor: notes since when a webhook has been failing, and disables it when its receiver is gone."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.aws import DYNAMODB_TIMEOUT_SECONDS, Clients
from hooklog.errors import get_error_code
from hooklog.executions.execution import Execution, Trigger, compact_time, iso_time
from hooklog.executions.failures import read_failures
from hooklog.webhooks import registry
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.webhook import Webhook

CHEAP_LOOK: Final = 100
"""Executions that may be read at every failure of a webhook that has failed for long enough."""

PAUSE: Final = timedelta(minutes=5)
"""How long this sender waits before it reads the log of such a webhook again, if it read more and found a success."""

MAX_PAUSES: Final = 1000
"""Webhooks for which that is remembered."""

MONITOR_SECONDS: Final = 2 * DYNAMODB_TIMEOUT_SECONDS
"""What one webhook may take: a read and an update that DynamoDB does not answer. It is skipped if less time is left.
Less than processor.LOG_SECONDS, so that a receiver that hangs for 30 s is judged within 50 s, too."""

_ANSWERED_GONE = "The receiver answered 410: it is gone for good."


class Disabled(NamedTuple):
    """A webhook that was disabled just now."""

    webhook_id: str
    reason: str
    unpublished: str = ""
    """Why there is no event of it; empty if there is one."""


class EventTopic(NamedTuple):
    """The SNS topic for operators' events."""

    clients: Clients
    arn: str

    def publish(self, webhook_id: str, reason: str, at: datetime) -> str:
        """Publish `webhook.disabled`. Returns the cause if SNS does not take it."""
        event = {"type": "webhook.disabled", "webhook_id": webhook_id, "reason": reason}
        attributes = {"type": {"DataType": "String", "StringValue": event["type"]}}
        message = json.dumps({**event, "at": iso_time(compact_time(at))})
        try:
            self.clients.sns.publish(TopicArn=self.arn, Message=message, MessageAttributes=attributes)
        except (BotoCoreError, ClientError) as error:
            return get_error_code(error)
        return ""


class FailureMonitor:
    """Keeps since when each webhook has been failing, and disables those whose receivers are gone."""

    def __init__(
        self, cache: WebhookCache, events: EventTopic, days: int, clock: Callable[[], datetime] | None = None
    ) -> None:
        """`days` is how long a webhook may fail; 0 means without limit, unless it answers 410."""
        self._cache = cache
        self._events = events
        self._longest = timedelta(days=days)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._looked_at: dict[str, datetime] = {}

    def observe(self, executions: Iterable[Execution], seconds_left: Callable[[], float]) -> Iterator[Disabled]:
        """Note these logged executions, as far as time allows; yields the webhooks that are disabled for them.

        Costs nothing for a webhook that succeeds and has not failed before. Raises what reading or writing DynamoDB
        does: the next failure leads to the same.
        """
        attempts: dict[str, list[Execution]] = defaultdict(list)
        for execution in executions:
            if _is_attempt(execution):
                attempts[execution.webhook_id].append(execution)
        for webhook_id, its in attempts.items():
            if seconds_left() < MONITOR_SECONDS:
                return
            entry = self._cache.find(webhook_id)
            if entry and entry.webhook.enabled:
                webhook = entry.webhook
                yield from self._judge(webhook, [each for each in its if each.delivery.call.url == webhook.url])

    def _judge(self, webhook: Webhook, attempts: Sequence[Execution]) -> Iterator[Disabled]:
        """By attempts at its present URL: those at another one say nothing about this receiver."""
        if any(each.delivery.result == HTTPStatus.GONE for each in attempts):
            yield from self._disable(webhook, _ANSWERED_GONE)
        elif any(each.delivery.success for each in attempts):
            if webhook.failing_since:
                self._note(webhook, None)
        elif attempts and webhook.failing_since is None:
            self._note(webhook, iso_time(min(each.execution_id for each in attempts)))
        elif attempts and webhook.failing_since and self._longest and not self._has_looked(webhook.webhook_id):
            since = datetime.fromisoformat(webhook.failing_since)
            if self._clock() - since >= self._longest:
                yield from self._ask_the_log(webhook, since)

    def _ask_the_log(self, webhook: Webhook, since: datetime) -> Iterator[Disabled]:
        """Check that it failed all the time: a sender that knew of no failure has not noted the success after it."""
        found = read_failures(webhook.webhook_id, since)
        if found.complete and found.newest and (first := found.newest[0].at) != since:
            self._note(webhook, iso_time(compact_time(first)))
            since = first
        if found.show_receiver_gone(self._longest, since):
            days = f"{self._longest.days} day{'s' if self._longest.days > 1 else ''}"
            reason = f"Every attempt has failed since {since:%Y-%m-%dT%H:%MZ}, for {days} and longer."
            yield from self._disable(webhook, reason)
        elif found.read_count > CHEAP_LOOK:
            self._looked_at[webhook.webhook_id] = self._clock()
            if len(self._looked_at) > MAX_PAUSES:
                del self._looked_at[next(iter(self._looked_at))]

    def _has_looked(self, webhook_id: str) -> bool:
        """Whether much of its log was read just now, and did not say that its receiver is gone."""
        at = self._looked_at.get(webhook_id)
        return at is not None and self._clock() - at < PAUSE

    def _note(self, webhook: Webhook, since: str | None) -> None:
        registry.note_failing(webhook, since)
        self._cache.read_again(webhook.webhook_id)

    def _disable(self, webhook: Webhook, reason: str) -> Iterator[Disabled]:
        """Of all senders that decide this at once, one disables it and publishes the event."""
        now = self._clock()
        done = registry.disable(webhook, reason, now)
        self._cache.read_again(webhook.webhook_id)
        if done:
            yield Disabled(webhook.webhook_id, reason, self._events.publish(webhook.webhook_id, reason, now))


def _is_attempt(execution: Execution) -> bool:
    """Whether it says something about a registered webhook's receiver."""
    delivery = execution.delivery
    registered = delivery.message.url is None
    return registered and delivery.was_attempted and execution.trigger is not Trigger.TEST
