"""How a command can end otherwise than well."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What scripts may rely on; docs/cli.md lists them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    INTERRUPTED = 130


class CliFailure(Exception):
    """Something that the person at the terminal can act on; its text is all that is shown."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code
