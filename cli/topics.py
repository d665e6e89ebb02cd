"""The command topics."""

import argparse
from typing import Final

from cli.api import Api
from cli.failure import CliFailure
from cli.output import Column, Output, Record
from cli.stack import Stack
from hooklog.access.grants import Scope

FOREIGN_COLUMNS: Final[tuple[Column, ...]] = (
    Column("Webhook", lambda one: one["webhook_id"]),
    Column("Topic", lambda one: one["topic"]),
    Column("State", lambda one: "enabled" if one["enabled"] else "disabled"),
    Column("URL", lambda one: one["url"], folds=True),
)


def tenant_of(name: str, depth: int) -> str:
    """Return the first `depth` dot-separated parts of a webhook's or topic's name."""
    return ".".join(name.split(".")[:depth])


def topics(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print the webhooks that are in another tenant's topic.

    Raises CliFailure if there are any.
    """
    webhooks = list(Api(stack, Scope.WEBHOOKS_READ).list_webhooks())
    foreign = [_select_fields(one) for one in webhooks if _is_foreign(one, arguments.depth)]
    if foreign:
        output.print_table(FOREIGN_COLUMNS, foreign)
        raise CliFailure(f"{len(foreign)} of {len(webhooks)} webhooks are in another tenant's topic")
    if not output.as_json:
        output.print_note(f"Checked {len(webhooks)} webhooks: none is in another tenant's topic")


def _is_foreign(webhook: Record, depth: int) -> bool:
    topic = webhook["topic"]
    return topic is not None and tenant_of(topic, depth) != tenant_of(webhook["webhook_id"], depth)


def _select_fields(webhook: Record) -> Record:
    return {name: webhook[name] for name in ("webhook_id", "topic", "enabled", "url")}
