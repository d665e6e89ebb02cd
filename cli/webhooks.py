"""The commands webhooks list, get and rotate."""

import argparse
from typing import Final

from cli.api import Api, quote_segment
from cli.confirm import confirm, require_answer
from cli.history import format_outcome
from cli.input import read_text
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
_CERTIFICATE: Final = Column(
    "Certificate until", lambda one: (one.get("client_certificate") or {}).get("not_after", "-")
)
_SEEN_COLUMNS: Final = (
    *_COLUMNS[:2],
    Column("Last 24 hours", lambda one: _format_counts(one["last_24_hours"])),
    Column("Last", lambda one: format_outcome(one["last_execution"]) if one["last_execution"] else "-"),
    Column("Executed at", lambda one: one["last_execution"]["executed_at"] if one["last_execution"] else "-"),
)


def list_webhooks(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print the registered webhooks that the patterns cover.

    With --seen, also those that only have executions.
    """
    scope = f"{Scope.WEBHOOKS_READ} {Scope.EXECUTIONS_READ}" if arguments.seen else Scope.WEBHOOKS_READ
    found = list(Api(stack, scope, webhooks=arguments.webhooks).list_webhooks(seen=arguments.seen))
    columns = _SEEN_COLUMNS if arguments.seen else _COLUMNS
    has_certificates = any(one.get("client_certificate") for one in found)
    output.print_table((*columns, _CERTIFICATE) if has_certificates else columns, found)
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
    """Rotate a webhook's signing secret, and print the new one unless it was given."""
    require_answer(arguments.yes, arguments.secret)
    body = {"secret": read_text(arguments.secret).strip()} if arguments.secret else {}
    hours, webhook = arguments.overlap_hours, arguments.webhook
    overlap = f"The present one also signs for {hours} hours." if hours else "All others end now."
    confirm(f"Rotate the secret of {webhook}? {overlap}", arguments.yes, output)
    path = f"/webhooks/{quote_segment(webhook)}/secret"
    rotated = Api(stack, Scope.WEBHOOKS_MANAGE).post(path, {**body, "overlap_hours": hours})
    ends, secret = rotated["previous_valid_until"], rotated.pop("secret")
    generated = {} if body else {"secret": secret}
    shown = f"New secret: {secret}" if generated else f"{webhook} signs with the given secret"
    sentence = f"{shown}. {f'The previous one is valid until {ends}' if ends else 'No other secret is valid'}"
    output.print_result(sentence, {"webhook_id": webhook, **generated, **rotated})


def describe_state(webhook: Record) -> str:
    if not webhook.get("registered", True):
        return "not registered"
    return "enabled" if webhook["enabled"] else "disabled"


def _format_counts(counts: Record) -> str:
    return f"{counts['succeeded']} succeeded, {counts['failed']} failed"
