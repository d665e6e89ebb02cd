"""A request, and functions to answer it correctly or not."""

import http
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs

from tests.receiver.connection import Connection
from tests.receiver.request_log import RequestLog
from tests.receiver.request_reader import Head

_BLOCK = b"x" * 65_536

Headers: TypeAlias = Iterable[tuple[str, str | bytes]]


class BadParameter(Exception):
    """The query string has a value that this receiver cannot parse."""


class Parameters:
    """The query string, by which a test configures a behaviour."""

    def __init__(self, query: str) -> None:
        self._values = parse_qs(query, keep_blank_values=True, errors="surrogateescape")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, [default])[0]

    def data(self, name: str, default: str = "") -> bytes:
        """Return the value as bytes: UTF-8, with `%FF` for any other byte."""
        return self.text(name, default).encode(errors="surrogateescape")

    def integer(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal():
            raise BadParameter(f"{name} is not a whole number: {value!r}")
        return int(value)

    def seconds(self, name: str, default: float) -> float:
        try:
            return float(self.text(name, str(default)))
        except ValueError:
            raise BadParameter(f"{name} is not a number of seconds: {self.text(name)!r}") from None


@dataclass(frozen=True, slots=True)
class Exchange:
    connection: Connection
    head: Head
    parameters: Parameters
    request_log: RequestLog

    @property
    def status(self) -> str:
        return self.parameters.text("status", "200")

    @property
    def interval(self) -> float:
        """Seconds between two pieces of a slow response."""
        return self.parameters.seconds("interval", 1.0)

    @property
    def argument(self) -> str:
        """The path's second segment: the code of /status/<code>."""
        return self.head.segments[1] if len(self.head.segments) > 1 else ""

    def respond(self, status: str, body: bytes = b"", headers: Headers = ()) -> None:
        """Send a correct response at once.

        The body is always sent; Content-Length only if the status allows it.
        """
        length = [] if _has_no_body(status) and not body else [("Content-Length", str(len(body)))]
        self.connection.send(head_bytes(status, [*length, *headers]) + body)

    def send_head(self, headers: Headers, status: str | None = None) -> None:
        self.connection.send(head_bytes(status or self.status, headers))

    def drip(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.connection.send(piece)
            self.connection.pause(self.interval)

    def stream(self, count: int) -> None:
        for block in blocks(count):
            self.connection.send(block)


def head_bytes(status: str, headers: Headers) -> bytes:
    if not status.isdecimal():
        raise BadParameter(f"not a status code: {status!r}")
    lines = [f"HTTP/1.1 {status} {_reason(status)}".encode()]
    lines += [f"{name}: ".encode() + (value.encode() if isinstance(value, str) else value) for name, value in headers]
    return b"\r\n".join([*lines, b"", b""])


def chunk(data: bytes) -> bytes:
    """Encode a chunk of the chunked transfer coding; without data, the last chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def blocks(count: int) -> Iterator[bytes]:
    """Yield `count` bytes of x in blocks."""
    for start in range(0, count, len(_BLOCK)):
        yield _BLOCK[: count - start]


def single_bytes(data: bytes) -> Iterator[bytes]:
    for index in range(len(data)):
        yield data[index : index + 1]


def _has_no_body(status: str) -> bool:
    return status.startswith("1") or status in {"204", "304"}


def _reason(status: str) -> str:
    try:
        return http.HTTPStatus(int(status)).phrase
    except ValueError:
        return ""
