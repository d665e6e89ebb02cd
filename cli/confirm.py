"""Questions before a command changes something."""

import sys

from cli.failure import CliFailure, ExitCode
from cli.input import STDIN
from cli.output import Output


def require_answer(is_confirmed: bool, file: str | None = None) -> None:
    """Raise CliFailure if there is neither --yes nor a terminal to ask on.

    A `file` that is read from standard input takes the place of an answer.
    """
    if file == STDIN and not is_confirmed:
        raise CliFailure("Standard input is read as a file, so this needs --yes", ExitCode.USAGE)
    if not (is_confirmed or sys.stdin.isatty()):
        raise CliFailure("Without a terminal to ask on, this needs --yes", ExitCode.USAGE)


def confirm(question: str, is_confirmed: bool, output: Output) -> None:
    """Ask, unless --yes is given.

    Raises CliFailure if the answer is not yes, or if nobody can answer.
    """
    require_answer(is_confirmed)
    if is_confirmed:
        return
    output.print_note(question)
    output.stderr.print("[y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CliFailure("Nothing was changed")
