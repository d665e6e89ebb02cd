"""What a webhook's transformation makes of a payload: the body that is sent.

Expressions are customers' code. They are evaluated in a process of their own, which is given no credentials, little
memory and little time, and is started anew where that is not enough for it.
"""

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable
from io import BufferedRWPair
from threading import Lock
from typing import Final

from hooklog.errors import ErrorType, EvaluatorLost, InvalidRequest, NoTimeLeft, Undelivered
from hooklog.messages.message import Message

START_SECONDS: Final = 10.0
"""How long the process may take to answer for the first time."""

ANSWER_SECONDS: Final = 5.0
"""How long it may take to answer; what ends the few operations that its own bounds do not reach."""

EVALUATION_SECONDS: Final = START_SECONDS + 2 * ANSWER_SECONDS
"""What one evaluation may take: the process that is there may end over it, and a new one is tried."""

ANSWERED: Final = b"="
"""How an answer begins that is a body."""
SKIPPED: Final = b"-"
"""The answer where nothing came out."""
FAILED: Final = b"!"
"""How an answer begins that says what is wrong."""

_TOO_MUCH = "it needs too much memory, or is nested too deeply"
_TOO_LONG = "it takes too long to evaluate"


class _Failed(Exception):
    """An expression does not compile, fails or runs out of bounds; says how, without a value of the payload."""


class Transformer:
    """Has expressions evaluated, one at a time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._asking = Lock()
        self._process: _Process | None = None

    def shape(
        self, message: Message, expression: str | None, seconds_left: Callable[[], float] = lambda: math.inf
    ) -> Message | None:
        """The message as it is to be sent; None where the expression gives undefined or null.

        One that has been sent before stays as it is. Raises Undelivered where the expression fails or runs out of
        bounds, NoTimeLeft where fewer than EVALUATION_SECONDS are left when its turn comes, EvaluatorLost where a fault
        of ours keeps it from being evaluated.
        """
        if expression is None or message.as_sent:
            return message._replace(as_sent=True)
        try:
            answer = self._ask(_request(expression, message), seconds_left)
        except _Failed as failed:
            reason = f"The transformation failed: {failed}"
            raise Undelivered(ErrorType.TRANSFORMATION_ERROR, reason) from None
        if answer[:1] == SKIPPED:
            return None
        return message._replace(body=answer[1:], as_sent=True)

    def check(self, expression: str) -> None:
        """Raises InvalidRequest where it does not compile, EvaluatorLost where that is our fault."""
        try:
            self._ask(b'{"expression":%b}' % _json(expression), lambda: math.inf)
        except _Failed as failed:
            raise InvalidRequest(f"transformation does not compile: {failed}") from None

    def _ask(self, request: bytes, seconds_left: Callable[[], float]) -> bytes:
        with self._asking:
            if seconds_left() < EVALUATION_SECONDS:  # those before it may have taken as long
                raise NoTimeLeft(f"{EVALUATION_SECONDS:g} s may be needed to evaluate this")
            answer = self._answer(request)
        if answer[:1] == FAILED:
            raise _Failed(json.loads(answer[1:]))
        return answer

    def _answer(self, request: bytes) -> bytes:
        """From the process that is there; where that ends over it, from a new one, which owes nothing to others."""
        if self._process:
            try:
                return self._try(self._process, request)
            except EOFError:
                self._process = None
        self._process = _Process()
        try:
            return self._try(self._process, request)
        except EOFError:
            self._process = None
            raise _Failed(_TOO_MUCH) from None

    def _try(self, process: "_Process", request: bytes) -> bytes:
        try:
            return process.ask(request)
        except TimeoutError:
            process.end()
            self._process = None
            raise _Failed(_TOO_LONG) from None


class _Process:
    """One evaluator at work. It ends with this object."""

    def __init__(self) -> None:
        """Raises EvaluatorLost."""
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
                raise EvaluatorLost(type(error).__name__) from error
        self.end = weakref.finalize(self, _end, process, self._stream, self._socket)
        self._greet()

    def _greet(self) -> None:
        try:
            self.ask(b'{"expression":"1"}', START_SECONDS)
        except (EOFError, TimeoutError) as error:
            self.end()
            raise EvaluatorLost("it did not start") from error

    def ask(self, request: bytes, seconds: float = ANSWER_SECONDS) -> bytes:
        """Raises EOFError where it ends over it, TimeoutError where that is for want of time, or it does not end."""
        self._socket.settimeout(seconds)
        try:
            self._stream.write(request + b"\n")
            self._stream.flush()
            answer = self._stream.readline()
        except ConnectionError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise TimeoutError if self.end() == -signal.SIGXCPU else EOFError
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


def _request(expression: str, message: Message) -> bytes:
    """The payload as it is: nothing of it is parsed here. What is on one line cannot be taken for two requests."""
    return b'{"expression":%b,"input":{"payload":%b,"event_type":%b,"message_id":%b,"webhook_id":%b}}' % (
        _json(expression),
        message.body.replace(b"\n", b" "),
        _json(message.event_type),
        _json(message.message_id),
        _json(message.webhook_id),
    )


def _json(value: str | None) -> bytes:
    return json.dumps(value).encode()
