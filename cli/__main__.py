"""hooklog COMMAND …"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound

from cli.arguments import parser
from cli.credentials import NO_CREDENTIALS, is_denied, is_not_signed_in
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.stack import Stack, deployed_stack, local_stack
from hooklog.errors import NotQueued
from local.failure import LocalFailure

_NOT_FOUND: Final = ("ResourceNotFound", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


def main(words: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    output = Output(as_json=bool(arguments.json))
    try:
        arguments.run(_stack(arguments), arguments, output)
    except (CliFailure, LocalFailure, NotQueued, BotoCoreError, ClientError) as failure:
        output.note(_words(failure))
        return _code(failure)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # whoever read it has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK


def _stack(arguments: argparse.Namespace) -> Stack:
    if arguments.stack:
        return deployed_stack(arguments.stack, arguments.region, arguments.profile)
    return local_stack()


def _words(failure: Exception) -> str:
    if isinstance(failure, NotQueued):
        return f"SQS did not take all of it: {failure}"
    return str(failure)


def _code(failure: Exception) -> ExitCode:
    match failure:
        case CliFailure():
            return failure.code
        case _ if isinstance(failure, NO_CREDENTIALS) or is_denied(failure) or is_not_signed_in(failure):
            return ExitCode.NOT_ALLOWED
        case NoRegionError() | ProfileNotFound():
            return ExitCode.USAGE
        case ClientError():
            return _aws_code(str(failure.response["Error"]["Code"]))
        case _:
            return ExitCode.FAILED


def _aws_code(code: str) -> ExitCode:
    return ExitCode.NOT_FOUND if code.startswith(_NOT_FOUND) else ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
