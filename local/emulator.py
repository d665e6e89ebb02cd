"""Runs MiniStack with two patches. Runs in .venv-stack.

MiniStack 1.5 sends a schedule's message to a queue, but ignores a schedule with a universal target, which calls AWS.
It also extracts the layer for each process of a function: a second of CPU that holds up everything else.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, Final

import boto3
from ministack.app import main  # type: ignore[import-not-found]
from ministack.core import lambda_runtime  # type: ignore[import-not-found]
from ministack.services import eventbridge, scheduler  # type: ignore[import-not-found]

SEND_MESSAGE: Final = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
TICK_SECONDS: Final = 1
"""How often due schedules are looked up; MiniStack's default is 10."""


def invoke_target(original: Any, target: dict[str, Any], *others: Any) -> None:
    """Call SendMessage with the target's input, as Scheduler does; pass every other target to MiniStack."""
    if target.get("Arn") != SEND_MESSAGE:
        original(target, *others)
        return
    endpoint = f"http://{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"
    boto3.client("sqs", endpoint_url=endpoint).send_message(**json.loads(target["Input"]))


class ExtractedOnce(zipfile.ZipFile):
    """An archive whose content is extracted into one folder, to which each target is a symbolic link."""

    _lock = Lock()

    def extractall(self, path: Any = None, *others: Any) -> None:
        """Identifies the content by the names, sizes and checksums of its files."""
        files = [(file.filename, file.file_size, file.CRC) for file in self.infolist()]
        folder = Path(tempfile.gettempdir(), f"extracted-{hashlib.sha256(repr(files).encode()).hexdigest()}")
        with self._lock:
            if not folder.exists():
                unfinished = tempfile.mkdtemp()
                super().extractall(unfinished, *others)
                Path(unfinished).rename(folder)
        Path(path).rmdir()
        Path(path).symlink_to(folder)


if __name__ == "__main__":
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": ExtractedOnce})
    eventbridge._invoke_target = partial(invoke_target, eventbridge._invoke_target)  # noqa: SLF001 - there is no hook
    scheduler._SCHEDULE_TICK_INTERVAL = TICK_SECONDS  # noqa: SLF001
    main()
