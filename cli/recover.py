"""The command recover."""

import argparse
import time
from typing import Any, Final

from cli.api import Api, quote_segment
from cli.confirm import confirm, require_answer
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.progress import create_progress
from cli.stack import Stack
from cli.times import format_time

_POLL_SECONDS: Final = 0.5


def recover(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Count the messages that are selected, ask, and resend each of them.

    With --yes, it does not count. Waits until all of them are queued.
    """
    if not arguments.dry_run:
        require_answer(arguments.yes)
    api, path, body = Api(stack), f"/webhooks/{quote_segment(arguments.webhook)}/recover", _build_body(arguments)
    if arguments.dry_run or not arguments.yes:
        counted = _complete(api, path, {**body, "dry_run": True}, output)
        sendable = counted["found"] - counted["not_kept"]
        if arguments.dry_run or not sendable:
            output.print_result(_describe(counted), counted)
            _require_sendable(counted)
            return
        confirm(_ask(counted), arguments.yes, output)
        body["until"] = counted["filters"]["until"]  # nothing that was not counted
    state = _complete(api, path, body, output)
    queued = f"{state['recovery_id']}: queued {state['queued']} of {state['found']}"
    output.print_result(f"{queued}{_not_kept(state)}", state)
    _require_sendable(state)


def _build_body(arguments: argparse.Namespace) -> dict[str, Any]:
    until = format_time(arguments.until) if arguments.until else None
    given = {"until": until, "status": arguments.status, "event_type": arguments.event_type}
    return {"since": format_time(arguments.since), **{name: value for name, value in given.items() if value}}


def _complete(api: Api, path: str, body: dict[str, Any], output: Output) -> dict[str, Any]:
    """Run a recovery or a dry run, and return its ID and its last state.

    Raises CliFailure if it was stopped, or if its state cannot be read.
    """
    recovery_id = api.post(path, body)["recovery_id"]
    try:
        state = _await_end(api, f"{path}/{quote_segment(recovery_id)}", recovery_id, output)
    except CliFailure as failure:
        if body.get("dry_run"):
            raise
        reason = f"{recovery_id} was started and continues, but its progress cannot be read: {failure}"
        raise CliFailure(reason, failure.code) from None
    if state["status"] != "stopped":
        return {"recovery_id": recovery_id, **state}
    if body.get("dry_run"):
        raise CliFailure("Someone else counts messages of this webhook, which ended this count. Try again")
    raise CliFailure(
        f"{recovery_id} made no progress for an hour, and a later recovery replaced it: "
        f"queued {state['queued']} of {state['found']}"
    )


def _await_end(api: Api, path: str, recovery_id: str, output: Output) -> dict[str, Any]:
    with create_progress(output) as progress:
        task = progress.add_task(recovery_id, total=None)
        while (state := api.get(path))["status"] == "running":
            if state.get("dry_run"):  # nobody knows how many there are
                progress.update(task, completed=state["found"])
            else:
                progress.update(task, total=state["found"] or None, completed=state["queued"])
            time.sleep(_POLL_SECONDS)
    return state


def _describe(counted: dict[str, Any]) -> str:
    found = counted["found"]
    if not found:
        return "No message matches"
    return f"{_count(found - counted['not_kept'])} would be resent{_not_kept(counted)}"


def _ask(counted: dict[str, Any]) -> str:
    return f"Resend {_count(counted['found'] - counted['not_kept'])}?{_not_kept(counted, ' Skipped: ')}"


def _not_kept(state: dict[str, Any], before: str = ", ") -> str:
    return f"{before}{state['not_kept']} without a stored request" if state["not_kept"] else ""


def _count(messages: int) -> str:
    return f"{messages} message{'' if messages == 1 else 's'}"


def _require_sendable(state: dict[str, Any]) -> None:
    if state["found"] and state["not_kept"] == state["found"]:
        raise CliFailure("No request is stored: see DetailsOf and DetailsRetentionDays", ExitCode.CONFLICT)
