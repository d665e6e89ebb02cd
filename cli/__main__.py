"""Entry point of `hooklog COMMAND …`."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound

from cli.arguments import build_parser
from cli.credentials import NO_CREDENTIALS, is_denied, is_not_signed_in
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.stack import Stack, find_deployed_stack, find_local_stack
from hooklog.errors import NotQueued
from local.failure import LocalFailure

_NOT_FOUND: Final = ("ResourceNotFound", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


def main(words: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(words)
    output = Output(as_json=bool(arguments.json))
    try:
        arguments.run(_find_stack(arguments), arguments, output)
    except (CliFailure, LocalFailure, NotQueued, BotoCoreError, ClientError) as failure:
        output.print_note(_describe(failure))
        return _exit_code(failure)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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


if __name__ == "__main__":
    sys.exit(main())
