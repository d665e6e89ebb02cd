"""Runs a parsed command, and turns its failures into exit codes."""

import argparse
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound

from cli.credentials import NO_CREDENTIALS, is_denied, is_not_signed_in
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.stack import Stack, find_deployed_stack, find_local_stack
from hooklog.errors import NotQueued
from local.failure import LocalFailure

_NOT_FOUND: Final = ("ResourceNotFound", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


def run_command(arguments: argparse.Namespace) -> ExitCode:
    """Run `arguments.run` on the stack that the arguments name.

    Prints what CliFailure, AWS or the local stack say went wrong.
    """
    output = Output(as_json=bool(arguments.json))
    try:
        arguments.run(_find_stack(arguments), arguments, output)
    except (CliFailure, LocalFailure, NotQueued, BotoCoreError, ClientError) as failure:
        output.print_note(_describe(failure))
        return _exit_code(failure)
    return ExitCode.OK


def _find_stack(arguments: argparse.Namespace) -> Stack:
    if arguments.stack:
        return find_deployed_stack(arguments.stack, arguments.region, arguments.profile)
    return find_local_stack()


def _describe(failure: Exception) -> str:
    if isinstance(failure, NotQueued):
        return f"SQS did not accept every message: {failure}"
    return str(failure)


def _exit_code(failure: Exception) -> ExitCode:
    match failure:
        case CliFailure():
            return failure.code
        case _ if isinstance(failure, NO_CREDENTIALS) or is_denied(failure) or is_not_signed_in(failure):
            return ExitCode.NOT_ALLOWED
        case NoRegionError() | ProfileNotFound():
            return ExitCode.USAGE
        case ClientError():
            return _exit_code_of_aws(str(failure.response["Error"]["Code"]))
        case _:
            return ExitCode.FAILED


def _exit_code_of_aws(error_code: str) -> ExitCode:
    return ExitCode.NOT_FOUND if error_code.startswith(_NOT_FOUND) else ExitCode.FAILED
