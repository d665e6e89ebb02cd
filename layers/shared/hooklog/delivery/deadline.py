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


class EarlyResponse(OSError):
    """The receiver has responded, and does not read the rest of the request."""


class DeadlineSocket(socket.socket):
    """A socket whose timeout is a deadline: it covers all later calls together.

    urllib3 sets the rest of `Timeout(total=…)` before it sends and before it reads, so that the total applies to the
    whole exchange.
    """

    _deadline = float("inf")
    _early_data = b""
    """Bytes that arrived while the request was being sent, and were not read yet."""
    _is_at_end = False
    """Whether the receiver closed its side while the request was being sent."""
    has_received = False
    """Whether anything arrived since `start_exchange`."""

    def pending(self) -> int:
        """Return the number of received bytes that were not read yet."""
        return len(self._early_data)

    def start_exchange(self) -> None:
        """Start another exchange, in which nothing has arrived yet."""
        self.has_received = False

    def settimeout(self, value: float | None) -> None:
        self._deadline = float("inf") if value is None else time.monotonic() + value
        super().settimeout(value)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        if self._early_data:
            return self._read_early_data(buffer, nbytes)
        self._apply_deadline()
        try:
            received = super().recv_into(buffer, nbytes or 0, flags)
        except TimeoutError:
            raise self._make_timeout_error() from None
        self.has_received = self.has_received or received > 0
        return received

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all data.

        Raises EarlyResponse if the receiver stops reading after a status of 300 or above.

        After another status, the receiver may still read the rest, until the deadline.
        """
        self._get_seconds_left()
        super().settimeout(0)  # non-blocking, and without a poll before each call
        with memoryview(data) as whole, whole.cast("B") as rest:
            sent = 0
            while sent < len(rest):
                try:
                    sent += super().send(rest[sent:], flags)
                except _BLOCKED as blocked:
                    self._wait_until_ready(must_read=isinstance(blocked, ssl.SSLWantReadError))

    def _wait_until_ready(self, *, must_read: bool) -> None:
        """Wait until more can be sent, and receive meanwhile.

        If it `must_read`, TLS needs input before it can send.
        """
        deadline = self._deadline - EARLY_RESPONSE_SECONDS if self._early_data else self._deadline
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise EarlyResponse if self._early_data else TimeoutError
        poll = select.poll()
        may_read = must_read or (not self._is_at_end and len(self._early_data) < _MAX_EARLY_BYTES)
        poll.register(self, (select.POLLIN if may_read else 0) | (0 if must_read else select.POLLOUT))
        ready = poll.poll(None if seconds_left == float("inf") else seconds_left * 1000)
        if any(event & select.POLLIN for _, event in ready):
            self._receive_early_data()

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

    def _apply_deadline(self) -> None:
        seconds_left = self._get_seconds_left()
        super().settimeout(seconds_left if seconds_left < float("inf") else None)

    def _get_seconds_left(self) -> float:
        """Return the seconds until the deadline. Raises TimeoutError if it has passed."""
        seconds_left = self._deadline - time.monotonic()
        if seconds_left <= 0:
            raise self._make_timeout_error()
        return seconds_left

    def _make_timeout_error(self) -> TimeoutError:
        return DeadlineExceeded() if self.has_received else TimeoutError()
