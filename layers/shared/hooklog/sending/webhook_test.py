"""A webhook test: an immediate attempt or a dry run, also of a disabled webhook."""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from hooklog.errors import InvalidRequest, TooManyRequests
from hooklog.executions.details import build_masked_details
from hooklog.executions.execution import Execution, Trigger
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import to_item, to_summary
from hooklog.messages.field_errors import FieldErrors
from hooklog.messages.fields import read_event_type
from hooklog.messages.message import Message
from hooklog.sending import locks
from hooklog.sending.attempt import AttemptContext, Dispatcher, TimeBudget
from hooklog.sending.locks import Lock
from hooklog.sending.time_limit import GATEWAY_SECONDS, TimeLimit
from hooklog.webhooks.cache import Entry
from hooklog.webhooks.retry import RetrySchedule
from hooklog.webhooks.transformation import Transformer
from hooklog.webhooks.webhook import Webhook, read_transformation

MAX_TEST_SECONDS: Final = 20.0
"""The maximum timeout of a test."""

MIN_TEST_SECONDS: Final = 1.0
"""The minimum timeout of a webhook. If less time is left, nothing is sent."""

LOG_SECONDS: Final = 8.0
"""Reserved after the attempt, for DynamoDB to time out and for the queue of pending log writes."""

LOCK_SECONDS: Final = int(GATEWAY_SECONDS) + 1
"""When a test's lock expires: longer than a test can take."""

PAYLOAD: Final = {"test": True, "text": "This is a test of your webhook."}
"""The default payload."""

RESERVE_SECONDS: Final = MIN_TEST_SECONDS + LOG_SECONDS
"""How many seconds must be left when the attempt starts."""

NO_RETRIES: Final = RetrySchedule(())
"""The schedule of every test."""

_ANY_URL = "https://webhook.invalid/"
_KNOWN = frozenset({"payload", "event_type", "dry_run", "transformation"})


class WebhookTest(NamedTuple):
    """A request to test a webhook."""

    message: Message
    dry_run: bool
    transformation: str | None = None
    """Replaces the webhook's transformation if `overrides_transformation`."""
    overrides_transformation: bool = False

    @classmethod
    def parse(cls, fields: Mapping[str, Any], webhook_id: str) -> "WebhookTest":
        """Parse a request body, and create the message with a new ID.

        Raises InvalidRequest.
        """
        errors = FieldErrors()
        errors.add_unknown(fields, _KNOWN)
        dry_run = fields.get("dry_run", False)
        with errors.of("dry_run"):
            if type(dry_run) is not bool:
                raise InvalidRequest("dry_run must be true or false")
        with errors.of("transformation"):
            transformation = read_transformation(fields)
            if "transformation" in fields and dry_run is False:
                raise InvalidRequest("transformation takes effect only with dry_run; save it to send with it")
        message_fields = {"webhook_id": webhook_id, "payload": fields.get("payload", PAYLOAD)}
        with errors.of("event_type"):
            if fields.get("event_type") is not None and read_event_type(fields):
                message_fields["event_type"] = fields["event_type"]
        with errors.of("payload"):
            message = Message.parse(message_fields, f"test_{secrets.token_hex(12)}")
        errors.raise_any()
        return cls(message, dry_run, transformation, "transformation" in fields)


class WebhookTester:
    """The tester of webhooks, which makes the same attempts as the sender."""

    def __init__(self, dispatcher: Dispatcher, transformer: Transformer) -> None:
        self._dispatcher = dispatcher
        self._transformer = transformer

    def run(self, test: WebhookTest, entry: Entry, limit: TimeLimit) -> Execution:
        """Make the attempt, or a dry run; leave LOG_SECONDS of the limit.

        A test is never retried.

        Raises NoTimeLeft and EvaluatorUnavailable; then nothing was sent.
        """
        webhook = entry.webhook._replace(enabled=True, retry_schedule=NO_RETRIES)
        if test.overrides_transformation:
            webhook = webhook._replace(transformation=test.transformation)

        def transform(message: Message, expression: str | None) -> Message | None:
            step = partial(self._transformer.transform, message, expression)
            return limit.run(step, "the transformation", RESERVE_SECONDS) if expression else step()

        return self._dispatcher.dispatch(
            test.message,
            entry._replace(webhook=webhook),
            AttemptContext(test.message.message_id, trigger=Trigger.TEST),
            TimeBudget(limit.left, LOG_SECONDS, MAX_TEST_SECONDS, MIN_TEST_SECONDS),
            transform,
            dry_run=test.dry_run,
        )


def make_unregistered(webhook_id: str) -> Entry:
    """Create the entry of an unregistered webhook, to preview its transformation."""
    return Entry(Webhook.parse({"url": _ANY_URL}, webhook_id, None)._replace(url=""), b"")


def lock(message: Message) -> None:
    """Take the webhook's test lock.

    Raises TooManyRequests if another test of the webhook is running.
    """
    if not locks.take(Lock.TEST, message.webhook_id, message.message_id, LOCK_SECONDS):
        raise TooManyRequests("a test of this webhook is running; try again when it has finished")


def unlock(message: Message) -> None:
    """Release the webhook's test lock."""
    locks.release(Lock.TEST, message.webhook_id, message.message_id)


def build_response(execution: Execution, retention_days: int, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """Build the response of a test: its summary and details.

    It contains them even if the log does not.
    """
    return {**to_summary(to_item(execution, retention_days)), **build_masked_details(execution, sensitive)}


def build_dry_run_response(execution: Execution, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """Build the response of a dry run: the request that would be sent."""
    message = execution.delivery.message
    return {
        "dry_run": True,
        "webhook_id": message.webhook_id,
        "message_id": message.message_id,
        **({"event_type": message.event_type} if message.event_type is not None else {}),
        **({"skipped": True} if execution.delivery.skipped else {}),
        **build_masked_details(execution, sensitive),
    }
