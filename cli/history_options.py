"""The options of the commands that read or replay executions."""

import argparse
from typing import Final

from cli.option_types import check_filter, parse_count, parse_local_url, parse_pattern, parse_webhook_id
from cli.times import parse_duration, parse_time
from hooklog.errors import ErrorType

TIME_HELP: Final = "how long ago, such as 1h or 7d, or a time in ISO 8601"
_FILTERS: Final = (
    ("event_type", "TYPE", "an event type, or 'order.*' for all that begin with order."),
    ("result", "RESULT", "a status such as 404, a class such as 5xx, or 0 for no response"),
)
"""Fields of the API, their values, and what is accepted."""
_CHOICES: Final = (("error_type", "TYPE", list(map(str, ErrorType))),)
_STATUS: Final = ("status", "STATUS", ["success", "failure"])
_SELECTED: Final = ("failure", "success", "all")


def add_webhook(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", metavar="WEBHOOK", help="webhook ID")


def add_execution(command: argparse.ArgumentParser) -> None:
    add_webhook(command)
    command.add_argument("execution", metavar="EXECUTION", help="execution ID")


def add_confirmation(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="do not ask; needed without a terminal")


def add_tail_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "webhooks",
        nargs="+",
        metavar="WEBHOOK",
        type=parse_pattern,
        help="an ID, a prefix 'acme.*', or '*' for all; those of new webhooks are followed too",
    )
    last = "start with the last N of all webhooks together, with a filter of the last 24 hours; default 10"
    command.add_argument("--last", type=parse_count, default=10, metavar="N", help=last)
    _add_filters(command)
    _add_ends(command)


def add_listen_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", metavar="WEBHOOK", type=parse_webhook_id, help="webhook ID")
    command.add_argument(
        "--forward-to",
        required=True,
        type=parse_local_url,
        metavar="URL",
        help="your server, such as http://localhost:3000/hooks, or its port",
    )
    command.add_argument("--last", type=parse_count, default=0, metavar="N", help="replay the last N first; default: 0")
    command.add_argument("--newest-first", action="store_true", help="replay the newest of --last first")
    attempts = "also replay retries and resends; default: only the first attempt of each message"
    command.add_argument("--all-attempts", action="store_true", help=attempts)
    _add_filters(command)
    _add_ends(command)


def add_failures_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "webhook", nargs="?", metavar="WEBHOOK", help="webhook ID; default: all, read from the sender's log group"
    )
    command.add_argument("--since", type=parse_time, default="1h", metavar="TIME", help=f"{TIME_HELP}; default 1h")
    command.add_argument("--limit", type=parse_count, default=100, metavar="N", help="show the newest N; default 100")
    _add_filters(command, failures=True)


def add_resend_options(command: argparse.ArgumentParser) -> None:
    add_webhook(command)
    command.add_argument("execution", nargs="?", metavar="EXECUTION", help="execution ID; default: use the filters")
    command.add_argument("--from", dest="since", type=parse_time, metavar="TIME", help=f"start: {TIME_HELP}")
    command.add_argument("--to", dest="until", type=parse_time, metavar="TIME", help="end; default: now")
    _add_selected_status(command)
    _add_filters(command, failures=True)
    add_confirmation(command)


def add_recover_options(command: argparse.ArgumentParser) -> None:
    add_webhook(command)
    command.add_argument("--since", type=parse_time, required=True, metavar="TIME", help=f"start: {TIME_HELP}")
    command.add_argument("--until", type=parse_time, metavar="TIME", help="end; default: now")
    _add_selected_status(command)
    _add_filter(command, *_FILTERS[0])
    command.add_argument("--dry-run", action="store_true", help="only count the messages")
    add_confirmation(command)


def _add_selected_status(command: argparse.ArgumentParser) -> None:
    wanted = f"select only these: one of {', '.join(_SELECTED)}; default {_SELECTED[0]}"
    command.add_argument("--status", choices=_SELECTED, metavar="STATUS", help=wanted)


def _add_filters(command: argparse.ArgumentParser, *, failures: bool = False) -> None:
    for each in _FILTERS:
        _add_filter(command, *each)
    for name, metavar, choices in (*_CHOICES, *([] if failures else [_STATUS])):
        option, wanted = f"--{name.replace('_', '-')}", f"select only these: one of {', '.join(choices)}"
        command.add_argument(option, choices=choices, metavar=metavar, help=wanted)


def _add_filter(command: argparse.ArgumentParser, name: str, metavar: str, accepted: str) -> None:
    option, wanted = f"--{name.replace('_', '-')}", f"select only these: {accepted}"
    command.add_argument(option, type=check_filter(name), metavar=metavar, help=wanted)


def _add_ends(command: argparse.ArgumentParser) -> None:
    command.add_argument("--count", type=parse_count, metavar="N", help="stop after N executions")
    command.add_argument(
        "--within",
        type=parse_duration,
        metavar="DURATION",
        help="stop after a time such as 30s or 5m; fail if fewer than --count arrived",
    )
