"""Reads requests from a connection."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.receiver.connection import Connection


class MalformedRequest(Exception):
    """The received data is not an HTTP/1.x request."""


@dataclass(frozen=True, slots=True)
class Head:
    method: str
    path: str
    query: str
    version: str
    headers: list[tuple[str, str]]

    def header(self, name: str) -> str:
        """Return the first header with this name, in lower case.

        `name` is lower-case. Returns an empty string if there is none.
        """
        return next((value.lower() for key, value in self.headers if key.lower() == name), "")

    @property
    def segments(self) -> list[str]:
        return self.path.strip("/").split("/")

    @property
    def wants_close(self) -> bool:
        return self.version == "HTTP/1.0" or "close" in self.header("connection")


def read_head(connection: Connection) -> Head:
    lines = connection.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise MalformedRequest(f"not a request line: {lines[0]!r}")
    method, target, version = parts
    path, _, query = target.partition("?")
    return Head(method, path, query, version, [_header(line) for line in lines[1:-2]])


def read_body(connection: Connection, head: Head, read: Callable[[int], bytes]) -> bytes:
    if head.header("expect") == "100-continue":
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in head.header("transfer-encoding"):
        return _read_chunks(connection, read)
    length = head.header("content-length") or "0"
    if not length.isdecimal():
        raise MalformedRequest(f"not a Content-Length: {length!r}")
    return read(int(length))


def _read_chunks(connection: Connection, read: Callable[[int], bytes]) -> bytes:
    body = b""
    while size := _chunk_size(connection.read_until(b"\r\n")):
        body += read(size)
        connection.read_until(b"\r\n")
    while connection.read_until(b"\r\n") != b"\r\n":
        pass  # trailers
    return body


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise MalformedRequest(f"not a chunk size: {line!r}") from None


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise MalformedRequest(f"not a header: {line!r}")
    return name, value.strip(" \t")
