"""The commands tail, show and failures."""

import argparse
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from rich.text import Text

from cli.api import Api, quote_segment
from cli.failure import CliFailure, ExitCode
from cli.json_text import indent_json
from cli.output import Column, Output, Record
from cli.sender_log import EXECUTION_FAILED, SenderLog
from cli.stack import Stack
from cli.times import executed_at
from hooklog.access.grants import Scope
from hooklog.errors import ErrorType
from hooklog.executions.filters import PARSERS, Filters, Status

_POLL_SECONDS: Final = 1.0
_FOLLOWING: Final = f"{Scope.EXECUTIONS_READ} {Scope.WEBHOOKS_READ}"
LABELS: Final[Mapping[str, str]] = {
    ErrorType.DNS_FAILURE: "DNS failed",
    ErrorType.CONNECTION_REFUSED: "Connection refused",
    ErrorType.CONNECT_TIMEOUT: "Timed out",
    ErrorType.TLS_ERROR: "TLS failed",
    ErrorType.BLOCKED_ADDRESS: "Blocked",
    ErrorType.INVALID_URL: "Not sent: invalid URL",
    ErrorType.READ_TIMEOUT: "Timed out",
    ErrorType.DEADLINE_EXCEEDED: "Timed out",
    ErrorType.CONNECTION_RESET: "Connection closed",
    ErrorType.PROTOCOL_ERROR: "Invalid response",
    ErrorType.TRANSFORMATION_ERROR: "Not sent: transformation failed",
    ErrorType.UNKNOWN_WEBHOOK: "Not sent: unknown webhook",
    ErrorType.DISABLED_WEBHOOK: "Not sent: webhook is off",
}
"""What tables show instead of a hard error's result, which is 0. The History page has the same labels."""

FAILURE_FILTERS: Final = ("event_type", "result", "error_type")
"""The filters of `failures`, as the API names them."""

_LATE: Final = timedelta(seconds=120)
"""How much later an execution may be logged than one that started after it."""


def format_outcome(record: Record) -> Text:
    if record["success"]:
        return Text("skipped" if record.get("skipped") else "success", "green")
    return Text(_describe_hard_error(record) if record["hard_error"] else "failure", "red")


def _format_reason(record: Record) -> str:
    """Return a failure's status, or what kind of hard error it was."""
    return str(record["result"] or _describe_hard_error(record))


def _describe_hard_error(record: Record) -> str:
    """Return the label of its type; executions of an earlier release may have none."""
    error_type = record.get("error_type") or "hard error"
    return LABELS.get(error_type, error_type)


def format_attempt(record: Record) -> str:
    return f"{record['trigger']} {record['attempt']}"


TAIL_COLUMNS: Final[tuple[Column, ...]] = (
    Column("Executed at", lambda one: one["executed_at"], width=27),
    Column("Execution", lambda one: one["execution_id"], width=32),
    Column("Event", lambda one: one.get("event_type") or "-", width=20, folds=True),
    Column("Attempt", format_attempt, width=9),
    Column("Result", lambda one: one["result"], width=-3),
    Column("Outcome", format_outcome, width=7, folds=True),
    Column("Duration", lambda one: f"{one['duration_ms']} ms"),
)
FAILURE_COLUMNS: Final[tuple[Column, ...]] = (
    Column("Executed at", lambda one: one["executed_at"]),
    Column("Webhook", lambda one: one["webhook_id"]),
    Column("Execution", lambda one: one["execution_id"]),
    Column("Attempt", format_attempt),
    Column("Reason", _format_reason, folds=True),
    Column("Duration", lambda one: f"{one['duration_ms']} ms"),
)


