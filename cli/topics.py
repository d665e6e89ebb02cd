"""Checking topics: topics."""

import argparse
from typing import Final

from cli.api import Api
from cli.failure import CliFailure
from cli.output import Column, Output, Record
from cli.stack import Stack
from hooklog.access.grants import Scope

FOREIGN: Final[tuple[Column, ...]] = (
    ("Webhook", lambda one: one["webhook_id"]),
    ("Topic", lambda one: one["topic"]),
    ("", lambda one: "on" if one["enabled"] else "off"),
    ("URL", lambda one: one["url"]),
)


def tenant_of(name: str, depth: int) -> str:
    """The first `depth` parts of the name of a webhook or topic, whose parts end at dots."""
    return ".".join(name.split(".")[:depth])


def topics(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print the webhooks whose topic is another tenant's. Raises CliFailure if there are any."""
    webhooks = list(Api(stack, Scope.WEBHOOKS_READ).webhooks())
    foreign = [_shown(one) for one in webhooks if _is_foreign(one, arguments.depth)]
    if foreign:
        output.table(FOREIGN, foreign)
        raise CliFailure(f"Webhooks with another tenant's topic: {len(foreign)} of {len(webhooks)}")
    if not output.as_json:
        output.note(f"None of {len(webhooks)} webhooks has another tenant's topic")


def _is_foreign(webhook: Record, depth: int) -> bool:
    topic = webhook["topic"]
    return topic is not None and tenant_of(topic, depth) != tenant_of(webhook["webhook_id"], depth)


def _shown(webhook: Record) -> Record:
    return {name: webhook[name] for name in ("webhook_id", "topic", "enabled", "url")}
