"""The command line's grammar."""

import argparse
from collections.abc import Callable
from datetime import timedelta

from cli import again, doctor, history, sending, tokens, top, topics
from cli.moments import moment, span
from cli.output import Output
from cli.stack import Stack
from hooklog.access.grants import Scope
from hooklog.errors import InvalidMessage
from hooklog.messages.fields import read_url

Command = Callable[[Stack, argparse.Namespace, Output], None]

_EXIT_CODES = """\
exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed,
            5 in conflict with what is there, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    common = _common(argparse.SUPPRESS)
    whole = argparse.ArgumentParser(
        prog="hooklog",
        description="Look at what Hooklog sends, and send.",
        epilog=_EXIT_CODES,
        parents=[_common(None)],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Command, summary: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=summary, description=summary, parents=[common])
        one.set_defaults(run=run)
        return one

    _send(command("send", sending.send, "put messages on the queue"))
    _tail(command("tail", history.tail, "a webhook's executions, as they come"))
    _show(command("show", history.show, "one execution with all that is kept of it"))
    _failures(command("failures", history.failures, "what failed, of one webhook or of all"))
    _show(command("resend", again.resend, "send one execution again"))
    _recover(command("recover", again.recover, "send everything again that failed on a webhook"))
    _redrive(command("redrive", again.redrive, "put the dead letters back on their queue"))
    _token(command("token", tokens.token, "mint a token for the API"))
    _topics(command("topics", topics.topics, "webhooks whose topic is another tenant's; exits with 1 if there are any"))
    _doctor(command("doctor", doctor.doctor, "check a stack after a deployment; exits with 1 if a check fails"))
    _top(command("top", top.top, "success rate, latency and the worst webhooks"))
    return whole


def _common(default: str | None) -> argparse.ArgumentParser:
    """What every command takes, before its name or after it: there, what is not said must not undo what was said."""
    common = argparse.ArgumentParser(add_help=False, argument_default=default)
    common.add_argument("--stack", metavar="NAME", help="a stack on AWS, instead of the local one")
    common.add_argument("--region", help="of that stack; else your AWS configuration's")
    common.add_argument("--profile", help="of your AWS configuration, for that stack")
    common.add_argument("--json", action="store_true", default=default, help="one JSON object a line, for scripts")
    return common


def _send(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", nargs="?", help="messages: JSON, an array or one a line; - is standard input")
    command.add_argument("--webhook", metavar="ID", help="one message, made of these options")
    command.add_argument("--topic", help="instead of --webhook: for each webhook of the topic")
    command.add_argument("--url", help="unless the webhook is registered")
    command.add_argument("--event", metavar="TYPE")
    command.add_argument("--message-id", metavar="ID")
    command.add_argument("--header", metavar="NAME:VALUE", action="append", type=_header)
    command.add_argument("--timeout", metavar="SECONDS", type=float)
    command.add_argument(
        "--payload", default="{}", metavar="JSON", help="or @FILE, or - for standard input; default {}"
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r} has no colon: write 'X-Shop: berlin'")
    return name.strip(), value.strip()


def _redrive(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "queue", nargs="?", choices=again.DEAD_LETTERS, default="webhooks", help="whose dead letters; default webhooks"
    )


def _tail(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook")
    command.add_argument("--last", type=_count, default=10, metavar="N", help="begin with the last N; default 10")
    command.add_argument("--count", type=_count, metavar="N", help="end after N executions")
    command.add_argument(
        "--within", type=span, metavar="SPAN", help="end after 30s, 5m …: a failure, if fewer than --count came"
    )


def _show(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook")
    command.add_argument("execution")


def _failures(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook", nargs="?", help="all, as far as the sender's log group goes back, if left out")
    command.add_argument("--since", type=moment, default="1h", metavar="TIME", help="1h, 7d, or a time; default 1h")
    command.add_argument("--limit", type=_count, default=100, metavar="N", help="the newest N; default 100")


def _recover(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhook")
    command.add_argument("--since", type=moment, required=True, metavar="TIME", help="1h, 7d, or a time")
    command.add_argument("--until", type=moment, metavar="TIME", help="default: now")


def _token(command: argparse.ArgumentParser) -> None:
    command.add_argument("webhooks", nargs="+", metavar="WEBHOOK", help="an id, a prefix 'acme.*', or '*' for all")
    scope, expires = Scope.EXECUTIONS_READ, timedelta(minutes=15)
    command.add_argument("--scope", nargs="+", default=[str(scope)], help=f"of {', '.join(Scope)}; default {scope}")
    command.add_argument("--topics", nargs="+", metavar="TOPIC", help="that its webhooks may join besides")
    command.add_argument("--expires", type=span, default=expires, metavar="SPAN", help="15m, 1h …; default 15m")


def _topics(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--depth", type=_count, default=1, metavar="N", help="parts of a name that are the tenant; default 1"
    )


def _doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--to", type=_url, metavar="URL", help="a receiver for the webhook that it sends; default: the stack's own API"
    )


def _url(text: str) -> str:
    try:
        return read_url({"url": text})
    except InvalidMessage as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _top(command: argparse.ArgumentParser) -> None:
    command.add_argument("--window", type=span, default="15m", metavar="SPAN", help="look so far back; default 15m")
    command.add_argument("--every", type=span, default="2s", metavar="SPAN", help="refresh so often; default 2s")
    command.add_argument("--rows", type=_count, default=15, metavar="N", help="so many webhooks; default 15")
    command.add_argument("--once", action="store_true", help="print once and end")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000000")
    return int(text)
