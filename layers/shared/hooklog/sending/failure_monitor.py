"""The failure monitor, which disables webhooks whose receivers are gone."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple

from pynamodb.connection import Connection

from hooklog.aws import DYNAMODB_TIMEOUT_SECONDS, Clients
from hooklog.errors import describe_error
from hooklog.executions.execution import Execution, Trigger, compact_time, iso_time
from hooklog.executions.failures import read_failures
from hooklog.webhooks import registry
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.webhook import Webhook

CHEAP_CHECK: Final = 100
"""If a check of the log reads at most so many executions, every failure may repeat it."""

PAUSE: Final = timedelta(minutes=5)
"""How long to wait after an expensive check that did not disable the webhook."""

MAX_PAUSES: Final = 1000
"""Webhooks for which expensive checks are remembered."""

MONITOR_SECONDS: Final = 2 * DYNAMODB_TIMEOUT_SECONDS
"""The longest that one webhook takes: a read and an update that time out. With less time left, it is skipped. Less than
processor.LOG_SECONDS, so that 50 s suffice even if the receiver takes 30 s."""

_ANSWERED_GONE = "The receiver answered 410 Gone."


class Disabled(NamedTuple):
    """A webhook that was disabled just now."""

    webhook_id: str
    reason: str
    unpublished: str = ""
    """Why its event could not be published; empty if it was."""
    is_pending: bool = False
    """Whether that event waits in the outbox."""


class EventDestination(NamedTuple):
    """Where events go: to the SNS topic, or to the outbox if that fails."""

    clients: Clients
    topic_arn: str
    connection: Connection
    outbox_table: str
    days: int
    """How long the outbox keeps an event, at least."""

    def publish(self, disabled: Disabled, at: datetime) -> Disabled:
        """Publish `webhook.disabled`, or keep it in the outbox; return the outcome."""
        from hooklog.events import event, outbox, topic  # few invocations need them, so a cold start omits them
        from hooklog.statistics.seen import SeenRow

        raised = event.build_disabled(disabled.webhook_id, disabled.reason, at)
        unpublished = topic.EventTopic(self.clients, self.topic_arn).publish([raised])
        if not unpublished:
            return disabled
        SeenRow.attach(self.connection, self.outbox_table)
        try:
            outbox.keep(raised, int((at + timedelta(days=self.days)).timestamp()))
        except outbox.UNAVAILABLE as error:
            return disabled._replace(unpublished=f"{unpublished.cause}, nor kept: {describe_error(error)}")
        return disabled._replace(unpublished=unpublished.cause, is_pending=True)


class FailureMonitor:
    """A monitor that disables webhooks whose receivers are gone.

    It records since when each webhook has been failing.
    """

    def __init__(
        self, cache: WebhookCache, events: EventDestination, days: int, clock: Callable[[], datetime] | None = None
    ) -> None:
        """Create a monitor that lets a webhook fail for so many days; 0 for no limit.

        A response of 410 disables a webhook immediately.
        """
        self._cache = cache
        self._events = events
        self._max_duration = timedelta(days=days)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._checked_at: dict[str, datetime] = {}

    def observe(self, executions: Iterable[Execution], seconds_left: Callable[[], float]) -> Iterator[Disabled]:
        """Process logged executions as far as time allows; yield the disabled webhooks.

        Costs nothing for a webhook that succeeds and was not failing. Raises DynamoDB's exceptions, which may be
        ignored, because the next failure leads to the same check.
        """
        attempts: dict[str, list[Execution]] = defaultdict(list)
        for execution in executions:
            if _is_attempt(execution):
                attempts[execution.webhook_id].append(execution)
        for webhook_id, webhook_attempts in attempts.items():
            if seconds_left() < MONITOR_SECONDS:
                return
            entry = self._cache.find(webhook_id)
            if entry and entry.webhook.enabled:
                webhook = entry.webhook
                at_current_url = [each for each in webhook_attempts if each.delivery.call.url == webhook.url]
                yield from self._evaluate(webhook, at_current_url)

    def _evaluate(self, webhook: Webhook, attempts: Sequence[Execution]) -> Iterator[Disabled]:
        if any(each.delivery.result == HTTPStatus.GONE for each in attempts):
            yield from self._disable(webhook, _ANSWERED_GONE)
        elif any(each.delivery.success for each in attempts):
            if webhook.failing_since:
                self._record(webhook, None)
        elif attempts and webhook.failing_since is None:
            self._record(webhook, iso_time(min(each.execution_id for each in attempts)))
        elif attempts and webhook.failing_since and self._max_duration and not self._is_paused(webhook.webhook_id):
            since = datetime.fromisoformat(webhook.failing_since)
            if self._clock() - since >= self._max_duration:
                yield from self._check_log(webhook, since)

    def _check_log(self, webhook: Webhook, since: datetime) -> Iterator[Disabled]:
        """Check that every attempt failed.

        Another sender may have had a success while its cache showed no failure.
        """
        found = read_failures(webhook.webhook_id, since)
        if found.complete and found.newest and (first := found.newest[0].at) != since:
            self._record(webhook, iso_time(compact_time(first)))
            since = first
        if found.show_receiver_gone(self._max_duration, since):
            days = f"{self._max_duration.days} day{'s' if self._max_duration.days > 1 else ''}"
            reason = f"Every attempt has failed since {since:%Y-%m-%dT%H:%MZ}, for {days} and longer."
            yield from self._disable(webhook, reason)
        elif found.read_count > CHEAP_CHECK:
            self._checked_at[webhook.webhook_id] = self._clock()
            if len(self._checked_at) > MAX_PAUSES:
                del self._checked_at[next(iter(self._checked_at))]

    def _is_paused(self, webhook_id: str) -> bool:
        """Return whether an expensive check of the webhook was recent."""
        at = self._checked_at.get(webhook_id)
        return at is not None and self._clock() - at < PAUSE

    def _record(self, webhook: Webhook, since: str | None) -> None:
        registry.set_failing_since(webhook, since)
        self._cache.invalidate(webhook.webhook_id)

    def _disable(self, webhook: Webhook, reason: str) -> Iterator[Disabled]:
        """Disable it and publish an event, unless another sender was first."""
        now = self._clock()
        was_disabled = registry.disable(webhook, reason, now)
        self._cache.invalidate(webhook.webhook_id)
        if was_disabled:
            yield self._events.publish(Disabled(webhook.webhook_id, reason), now)


def _is_attempt(execution: Execution) -> bool:
    """Return whether a registered webhook's receiver was contacted for a message."""
    delivery = execution.delivery
    registered = delivery.message.url is None
    return registered and delivery.was_attempted and execution.trigger is not Trigger.TEST
