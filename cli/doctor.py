"""The command doctor, for engineers after a deployment."""

import argparse
import re
from collections.abc import Callable, Iterator
from typing import Final

from botocore.exceptions import ClientError
from rich.table import Table
from rich.text import Text

from cli.checks import CHECKS, Check
from cli.credentials import is_denied, is_not_signed_in
from cli.failure import CliFailure
from cli.findings import ASCII_MARKS, MARKS, CheckedStack, Finding, MissingResource, Status
from cli.output import Output, to_text
from cli.progress import create_progress
from cli.round_trip import check_round_trip
from cli.stack import Stack
from hooklog.errors import NotQueued

_WEBHOOK: Final = "webhook"
_NAME_WIDTH: Final = max(len(check.name) for check in CHECKS)
_COLOURS: Final = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "red", Status.UNKNOWN: "dim"}
_ACTION: Final = re.compile(r"not authorized to perform: ([\w-]+:\w+)")


def doctor(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Check the stack, print a row per check, and send one webhook through it.

    Raises CliFailure if a check fails.
    """
    failed = 0
    for name, finding in _run_checks(CheckedStack.of(stack), arguments.to, output):
        failed += finding.status is Status.FAILED
        if output.as_json:
            output.print_json_lines([{"check": name, **finding._asdict()}])
        elif output.is_plain:
            output.print_values([finding.status, name, finding.found, finding.advice])
        else:
            _print_row(output, name, finding)
    if failed:
        raise CliFailure(f"{failed} of {len(CHECKS) + 1} checks failed")


def _run_checks(stack: CheckedStack, to: str | None, output: Output) -> Iterator[tuple[str, Finding]]:
    for check in CHECKS:
        yield check.name, _run_check(check, stack)
    with create_progress(output) as progress:
        progress.add_task("waiting for a webhook", total=None)
        finding = _find(lambda: check_round_trip(stack, to))
    yield _WEBHOOK, finding


def _run_check(check: Check, stack: CheckedStack) -> Finding:
    if check.is_aws_only and stack.is_emulated:
        return Finding(Status.UNKNOWN, "Not available on the local AWS.")
    return _find(lambda: check.run(stack))


def _find(find: Callable[[], Finding]) -> Finding:
    """Return what a check finds, or why it could not.

    Raises ClientError if AWS rejects the credentials.
    """
    try:
        return find()
    except MissingResource as missing:
        found = f"The stack has no {missing}. It is not a Hooklog stack, or older than this hooklog."
        return Finding(Status.FAILED, found, "make deploy")
    except CliFailure as failure:
        return Finding(Status.FAILED, f"{failure}.")
    except NotQueued as failure:
        if not isinstance(failure.__cause__, ClientError):
            return Finding(Status.FAILED, f"SQS did not accept the webhook: {failure}.")
        return _explain(failure.__cause__)
    except ClientError as error:
        return _explain(error)


def _explain(error: ClientError) -> Finding:
    if is_not_signed_in(error):
        raise error
    if is_denied(error):
        return Finding(Status.UNKNOWN, f"Your credentials do not allow {_denied_action(error)}.")
    return Finding(Status.FAILED, str(error))


def _denied_action(error: ClientError) -> str:
    """Return the IAM action that was denied.

    Only the text of the error names it, and not always.
    """
    named = _ACTION.search(str(error))
    return named[1] if named else error.operation_name


def _print_row(output: Output, name: str, finding: Finding) -> None:
    """Print the finding, and its advice below.

    Lines are not wrapped, so that commands can be copied.
    """
    colour = _COLOURS[finding.status]
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=1)
    row.add_column(width=_NAME_WIDTH, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(
        Text((MARKS if output.is_unicode else ASCII_MARKS)[finding.status], colour), name, to_text(finding.found)
    )
    output.console.print(row)
    for line in finding.advice.splitlines():
        output.console.print(Text("   ").append_text(to_text(line)), style="bold", soft_wrap=True)
