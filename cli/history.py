"""The commands show and failures."""

import argparse
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from rich.text import Text

from cli.api import Api, quote_segment
from cli.failure import CliFailure, ExitCode
from cli.filter_options import FILTERS, name_option, parse_filters
from cli.json_text import indent_json
from cli.output import Column, Output, Record
from cli.sender_log import EXECUTION_FAILED, SenderLog
from cli.stack import Stack
from cli.times import executed_at
from hooklog.errors import ErrorType
from hooklog.executions.filters import Status

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

FAILURE_FILTERS: Final = tuple(name for name in FILTERS if name != "status")


def format_outcome(record: Record) -> Text:
    if record["success"]:
        return Text("skipped" if record.get("skipped") else "success", "green")
    return Text(describe_hard_error(record) if record["hard_error"] else "failure", "red")


def format_reason(record: Record) -> str:
    """Return the status, or what kind of hard error it was."""
    return str(record["result"] or ("skipped" if record.get("skipped") else describe_hard_error(record)))


def describe_hard_error(record: Record) -> str:
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
    Column("Reason", format_reason, folds=True),
    Column("Duration", lambda one: f"{one['duration_ms']} ms"),
)


def show(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print one execution with its details."""
    webhook_id, execution_id = quote_segment(arguments.webhook), quote_segment(arguments.execution)
    print_execution(Api(stack).get(f"/webhooks/{webhook_id}/executions/{execution_id}"), output)


def print_execution(execution: dict[str, Any], output: Output) -> None:
    """Print an execution, one row per field, with indented bodies."""
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
    if parse_filters({"status": Status.FAILURE, **filters}).are_contradictory:
        options = " ".join(f"{name_option(name)} {text}" for name, text in filters.items())
        raise CliFailure(f"no failure can match {options}", ExitCode.USAGE)
    found = (_read_api if arguments.webhook else _read_log)(stack, arguments, filters, output)
    output.print_table(FAILURE_COLUMNS, list(islice(found, arguments.limit)))
    if next(found, None):
        output.print_note(f"There are more than {arguments.limit}: raise --limit or shorten --since")


def _read_api(stack: Stack, arguments: argparse.Namespace, filters: Mapping[str, str], _: Output) -> Iterator[Record]:
    size = min(arguments.limit + 1, 200)
    filters = {"status": "failure", **filters}
    return Api(stack).list_executions(arguments.webhook, filters, since=arguments.since, limit=size)


def _read_log(
    stack: Stack, arguments: argparse.Namespace, filters: Mapping[str, str], output: Output
) -> Iterator[Record]:
    log = SenderLog(stack.client("logs"), stack.outputs["SenderLogGroup"])
    selected = parse_filters(filters)
    with output.stderr.status("reading the sender's log", spinner="line") as status:
        lines = []
        for event in log.read_lines(arguments.since, EXECUTION_FAILED):
            if selected.accept_failure(event.line):
                lines.append({"executed_at": executed_at(event.line["execution_id"]), **event.line})
                status.update(f"reading the sender's log: {len(lines)} failures")
    return iter(sorted(lines, key=lambda line: str(line["execution_id"]), reverse=True))
