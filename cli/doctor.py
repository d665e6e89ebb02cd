"""What an engineer runs after a deployment: doctor."""

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
from cli.findings import MARKS, Finding, Missing, Status, Subject
from cli.output import Output, visible
from cli.progress import progress
from cli.round_trip import round_trip
from cli.stack import Stack
from hooklog.errors import NotQueued

_WEBHOOK: Final = "webhook"
_NAME_WIDTH: Final = max(len(check.name) for check in CHECKS)
_COLOURS: Final = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "red", Status.UNKNOWN: "dim"}
_ACTION: Final = re.compile(r"not authorized to perform: ([\w-]+:\w+)")


def doctor(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Check the stack, one row a check, and send one webhook through it. Raises CliFailure where a check has failed."""
    subject = Subject.of(stack)
    failed = 0
    for name, finding in _findings(subject, arguments.to, output):
        failed += finding.status is Status.FAILED
        if output.as_json:
            output.lines([{"check": name, **finding._asdict()}])
        else:
            _show(output, name, finding)
    if failed:
        raise CliFailure(f"{failed} of {len(CHECKS) + 1} checks failed")


def _findings(subject: Subject, to: str | None, output: Output) -> Iterator[tuple[str, Finding]]:
    for check in CHECKS:
        yield check.name, _checked(check, subject)
    with progress(output) as shown:
        shown.add_task("waiting for a webhook", total=None)
        finding = _found(lambda: round_trip(subject, to))
    yield _WEBHOOK, finding


def _checked(check: Check, subject: Subject) -> Finding:
    if check.on_aws and subject.is_emulated:
        return Finding(Status.UNKNOWN, "Not on the local AWS.")
    return _found(lambda: check.find(subject))


def _found(find: Callable[[], Finding]) -> Finding:
    """What a check finds, or why it cannot. Raises ClientError for credentials that AWS does not know any more."""
    try:
        return find()
    except Missing as missing:
        return Finding(
            Status.FAILED, f"The stack has no {missing}: it is another's, or older than this hooklog.", "make deploy"
        )
    except CliFailure as failure:
        return Finding(Status.FAILED, f"{failure}.")
    except NotQueued as failure:
        if not isinstance(failure.__cause__, ClientError):
            return Finding(Status.FAILED, f"SQS did not take the webhook: {failure}.")
        return _refused(failure.__cause__)
    except ClientError as error:
        return _refused(error)


def _refused(error: ClientError) -> Finding:
    if is_not_signed_in(error):
        raise error
    if is_denied(error):
        return Finding(Status.UNKNOWN, f"Your credentials do not allow {_action(error)}.")
    return Finding(Status.FAILED, str(error))


def _action(error: ClientError) -> str:
    """As IAM calls it, where AWS names it: only its text does, and not always."""
    named = _ACTION.search(str(error))
    return named[1] if named else error.operation_name


def _show(output: Output, name: str, finding: Finding) -> None:
    """A row; what to do goes below it, and each command on a line of its own, to be copied whole."""
    colour = _COLOURS[finding.status]
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=1)
    row.add_column(width=_NAME_WIDTH, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(Text(MARKS[finding.status], colour), name, Text(visible(finding.found)))
    output.console.print(row)
    for line in finding.advice.splitlines():
        output.console.print(Text(f"   {visible(line)}", "bold"), soft_wrap=True)
