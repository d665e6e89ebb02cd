"""The command resend."""

import argparse

from cli.api import Api, quote_segment
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.resend_selected import given_options, resend_selected
from cli.stack import Stack


def resend(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Queue one execution again, or each message that the filters select."""
    given = given_options(arguments)
    if bool(arguments.execution) == bool(given):
        wrong = f"not both EXECUTION and {given[0]}" if given else "or filters, such as --from 3h"
        raise CliFailure(f"Give an EXECUTION to resend, {wrong}", ExitCode.USAGE)
    if given:
        resend_selected(stack, arguments, output)
        return
    path = f"/webhooks/{quote_segment(arguments.webhook)}/executions/{quote_segment(arguments.execution)}/resend"
    response = Api(stack).post(path)
    output.print_result(f"Queued again as {response['message_id']}", response)
