"""The body of a response, read up to a limit or until it breaks off."""

import contextlib
import re
import time
from typing import Final, NamedTuple

from hooklog.delivery.deadline import DeadlineSocket
from hooklog.delivery.headers import Headers

MAX_CHUNK_LINE: Final = 16_384

_RECEIVE_SIZE = 16_384
_MAX_LENGTH_DIGITS = 18
_MAX_TRAILERS = 65_536
_TRAILER_SECONDS = 0.1
_SILENCE_SECONDS = 1.0
_WITHOUT_BODY = (204, 304)

_NO_CHUNK = -1

# Not compiled, so that cold starts do not pay for it; `re` caches them on first use.
# Possessive quantifiers (`*+`) prevent backtracking, which could take seconds that no timeout interrupts.
_CHUNK_LINE = rb"(?i:[ \t]*+([0-9a-f]{1,32})[ \t]*+(?:;[^\n]*)?\r?\n)"
_CHUNK_LINE_BEGINS = rb"(?i:[ \t]*+[0-9a-f]{0,32}+[ \t]*+(?:;[^\n]*|\r)?)"
_LINE_END = rb"\r?\n"
_TRAILERS_END = rb"(?:\A|\n)\r{0,2}\n"


class ReceiveBuffer:
    """The bytes that arrived on a connection and were not consumed yet."""

    def __init__(self, sock: DeadlineSocket) -> None:
        self.data = bytearray()
        self.received_bytes = 0
        """All bytes received, including consumed ones."""
        self.sock = sock
        self._deadline = sock.deadline
        self._buffer = bytearray(_RECEIVE_SIZE)

    def receive(self, seconds: float | None = None) -> bool:
        """Wait up to `seconds` for more data; return False at the end of the connection.

        Raises OSError, including TimeoutError.
        """
        self.sock.deadline = self._deadline if seconds is None else min(self._deadline, time.monotonic() + seconds)
        received = self.sock.recv_into(self._buffer)
        self.data += memoryview(self._buffer)[:received]
        self.received_bytes += received
        return received > 0

    def has_more(self) -> bool:
        """Return whether bytes are left, which could be taken for the next response."""
        return bool(self.data or self.sock.pending())


class Framing(NamedTuple):
    """How to find the end of a body (RFC 9112 section 6.3)."""

    is_chunked: bool
    length: int | None
    """Bytes; None if the body is chunked, or ends with the connection."""
    allows_reuse: bool
    """Whether the connection may serve another request after the body."""
    is_valid: bool = True
    """Whether the headers are consistent. RFC 9112 rejects such a body; here it ends with the connection, or when no
    more data arrives."""


UNKNOWN: Final = Framing(is_chunked=False, length=None, allows_reuse=False)


def determine_framing(status: int, headers: Headers, *, is_persistent: bool) -> Framing:
    """Determine the framing of a response's body.

    `is_persistent` says whether the connection stays open.
    """
    content_length, lengths = headers.get("content-length"), headers.get_items("content-length")
    transfer, codings = headers.get_items("transfer-encoding"), headers.get_codings("transfer-encoding")
    if 100 <= status < 200 or status in _WITHOUT_BODY:
        announces_body = transfer or any(length.strip("0") for length in lengths)
        return Framing(is_chunked=False, length=0, allows_reuse=is_persistent and not announces_body)
    if codings:
        is_chunked = codings[-1] == "chunked"
        return Framing(is_chunked, None, allows_reuse=is_persistent and is_chunked and not lengths)
    length = _parse_length(lengths)
    allows_reuse = is_persistent and length is not None and not transfer
    is_valid = length is not None or content_length is None
    return Framing(is_chunked=False, length=length, allows_reuse=allows_reuse, is_valid=is_valid)


def get_transfer_codings(headers: Headers) -> list[str]:
    """Return the transfer codings other than `chunked`, in the order of application."""
    codings = headers.get_codings("transfer-encoding")
    while codings and codings[-1] == "chunked":
        codings.pop()
    return codings


