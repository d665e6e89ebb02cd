"""Receivers that are gone: noticed by what became of their webhooks' executions, which are then switched off."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.aws import DYNAMODB_UNANSWERED_SECONDS, Clients
from hooklog.errors import code_of
from hooklog.executions.execution import Execution, Trigger, compact_time, iso_time
from hooklog.executions.failures import failures
from hooklog.webhooks import registry
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.webhook import Webhook

CHEAP_LOOK: Final = 100
"""Executions that may be read at every failure of a webhook that has failed for long enough."""

PAUSE: Final = timedelta(minutes=5)
"""How long this sender does not read the log of such a webhook again where it took more, and in vain."""

MAX_PAUSES: Final = 1000
"""Webhooks for which that is remembered."""

WATCH_SECONDS: Final = 2 * DYNAMODB_UNANSWERED_SECONDS
"""What one webhook may take, a read and an update that DynamoDB does not answer; it is let be where less is left. Less
than processor.LOG_SECONDS, so that a receiver that hangs for 30 s is judged within 50 s, too."""

_ANSWERED_GONE = "The receiver answered 410: it is gone for good."


class SwitchedOff(NamedTuple):
    """A webhook that was switched off just now."""

    webhook_id: str
    reason: str
    untold: str = ""
    """Why there is no event of it, where there is none."""


class EventTopic(NamedTuple):
    """The SNS topic that is told what happens to webhooks."""

    clients: Clients
    arn: str

    def tell(self, webhook_id: str, reason: str, at: datetime) -> str:
        """That it was switched off; the cause, where SNS does not take it."""
        event = {"type": "webhook.disabled", "webhook_id": webhook_id, "reason": reason}
        attributes = {"type": {"DataType": "String", "StringValue": event["type"]}}
        message = json.dumps({**event, "at": iso_time(compact_time(at))})
        try:
            self.clients.sns.publish(TopicArn=self.arn, Message=message, MessageAttributes=attributes)
        except (BotoCoreError, ClientError) as error:
            return code_of(error)
        return ""


class Watch:
    """Keeps since when each webhook has been failing, and switches off those that are gone."""

    def __init__(
        self, cache: WebhookCache, events: EventTopic, days: int, clock: Callable[[], datetime] | None = None
    ) -> None:
        """`days` is how long a webhook may fail; 0 is for ever, unless it answers 410."""
        self._cache = cache
        self._events = events
        self._longest = timedelta(days=days)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._looked_at: dict[str, datetime] = {}

    def look(self, executions: Iterable[Execution], seconds_left: Callable[[], float]) -> Iterator[SwitchedOff]:
        """What follows for the webhooks of these logged executions, as far as the time goes.

        Costs nothing for a webhook that succeeds and has not failed before. Raises what reading or writing DynamoDB
        does: the next failure comes to the same conclusions.
        """
        attempts: dict[str, list[Execution]] = defaultdict(list)
        for execution in executions:
            if _is_attempt(execution):
                attempts[execution.webhook_id].append(execution)
        for webhook_id, its in attempts.items():
            if seconds_left() < WATCH_SECONDS:
                return
            entry = self._cache.find(webhook_id)
            if entry and entry.webhook.enabled:
                webhook = entry.webhook
                yield from self._judge(webhook, [each for each in its if each.delivery.call.url == webhook.url])

    def _judge(self, webhook: Webhook, attempts: Sequence[Execution]) -> Iterator[SwitchedOff]:
        """By attempts that went where it stands now: those before a change say nothing of what it leads to."""
        if any(each.delivery.result == HTTPStatus.GONE for each in attempts):
            yield from self._switch_off(webhook, _ANSWERED_GONE)
        elif any(each.delivery.success for each in attempts):
            if webhook.failing_since:
                self._note(webhook, None)
        elif attempts and webhook.failing_since is None:
            self._note(webhook, iso_time(min(each.execution_id for each in attempts)))
        elif attempts and webhook.failing_since and self._longest and not self._has_looked(webhook.webhook_id):
            since = datetime.fromisoformat(webhook.failing_since)
            if self._clock() - since >= self._longest:
                yield from self._ask_the_log(webhook, since)

    def _ask_the_log(self, webhook: Webhook, since: datetime) -> Iterator[SwitchedOff]:
        """Whether it was so all the time: a sender that knew nothing of the failure has not noted its success."""
        found = failures(webhook.webhook_id, since)
        if found.complete and found.newest and (first := found.newest[0].at) != since:
            self._note(webhook, iso_time(compact_time(first)))
            since = first
        if found.last_for(self._longest, since):
            days = f"{self._longest.days} day{'s' if self._longest.days > 1 else ''}"
            reason = f"Every attempt has failed since {since:%Y-%m-%dT%H:%MZ}, for {days} and longer."
            yield from self._switch_off(webhook, reason)
        elif found.looked_at > CHEAP_LOOK:
            self._looked_at[webhook.webhook_id] = self._clock()
            if len(self._looked_at) > MAX_PAUSES:
                del self._looked_at[next(iter(self._looked_at))]

    def _has_looked(self, webhook_id: str) -> bool:
        """Whether much of its log was read in vain just now."""
        at = self._looked_at.get(webhook_id)
        return at is not None and self._clock() - at < PAUSE

    def _note(self, webhook: Webhook, since: str | None) -> None:
        registry.note_failing(webhook, since)
        self._cache.read_again(webhook.webhook_id)

    def _switch_off(self, webhook: Webhook, reason: str) -> Iterator[SwitchedOff]:
        """Of all that come to this at once, one does it, and tells."""
        now = self._clock()
        done = registry.switch_off(webhook, reason, now)
        self._cache.read_again(webhook.webhook_id)
        if done:
            yield SwitchedOff(webhook.webhook_id, reason, self._events.tell(webhook.webhook_id, reason, now))


def _is_attempt(execution: Execution) -> bool:
    """Whether it says something of a registered webhook's receiver."""
    delivery = execution.delivery
    registered = delivery.message.url is None
    return registered and delivery.was_attempted and execution.trigger is not Trigger.TEST
