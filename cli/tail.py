"""The command tail: executions of one or several webhooks as they are logged."""

import argparse
import time
from collections.abc import Iterator, Sequence
from itertools import chain

from cli.api import Api, quote_segment
from cli.failure import CliFailure, ExitCode
from cli.filter_options import read_filters
from cli.follow import Follower
from cli.history import TAIL_COLUMNS
from cli.output import Column, Output
from cli.pace import Pace
from cli.stack import Stack
from hooklog.webhooks.patterns import get_prefix

_EXECUTED_AT, *_OTHERS = TAIL_COLUMNS


def tail(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print executions as they are logged.

    Stops when --within has passed, --count are printed, or the user interrupts.
    """
    patterns, pace = arguments.webhooks, Pace()
    follower = Follower(stack, patterns, read_filters(arguments), pace)
    ends = time.monotonic() + arguments.within.total_seconds() if arguments.within else None
    columns = _choose_columns(patterns, follower.find_webhooks())
    if note := _describe_interval(len(follower.webhook_ids), pace):
        output.print_note(note)
    recent = follower.start(arguments.last)
    if not arguments.count:
        for sentence in describe_missing(follower, patterns):
            output.print_note(f"{sentence} Waiting for the first one.")
    printed = 0
    for execution in chain(recent, follower.follow(ends, output.wait)):
        output.print_row(columns, execution)
        printed += 1
        if printed == arguments.count:
            return
    if arguments.count:
        missing = " ".join(describe_missing(follower, patterns))
        raise CliFailure(f"Only {printed} of {arguments.count} executions arrived in time. {missing}".rstrip())


def _choose_columns(patterns: Sequence[str], webhook_ids: Sequence[str]) -> Sequence[Column]:
    """Return the columns, with the webhook unless there can only be one."""
    if len(patterns) == 1 and get_prefix(patterns[0]) is None:
        return TAIL_COLUMNS
    width = max(map(len, webhook_ids), default=0)
    return [_EXECUTED_AT, Column("Webhook", lambda one: one["webhook_id"], width=width), *_OTHERS]


def describe_missing(follower: Follower, patterns: Sequence[str]) -> Iterator[str]:
    """Say which webhooks have no executions, and whether they exist."""
    for pattern in patterns:
        if (prefix := get_prefix(pattern)) is None:
            if sentence := _describe_webhook(follower.api, pattern):
                yield sentence
        elif not any(webhook_id.startswith(prefix) for webhook_id in follower.webhook_ids):
            yield f"No webhook matches {pattern}: one appears up to six minutes after its first execution."


def _describe_webhook(api: Api, webhook_id: str) -> str:
    """Say that a webhook has no executions, and whether it exists; "" if it has some."""
    if next(api.list_executions(webhook_id, limit=1), None):
        return ""
    try:
        api.get(f"/webhooks/{quote_segment(webhook_id)}")
    except CliFailure as failure:
        if failure.code == ExitCode.NOT_FOUND:
            return f"{webhook_id} is not registered and has no executions: check the ID."
        raise
    return f"{webhook_id} has no executions yet."


def _describe_interval(webhooks: int, pace: Pace) -> str:
    """Say how often each webhook is read, if that is less often than every second."""
    if webhooks <= pace.per_second:
        return ""
    seconds = webhooks / pace.per_second
    return f"Following {webhooks} webhooks, each every {seconds:.0f} s: at most {pace.per_second:g} API calls a second."
