"""The commands of `hooklog webhooks` and their options."""

import argparse

from cli.command_group import CommandGroup
from cli.history_options import add_confirmation, add_webhook
from cli.option_types import (
    parse_header,
    parse_hours,
    parse_max_per_second,
    parse_pattern,
    parse_retry_schedule,
    parse_seconds,
)


def add_webhooks_commands(commands: CommandGroup) -> None:
    _add_list_options(commands.add("list", "webhooks:list_webhooks", "List webhooks"))
    _add_get_options(commands.add("get", "webhooks:get_webhook", "Show a webhook's fields"))
    _add_set_options(commands.add("set", "webhook_set:set_webhook", "Create a webhook, or change the fields given"))
    _add_test_options(commands.add("test", "webhook_test:send_test", "Send a test; exit 1 if it fails"))
    _add_rotate_options(
        commands.add("rotate", "webhooks:rotate_secret", "Rotate a webhook's signing secret, after asking")
    )


def _add_list_options(command: argparse.ArgumentParser) -> None:
    patterns = "an ID, a prefix 'acme.*', or '*' for all; default: all"
    command.add_argument("webhooks", nargs="*", metavar="WEBHOOK", type=parse_pattern, default=["*"], help=patterns)
    seen = "also those that are not registered but have executions, with their last 24 hours"
    command.add_argument("--seen", action="store_true", help=seen)


def _add_get_options(command: argparse.ArgumentParser) -> None:
    add_webhook(command)
    command.add_argument("--secret", action="store_true", help="show the signing secret too")


def _add_set_options(command: argparse.ArgumentParser) -> None:
    add_webhook(command)
    add = command.add_argument
    add("--url", metavar="URL", help="where to send; required to create a webhook")
    add("--name", metavar="TEXT", help="a name for people")
    enabled = command.add_mutually_exclusive_group()
    enabled.add_argument("--enabled", action="store_true", default=None, help="send its messages")
    enabled.add_argument(
        "--disabled", action="store_false", dest="enabled", default=None, help="do not send its messages"
    )
    header = "set a header of each request; repeatable, other headers stay"
    add("--header", metavar="NAME:VALUE", action="append", type=parse_header, help=header)
    add("--remove-header", metavar="NAME", action="append", help="remove a header; repeatable")
    add("--sensitive-headers", metavar="NAME", nargs="*", help="headers to mask; without a name: none")
    types = "event types to receive, such as order.paid or 'order.*'; without a type: all"
    add("--event-types", metavar="TYPE", nargs="*", help=types)
    add("--topic", metavar="TOPIC", help="topic whose messages it receives too; '' for none")
    add("--timeout-seconds", metavar="SECONDS", type=parse_seconds, help="limit for the whole exchange, 1 to 30")
    schedule = "seconds between attempts, such as 5,300,1800; none for no retries; default for the deployment's"
    add("--retry-schedule", metavar="SECONDS", type=parse_retry_schedule, help=schedule)
    limit = "most requests in any second, 1 to 1000; none for no limit"
    add("--max-per-second", metavar="NUMBER", type=parse_max_per_second, help=limit)
    ordered = command.add_mutually_exclusive_group()
    one_by_one = "send its messages one after another, in the order of the ordered queue"
    ordered.add_argument("--ordered", action="store_true", default=None, help=one_by_one)
    ordered.add_argument(
        "--unordered", action="store_false", dest="ordered", default=None, help="send its messages in any order"
    )
    certificate = "file with a PEM certificate to present to the receiver, and its issuers'; needs --client-key"
    add("--client-certificate", metavar="FILE", help=certificate)
    add("--client-key", metavar="FILE", help="file with the certificate's PEM key, not encrypted")
    add("--no-client-certificate", action="store_true", help="remove the client certificate and its key")
    add("--transformation", metavar="FILE", help="file with a JSONata expression, - for standard input; '' for none")


def _add_rotate_options(command: argparse.ArgumentParser) -> None:
    add_webhook(command)
    own = "file with your own secret (whsec_…), - for standard input; default: a generated one"
    command.add_argument("--secret", metavar="FILE", help=own)
    overlap = "hours that the replaced secret also signs, 0 to 168; 0 ends all but the new one; default 24"
    command.add_argument("--overlap-hours", type=parse_hours, default=24, metavar="HOURS", help=overlap)
    add_confirmation(command)


def _add_test_options(command: argparse.ArgumentParser) -> None:
    add_webhook(command)
    command.add_argument("--payload", metavar="FILE", help="JSON file, - for standard input; default: a simple payload")
    command.add_argument("--event-type", metavar="TYPE", help="event type, such as order.created")
    command.add_argument("--dry-run", action="store_true", help="show what would be sent, but send nothing")
