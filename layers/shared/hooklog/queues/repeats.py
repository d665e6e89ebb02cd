"""Logged executions to be sent again, and their way to the webhook queue: at once, by SQS's delay or by Scheduler."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage, NotQueued, code_of
from hooklog.executions.execution import Trigger
from hooklog.messages.fields import EXECUTION_ID, got, identifier, parse_object
from hooklog.queues.sqs import MAX_DELAY_SECONDS, send_all

REPEATING: Final = (Trigger.RETRY, Trigger.RESEND)
"""Why an execution is repeated."""

LONGEST_WAIT: Final = timedelta(hours=29)
"""For how long a repeat may wait on the queue: a day, which is the longest delay of a schedule and the longest that a
receiver can ask for, and the fifth that may be added to it by chance."""

MAX_SCHEDULED_LENGTH: Final = 250_000
"""Of a schedule's input: EventBridge Scheduler takes 256 KB. What is longer waits on the queue, which holds it back for
a quarter of an hour again and again."""

MAX_INLINE_LENGTH: Final = 1_047_000
"""Of an inline payload, in characters: with the retry's other fields it is under SQS's 1 MiB. Only a body of more than
about 1,000,000 bytes can be longer, and only one that does not compress."""

_REQUEST: Final = frozenset({"QueueUrl", "MessageBody", "MessageGroupId"})
"""What a schedule asks SQS for."""


class Repeat(NamedTuple):
    """A logged execution to be sent again: what the product puts on the queue itself."""

    webhook_id: str
    message_id: str
    execution_id: str
    trigger: Trigger
    once: bool
    """Whether it is let be if the message has been sent again since that execution."""
    deferrals: int = 0
    """How often it was put off because the log could not be read."""
    carried: str = ""
    """The message itself, packed, where the log keeps none."""
    due: datetime | None = None
    """Not before this; only where SQS cannot hold it back for so long, and Scheduler cannot hold it."""
    queue_message_id: str = ""
    """Of the message that was accepted; empty where a release that put this on the queue did not say."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Repeat":
        """Read what `to_body` wrote. Raises InvalidMessage."""
        return cls(
            webhook_id=identifier(fields, "webhook_id"),
            message_id=identifier(fields, "message_id"),
            execution_id=_execution_id(fields),
            trigger=_trigger(fields),
            once=_once(fields),
            deferrals=_deferrals(fields),
            carried=_carried(fields),
            due=_due(fields),
            queue_message_id=identifier(fields, "queue_message_id") if "queue_message_id" in fields else "",
        )

    def to_body(self) -> str:
        fields: dict[str, Any] = {
            "webhook_id": self.webhook_id,
            "message_id": self.message_id,
            "repeat_of": self.execution_id,
            "trigger": self.trigger,
            "once": self.once,
            "deferrals": self.deferrals,
        }
        if self.queue_message_id:
            fields["queue_message_id"] = self.queue_message_id
        if self.due:
            fields["due"] = self.due.isoformat()
        if self.carried:
            fields["carried"] = self.carried
        return json.dumps(fields)


class SchedulerTarget(NamedTuple):
    """What EventBridge Scheduler needs to put a message on the webhook queue."""

    queue_url: str
    dead_letter_queue_arn: str
    role_arn: str
    group: str

    def put(self, request: str) -> dict[str, Any]:
        """The target of a schedule that calls SendMessage: its target for queues has no message group for this kind."""
        return {
            "Arn": f"arn:{self.role_arn.split(':')[1]}:scheduler:::aws-sdk:sqs:sendMessage",
            "RoleArn": self.role_arn,
            "Input": request,
            "DeadLetterConfig": {"Arn": self.dead_letter_queue_arn},
        }


