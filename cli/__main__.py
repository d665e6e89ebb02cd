"""Entry point of `hooklog COMMAND …`.

Parses the arguments before it imports what a command needs, because `--help` and completion must not wait for that.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.arguments import build_parser
from cli.failure import ExitCode
from hooklog.messages.fields import has_unpaired_surrogate


def main(words: Sequence[str] | None = None) -> int:
    _prepare_streams()
    try:
        try:
            return _run(sys.argv[1:] if words is None else words)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has closed it
        _discard_output()
        return ExitCode.OK


def _run(words: Sequence[str]) -> int:
    parser = build_parser()
    if any(map(has_unpaired_surrogate, words)):  # stands for a byte that is not UTF-8
        parser.error("an argument is not valid UTF-8")
    arguments = parser.parse_args(words)
    if arguments.run is None:
        sys.stdout.write(arguments.text(arguments))
        return ExitCode.OK
    from cli.runner import run_command  # late: imports boto3

    return run_command(arguments)


def _prepare_streams() -> None:
    """Print an escape for a character that the stream's encoding lacks, and nothing if the stream is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Let Python flush what is left when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(null, stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
