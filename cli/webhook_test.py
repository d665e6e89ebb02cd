"""The command webhooks test."""

import argparse
from typing import Any

from cli.api import Api, quote_segment
from cli.failure import CliFailure
from cli.history import print_execution
from cli.input import parse_json, read_text
from cli.output import Output
from cli.stack import Stack
from hooklog.access.grants import Scope


def send_test(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Send a test to a webhook, or preview it, and print the execution.

    Raises CliFailure if it failed.
    """
    body: dict[str, Any] = {}
    if arguments.payload is not None:
        body["payload"] = parse_json(read_text(arguments.payload), "The payload")
    if arguments.event_type is not None:
        body["event_type"] = arguments.event_type
    if arguments.dry_run:
        body["dry_run"] = True
    path = f"/webhooks/{quote_segment(arguments.webhook)}/test"
    execution = Api(stack, Scope.WEBHOOKS_MANAGE).post(path, body)
    print_execution(execution, output)
    if "error" in execution:
        raise CliFailure(f"The test failed: {execution['error']['message']}")
    if not execution.get("success", True):
        raise CliFailure(f"The test failed: the receiver answered {execution['result']}")
