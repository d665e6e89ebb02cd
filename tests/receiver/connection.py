"""One accepted connection, as bytes."""

import contextlib
import socket
import ssl
import struct
import threading

_BLOCK = 65_536
_NARROW_WINDOW = 4_096
_NO_LINGER = struct.pack("ii", 1, 0)


class ClientLeft(Exception):
    """The client closed the connection."""


class ShuttingDown(Exception):
    """The receiver is being closed."""


class Connection:
    """A client's connection.

    Reading and sending raise OSError or ClientLeft after the client has left, or after `interrupt`.
    """

    def __init__(self, sock: socket.socket, number: int, stop: threading.Event) -> None:
        self.number = number
        self._sock = sock
        self._stop = stop
        self._unread = bytearray()
        self._resets = False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handshake(self) -> None:
        if isinstance(self._sock, ssl.SSLSocket):
            self._sock.do_handshake()

    def read_until(self, delimiter: bytes) -> bytes:
        while (end := self._unread.find(delimiter)) < 0:
            self._receive(_BLOCK)
        return self._take(end + len(delimiter))

    def read(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._receive(_BLOCK)
        return self._take(count)

    def read_slowly(self, count: int, step: int, interval: float) -> bytes:
        """Read `step` bytes every `interval` seconds.

        Uses the smallest window that the kernel allows.
        """
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW_WINDOW)
        data = b""
        while len(data) < count:
            self.pause(interval)
            if not self._unread:
                self._receive(min(step, count - len(data)))
            data += self._take(min(step, count - len(data)))
        return data

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def send_raw(self, data: bytes) -> None:
        """Send bytes past TLS."""
        socket.socket.sendall(self._sock, data)

    def pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise ShuttingDown

    def outlast_client(self) -> None:
        """Wait until the client has closed its side.

        Always ends with ClientLeft or OSError.
        """
        while True:
            self._receive(_BLOCK)
            self._unread.clear()

    def reset_on_close(self) -> None:
        """Make `close` send a TCP reset instead of closing normally."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._resets = True

    def interrupt(self) -> None:
        """Called from another thread: unblock this connection's own thread."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # SSLSocket.shutdown would drop its TLS state

    def close(self) -> None:
        if isinstance(self._sock, ssl.SSLSocket) and not self._resets:
            self._notify_tls_close(self._sock)
        self._sock.close()

    @staticmethod
    def _notify_tls_close(sock: ssl.SSLSocket) -> None:
        """Send close_notify, and do not wait for an answer.

        Without it, a body that ends with the connection looks truncated.
        """
        with contextlib.suppress(OSError, ValueError):
            sock.setblocking(False)
            sock.unwrap()

    def _receive(self, limit: int) -> None:
        data = self._sock.recv(limit)
        if not data:
            raise ClientLeft
        self._unread += data

    def _take(self, count: int) -> bytes:
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken
