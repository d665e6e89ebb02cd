"""Sending again: resend, recover, redrive."""

import argparse
import time
from typing import Any, Final

from cli.api import Api, part
from cli.failure import CliFailure
from cli.moments import iso
from cli.output import Output
from cli.progress import progress
from cli.redrive import redrive as redrive_webhooks
from cli.redrive import redrive_all
from cli.stack import Stack

_POLL_SECONDS: Final = 0.5


def resend(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Put one execution on the queue again."""
    path = f"/webhooks/{part(arguments.webhook)}/executions/{part(arguments.execution)}/resend"
    answer = Api(stack).post(path)
    output.say(f"On the queue again as {answer['message_id']}", answer)


def recover(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Send everything again that failed on a webhook for a while, and wait until all of it is on the queue."""
    api, path = Api(stack), f"/webhooks/{part(arguments.webhook)}/recover"
    period = {"since": iso(arguments.since)} | ({"until": iso(arguments.until)} if arguments.until else {})
    recovery_id = api.post(path, period)["recovery_id"]
    state = _followed(api, f"{path}/{part(recovery_id)}", recovery_id, output)
    output.say(
        f"{recovery_id}: {state['queued']} of {state['found']} are on the queue", {"recovery_id": recovery_id, **state}
    )


def _followed(api: Api, path: str, recovery_id: str, output: Output) -> dict[str, Any]:
    """The recovery's state, once it is done. Raises CliFailure if it was stopped."""
    with progress(output) as shown:
        task = shown.add_task(recovery_id, total=None)
        while (state := api.get(path))["status"] == "running":
            shown.update(task, total=state["found"] or None, completed=state["queued"])
            time.sleep(_POLL_SECONDS)
    if state["status"] == "stopped":
        raise CliFailure(
            f"{recovery_id} was stopped by a later one, after an hour without progress: "
            f"{state['queued']} of {state['found']} are on the queue"
        )
    return state


DEAD_LETTERS: Final = {
    "webhooks": ("webhook queue", "DeadLetterQueueUrl", "QueueUrl"),
    "log": ("queue of executions to be logged", "UnloggedDeadLetterQueueUrl", "UnloggedQueueUrl"),
    "recoveries": ("queue of recoveries", "RecoveryDeadLetterQueueUrl", "RecoveryQueueUrl"),
}
"""What a queue is called, and the stack's outputs that name its dead letters and itself."""


def redrive(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Put the dead letters back on their queue."""
    queue, *names = DEAD_LETTERS[arguments.queue]
    if missing := [name for name in names if name not in stack.outputs]:
        raise CliFailure(f"The stack {stack.name!r} has no output {missing[0]}: it is older than this hooklog")
    move = redrive_webhooks if arguments.queue == "webhooks" else redrive_all
    moved = move(stack.client("sqs"), *(stack.outputs[name] for name in names))
    said = f"About {moved} dead letters are back on the {queue}." if moved else "There are no dead letters."
    output.say(said, {"moved": moved})
