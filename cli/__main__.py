"""Entry point of `hooklog COMMAND …`.

Parses the arguments before it imports what a command needs, because `--help` and completion must not wait for that.
"""

from hooklog.startup import end_startup

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
        code = _run(sys.argv[1:] if words is None else words)
    except SystemExit as ended:  # argparse has printed help, or what is wrong
        raise SystemExit(_flush(int(ended.code or 0))) from None
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        code = ExitCode.OK
    return _flush(code)


def _run(words: Sequence[str]) -> int:
    parser = build_parser()
    if any(map(has_unpaired_surrogate, words)):  # stands for a byte that is not UTF-8
        parser.error("an argument is not valid UTF-8")
    arguments = parser.parse_args(words)
    if arguments.run is None:
        sys.stdout.write(arguments.text(arguments))
        return ExitCode.OK
    from cli.runner import run_command  # late: imports botocore

    arguments.run.load()  # imports the command while no garbage is collected
    end_startup()
    return run_command(arguments)


def _prepare_streams() -> None:
    """Use escapes for what a stream cannot encode or decode.

    A closed stream becomes the null device.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flush(code: int) -> int:
    """Return the exit code, or FAILED if results could not be written.

    A reader may close its pipe at any time.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        if code == ExitCode.OK and not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"Cannot write to standard output: {error.strerror}\n")
            code = ExitCode.FAILED
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(null, stream.fileno())  # for what is left, which Python writes when it exits
    return code


if __name__ == "__main__":
    sys.exit(main())
