"""A webhook tried out: one call at once, whether it is on or off, or what that call would be."""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from hooklog.api.time_limit import TimeLimit
from hooklog.delivery.courier import Courier
from hooklog.delivery.delivery import Delivery
from hooklog.errors import InvalidMessage, InvalidRequest, NoTimeLeft, NotQueued, Undelivered
from hooklog.executions.details import masked_details
from hooklog.executions.execution import Execution, Trigger, name_execution
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import row_of, summary_of
from hooklog.messages.call import Call
from hooklog.messages.fields import named
from hooklog.messages.message import Message
from hooklog.sending.archive import Archive
from hooklog.webhooks.cache import Entry
from hooklog.webhooks.transformation import Transformer
from hooklog.webhooks.webhook import read_transformation

MAX_TRIAL_SECONDS: Final = 20.0
"""For the exchange, where as much is left."""

MIN_TRIAL_SECONDS: Final = 1.0
"""The shortest time-out that a webhook may have: where less is left, nothing is sent."""

LOG_SECONDS: Final = 8.0
"""Kept free while it is sent: for DynamoDB, which may not answer, and then for the queue of what is logged later."""

PAYLOAD: Final = {"test": True, "text": "This is a test of your webhook."}
"""What is sent where no payload is given."""

RESERVE_SECONDS: Final = MIN_TRIAL_SECONDS + LOG_SECONDS
"""What must be left when it is sent."""

_KNOWN = frozenset({"payload", "event_type", "dry_run", "transformation"})


class Trial(NamedTuple):
    """What is to be tried."""

    message: Message
    dry_run: bool
    transformation: str | None = None
    """In the place of the webhook's own, where `overrides` says so."""
    overrides: bool = False

    @classmethod
    def parse(cls, fields: Mapping[str, Any], webhook_id: str) -> "Trial":
        """Each trial is a message of its own. Raises InvalidRequest."""
        if unknown := fields.keys() - _KNOWN:
            raise InvalidRequest(f"unknown field{named(min(unknown))}; known: {', '.join(sorted(_KNOWN))}")
        if type(dry_run := fields.get("dry_run", False)) is not bool:
            raise InvalidRequest("dry_run must be true or false")
        if "transformation" in fields and not dry_run:
            raise InvalidRequest("transformation can be given with dry_run alone; save it to send with it")
        return cls(_message(fields, webhook_id), dry_run, read_transformation(fields), "transformation" in fields)


def _message(fields: Mapping[str, Any], webhook_id: str) -> Message:
    given = {"webhook_id": webhook_id, "payload": fields.get("payload", PAYLOAD)}
    if fields.get("event_type") is not None:
        given["event_type"] = fields["event_type"]
    try:
        return Message.parse(given, f"test_{secrets.token_hex(12)}")
    except InvalidMessage as error:
        raise InvalidRequest(str(error)) from None


class Laboratory:
    """Tries webhooks out, as the sender would send to them."""

    def __init__(
        self,
        courier: Courier,
        transformer: Transformer,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._courier = courier
        self._transformer = transformer
        self._clock = clock

    def run(self, trial: Trial, entry: Entry, limit: TimeLimit) -> Delivery:
        """What came of it; of a dry run, what would be sent. Leaves LOG_SECONDS of the limit.

        Raises NoTimeLeft and EvaluatorLost: nothing was sent then.
        """
        webhook, now = entry.webhook, self._clock()
        call = webhook.call(trial.message, entry.keys(now))
        expression = trial.transformation if trial.overrides else webhook.transformation
        shape = partial(self._transformer.shape, trial.message, expression)
        try:
            shaped = limit.run(shape, "the transformation", RESERVE_SECONDS) if expression else shape()
        except Undelivered as failure:
            return Delivery.refused(call, 1, now, failure)
        if shaped is None:
            return Delivery.skip(call, 1, now)
        call = call._replace(message=shaped)
        return self._courier.rehearse(call, 1) if trial.dry_run else self._send(call, limit)

    def _send(self, call: Call, limit: TimeLimit) -> Delivery:
        seconds = min(call.timeout_seconds, MAX_TRIAL_SECONDS, limit.left(LOG_SECONDS))
        if seconds < MIN_TRIAL_SECONDS:
            raise NoTimeLeft("too little time was left for the receiver")
        return self._courier.deliver(call._replace(timeout_seconds=seconds), 1)


def execution_of(delivery: Delivery, *, unkept: bool) -> Execution:
    """What is logged of it: nothing that is ever sent again. `unkept` says that the log keeps no details."""
    return Execution(
        execution_id=name_execution(delivery.started_at),
        delivery=delivery,
        trigger=Trigger.TEST,
        queue_message_id=delivery.message.message_id,
        details_not_stored=unkept and not delivery.success,
    )


def log(execution: Execution, archive: Archive, limit: TimeLimit) -> str:
    """Log it, or let it wait to be logged; why that could not be done in time, or nothing."""
    try:
        limit.run(partial(archive.keep, [execution]), "logging it")
    except (NotQueued, NoTimeLeft) as error:
        return str(error)
    return ""


def shown(execution: Execution, archive: Archive, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """As View shows it, with all of its details, whatever the log keeps of them."""
    return {**summary_of(row_of(execution, archive.retention.execution_days)), **masked_details(execution, sensitive)}


def rehearsed(execution: Execution, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """What would be sent, as View shows what was."""
    message, delivery = execution.delivery.message, execution.delivery
    shown = {"dry_run": True, "webhook_id": message.webhook_id, "message_id": message.message_id}
    if message.event_type is not None:
        shown["event_type"] = message.event_type
    return {**shown, **({"skipped": True} if delivery.skipped else {}), **masked_details(execution, sensitive)}
