"""Runs MiniStack with a patched EventBridge Scheduler. Runs in .venv-stack.

MiniStack 1.5 sends a schedule's message to a queue, but ignores a schedule with a universal target, which calls AWS.
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
"""How often due schedules are looked up; MiniStack's default is 10."""


def invoke_target(original: Any, target: dict[str, Any], *others: Any) -> None:
    """Call SendMessage with the target's input, as Scheduler does; pass every other target to MiniStack."""
    if target.get("Arn") != SEND_MESSAGE:
        original(target, *others)
        return
    endpoint = f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"
    boto3.client("sqs", endpoint_url=endpoint).send_message(**json.loads(target["Input"]))


if __name__ == "__main__":
    eventbridge._invoke_target = partial(invoke_target, eventbridge._invoke_target)  # noqa: SLF001 - there is no hook
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS  # noqa: SLF001
    main()
