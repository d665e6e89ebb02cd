"""Files and JSON that a user gives."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from cli.failure import CliFailure, ExitCode

STDIN: Final = "-"
_ENCODING: Final = "utf-8-sig"
"""UTF-8, with or without a byte order mark."""


def read_text(name: str) -> str:
    """Read a file, or standard input for `-`. Raises CliFailure."""
    try:
        return sys.stdin.buffer.read().decode(_ENCODING) if name == STDIN else Path(name).read_text(_ENCODING)
    except OSError as error:
        raise CliFailure(f"Cannot read {name}: {error.strerror}", ExitCode.USAGE) from None
    except UnicodeDecodeError:
        raise CliFailure(f"Cannot read {name}: it is not UTF-8", ExitCode.USAGE) from None


def parse_json(text: str, what: str) -> Any:
    """Parse JSON. Raises CliFailure, which names `what`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CliFailure(f"{what} is not valid JSON: {reason}", ExitCode.USAGE) from None
