"""Putting repeats on the webhook queue: at once, after SQS's delay, or by EventBridge Scheduler beyond that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.errors import NotQueued
from hooklog.message import Repeat
from hooklog.queues import MAX_DELAY_SECONDS, Clients, send_all


@dataclass(frozen=True, slots=True)
class SchedulerTarget:
    """What EventBridge Scheduler needs to put a message on the webhook queue."""

    queue_arn: str
    dead_letter_queue_arn: str
    role_arn: str
    group: str


class RepeatQueue:
    """The webhook queue, for what the product puts there itself."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def put(self, delays: Mapping[Repeat, int]) -> None:
        """Let each come after its seconds, 900 at most. Raises NotQueued unless all were taken."""
        send_all(self._clients.sqs, self._queue_url, [_entry(repeat, delay) for repeat, delay in delays.items()])


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
            self._schedule(repeat, due[repeat])

    def _schedule(self, repeat: Repeat, at: datetime) -> None:
        """A schedule that fires once and deletes itself, named after the execution: a second one is refused.

        It names no message group: of a standard queue's, the Scheduler's documentation says nothing.
        """
        try:
            self._clients.scheduler.create_schedule(
                Name=f"retry-{repeat.execution_id}",
                GroupName=self._target.group,
                ScheduleExpression=f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._target.queue_arn,
                    "RoleArn": self._target.role_arn,
                    "Input": repeat.to_body(),
                    "DeadLetterConfig": {"Arn": self._target.dead_letter_queue_arn},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise NotQueued(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise NotQueued(type(error).__name__) from error


def _entry(repeat: Repeat, delay_seconds: int) -> dict[str, Any]:
    return {
        "MessageBody": repeat.to_body(),
        "MessageGroupId": repeat.webhook_id,
        "DelaySeconds": delay_seconds,
    }
