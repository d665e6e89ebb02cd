"""The executions that this machine has resent, so that it sends none twice."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cli.failure import CliFailure

_STATE_VARIABLE: Final = "XDG_STATE_HOME"


class ResendRecord:
    """A file of execution IDs, one per line, for a stack and a webhook.

    The log shows a resend only once it is sent. Until then, only this record knows of it. Raises CliFailure if the file
    cannot be read or written.
    """

    def __init__(self, stack: str, webhook_id: str) -> None:
        state = os.environ.get(_STATE_VARIABLE) or Path.home() / ".local" / "state"
        self._path = Path(state) / "hooklog" / "resent" / quote(stack, safe="") / quote(webhook_id, safe="")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
            self._ids = set(self._path.read_text(encoding="utf-8").split())
        except OSError as error:
            raise self._failure(error) from None

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._ids

    def add(self, execution_id: str) -> None:
        self._ids.add(execution_id)
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{execution_id}\n")
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> CliFailure:
        return CliFailure(f"Cannot record what was resent in {self._path}: {error.strerror}. Set {_STATE_VARIABLE}.")
