"""The process that evaluates expressions, as the one that starts it sees it: asked, ended, and started again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import weakref
from io import BufferedRWPair
from typing import Final

from hooklog.errors import EvaluatorUnavailable

START_SECONDS: Final = 10.0
"""How long the process may take to answer for the first time."""

ANSWER_SECONDS: Final = 5.0
"""How long it may take to answer: of its bound of CPU, Lambda's share of one makes some seconds."""

ANSWERED: Final = b"="
"""How an answer begins that is a body."""
SKIPPED: Final = b"-"
"""The answer where nothing came out."""
FAILED: Final = b"!"
"""How an answer begins that says what is wrong."""
OVERTIME: Final = b">"
"""The answer where it takes too long."""
TOO_MUCH: Final = b"#"
"""The answer where it takes too much memory, or is nested too deeply."""

NO_MEMORY: Final = 3
"""What the process exits with in that case."""

_MEANING: Final = {
    -signal.SIGPROF: OVERTIME,
    NO_MEMORY: TOO_MUCH,
    1: TOO_MUCH,  # Python's own, of an exception that nobody catches
    -signal.SIGSEGV: TOO_MUCH,
    -signal.SIGBUS: TOO_MUCH,
    -signal.SIGABRT: TOO_MUCH,
}
"""What it says of an evaluation that the process ended so; otherwise somebody else ended it, or it had done enough."""


class Ended(Exception):
    """The process ended instead of answering."""

    def __init__(self, answer: bytes | None) -> None:
        """`answer` is what that says of what was asked, if anything."""
        super().__init__()
        self.answer = answer


class Evaluator:
    """Evaluates in one process after another, for one thread at a time."""

    def __init__(self) -> None:
        self._process: _Process | None = None

    def ask(self, request: bytes) -> bytes:
        """The answer, from the process that is there, or a new one. Raises EvaluatorUnavailable."""
        for _ in range(2):
            self._process = self._process or _Process()
            try:
                return self._process.ask(request, ANSWER_SECONDS)
            except Ended as ended:
                self._process = None
                if ended.answer:
                    return ended.answer
        raise EvaluatorUnavailable("it was ended twice")


class _Process:
    """One evaluator at work. It ends with this object."""

    def __init__(self) -> None:
        """Raises EvaluatorUnavailable."""
        self._socket, its = socket.socketpair()
        self._stream = self._socket.makefile("rwb")
        with its:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-S", "-m", "hooklog.webhooks.evaluator"],
                    stdin=its.fileno(),
                    stdout=its.fileno(),
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                )
            except OSError as error:
                self._stream.close()
                self._socket.close()
                raise EvaluatorUnavailable(type(error).__name__) from error
        self._end = weakref.finalize(self, _end, process, self._stream, self._socket)
        try:
            self.ask(b'{"seconds":5,"expression":"1"}', START_SECONDS)
        except Ended as ended:
            raise EvaluatorUnavailable("it did not start") from ended

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Raises Ended, also where it has not answered within so many seconds."""
        self._socket.settimeout(seconds)
        try:
            self._stream.write(request + b"\n")
            self._stream.flush()
            answer = self._stream.readline()
        except TimeoutError:
            self._end()
            raise Ended(OVERTIME) from None
        except ConnectionError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise Ended(_MEANING.get(self._end() or 0))
        return answer[:-1]


def _environment() -> dict[str, str]:
    """Where its modules and libraries are, and nothing else of ours: no credentials."""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return paths | ({"LD_LIBRARY_PATH": libraries} if libraries else {})


def _end(process: subprocess.Popen[bytes], stream: BufferedRWPair, ours: socket.socket) -> int:
    """Returns how it ended, as Popen spells it."""
    process.kill()
    how = process.wait()
    with contextlib.suppress(OSError):
        stream.close()
    ours.close()
    return how
