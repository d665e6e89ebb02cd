"""The commands of hooklog and their options.

Imports nothing that takes long: `hooklog --help` and shell completion read only this.
"""

import argparse
from datetime import UTC, datetime, timedelta
from functools import partial

from cli.command_group import CommandGroup, build_common_options
from cli.history_options import (
    TIME_HELP,
    add_confirmation,
    add_execution,
    add_failures_options,
    add_listen_options,
    add_recover_options,
    add_resend_options,
    add_tail_options,
)
from cli.option_types import parse_count, parse_header, parse_seconds, parse_url
from cli.queues import QUEUES
from cli.times import parse_duration, parse_time
from cli.webhook_options import add_webhooks_commands
from hooklog.access.grants import Scope
from hooklog.version import __version__

_EPILOG = """\
exit codes: 0 success, 1 failure, 2 wrong usage, 3 not found, 4 not allowed,
            5 conflict, 130 interrupted

environment: HOOKLOG_STACK  default of --stack; --stack '' is the local stack
             NO_COLOR       print without colors
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hooklog",
        description="Send webhooks and inspect their executions.",
        epilog=_EPILOG,
        parents=[build_common_options(None)],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hooklog {__version__}", help="print the version")
    _add_commands(CommandGroup(parser))
    return parser


def _add_commands(commands: CommandGroup) -> None:
    add = commands.add
    _add_send_options(add("send", "send:send", "Put messages on the queue"))
    add_tail_options(add("tail", "tail:tail", "Follow the executions of webhooks"))
    add_listen_options(add("listen", "listen:listen", "Replay a webhook's executions to a local server"))
    add_execution(add("show", "history:show", "Show one execution with its details"))
    add_failures_options(add("failures", "history:failures", "List failed executions of one or all webhooks"))
    _add_stats_options(add("stats", "stats:stats", "Count a webhook's executions by hour or day"))
    add_resend_options(add("resend", "resend:resend", "Resend one execution, or all messages that filters select"))
    add_recover_options(add("recover", "recover:recover", "Resend the messages of a period, by default failed ones"))
    _add_redrive_options(add("redrive", "redrive:redrive", "Move the dead letters back to their queue"))
    _add_token_options(add("token", "tokens:token", "Mint a token for the API"))
    _add_topics_options(add("topics", "topics:topics", "List webhooks in another tenant's topic; exit 1 if any"))
    _add_import_options(
        add("import", "import_endpoints:import_endpoints", "Register endpoints exported from Svix or Convoy")
    )
    add_webhooks_commands(commands.add_group("webhooks", "List, read, change and test registered webhooks"))
    _add_doctor_options(add("doctor", "doctor:doctor", "Check a stack after a deployment; exit 1 if a check fails"))
    _add_top_options(add("top", "top:top", "Show success rate, latency and failing webhooks"))
    completion = commands.add_text("completion", "completion:generate_script", "Print a completion script for a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")


def _add_import_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help="JSON file with the endpoints, - for standard input")
    prefix = "text before each endpoint's ID, such as acme., which makes it a webhook's ID"
    command.add_argument("--prefix", metavar="TEXT", default="", help=prefix)
    command.add_argument("--topic", metavar="TOPIC", help="topic that all of them join")
    command.add_argument("--dry-run", action="store_true", help="only show what would be done")
    add_confirmation(command)


def _add_send_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", nargs="?", metavar="FILE", help="JSON messages: one, an array, or one per line; - reads standard input"
    )
    command.add_argument("--webhook", metavar="ID", help="send one message, made from these options")
    command.add_argument("--topic", metavar="TOPIC", help="publish to the topic's webhooks, instead of --webhook")
    command.add_argument("--url", metavar="URL", help="where to send it; omit for a registered webhook")
    ordered = "put the messages on the ordered queue, for webhooks that are ordered"
    command.add_argument("--ordered", action="store_true", help=ordered)
    command.add_argument("--event", metavar="TYPE", help="event type, such as order.created")
    command.add_argument("--message-id", metavar="ID", help="message ID; default: a random one")
    command.add_argument(
        "--header", metavar="NAME:VALUE", action="append", type=parse_header, help="request header; repeatable"
    )
    command.add_argument(
        "--timeout", metavar="SECONDS", type=parse_seconds, help="limit for the whole exchange, 1 to 30; default 15"
    )
    command.add_argument(
        "--payload", default="{}", metavar="JSON", help="JSON, @FILE, or - for standard input; default {}"
    )


def _add_redrive_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "queue", nargs="?", choices=list(QUEUES), default="webhooks", help="the queue; default webhooks"
    )


def _add_stats_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", metavar="WEBHOOK", help="webhook ID")
    now = datetime.now(UTC)  # for both ends, so that 366d are not longer than the API allows
    time = partial(parse_time, now=now)
    command.add_argument("--since", type=time, default="24h", metavar="TIME", help=f"{TIME_HELP}; default 24h")
    command.add_argument("--until", type=time, default=now, metavar="TIME", help="end; default: now")
    command.add_argument("--interval", choices=("hour", "day"), help="default: hour, or day from 3 days on")


def _add_token_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhooks", nargs="+", metavar="WEBHOOK", help="an ID, a prefix 'acme.*', or '*' for all")
    scope, expires = Scope.EXECUTIONS_READ, timedelta(minutes=15)
    command.add_argument(
        "--scope",
        nargs="+",
        choices=[str(one) for one in Scope],
        default=[str(scope)],
        metavar="SCOPE",
        help=f"any of {', '.join(Scope)}; default {scope}",
    )
    command.add_argument("--topics", nargs="+", metavar="TOPIC", help="other topics that its webhooks may join")
    command.add_argument(
        "--expires",
        type=parse_duration,
        default=expires,
        metavar="DURATION",
        help="how long it is valid, such as 15m or 1h; default 15m",
    )


def _add_topics_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--depth",
        type=parse_count,
        default=1,
        metavar="N",
        help="how many parts of a name identify the tenant; default 1",
    )


def _add_doctor_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--to", type=parse_url, metavar="URL", help="receiver of the test webhook; default: the stack's own API"
    )


def _add_top_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--window",
        type=parse_duration,
        default="15m",
        metavar="DURATION",
        help="how far back to look, such as 15m or 1h; default 15m",
    )
    command.add_argument(
        "--every",
        type=parse_duration,
        default="2s",
        metavar="DURATION",
        help="how often to refresh, such as 2s or 1m; default 2s",
    )
    command.add_argument(
        "--rows", type=parse_count, default=15, metavar="N", help="how many webhooks to show; default 15"
    )
    command.add_argument("--once", action="store_true", help="print once and exit")
