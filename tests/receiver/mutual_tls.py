"""A receiver that asks for client certificates and records which one each request came with."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_HEAD_END: Final = b"\r\n\r\n"


@dataclass
class MutualTlsReceiver:
    """A running receiver. It answers 200 to each request with a short body."""

    url: str
    presented: list[tuple[int, str | None]] = field(default_factory=list)
    """Of each request: the number of its connection, and the common name of the client's certificate."""
    open: set[int] = field(default_factory=set)
    """The connections that are open."""
    before_answer: Callable[[ssl.SSLSocket], object] = lambda _: None

    @property
    def names(self) -> list[str | None]:
        return [name for _, name in self.presented]

    @property
    def connections(self) -> int:
        return len({number for number, _ in self.presented})

    def serve(self, connection: socket.socket, context: ssl.SSLContext, number: int) -> None:
        self.open.add(number)
        with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            while _read_request(secured):
                self.before_answer(secured)
                self.presented.append((number, _get_common_name(secured)))
                secured.sendall(_ANSWER)
        self.open.remove(number)


@contextlib.contextmanager
def receiving(context: ssl.SSLContext) -> Iterator[MutualTlsReceiver]:
    """Run a receiver with this context on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = MutualTlsReceiver(f"https://127.0.0.1:{listener.getsockname()[1]}/hooks")
        threading.Thread(target=_accept, args=(listener, receiver, context), daemon=True).start()
        yield receiver
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, receiver: MutualTlsReceiver, context: ssl.SSLContext) -> None:
    number = 0
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 1
        threading.Thread(target=receiver.serve, args=(connection, context, number), daemon=True).start()


def _read_request(secured: ssl.SSLSocket) -> bool:
    """Read a request; return False if the client has closed the connection."""
    data = b""
    while _HEAD_END not in data:
        if not (piece := secured.recv(65_536)):
            return False
        data += piece
    head, _, body = data.partition(_HEAD_END)
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += secured.recv(65_536)
    return True


def _get_common_name(secured: ssl.SSLSocket) -> str | None:
    subject = (secured.getpeercert() or {}).get("subject", ())
    names = dict(pair for part in cast("Any", subject) for pair in part)
    return names.get("commonName")
