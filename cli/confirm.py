"""Questions before a command changes something."""

import sys

from cli.failure import CliFailure, ExitCode
from cli.output import Output


def require_answer(is_confirmed: bool) -> None:
    """Raise CliFailure if nobody can answer a question: neither --yes nor a terminal is there."""
    if not (is_confirmed or sys.stdin.isatty()):
        raise CliFailure("Without a terminal to ask on, this needs --yes", ExitCode.USAGE)


def confirm(question: str, is_confirmed: bool, output: Output) -> None:
    """Ask, unless --yes is given. Raises CliFailure if the answer is not yes, or if nobody can answer."""
    require_answer(is_confirmed)
    if is_confirmed:
        return
    output.print_note(question)
    output.stderr.print("[y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CliFailure("Nothing was changed")
