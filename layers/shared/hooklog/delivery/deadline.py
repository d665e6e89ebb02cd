"""Sockets that cannot outlive their delivery's deadline.

The timeout of `requests` is per read: a receiver that drips one byte a second holds it for ever.
"""

import contextlib
import socket
import ssl
import struct
import time
from typing import Any

_TCP_INFO_BYTES = 192
_BYTES_ACKED_AT = 120  # tcpi_bytes_acked of struct tcp_info, linux/tcp.h; there since Linux 4.1
_BYTES_ACKED = struct.Struct("=Q")


class DeadlineExceeded(TimeoutError):
    """The receiver had begun to answer and was not done in time."""


class DeadlineSocket(socket.socket):
    """A socket whose timeout bounds all that follows, not each call: `settimeout` starts a countdown.

    urllib3 sets the time that is left of `Timeout(total=…)` before it sends and before it reads, which is what
    makes that total hold for the whole exchange.
    """

    _ends = float("inf")
    heard = False
    """Whether anything came since the countdown was started."""
    acknowledged: int | None = None
    """What `count_acknowledged` said when the connection ended."""

    def settimeout(self, value: float | None) -> None:
        self._ends = float("inf") if value is None else time.monotonic() + value
        self.heard = False
        super().settimeout(value)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        self.acknowledged = None
        try:
            received = super().recv_into(*args, **kwargs)
        except TimeoutError:
            raise self._late() from None
        except OSError:
            self.acknowledged = self.count_acknowledged()
            raise
        if received == 0:
            self.acknowledged = self.count_acknowledged()
        self.heard = self.heard or received > 0
        return received

    def count_acknowledged(self) -> int | None:
        """The bytes that the peer has acknowledged on this connection; None where the system does not tell."""
        with contextlib.suppress(AttributeError, OSError, struct.error):
            info = self.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            return int(_BYTES_ACKED.unpack_from(info, _BYTES_ACKED_AT)[0])
        return None

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._arm()
        super().sendall(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        return super().send(*args, **kwargs)

    def _arm(self) -> None:
        if self._ends == float("inf"):
            return
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._late()
        super().settimeout(left)

    def _late(self) -> TimeoutError:
        return DeadlineExceeded() if self.heard else TimeoutError()


class DeadlineTLSSocket(DeadlineSocket, ssl.SSLSocket):
    """The same over TLS, where one call's timeout would otherwise be a record's."""
