"""The receiver's sockets and threads."""

import contextlib
import selectors
import socket
import ssl
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from tests.leaks import PLANTED
from tests.receiver.certificates import make_certificates
from tests.receiver.connection import Connection
from tests.receiver.request_log import Expected, ReceivedRequest, RequestLog
from tests.receiver.serving import serve

_HOST = "127.0.0.1"
_BACKLOG = 1024
_END_SECONDS = 60


class Receiver:
    """A receiver on ephemeral ports of 127.0.0.1.

    It serves within its context, with one thread per connection.
    """

    http_url: str
    https_url: str
    """Trusted by a client that verifies against `ca_path`."""
    untrusted_https_url: str
    """Its certificate is self-signed."""
    refused_url: str
    """Nothing listens on this port, and no other program can while the receiver runs."""
    unreachable_url: str
    """Connecting never succeeds: its queue of connections is full (on Linux)."""
    silent_https_url: str
    """Accepts the TCP connection, but never answers the TLS handshake."""
    ca_path: Path

    def __init__(self) -> None:
        self._request_log = RequestLog()
        self._stop = threading.Event()
        self._open: dict[int, Connection] = {}
        self._open_lock = threading.Lock()
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as resources:
            directory = Path(resources.enter_context(TemporaryDirectory(prefix="receiver-")))
            certificates = make_certificates(directory)
            self.ca_path = certificates.ca_path
            contexts = {
                _listen(resources): context for context in (None, certificates.trusted, certificates.self_signed)
            }
            ports = [listener.getsockname()[1] for listener in contexts]
            self.http_url = f"http://{_HOST}:{ports[0]}"
            self.https_url = f"https://{_HOST}:{ports[1]}"
            self.untrusted_https_url = f"https://{_HOST}:{ports[2]}"
            # To plain HTTP, a ClientHello looks like an endless head.
            self.silent_https_url = f"https://{_HOST}:{ports[0]}"
            self.refused_url = f"http://{_HOST}:{_bind(resources).getsockname()[1]}"
            self.unreachable_url = f"http://{_HOST}:{_listen_full(resources)}"
            self._start(contexts, resources)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every complete request since the last reset, in order."""
        return self._request_log.requests

    @property
    def connections(self) -> int:
        """The number of connections opened or used since the last reset.

        Failed TLS handshakes count.
        """
        return self._request_log.connections

    def received(self, path: str) -> list[ReceivedRequest]:
        return [request for request in self.requests if request.path == path]

    def wait_for(self, expected: Expected, timeout: float = 60, path: str | None = None) -> list[ReceivedRequest]:
        """Wait for `expected` requests and return them.

        `expected` is a number, or a condition on the requests. They can be limited to one path. Raises TimeoutError,
        which names the received requests.
        """
        return self._request_log.wait_for(expected, timeout, path)

    def wait_for_answer(self, path: str, timeout: float = 60) -> None:
        """Wait until everything has been sent that a request for this path leads to. Raises TimeoutError."""
        self._request_log.wait_for_answer(path, timeout)

    def reset(self) -> None:
        """Empty the request log and restart every sequence. Open connections stay open."""
        self._request_log.reset()

    def url(self, path: str, /, *, https: bool = False, **query: str | bytes | float) -> str:
        """`url("/status/500", body="no")`."""
        base = self.https_url if https else self.http_url
        return f"{base}{path}?{urlencode({**query, 'planted': PLANTED})}"

    def addresses(self) -> dict[str, str]:
        return {
            "http_url": self.http_url,
            "https_url": self.https_url,
            "untrusted_https_url": self.untrusted_https_url,
            "silent_https_url": self.silent_https_url,
            "refused_url": self.refused_url,
            "unreachable_url": self.unreachable_url,
            "ca_path": str(self.ca_path),
        }

    def _start(self, contexts: dict[socket.socket, ssl.SSLContext | None], resources: contextlib.ExitStack) -> None:
        hearing, waking = socket.socketpair()
        resources.enter_context(hearing)
        resources.enter_context(waking)
        accepting = threading.Thread(target=self._accept, args=(contexts, hearing), name="receiver", daemon=True)
        accepting.start()
        resources.callback(self._end, accepting, waking)

    def _accept(self, contexts: dict[socket.socket, ssl.SSLContext | None], hearing: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            for listener in [*contexts, hearing]:
                selector.register(listener, selectors.EVENT_READ)
            while not self._stop.is_set():
                for key, _ in selector.select():
                    if isinstance(key.fileobj, socket.socket) and key.fileobj is not hearing:
                        self._open_connection(key.fileobj, contexts[key.fileobj])

    def _open_connection(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return  # the client has left already
        number = self._request_log.open_connection()
        try:
            sock.setblocking(True)
            if context:
                sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            connection = Connection(sock, number, self._stop)
        except (OSError, ValueError):
            sock.close()  # the client left between these lines
            return
        with self._open_lock:
            self._open[number] = connection
        threading.Thread(target=self._serve, args=(connection,), name=f"{self.http_url} {number}", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            serve(connection, self._request_log)
        finally:
            connection.close()
            with self._open_lock:
                del self._open[connection.number]

    def _end(self, accepting: threading.Thread, waking: socket.socket) -> None:
        self._stop.set()
        self._request_log.close()
        waking.send(b"!")
        accepting.join()
        with self._open_lock:
            still_open = list(self._open.values())
        for connection in still_open:
            connection.interrupt()
        self._join_all()

    def _join_all(self) -> None:
        """Also join threads that have closed their connection but not ended yet."""
        for thread in threading.enumerate():
            if thread.name.startswith(f"{self.http_url} "):
                thread.join(_END_SECONDS)
                if thread.is_alive():
                    raise RuntimeError(f"{thread.name} did not end within {_END_SECONDS} s")


def _bind(resources: contextlib.ExitStack) -> socket.socket:
    sock = resources.enter_context(socket.socket())
    sock.bind((_HOST, 0))
    return sock


def _listen(resources: contextlib.ExitStack) -> socket.socket:
    listener = _bind(resources)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def _listen_full(resources: contextlib.ExitStack) -> int:
    """Return the port of a listener that accepts no connection.

    Its backlog is full.
    """
    listener = _bind(resources)
    listener.listen(0)
    for _ in range(2):
        client = resources.enter_context(socket.socket())
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    port: int = listener.getsockname()[1]
    return port