class RepeatQueue:
    """The webhook queue, for what the product puts there itself."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def put(self, delays: Mapping[Repeat, int]) -> None:
        """Let each come after its seconds, 900 at most. Raises NotQueued unless all were taken."""
        entries = [{**_entry(repeat), "DelaySeconds": delay} for repeat, delay in delays.items()]
        send_all(self._clients.sqs, self._queue_url, entries)


class RetryTimer:
    """Lets each retry come when it is due."""

    def __init__(self, clients: Clients, queue: RepeatQueue, target: SchedulerTarget) -> None:
        self._clients = clients
        self._queue = queue
        self._target = target

    def set(self, due: Mapping[Repeat, datetime], now: datetime) -> None:
        """Raises NotQueued unless all were taken; what is set a second time comes a second time at most."""
        seconds = {repeat: max(math.ceil((at - now).total_seconds()), 0) for repeat, at in due.items()}
        soon = {repeat: delay for repeat, delay in seconds.items() if delay <= MAX_DELAY_SECONDS}
        if soon:
            self._queue.put(soon)
        for repeat in due.keys() - soon.keys():
            request = json.dumps({"QueueUrl": self._target.queue_url, **_entry(repeat)})
            if len(request) > MAX_SCHEDULED_LENGTH:
                self._queue.put({repeat._replace(due=due[repeat]): MAX_DELAY_SECONDS})
            else:
                self._schedule(repeat, due[repeat], request)

    def _schedule(self, repeat: Repeat, at: datetime, request: str) -> None:
        """A schedule that fires once and deletes itself, named after the execution: a second one is refused."""
        try:
            self._clients.scheduler.create_schedule(
                Name=f"retry-{repeat.execution_id}",
                GroupName=self._target.group,
                ScheduleExpression=f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target=self._target.put(request),
            )
        except (BotoCoreError, ClientError) as error:
            if code_of(error) != "ConflictException":
                raise NotQueued(code_of(error)) from error


def _entry(repeat: Repeat) -> dict[str, Any]:
    return {"MessageBody": repeat.to_body(), "MessageGroupId": repeat.webhook_id}


def unscheduled(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A queue message's fields; those of the repeat, where it is a request of SQS that Scheduler could not make.

    Such a request is a dead letter, and comes back when that is redriven. Raises InvalidMessage.
    """
    if fields.keys() != _REQUEST:
        return fields
    inner = parse_object(fields["MessageBody"]) if isinstance(fields["MessageBody"], str) else {}
    if "repeat_of" not in inner:
        raise InvalidMessage("MessageBody must be what Hooklog has scheduled")
    return inner


def _execution_id(fields: Mapping[str, Any]) -> str:
    value = fields.get("repeat_of")
    if not isinstance(value, str) or not EXECUTION_ID.fullmatch(value):
        raise InvalidMessage(f"repeat_of must be an execution id{got(fields, 'repeat_of')}")
    return value


def _trigger(fields: Mapping[str, Any]) -> Trigger:
    if (value := fields.get("trigger")) not in REPEATING:
        raise InvalidMessage(f"trigger must be one of {', '.join(REPEATING)}{got(fields, 'trigger')}")
    return Trigger(value)


def _once(fields: Mapping[str, Any]) -> bool:
    if type(value := fields.get("once")) is not bool:
        raise InvalidMessage(f"once must be true or false{got(fields, 'once')}")
    return value


def _deferrals(fields: Mapping[str, Any]) -> int:
    if type(value := fields.get("deferrals")) is not int or value < 0:
        raise InvalidMessage(f"deferrals must be a whole number{got(fields, 'deferrals')}")
    return value


def _carried(fields: Mapping[str, Any]) -> str:
    if not isinstance(value := fields.get("carried", ""), str):
        raise InvalidMessage(f"carried must be a string{got(fields, 'carried')}")
    return value


def _due(fields: Mapping[str, Any]) -> datetime | None:
    if "due" not in fields:
        return None
    try:
        return datetime.fromisoformat(fields["due"]).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InvalidMessage(f"due must be an ISO 8601 time{got(fields, 'due')}") from None
