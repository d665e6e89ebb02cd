"""The commands webhooks list, get and rotate."""

import argparse
from typing import Final

from cli.api import Api, quote_segment
from cli.confirm import confirm, require_answer
from cli.history import format_outcome
from cli.output import Column, Output, Record
from cli.stack import Stack
from hooklog.access.grants import Scope

_COLUMNS: Final = (
    Column("Webhook", lambda one: one["webhook_id"]),
    Column("State", lambda one: describe_state(one)),
    Column("Events", lambda one: ", ".join(one.get("event_types") or ["all"]), folds=True),
    Column("Topic", lambda one: one.get("topic") or "-"),
    Column("URL", lambda one: one.get("url") or "-", folds=True),
)
_SEEN_COLUMNS: Final = (
    *_COLUMNS[:2],
    Column("Last 24 hours", lambda one: _format_counts(one["last_24_hours"])),
    Column("Last", lambda one: format_outcome(one["last_execution"]) if one["last_execution"] else "-"),
    Column("Executed at", lambda one: one["last_execution"]["executed_at"] if one["last_execution"] else "-"),
)


def list_webhooks(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print the registered webhooks that the patterns cover, or, with --seen, also those that have executions."""
    scope = f"{Scope.WEBHOOKS_READ} {Scope.EXECUTIONS_READ}" if arguments.seen else Scope.WEBHOOKS_READ
    found = list(Api(stack, scope, webhooks=arguments.webhooks).list_webhooks(seen=arguments.seen))
    output.print_table(_SEEN_COLUMNS if arguments.seen else _COLUMNS, found)
    if not found:
        hint = "" if arguments.seen else "; --seen also lists those that have executions"
        output.print_note(f"No webhook is registered under {', '.join(arguments.webhooks)}{hint}")


def get_webhook(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print a webhook's fields. Values of sensitive headers are masked."""
    path = f"/webhooks/{quote_segment(arguments.webhook)}"
    webhook = Api(stack, Scope.WEBHOOKS_READ).get(path)
    if arguments.secret:
        webhook |= Api(stack, Scope.WEBHOOKS_MANAGE).get(f"{path}/secret")
    output.print_fields(webhook)


def rotate_secret(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Rotate a webhook's signing secret, and print the new one."""
    require_answer(arguments.yes)
    path = f"/webhooks/{quote_segment(arguments.webhook)}/secret"
    api = Api(stack, Scope.WEBHOOKS_MANAGE)
    ends = api.get(path)["previous_valid_until"]
    earlier = f" The previous secret, still valid until {ends}, ends now." if ends else ""
    question = f"Rotate the secret of {arguments.webhook}? Both secrets sign for 24 hours.{earlier}"
    confirm(question, arguments.yes, output)
    rotated = api.post(path)
    sentence = f"New secret: {rotated['secret']}. The previous one is valid until {rotated['previous_valid_until']}"
    output.print_result(sentence, {"webhook_id": arguments.webhook, **rotated})


def describe_state(webhook: Record) -> str:
    if not webhook.get("registered", True):
        return "not registered"
    return "enabled" if webhook["enabled"] else "disabled"


def _format_counts(counts: Record) -> str:
    return f"{counts['succeeded']} succeeded, {counts['failed']} failed"