def tail(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print executions as they are logged.

    Stops when --within has passed, --count are printed, or the user interrupts.
    """
    api = Api(stack, _FOLLOWING)
    ends = time.monotonic() + arguments.within.total_seconds() if arguments.within else None
    printed = 0
    if not arguments.count and (missing := _describe_missing(api, arguments.webhook)):
        output.print_note(f"{missing} Waiting for the first one.")
    for execution in _follow(api, arguments.webhook, arguments.last, ends):
        output.print_row(TAIL_COLUMNS, execution)
        printed += 1
        if printed == arguments.count:
            return
    if arguments.count:
        missing = _describe_missing(api, arguments.webhook)
        raise CliFailure(f"Only {printed} of {arguments.count} executions arrived in time. {missing}".rstrip())


def _describe_missing(api: Api, webhook_id: str) -> str:
    """Say that a webhook has no executions, and whether it exists. Returns "" if it has some."""
    if next(api.list_executions(webhook_id, limit=1), None):
        return ""
    try:
        api.get(f"/webhooks/{quote_segment(webhook_id)}")
    except CliFailure as failure:
        if failure.code == ExitCode.NOT_FOUND:
            return f"{webhook_id} is not registered and has no executions: check the ID."
        raise
    return f"{webhook_id} has no executions yet."


def _follow(api: Api, webhook_id: str, last: int, ends: float | None) -> Iterator[dict[str, Any]]:
    """Yield the last executions, then new ones as they are logged; oldest first."""
    recent = list(islice(api.list_executions(webhook_id, limit=last), last))
    yield from reversed(recent)
    newest = datetime.fromisoformat(recent[0]["executed_at"]) if recent else datetime.now(UTC)
    seen = {one["execution_id"] for one in api.list_executions(webhook_id, since=newest - _LATE)} if recent else set()
    while ends is None or time.monotonic() < ends:
        found = api.list_executions(webhook_id, since=newest - _LATE)
        added = [one for one in found if one["execution_id"] not in seen]
        yield from reversed(added)
        seen.update(one["execution_id"] for one in added)
        newest = max([newest, *(datetime.fromisoformat(one["executed_at"]) for one in added)])
        time.sleep(_POLL_SECONDS)


def show(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print one execution with its details."""
    webhook_id, execution_id = quote_segment(arguments.webhook), quote_segment(arguments.execution)
    execution = Api(stack).get(f"/webhooks/{webhook_id}/executions/{execution_id}")
    if not (output.as_json or output.is_plain):
        execution = {name: _indent_body(name, value) for name, value in execution.items()}
    output.print_fields(execution)


def _indent_body(name: str, value: Any) -> Any:
    return indent_json(value) if name.endswith("_body") and isinstance(value, str) else value


def failures(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print the failed executions that the filters select, newest first.

    One webhook's come from the API, all webhooks' from the sender's log group. Raises CliFailure if no failure can
    match the filters.
    """
    given = {name: getattr(arguments, name) for name in FAILURE_FILTERS}
    filters = {name: text for name, text in given.items() if text is not None}
    if _parse_filters(filters).are_contradictory:
        options = " ".join(f"--{name.replace('_', '-')} {text}" for name, text in filters.items())
        raise CliFailure(f"no failure can match {options}", ExitCode.USAGE)
    found = (_read_api if arguments.webhook else _read_log)(stack, arguments, filters, output)
    output.print_table(FAILURE_COLUMNS, list(islice(found, arguments.limit)))
    if next(found, None):
        output.print_note(f"There are more than {arguments.limit}: raise --limit or shorten --since")


def _parse_filters(filters: Mapping[str, str]) -> Filters:
    return Filters(Status.FAILURE, **{name: PARSERS[name](text) for name, text in filters.items()})


def _read_api(stack: Stack, arguments: argparse.Namespace, filters: Mapping[str, str], _: Output) -> Iterator[Record]:
    size = min(arguments.limit + 1, 200)
    filters = {"status": "failure", **filters}
    return Api(stack).list_executions(arguments.webhook, since=arguments.since, limit=size, **filters)


def _read_log(
    stack: Stack, arguments: argparse.Namespace, filters: Mapping[str, str], output: Output
) -> Iterator[Record]:
    log = SenderLog(stack.client("logs"), stack.outputs["SenderLogGroup"])
    selected = _parse_filters(filters)
    with output.stderr.status("reading the sender's log", spinner="line") as status:
        lines = []
        for event in log.read_lines(arguments.since, EXECUTION_FAILED):
            if selected.accept_failure(event.line):
                lines.append({"executed_at": executed_at(event.line["execution_id"]), **event.line})
                status.update(f"reading the sender's log: {len(lines)} failures")
    return iter(sorted(lines, key=lambda line: str(line["execution_id"]), reverse=True))
