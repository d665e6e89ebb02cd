"""Sockets that cannot outlive their delivery's deadline, and that listen while they send.

The timeout of `requests` is per read: a receiver that drips one byte a second holds it for ever. And a receiver may
answer before it has read the whole request, then read no more: a sender that does not listen never hears of it.
"""

import re
import select
import socket
import ssl
import time
from typing import Any, Final

READING_SECONDS: Final = 0.25
"""What is left for reading an answer that came early, where the request is not taken until the deadline."""

_MAX_EARLY = 16_384
_STATUS_LINE = rb"\s*+HTTP[/\d.]*+[ \t]++"
_REFUSAL = re.compile(  # past interim answers; nothing in it is tried a second way, whatever a receiver says
    rb"(?>" + _STATUS_LINE + rb"1\d\d\b(?>.*?\n\r?\n))*+" + _STATUS_LINE + rb"[3-9]\d\d\b", re.DOTALL | re.IGNORECASE
)
_BLOCKED = (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError)


class DeadlineExceeded(TimeoutError):
    """The receiver had begun to answer and was not done in time."""


class AnsweredEarly(OSError):
    """The receiver has answered, and takes no more of the request."""


class DeadlineSocket(socket.socket):
    """A socket whose timeout bounds all that follows, not each call: `settimeout` starts a countdown.

    urllib3 sets the time that is left of `Timeout(total=…)` before it sends and before it reads, which is what
    makes that total hold for the whole exchange.
    """

    _ends = float("inf")
    _early = b""
    """What came while the request was being sent, and has not been read."""
    _ended = False
    """Whether the receiver's side ended while the request was being sent."""
    heard = False
    """Whether anything came since `begin`."""

    def pending(self) -> int:
        """Bytes that were received from the system and not read."""
        return len(self._early)

    def begin(self) -> None:
        """Start another exchange: nothing has been heard of it."""
        self.heard = False

    def settimeout(self, value: float | None) -> None:
        self._ends = float("inf") if value is None else time.monotonic() + value
        super().settimeout(value)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        if self._early:
            return self._take_early(buffer, nbytes)
        self._arm()
        try:
            received = super().recv_into(buffer, nbytes or 0, flags)
        except TimeoutError:
            raise self._late() from None
        self.heard = self.heard or received > 0
        return received

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send it all. Raises AnsweredEarly if the receiver takes no more of it, and has said why.

        That is a status from 300 on; where it is another, the receiver may still want the rest, until the deadline.
        """
        self._left()
        super().settimeout(0)  # neither blocks, nor asks the system first whether it would
        with memoryview(data) as whole, whole.cast("B") as rest:
            sent = 0
            while sent < len(rest):
                try:
                    sent += super().send(rest[sent:], flags)
                except _BLOCKED as blocked:
                    self._listen(isinstance(blocked, ssl.SSLWantReadError))

    def _listen(self, only: bool) -> None:
        """Wait until more can be sent, and hear what comes meanwhile; with `only`, TLS has to hear before it sends."""
        ends = self._ends - READING_SECONDS if self._early else self._ends
        left = ends - time.monotonic()
        if left <= 0:
            raise AnsweredEarly if self._early else TimeoutError
        poll = select.poll()
        hears = only or (not self._ended and len(self._early) < _MAX_EARLY)
        poll.register(self, (select.POLLIN if hears else 0) | (0 if only else select.POLLOUT))
        ready = poll.poll(None if left == float("inf") else left * 1000)
        if any(event & select.POLLIN for _, event in ready):
            self._hear()

    def _hear(self) -> None:
        try:
            data = super().recv(max(_MAX_EARLY - len(self._early), 1))
        except _BLOCKED:
            return  # TLS had something to say that is not of the answer
        self._ended = not data
        self._early += data
        self.heard = self.heard or bool(data)
        if _REFUSAL.match(self._early):
            raise AnsweredEarly

    def _take_early(self, buffer: Any, nbytes: int | None) -> int:
        taken = self._early[: nbytes or len(buffer)]
        buffer[: len(taken)] = taken
        self._early = self._early[len(taken) :]
        return len(taken)

    def _arm(self) -> None:
        left = self._left()
        super().settimeout(left if left < float("inf") else None)

    def _left(self) -> float:
        """The seconds that are left. Raises TimeoutError where none are."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._late()
        return left

    def _late(self) -> TimeoutError:
        return DeadlineExceeded() if self.heard else TimeoutError()