def _parse_length(lengths: list[str]) -> int | None:
    """Return the length on which all values agree.

    None if they differ or one is not a length.
    """
    if not all(length.isascii() and length.isdecimal() and len(length) <= _MAX_LENGTH_DIGITS for length in lengths):
        return None
    values = {int(length) for length in lengths}
    return values.pop() if len(values) == 1 else None


class Body:
    """A body as far as it was read; a little more than `limit` bytes of a longer one."""

    def __init__(self, received: ReceiveBuffer, limit: int) -> None:
        self.content = bytearray()
        self.is_complete = False
        """Whether its end arrived."""
        self.is_broken = False
        """Whether it broke off or timed out before its end."""
        self.is_unchunked = False
        """Whether it is not chunked, although its headers say so."""
        self.is_clean = True
        """Whether the receiver sent nothing after its end."""
        self._received = received
        self._limit = limit
        self._max_received_bytes = 8 * limit + 1_048_576  # a chunk of one byte takes six on the wire

    def read(self, framing: Framing) -> None:
        """Read until its end, the limit, or an error. Raises nothing."""
        try:
            if framing.is_chunked:
                self.is_complete = self._read_chunks()
            else:
                self.is_complete = self._read_bytes(framing.length, None if framing.is_valid else _SILENCE_SECONDS)
        except OSError:
            self.is_broken = True

    def _read_bytes(self, length: int | None, silence: float | None = None) -> bool:
        """Read `length` bytes, or until the connection ends; return whether all arrived.

        `silence` is how many seconds to wait for more data.
        """
        data, remaining = self._received.data, length
        if remaining is None:
            self._received.sock.suppress_ragged_eofs = False  # detect truncation by TLS, RFC 9112 section 9.8
        while True:
            taken = data[:remaining]
            self.content += taken
            del data[: len(taken)]
            if remaining is not None:
                remaining -= len(taken)
                if not remaining:
                    return True
            if len(self.content) > self._limit:
                return False
            if not self._received.receive(silence):
                self.is_broken = remaining is not None
                return remaining is None

    def _read_chunks(self) -> bool:
        size = self._read_chunk_size()
        if size == _NO_CHUNK:
            self.is_unchunked, self.is_clean = True, False
            return self._read_bytes(None, _SILENCE_SECONDS)
        while size and size != _NO_CHUNK and self._received.received_bytes < self._max_received_bytes:
            if not self._read_bytes(size):
                return False
            if not self._skip_line_end():
                break
            if len(self.content) > self._limit and not self._received.data.startswith(b"0"):
                return False
            size = self._read_chunk_size()
        if size == 0:
            self._read_trailers()
            return True
        self.is_broken = True
        return False

    def _read_chunk_size(self) -> int | None:
        """Read the line before a chunk, and return the chunk's size.

        None at the end of the connection; `_NO_CHUNK` if the line is invalid.
        """
        data = self._received.data
        while not (line := re.match(_CHUNK_LINE, data)):
            if len(data) > MAX_CHUNK_LINE or not re.fullmatch(_CHUNK_LINE_BEGINS, data):
                return _NO_CHUNK
            if not self._received.receive():
                return None
        size = int(line[1], 16)
        del data[: line.end()]
        return size

    def _skip_line_end(self) -> bool:
        data = self._received.data
        while not (end := re.match(_LINE_END, data)):
            if len(data) > 1 or data.strip(b"\r") or not self._received.receive():
                return False
        del data[: end.end()]
        return True

    def _read_trailers(self) -> None:
        """Skip the trailers. Wait only briefly, because the body is already complete."""
        received = self._received
        with contextlib.suppress(OSError):
            while not (end := re.search(_TRAILERS_END, received.data)):
                if len(received.data) > _MAX_TRAILERS or not received.receive(_TRAILER_SECONDS):
                    break
            else:
                del received.data[: end.end()]
                return
        self.is_clean = False
