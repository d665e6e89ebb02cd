"""MiniStack, with a gap of its EventBridge Scheduler closed; a program of .venv-stack.

MiniStack 1.5 puts messages on queues for a schedule, but drops a schedule that calls AWS ("universal target").
"""

import json
import os
from functools import partial
from typing import Any, Final

import boto3
from ministack.app import main  # type: ignore[import-not-found]
from ministack.services import eventbridge, scheduler  # type: ignore[import-not-found]

SEND_MESSAGE: Final = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
TICK_SECONDS: Final = 1
"""Between one look at the schedules and the next; MiniStack takes 10."""


def invoke_target(original: Any, target: dict[str, Any], *others: Any) -> None:
    """Call SendMessage with the target's input, as Scheduler does; leave every other target to MiniStack."""
    if target.get("Arn") != SEND_MESSAGE:
        original(target, *others)
        return
    endpoint = f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"
    boto3.client("sqs", endpoint_url=endpoint).send_message(**json.loads(target["Input"]))


if __name__ == "__main__":
    eventbridge._invoke_target = partial(invoke_target, eventbridge._invoke_target)  # noqa: SLF001 - there is no hook
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS  # noqa: SLF001
    main()
