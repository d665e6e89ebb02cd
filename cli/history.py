"""Looking at executions: tail, show, failures."""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from rich.text import Text

from cli.api import Api, part
from cli.failure import CliFailure
from cli.moments import executed_at
from cli.output import Column, Output, Record
from cli.sender_log import FAILED_EXECUTION, SenderLog
from cli.stack import Stack

_POLL_SECONDS: Final = 1.0
_LATE: Final = timedelta(seconds=120)
"""By how much an execution may be logged after one that was executed later."""


def outcome(record: Record) -> Text:
    if record["success"]:
        return Text("success", "green")
    return Text("hard error" if record["hard_error"] else "failure", "red")


def attempt(record: Record) -> str:
    return f"{record['trigger']} {record['attempt']}"


STREAMED: Final[tuple[Column, ...]] = (
    ("Executed at", lambda one: one["executed_at"]),
    ("Execution", lambda one: one["execution_id"]),
    ("Event", lambda one: f"{one.get('event_type') or '-':<20}"),
    ("Attempt", lambda one: f"{attempt(one):<9}"),
    ("Result", lambda one: f"{one['result']:>3}"),
    ("", outcome),
    ("Duration", lambda one: f"{one['duration_ms']} ms"),
)
FAILURES: Final[tuple[Column, ...]] = (
    ("Executed at", lambda one: one["executed_at"]),
    ("Webhook", lambda one: one["webhook_id"]),
    ("Execution", lambda one: one["execution_id"]),
    ("Attempt", attempt),
    ("Why", lambda one: one.get("error_type") or (str(one["result"]) if one["result"] else "hard error")),
    ("Duration", lambda one: f"{one['duration_ms']} ms"),
)


def tail(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print executions as they are logged, until --within is over, there were --count of them, or interrupted."""
    api = Api(stack)
    ends = time.monotonic() + arguments.within.total_seconds() if arguments.within else None
    for number, execution in enumerate(_live(api, arguments.webhook, arguments.last, ends), start=1):
        output.row(STREAMED, execution)
        if number == arguments.count:
            return
    if arguments.count:
        raise CliFailure(f"Fewer than {arguments.count} executions came in time")


def _live(api: Api, webhook_id: str, last: int, ends: float | None) -> Iterator[dict[str, Any]]:
    """The last few executions, then what comes; oldest first."""
    recent = list(islice(api.executions(webhook_id, limit=last), last))
    yield from reversed(recent)
    newest = datetime.fromisoformat(recent[0]["executed_at"]) if recent else datetime.now(UTC)
    seen = {one["execution_id"] for one in api.executions(webhook_id, since=newest - _LATE)} if recent else set()
    while ends is None or time.monotonic() < ends:
        found = api.executions(webhook_id, since=newest - _LATE)
        coming = [one for one in found if one["execution_id"] not in seen]
        yield from reversed(coming)
        seen.update(one["execution_id"] for one in coming)
        newest = max([newest, *(datetime.fromisoformat(one["executed_at"]) for one in coming)])
        time.sleep(_POLL_SECONDS)


def show(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print one execution with all that is kept of it."""
    execution = Api(stack).get(f"/webhooks/{part(arguments.webhook)}/executions/{part(arguments.execution)}")
    output.fields(execution if output.as_json else {name: _readable(name, value) for name, value in execution.items()})


def _readable(name: str, value: Any) -> Any:
    """A body that is JSON, laid out; one that is nested too deeply for that stays as it is."""
    if not (name.endswith("_body") and isinstance(value, str)):
        return value
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return value


def failures(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print what failed, newest first: of one webhook as the API has it, of all as the sender's log group has it."""
    found = (_of_one if arguments.webhook else _of_all)(stack, arguments, output)
    shown = list(islice(found, arguments.limit))
    output.table(FAILURES, shown)
    if next(found, None):
        output.note(f"There are more than {arguments.limit}: raise --limit, or shorten --since")


def _of_one(stack: Stack, arguments: argparse.Namespace, _: Output) -> Iterator[Record]:
    size = min(arguments.limit + 1, 200)
    return Api(stack).executions(arguments.webhook, since=arguments.since, status="failure", limit=size)


def _of_all(stack: Stack, arguments: argparse.Namespace, output: Output) -> Iterator[Record]:
    log = SenderLog(stack.client("logs"), stack.outputs["SenderLogGroup"])
    with output.aside.status("reading the sender's log") as status:
        lines = []
        for event in log.events(arguments.since, FAILED_EXECUTION):
            lines.append({"executed_at": executed_at(event.line["execution_id"]), **event.line})
            status.update(f"reading the sender's log: {len(lines)} failures")
    return iter(sorted(lines, key=lambda line: str(line["execution_id"]), reverse=True))
