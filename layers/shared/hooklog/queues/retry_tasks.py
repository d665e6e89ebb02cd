"""Retry tasks: queue messages that name a logged execution to send again.

They are queued immediately, with SQS's delay, or by EventBridge Scheduler. The names of their fields on the wire are
those of release 0.1.0 and never change.
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
"""The triggers of retry tasks."""

LONGEST_WAIT: Final = timedelta(hours=29)
"""The longest that a task may wait: one day, the maximum of a schedule's delay and of Retry-After, plus 20% jitter."""

MAX_SCHEDULED_LENGTH: Final = 250_000
"""Of a schedule's input, below EventBridge Scheduler's 256 KB. Longer tasks wait on the queue, 15 minutes at a time."""

MAX_INLINE_LENGTH: Final = 1_047_000
"""Characters of an inline payload, so that the task fits into SQS's 1 MiB. Only incompressible bodies above about
1,000,000 bytes exceed it."""

_SEND_MESSAGE_FIELDS: Final = frozenset({"QueueUrl", "MessageBody", "MessageGroupId"})
"""The input of a schedule's SendMessage request."""


class RetryTask(NamedTuple):
    """A retry or resend of a logged execution."""

    webhook_id: str
    message_id: str
    execution_id: str
    trigger: Trigger
    skip_if_resent: bool
    """Whether to ignore the task if the message was sent again after that execution."""
    postponements: int = 0
    """How often it was postponed because the log could not be read."""
    inline_payload: str = ""
    """The compressed message, if its details are not stored."""
    due: datetime | None = None
    """Do not send before this. Only set if the wait exceeds SQS's delay and the task does not fit into a schedule."""
    queue_message_id: str = ""
    """The ID of the original queue message; empty in tasks of earlier releases."""
    request_id: str = ""
    """The ID of the request to resend, so that it is sent once if SQS's response is lost and the SDK queues it again.
    Empty in other tasks, and in those of earlier releases."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "RetryTask":
        """Parse what `to_body` wrote. Raises InvalidMessage."""
        return cls(
            webhook_id=read_identifier(fields, "webhook_id"),
            message_id=read_identifier(fields, "message_id"),
            execution_id=_read_execution_id(fields),
            trigger=_read_trigger(fields),
            skip_if_resent=_read_once(fields),
            postponements=_read_deferrals(fields),
            inline_payload=_read_carried(fields),
            due=_read_due(fields),
            queue_message_id=_read_optional(fields, "queue_message_id"),
            request_id=_read_optional(fields, "request_id"),
        )

    def to_body(self) -> str:
        fields: dict[str, Any] = {
            "webhook_id": self.webhook_id,
            "message_id": self.message_id,
            "repeat_of": self.execution_id,
            "trigger": self.trigger,
            "once": self.skip_if_resent,
            "deferrals": self.postponements,
        }
        if self.queue_message_id:
            fields["queue_message_id"] = self.queue_message_id
        if self.request_id:
            fields["request_id"] = self.request_id
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

    def to_target(self, request: str) -> dict[str, Any]:
        """Build a target that calls SendMessage.

        An SQS target cannot set this queue's message groups.
        """
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
        """Queue tasks, each with a delay of up to 900 seconds.

        Raises NotQueued unless all were accepted.
        """
        entries = [{**_entry(task), "DelaySeconds": delay} for task, delay in delays.items()]
        send_all(self._clients.sqs, self._queue_url, entries)


class RetryScheduler:
    """The scheduler of retries, which uses SQS's delay or EventBridge Scheduler."""

    def __init__(self, clients: Clients, queue: RetryQueue, target: SchedulerTarget) -> None:
        self._clients = clients
        self._queue = queue
        self._target = target

    def schedule(self, due: Mapping[RetryTask, datetime], now: datetime) -> None:
        """Schedule each task at its time.

        Raises NotQueued unless all were accepted; then some may be scheduled.
        """
        seconds = {task: max(math.ceil((at - now).total_seconds()), 0) for task, at in due.items()}
        soon = {task: delay for task, delay in seconds.items() if delay <= MAX_DELAY_SECONDS}
        if soon:
            self._queue.put(soon)
        for task in due.keys() - soon.keys():
            request = json.dumps({"QueueUrl": self._target.queue_url, **_entry(task)})
            if len(request) > MAX_SCHEDULED_LENGTH:
                self._queue.put({task._replace(due=due[task]): MAX_DELAY_SECONDS})
            else:
                self._create_schedule(task, due[task], request)

    def _create_schedule(self, task: RetryTask, at: datetime, request: str) -> None:
        """Create a one-time schedule.

        It is named after the execution, so that there is only one.
        """
        try:
            self._clients.scheduler.create_schedule(
                Name=f"retry-{task.execution_id}",
                GroupName=self._target.group,
                ScheduleExpression=f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target=self._target.to_target(request),
            )
        except (BotoCoreError, ClientError) as error:
            if get_error_code(error) != "ConflictException":
                raise NotQueued(get_error_code(error)) from error


def _entry(task: RetryTask) -> dict[str, Any]:
    return {"MessageBody": task.to_body(), "MessageGroupId": task.webhook_id}


def unwrap_request(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Extract the task from a SendMessage request that Scheduler could not make.

    Returns any other fields unchanged. Scheduler puts such a request on the dead-letter queue, and a redrive moves it
    here. Raises InvalidMessage.
    """
    if fields.keys() != _SEND_MESSAGE_FIELDS:
        return fields
    inner = parse_object(fields["MessageBody"]) if isinstance(fields["MessageBody"], str) else {}
    if "repeat_of" not in inner:
        raise InvalidMessage("MessageBody must be a retry task")
    return inner


def _read_execution_id(fields: Mapping[str, Any]) -> str:
    value = fields.get("repeat_of")
    if not isinstance(value, str) or not EXECUTION_ID.fullmatch(value):
        raise InvalidMessage(f"repeat_of must be an execution id{describe_actual(fields, 'repeat_of')}")
    return value


def _read_optional(fields: Mapping[str, Any], name: str) -> str:
    return read_identifier(fields, name) if name in fields else ""


def _read_trigger(fields: Mapping[str, Any]) -> Trigger:
    if (value := fields.get("trigger")) not in TRIGGERS:
        raise InvalidMessage(f"trigger must be one of {', '.join(TRIGGERS)}{describe_actual(fields, 'trigger')}")
    return Trigger(value)


def _read_once(fields: Mapping[str, Any]) -> bool:
    if type(value := fields.get("once")) is not bool:
        raise InvalidMessage(f"once must be true or false{describe_actual(fields, 'once')}")
    return value


def _read_deferrals(fields: Mapping[str, Any]) -> int:
    if type(value := fields.get("deferrals")) is not int or value < 0:
        raise InvalidMessage(f"deferrals must be a whole number{describe_actual(fields, 'deferrals')}")
    return value


def _read_carried(fields: Mapping[str, Any]) -> str:
    if not isinstance(value := fields.get("carried", ""), str):
        raise InvalidMessage(f"carried must be a string{describe_actual(fields, 'carried')}")
    return value


def _read_due(fields: Mapping[str, Any]) -> datetime | None:
    if "due" not in fields:
        return None
    try:
        return datetime.fromisoformat(fields["due"]).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InvalidMessage(f"due must be an ISO 8601 time{describe_actual(fields, 'due')}") from None
