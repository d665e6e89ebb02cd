"""The commands of hooklog and their options."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from cli import doctor, history, redrive, resend, send, stats, tokens, top, topics
from cli.output import Output
from cli.stack import Stack
from cli.times import parse_duration, parse_time
from hooklog.access.grants import Scope
from hooklog.errors import ErrorType, InvalidMessage, InvalidRequest
from hooklog.executions.filters import PARSERS
from hooklog.messages.fields import read_url

Command = Callable[[Stack, argparse.Namespace, Output], None]

_EXIT_CODES = """\
exit codes: 0 success, 1 failure, 2 wrong usage, 3 not found, 4 not allowed,
            5 conflict, 130 interrupted
"""
_TIME_HELP = "how long ago, such as 1h or 7d, or a time in ISO 8601"


def build_parser() -> argparse.ArgumentParser:
    common = _common_options(argparse.SUPPRESS)
    parser = argparse.ArgumentParser(
        prog="hooklog",
        description="Send webhooks and inspect their executions.",
        epilog=_EXIT_CODES,
        parents=[_common_options(None)],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Command, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=f"{summary}.", parents=[common])
        command.set_defaults(run=run)
        return command

    _add_send_options(add("send", send.send, "Put messages on the queue"))
    _add_tail_options(add("tail", history.tail, "Follow a webhook's executions"))
    _add_execution(add("show", history.show, "Show one execution with its details"))
    _add_failures_options(add("failures", history.failures, "List failed executions of one or all webhooks"))
    _add_stats_options(add("stats", stats.stats, "Count a webhook's executions by hour or day"))
    _add_execution(add("resend", resend.resend, "Resend one execution"))
    _add_recover_options(add("recover", resend.recover, "Resend everything that failed on a webhook"))
    _add_redrive_options(add("redrive", redrive.redrive, "Move the dead letters back to their queue"))
    _add_token_options(add("token", tokens.token, "Mint a token for the API"))
    _add_topics_options(add("topics", topics.topics, "List webhooks in another tenant's topic; exit 1 if any"))
    _add_doctor_options(add("doctor", doctor.doctor, "Check a stack after a deployment; exit 1 if a check fails"))
    _add_top_options(add("top", top.top, "Show success rate, latency and failing webhooks"))
    return parser


def _common_options(default: str | None) -> argparse.ArgumentParser:
    """Options that are valid before and after the command.

    After it, a missing option must not reset an earlier one.
    """
    common = argparse.ArgumentParser(add_help=False, argument_default=default)
    common.add_argument("--stack", metavar="NAME", help="use this stack on AWS instead of the local one")
    common.add_argument("--region", help="AWS region of the stack; default: your AWS configuration")
    common.add_argument("--profile", help="AWS profile for the stack")
    common.add_argument("--json", action="store_true", default=default, help="print one JSON object per line")
    return common


def _add_send_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", nargs="?", help="JSON messages: one, an array, or one per line; - reads stdin")
    command.add_argument("--webhook", metavar="ID", help="send one message, made from these options")
    command.add_argument("--topic", help="publish to the topic's webhooks, instead of --webhook")
    command.add_argument("--url", help="where to send it; omit for a registered webhook")
    command.add_argument("--event", metavar="TYPE", help="event type, such as order.created")
    command.add_argument("--message-id", metavar="ID", help="message ID; default: a random one")
    command.add_argument(
        "--header", metavar="NAME:VALUE", action="append", type=_parse_header, help="request header; repeatable"
    )
    command.add_argument(
        "--timeout", metavar="SECONDS", type=_parse_seconds, help="limit for the whole exchange, 1 to 30"
    )
    command.add_argument("--payload", default="{}", metavar="JSON", help="JSON, @FILE or - for stdin; default {}")


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r} has no colon: write it as 'X-Shop: berlin'")
    return name.strip(), value.strip()


def _parse_seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None


def _add_redrive_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "queue", nargs="?", choices=redrive.QUEUES, default="webhooks", help="the queue; default webhooks"
    )


def _add_tail_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", help="webhook ID")
    command.add_argument("--last", type=_parse_count, default=10, metavar="N", help="start with the last N; default 10")
    command.add_argument("--count", type=_parse_count, metavar="N", help="stop after N executions")
    command.add_argument(
        "--within",
        type=parse_duration,
        metavar="DURATION",
        help="stop after 30s, 5m …; fail if fewer than --count executions arrived",
    )


def _add_execution(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", help="webhook ID")
    command.add_argument("execution", help="execution ID")


def _add_failures_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", nargs="?", help="webhook ID; default: all, read from the sender's log group")
    command.add_argument("--since", type=parse_time, default="1h", metavar="TIME", help=f"{_TIME_HELP}; default 1h")
    command.add_argument("--limit", type=_parse_count, default=100, metavar="N", help="show the newest N; default 100")
    _add_filter(command, "event_type", "TYPE", "an event type, or 'order.*' for all that begin with order.")
    _add_filter(command, "result", "RESULT", "a status such as 404, a class such as 5xx, or 0 for no response")
    _add_filter(command, "error_type", "TYPE", f"one of {', '.join(ErrorType)}")


def _add_filter(command: argparse.ArgumentParser, name: str, metavar: str, accepted: str) -> None:
    option = f"--{name.replace('_', '-')}"
    command.add_argument(option, type=_check_filter(name), metavar=metavar, help=f"show only these: {accepted}")


def _check_filter(name: str) -> Callable[[str], str]:
    """Return a check of a filter's text, which the API would reject too."""

    def check(text: str) -> str:
        try:
            PARSERS[name](text)
        except InvalidRequest as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return check


