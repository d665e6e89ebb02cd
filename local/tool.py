"""Runs a command-line tool.

Its output goes to a log file, and to the terminal only if it fails.
"""

import subprocess
import sys
from collections.abc import Sequence

from local import places
from local.failure import LocalFailure


def run_tool(name: str, command: Sequence[str]) -> None:
    """Run `command` in the project's root against the local AWS.

    Its output goes to .local/<name>.log.
    """
    log = places.STATE / f"{name}.log"
    with log.open("wb") as output:
        result = subprocess.run(
            command,
            cwd=places.ROOT,
            env=places.tool_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode != 0:
        sys.stderr.write(log.read_text(errors="replace"))
        raise LocalFailure(f"{name} failed with exit code {result.returncode}. Its output is above and in {log}.")
