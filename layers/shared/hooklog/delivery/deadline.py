"""Sockets with a deadline for the whole delivery, which receive while they send.

The timeout of `requests` applies to each read, so a receiver that sends a byte per second would never time out. A
receiver may also respond before it has read the whole request, and then stop reading. Only a sender that receives while
it sends notices such a response.
"""

import re
import select
import socket
import ssl
import time
from typing import Any, Final

EARLY_RESPONSE_SECONDS: Final = 0.25
"""Reserved before the deadline to read an early response, if the receiver does not read the whole request."""

_MAX_EARLY_BYTES = 16_384
_STATUS_LINE = rb"\s*+HTTP[/\d.]*+[ \t]++"
_FINAL_STATUS = re.compile(  # after interim responses; without backtracking, whatever a receiver sends
    rb"(?>" + _STATUS_LINE + rb"1\d\d\b(?>.*?\n\r?\n))*+" + _STATUS_LINE + rb"[3-9]\d\d\b", re.DOTALL | re.IGNORECASE
)
_BLOCKED = (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError)


class DeadlineExceeded(TimeoutError):
    """The receiver began to respond and did not finish in time."""


class SendTimeout(TimeoutError):
    """The receiver did not read the whole request in time."""


class EarlyResponse(OSError):
    """The receiver has responded, and does not read the rest of the request."""


class DeadlineSocket(socket.socket):
    """A socket whose timeout is a deadline: it covers all later calls together.

    Once it sends or receives, it does not block. It waits itself, so that no call of the kernel changes its mode again.
    """

    deadline = float("inf")
    """A time of `time.monotonic`."""
    _early_data = b""
    """Bytes that arrived while the request was being sent, and were not read yet."""
    _is_at_end = False
    """Whether the receiver closed its side while the request was being sent."""
    has_received = False
    """Whether anything arrived since `start_exchange`."""
    suppress_ragged_eofs = True
    """Whether TLS connections may end without TLS's own end."""

    def pending(self) -> int:
        """Return the number of received bytes that were not read yet."""
        return len(self._early_data)

    def start_exchange(self, deadline: float) -> None:
        """Start another exchange, in which nothing has arrived yet."""
        self.deadline, self.has_received = deadline, False

    def settimeout(self, value: float | None) -> None:
        """Set the deadline of calls that block: to connect, and the TLS handshake."""
        self.deadline = float("inf") if value is None else time.monotonic() + value
        super().settimeout(value)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        if self._early_data:
            return self._read_early_data(buffer, nbytes)
        self._stop_blocking()
        while True:
            if (seconds_left := self.deadline - time.monotonic()) <= 0:
                raise DeadlineExceeded if self.has_received else TimeoutError
            try:
                received = super().recv_into(buffer, nbytes or 0, flags)
            except _BLOCKED as blocked:
                self._poll(
                    select.POLLOUT if isinstance(blocked, ssl.SSLWantWriteError) else select.POLLIN, seconds_left
                )
            else:
                self.has_received = self.has_received or received > 0
                return received

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all data.

        Raises EarlyResponse if the receiver stops reading after a status of 300 or above, and SendTimeout.

        After another status, the receiver may still read the rest, until the deadline.
        """
        if time.monotonic() >= self.deadline:
            raise SendTimeout
        self._stop_blocking()
        with memoryview(data) as whole, whole.cast("B") as rest:
            sent = 0
            while sent < len(rest):
                try:
                    sent += super().send(rest[sent:], flags)
                except _BLOCKED as blocked:
                    self._wait_until_ready(must_read=isinstance(blocked, ssl.SSLWantReadError))

    def _stop_blocking(self) -> None:
        if self.gettimeout() != 0:
            super().settimeout(0)

    def _wait_until_ready(self, *, must_read: bool) -> None:
        """Wait until more can be sent, and receive meanwhile.

        If it `must_read`, TLS needs input before it can send.
        """
        deadline = self.deadline - EARLY_RESPONSE_SECONDS if self._early_data else self.deadline
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise EarlyResponse if self._early_data else SendTimeout
        may_read = must_read or (not self._is_at_end and len(self._early_data) < _MAX_EARLY_BYTES)
        events = (select.POLLIN if may_read else 0) | (0 if must_read else select.POLLOUT)
        if self._poll(events, seconds_left) & select.POLLIN:
            self._receive_early_data()

    def _poll(self, events: int, seconds: float) -> int:
        """Wait for one of these events; return those that occurred."""
        poll = select.poll()
        poll.register(self, events)
        ready = poll.poll(None if seconds == float("inf") else seconds * 1000)
        return ready[0][1] if ready else 0

    def _receive_early_data(self) -> None:
        try:
            data = super().recv(max(_MAX_EARLY_BYTES - len(self._early_data), 1))
        except _BLOCKED:
            return  # only a TLS record without application data
        self._is_at_end = not data
        self._early_data += data
        self.has_received = self.has_received or bool(data)
        if _FINAL_STATUS.match(self._early_data):
            raise EarlyResponse

    def _read_early_data(self, buffer: Any, nbytes: int | None) -> int:
        data = self._early_data[: nbytes or len(buffer)]
        buffer[: len(data)] = data
        self._early_data = self._early_data[len(data) :]
        return len(data)