def _add_stats_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", help="webhook ID")
    now = datetime.now(UTC)  # for both ends, so that 366d are not longer than the API allows
    time = partial(parse_time, now=now)
    command.add_argument("--since", type=time, default="24h", metavar="TIME", help=f"{_TIME_HELP}; default 24h")
    command.add_argument("--until", type=time, default=now, metavar="TIME", help="end; default: now")
    command.add_argument("--interval", choices=("hour", "day"), help="default: hour, or day from 3 days on")


def _add_recover_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", help="webhook ID")
    command.add_argument("--since", type=parse_time, required=True, metavar="TIME", help=f"start: {_TIME_HELP}")
    command.add_argument("--until", type=parse_time, metavar="TIME", help="end; default: now")


def _add_token_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhooks", nargs="+", metavar="WEBHOOK", help="an ID, a prefix 'acme.*', or '*' for all")
    scope, expires = Scope.EXECUTIONS_READ, timedelta(minutes=15)
    command.add_argument("--scope", nargs="+", default=[str(scope)], help=f"any of {', '.join(Scope)}; default {scope}")
    command.add_argument("--topics", nargs="+", metavar="TOPIC", help="other topics that its webhooks may join")
    command.add_argument(
        "--expires", type=parse_duration, default=expires, metavar="DURATION", help="15m, 1h …; default 15m"
    )


def _add_topics_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--depth",
        type=_parse_count,
        default=1,
        metavar="N",
        help="how many parts of a name identify the tenant; default 1",
    )


def _add_doctor_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--to", type=_parse_url, metavar="URL", help="receiver of the test webhook; default: the stack's own API"
    )


def _parse_url(text: str) -> str:
    try:
        return read_url({"url": text})
    except InvalidMessage as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_top_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--window", type=parse_duration, default="15m", metavar="DURATION", help="how far back to look; default 15m"
    )
    command.add_argument(
        "--every", type=parse_duration, default="2s", metavar="DURATION", help="how often to refresh; default 2s"
    )
    command.add_argument(
        "--rows", type=_parse_count, default=15, metavar="N", help="how many webhooks to show; default 15"
    )
    command.add_argument("--once", action="store_true", help="print once and exit")


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000000")
    return int(text)
