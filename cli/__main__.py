"""Entry point of `hooklog COMMAND …`.

Parses the arguments before it imports what a command needs, because `--help` and completion must not wait for that.
"""

import os
import sys
from collections.abc import Sequence

from cli.arguments import build_parser
from cli.failure import ExitCode


def main(words: Sequence[str] | None = None) -> int:
    _escape_what_the_encoding_lacks()
    try:
        return _run(words)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK


def _run(words: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(words)
    if arguments.run is None:
        sys.stdout.write(arguments.text(arguments))
        sys.stdout.flush()
        return ExitCode.OK
    from cli.runner import run_command  # late: imports boto3

    return run_command(arguments)


def _escape_what_the_encoding_lacks() -> None:
    """Print a character as an escape if the stream's encoding does not have it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
