"""The client of the process that evaluates expressions.

It starts the process, sends requests to it, and replaces it when it ends.
"""

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
"""The timeout of the first response."""

RESPONSE_SECONDS: Final = 5.0
"""The timeout of a response. With Lambda's fraction of a CPU, the CPU limit takes a few seconds."""

SUCCEEDED: Final = b"="
"""The prefix of a response with a body."""
SKIPPED: Final = b"-"
"""The response if the expression returned nothing."""
FAILED: Final = b"!"
"""The prefix of a response with an error."""
TIMED_OUT: Final = b">"
"""The response if the evaluation exceeds its CPU time."""
TOO_LARGE: Final = b"#"
"""The response if the evaluation needs too much memory or is nested too deeply."""

NO_MEMORY: Final = 3
"""The exit code if the evaluation needs too much memory."""

_RESPONSES: Final = {
    -signal.SIGPROF: TIMED_OUT,
    NO_MEMORY: TOO_LARGE,
    1: TOO_LARGE,  # Python's exit code after an uncaught exception
    -signal.SIGSEGV: TOO_LARGE,
    -signal.SIGBUS: TOO_LARGE,
    -signal.SIGABRT: TOO_LARGE,
}
"""The response to which an exit code corresponds. Other exit codes do not concern the evaluation."""


class ProcessEnded(Exception):
    """The process ended instead of responding."""

    def __init__(self, response: bytes | None) -> None:
        """Create the exception. `response` is what the exit code corresponds to, if any."""
        super().__init__()
        self.response = response


class EvaluatorClient:
    """A client that evaluates expressions in a child process, for a thread at a time."""

    def __init__(self) -> None:
        self._process: _Process | None = None

    def send(self, request: bytes) -> bytes:
        """Send a request to the process, or a new one, and return the response.

        Raises EvaluatorUnavailable.
        """
        for _ in range(2):
            self._process = self._process or _Process()
            try:
                return self._process.send(request, RESPONSE_SECONDS)
            except ProcessEnded as ended:
                self._process = None
                if ended.response:
                    return ended.response
        raise EvaluatorUnavailable("it ended twice")


class _Process:
    """A running evaluator, which ends with this object."""

    def __init__(self) -> None:
        """Start the process. Raises EvaluatorUnavailable."""
        self._socket, child_socket = socket.socketpair()
        self._stream = self._socket.makefile("rwb")
        with child_socket:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-S", "-m", "hooklog.webhooks.evaluator"],
                    stdin=child_socket.fileno(),
                    stdout=child_socket.fileno(),
                    stderr=subprocess.DEVNULL,
                    env=_build_environment(),
                )
            except OSError as error:
                self._stream.close()
                self._socket.close()
                raise EvaluatorUnavailable(type(error).__name__) from error
        self._end = weakref.finalize(self, _end, process, self._stream, self._socket)
        try:
            self.send(b'{"seconds":5,"expression":"1"}', START_SECONDS)
        except ProcessEnded as ended:
            raise EvaluatorUnavailable("it did not start") from ended

    def send(self, request: bytes, seconds: float) -> bytes:
        """Send a request and return the response.

        Raises ProcessEnded, also after a timeout.
        """
        self._socket.settimeout(seconds)
        try:
            self._stream.write(request + b"\n")
            self._stream.flush()
            response = self._stream.readline()
        except TimeoutError:
            self._end()
            raise ProcessEnded(TIMED_OUT) from None
        except ConnectionError:
            response = b""
        if not response.endswith(b"\n"):
            raise ProcessEnded(_RESPONSES.get(self._end() or 0))
        return response[:-1]


def _build_environment() -> dict[str, str]:
    """Build an environment without credentials.

    It has only the paths of modules and libraries.
    """
    libraries = os.environ.get("LD_LIBRARY_PATH")
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return paths | ({"LD_LIBRARY_PATH": libraries} if libraries else {})


def _end(process: subprocess.Popen[bytes], stream: BufferedRWPair, sock: socket.socket) -> int:
    """Kill the process and return its exit code, negative for a signal."""
    process.kill()
    exit_code = process.wait()
    with contextlib.suppress(OSError):
        stream.close()
    sock.close()
    return exit_code
