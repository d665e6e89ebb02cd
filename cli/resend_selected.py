"""Resending of many messages, selected by filters."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from cli.api import Api, ApiFailure, quote_segment
from cli.confirm import confirm, require_answer
from cli.failure import CliFailure, ExitCode
from cli.filter_options import FILTERS, name_option, read_filters
from cli.history import format_reason
from cli.output import Output, Record
from cli.pace import Pace
from cli.progress import show_bar
from cli.resend_record import ResendRecord
from cli.stack import Stack
from cli.times import format_time
from hooklog.executions.filters import ALL, Status

_NOT_FOUND, _CONFLICT = 404, 409
_REASONS: Final = 10
"""How many kinds of failure the sample lists."""


class Outcome(StrEnum):
    """What became of a selected message, as the summary says it."""

    QUEUED = "queued"
    DELIVERED = "delivered meanwhile"
    RESENT = "resent before"
    NOT_STORED = "without a stored request"


def given_options(arguments: argparse.Namespace) -> list[str]:
    """Return the options that select executions."""
    periods = {"--from": arguments.since, "--to": arguments.until}
    filters = {name_option(name): getattr(arguments, name) for name in FILTERS}
    return [option for option, value in {**periods, **filters}.items() if value is not None]


def resend_selected(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Count the messages that the filters select, ask, and queue each of them once.

    Raises CliFailure if it has to stop before the last one.
    """
    require_answer(arguments.yes)
    api = Api(stack, pace=Pace())
    until = arguments.until or datetime.now(UTC)
    selected = _select(api, arguments, until, output)
    if not selected:
        output.print_result("No execution matches", _to_record(Counter(), 0))
        return
    if not (output.as_json and arguments.yes):
        _print_sample(selected, output)
    question = f"Resend {_count(len(selected))}? A message that was delivered or resent meanwhile is skipped."
    confirm(question, arguments.yes, output)
    record = ResendRecord(stack.name, arguments.webhook)
    outcomes: Counter[str] = Counter()
    try:
        with show_bar("resending", len(selected), output) as advance:
            for outcome in _resend_all(api, selected, record):
                outcomes[outcome] += 1
                advance(1)
    except (CliFailure, KeyboardInterrupt) as stop:
        # Without this end, a resend that has failed meanwhile would be selected again.
        ends = "" if arguments.until else f" with --to {format_time(until)}"
        output.print_note(f"{_summarize(outcomes, len(selected))}. Run the command again{ends} to continue.")
        if isinstance(stop, CliFailure):
            raise CliFailure(f"Stopped: {stop}", stop.code) from None
        raise
    _print_result(outcomes, len(selected), output)


def _select(api: Api, arguments: argparse.Namespace, until: datetime, output: Output) -> list[Record]:
    """Return the newest selected execution of each message, oldest first."""
    status = None if arguments.status == ALL else arguments.status or Status.FAILURE
    filters = read_filters(argparse.Namespace(**{**vars(arguments), "status": status}))
    newest: dict[str, Record] = {}
    with output.stderr.status("counting messages", spinner="line") as shown:
        for execution in api.list_executions(arguments.webhook, filters, since=arguments.since, until=until):
            if execution["trigger"] != "test":  # a test cannot be resent
                newest.setdefault(execution["message_id"], execution)
                shown.update(f"counting messages: {len(newest)}")
    return list(reversed(newest.values()))


def _print_sample(selected: Iterable[Record], output: Output) -> None:
    """Say how many messages failed for which reason or succeeded, each with an example."""
    reasons: dict[str, list[Record]] = {}
    for one in selected:
        reasons.setdefault(format_reason(one), []).append(one)
    most = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for reason, found in most[:_REASONS]:
        output.print_note(f"{len(found):>7}  {reason}, such as {found[-1]['message_id']}")
    if len(most) > _REASONS:
        output.print_note(f"         and {len(most) - _REASONS} other reasons")


def _resend_all(api: Api, selected: Iterable[Record], record: ResendRecord) -> Iterator[Outcome]:
    for execution in selected:
        yield _resend(api, execution, record)


def _resend(api: Api, execution: Record, record: ResendRecord) -> Outcome:
    """Queue the message, unless it was delivered after a failure, or resent."""
    execution_id = execution["execution_id"]
    if execution_id in record:
        return Outcome.RESENT
    later = list(_list_later_attempts(api, execution))
    if not execution["success"] and any(one["success"] for one in later):
        return Outcome.DELIVERED
    if any(one["trigger"] == "resend" for one in later):
        return Outcome.RESENT
    path = f"/webhooks/{quote_segment(execution['webhook_id'])}/executions/{quote_segment(execution_id)}/resend"
    try:
        api.post(path)
    except ApiFailure as failure:
        if failure.status not in (_NOT_FOUND, _CONFLICT):
            raise
        return Outcome.NOT_STORED
    record.add(execution_id)
    return Outcome.QUEUED


def _list_later_attempts(api: Api, execution: Record) -> Iterator[dict[str, Any]]:
    found = api.get(f"/messages/{quote_segment(execution['message_id'])}/executions")["executions"]
    return (
        one
        for one in found
        if one["webhook_id"] == execution["webhook_id"] and one["execution_id"] > execution["execution_id"]
    )


def _print_result(outcomes: Counter[str], total: int, output: Output) -> None:
    output.print_result(_summarize(outcomes, total), _to_record(outcomes, total))
    if outcomes[Outcome.NOT_STORED] == total:
        raise CliFailure("No request is stored: see DetailsOf and DetailsRetentionDays", ExitCode.CONFLICT)


def _to_record(outcomes: Counter[str], total: int) -> Record:
    return {"found": total, **{outcome.name.lower(): outcomes[outcome] for outcome in Outcome}}


def _summarize(outcomes: Counter[str], total: int) -> str:
    others = "".join(f", {outcomes[one]} {one}" for one in Outcome if one != Outcome.QUEUED and outcomes[one])
    return f"Queued {outcomes[Outcome.QUEUED]} of {_count(total)}{others}"


def _count(messages: int) -> str:
    return f"{messages} message{'' if messages == 1 else 's'}"
