"""How a command fails: its exit code and its message."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Stable for scripts; docs/cli.md lists them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    INTERRUPTED = 130


class CliFailure(Exception):
    """A failure that the user can act on. Only its text is shown."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code
