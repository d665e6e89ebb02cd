"""Retries and resends as messages of the webhook queue: put there at once, with SQS's delay, or by Scheduler.

Each names a logged execution. The names of their fields on the wire are those of release 0.1.0.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage, NotQueued, get_error_code
from hooklog.executions.execution import Trigger
from hooklog.messages.fields import EXECUTION_ID, describe_actual, parse_object, read_identifier
from hooklog.queues.sqs import MAX_DELAY_SECONDS, send_all

TRIGGERS: Final = (Trigger.RETRY, Trigger.RESEND)
"""Why an execution is sent again."""

LONGEST_WAIT: Final = timedelta(hours=29)
"""How long a task may wait on the queue: a day, the longest delay of a schedule and the longest that a receiver can ask
for, and the fifth that jitter may add to it."""

MAX_SCHEDULED_LENGTH: Final = 250_000
"""Of a schedule's input: EventBridge Scheduler takes 256 KB. A longer one waits on the queue, which holds it back for a
quarter of an hour each time."""

MAX_INLINE_LENGTH: Final = 1_047_000
"""Of an inline payload, in characters: with the retry's other fields it is under SQS's 1 MiB. Only a body of more than
about 1,000,000 bytes can be longer, and only one that does not compress."""

_REQUEST: Final = frozenset({"QueueUrl", "MessageBody", "MessageGroupId"})
"""What a schedule asks SQS for."""


class RetryTask(NamedTuple):
    """A retry or resend of a logged execution: what Hooklog puts on the queue itself."""

    webhook_id: str
    message_id: str
    execution_id: str
    trigger: Trigger
    once: bool
    """Whether it is ignored if the message was sent again after that execution."""
    postponements: int = 0
    """How often it was postponed because the log could not be read."""
    inline_payload: str = ""
    """The message itself, packed, if its details are not stored."""
    due: datetime | None = None
    """Not before this; only set if it has to wait longer than SQS can delay it and does not fit into a schedule."""
    queue_message_id: str = ""
    """Of the message that was accepted; empty if an earlier release, which did not say, put this on the queue."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "RetryTask":
        """Read what `to_body` wrote. Raises InvalidMessage."""
        return cls(
            webhook_id=read_identifier(fields, "webhook_id"),
            message_id=read_identifier(fields, "message_id"),
            execution_id=_execution_id(fields),
            trigger=_trigger(fields),
            once=_once(fields),
            postponements=_deferrals(fields),
            inline_payload=_inline_payload(fields),
            due=_due(fields),
            queue_message_id=read_identifier(fields, "queue_message_id") if "queue_message_id" in fields else "",
        )

    def to_body(self) -> str:
        fields: dict[str, Any] = {
            "webhook_id": self.webhook_id,
            "message_id": self.message_id,
            "repeat_of": self.execution_id,
            "trigger": self.trigger,
            "once": self.once,
            "deferrals": self.postponements,
        }
        if self.queue_message_id:
            fields["queue_message_id"] = self.queue_message_id
        if self.due:
            fields["due"] = self.due.isoformat()
        if self.inline_payload:
            fields["carried"] = self.inline_payload
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


class RetryQueue:
    """The webhook queue, for retries and resends."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def put(self, delays: Mapping[RetryTask, int]) -> None:
        """Let each come after its seconds, 900 at most. Raises NotQueued unless all were taken."""
        entries = [{**_entry(task), "DelaySeconds": delay} for task, delay in delays.items()]
        send_all(self._clients.sqs, self._queue_url, entries)


class RetryTimer:
    """Delivers each retry when it is due."""

    def __init__(self, clients: Clients, queue: RetryQueue, target: SchedulerTarget) -> None:
        self._clients = clients
        self._queue = queue
        self._target = target

    def set(self, due: Mapping[RetryTask, datetime], now: datetime) -> None:
        """Raises NotQueued unless all were taken; what is set a second time comes a second time at most."""
        seconds = {task: max(math.ceil((at - now).total_seconds()), 0) for task, at in due.items()}
        soon = {task: delay for task, delay in seconds.items() if delay <= MAX_DELAY_SECONDS}
        if soon:
            self._queue.put(soon)
        for task in due.keys() - soon.keys():
            request = json.dumps({"QueueUrl": self._target.queue_url, **_entry(task)})
            if len(request) > MAX_SCHEDULED_LENGTH:
                self._queue.put({task._replace(due=due[task]): MAX_DELAY_SECONDS})
            else:
                self._schedule(task, due[task], request)

    def _schedule(self, task: RetryTask, at: datetime, request: str) -> None:
        """A schedule that fires once and deletes itself, named after the execution: a second one is refused."""
        try:
            self._clients.scheduler.create_schedule(
                Name=f"retry-{task.execution_id}",
                GroupName=self._target.group,
                ScheduleExpression=f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target=self._target.put(request),
            )
        except (BotoCoreError, ClientError) as error:
            if get_error_code(error) != "ConflictException":
                raise NotQueued(get_error_code(error)) from error


def _entry(task: RetryTask) -> dict[str, Any]:
    return {"MessageBody": task.to_body(), "MessageGroupId": task.webhook_id}


def unscheduled(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A queue message's fields; those of the task inside, if this is a request that Scheduler could not make of SQS.

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
        raise InvalidMessage(f"repeat_of must be an execution id{describe_actual(fields, 'repeat_of')}")
    return value


def _trigger(fields: Mapping[str, Any]) -> Trigger:
    if (value := fields.get("trigger")) not in TRIGGERS:
        raise InvalidMessage(f"trigger must be one of {', '.join(TRIGGERS)}{describe_actual(fields, 'trigger')}")
    return Trigger(value)


def _once(fields: Mapping[str, Any]) -> bool:
    if type(value := fields.get("once")) is not bool:
        raise InvalidMessage(f"once must be true or false{describe_actual(fields, 'once')}")
    return value


def _deferrals(fields: Mapping[str, Any]) -> int:
    if type(value := fields.get("deferrals")) is not int or value < 0:
        raise InvalidMessage(f"deferrals must be a whole number{describe_actual(fields, 'deferrals')}")
    return value


def _inline_payload(fields: Mapping[str, Any]) -> str:
    if not isinstance(value := fields.get("carried", ""), str):
        raise InvalidMessage(f"carried must be a string{describe_actual(fields, 'carried')}")
    return value


def _due(fields: Mapping[str, Any]) -> datetime | None:
    if "due" not in fields:
        return None
    try:
        return datetime.fromisoformat(fields["due"]).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InvalidMessage(f"due must be an ISO 8601 time{describe_actual(fields, 'due')}") from None
