"""A webhook test: one attempt at once, whether the webhook is enabled or not, or a look at what would be sent."""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from hooklog.errors import InvalidRequest, TooManyRequests
from hooklog.executions.details import build_masked_details
from hooklog.executions.execution import Execution, Trigger
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import to_row, to_summary
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
from hooklog.webhooks.webhook import read_transformation

MAX_TEST_SECONDS: Final = 20.0
"""The longest time-out of a test."""

MIN_TEST_SECONDS: Final = 1.0
"""The shortest time-out that a webhook may have: if less is left, nothing is sent."""

LOG_SECONDS: Final = 8.0
"""Kept free after the attempt: for DynamoDB, which may not answer, and then for the queue of pending log writes."""

LOCK_SECONDS: Final = int(GATEWAY_SECONDS) + 1
"""When the lock of a webhook's test expires: later than a test can take, the end of its function included."""

PAYLOAD: Final = {"test": True, "text": "This is a test of your webhook."}
"""What is sent if no payload is given."""

RESERVE_SECONDS: Final = MIN_TEST_SECONDS + LOG_SECONDS
"""What must be left when the attempt begins."""

NO_RETRIES: Final = RetrySchedule(())
"""The schedule of every test."""

_KNOWN = frozenset({"payload", "event_type", "dry_run", "transformation"})


class WebhookTest(NamedTuple):
    """What is to be tested."""

    message: Message
    dry_run: bool
    transformation: str | None = None
    """Instead of the webhook's own, if `overrides` says so."""
    overrides: bool = False

    @classmethod
    def parse(cls, fields: Mapping[str, Any], webhook_id: str) -> "WebhookTest":
        """Each test is a message of its own. Raises InvalidRequest."""
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
        given = {"webhook_id": webhook_id, "payload": fields.get("payload", PAYLOAD)}
        with errors.of("event_type"):
            if fields.get("event_type") is not None and read_event_type(fields):
                given["event_type"] = fields["event_type"]
        with errors.of("payload"):
            message = Message.parse(given, f"test_{secrets.token_hex(12)}")
        errors.raise_any()
        return cls(message, dry_run, transformation, "transformation" in fields)


class WebhookTester:
    """Tests webhooks by the same attempts that the sender makes."""

    def __init__(self, dispatcher: Dispatcher, transformer: Transformer) -> None:
        self._dispatcher = dispatcher
        self._transformer = transformer

    def run(self, test: WebhookTest, entry: Entry, limit: TimeLimit) -> Execution:
        """The attempt, which is never retried; of a dry run, what would be sent. Leaves LOG_SECONDS of the limit.

        Raises NoTimeLeft and EvaluatorUnavailable: nothing was sent.
        """
        webhook = entry.webhook._replace(enabled=True, retry_schedule=NO_RETRIES)
        if test.overrides:
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


def lock(message: Message) -> None:
    """Raises TooManyRequests while another test of the webhook is running: no receiver keeps the function busy."""
    if not locks.take(Lock.TEST, message.webhook_id, message.message_id, LOCK_SECONDS):
        raise TooManyRequests("a test of this webhook is running; try again when it is over")


def unlock(message: Message) -> None:
    """Let the webhook be tested again."""
    locks.release(Lock.TEST, message.webhook_id, message.message_id)


def shown(execution: Execution, retention_days: int, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """As View shows it, with all of its details, whatever the log keeps of them."""
    return {**to_summary(to_row(execution, retention_days)), **build_masked_details(execution, sensitive)}


def dry_run_shown(execution: Execution, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """What would be sent, as View shows what was sent."""
    message = execution.delivery.message
    return {
        "dry_run": True,
        "webhook_id": message.webhook_id,
        "message_id": message.message_id,
        **({"event_type": message.event_type} if message.event_type is not None else {}),
        **({"skipped": True} if execution.delivery.skipped else {}),
        **build_masked_details(execution, sensitive),
    }
