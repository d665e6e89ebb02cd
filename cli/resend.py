"""The commands resend and recover."""

import argparse
import time
from typing import Any, Final

from cli.api import Api, quote_segment
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.progress import create_progress
from cli.resend_selected import given_options, resend_selected
from cli.stack import Stack
from cli.times import format_time

_POLL_SECONDS: Final = 0.5


def resend(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Queue one execution again, or each message whose failures the filters select."""
    given = given_options(arguments)
    if bool(arguments.execution) == bool(given):
        wrong = f"not both EXECUTION and {given[0]}" if given else "or filters, such as --from 3h"
        raise CliFailure(f"Give an EXECUTION to resend, {wrong}", ExitCode.USAGE)
    if given:
        resend_selected(stack, arguments, output)
        return
    path = f"/webhooks/{quote_segment(arguments.webhook)}/executions/{quote_segment(arguments.execution)}/resend"
    response = Api(stack).post(path)
    output.print_result(f"Queued again as {response['message_id']}", response)


def recover(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Resend all of a webhook's failures in a period.

    Waits until all of them are queued.
    """
    api, path = Api(stack), f"/webhooks/{quote_segment(arguments.webhook)}/recover"
    until = {"until": format_time(arguments.until)} if arguments.until else {}
    recovery_id = api.post(path, {"since": format_time(arguments.since), **until})["recovery_id"]
    state = _await_recovery(api, f"{path}/{quote_segment(recovery_id)}", recovery_id, output)
    output.print_result(
        f"{recovery_id}: queued {state['queued']} of {state['found']}", {"recovery_id": recovery_id, **state}
    )


def _await_recovery(api: Api, path: str, recovery_id: str, output: Output) -> dict[str, Any]:
    """Return the recovery's state once it is done.

    Raises CliFailure if it was stopped.
    """
    with create_progress(output) as progress:
        task = progress.add_task(recovery_id, total=None)
        while (state := api.get(path))["status"] == "running":
            progress.update(task, total=state["found"] or None, completed=state["queued"])
            time.sleep(_POLL_SECONDS)
    if state["status"] == "stopped":
        raise CliFailure(
            f"{recovery_id} made no progress for an hour, and a later recovery replaced it: "
            f"queued {state['queued']} of {state['found']}"
        )
    return state
