"""The body of a response: where it ends, and its bytes up to a limit or until it breaks off."""

import contextlib
import re
import time
from typing import Any, Final, NamedTuple

from hooklog.delivery.headers import Headers

MAX_CHUNK_LINE: Final = 16_384

_RECEIVE_SIZE = 16_384
_MAX_LENGTH_DIGITS = 18
_MAX_TRAILERS = 65_536
_TRAILER_SECONDS = 0.1
_SILENCE_SECONDS = 1.0
_WITHOUT_BODY = (204, 304)

_NO_CHUNK = -1

# As texts: `re` compiles what is used, when it is used, and no cold start.
# What `*+` took is not tried a second way, which could take seconds that no timeout ends.
_CHUNK_LINE = rb"(?i:[ \t]*+([0-9a-f]{1,32})[ \t]*+(?:;[^\n]*)?\r?\n)"
_CHUNK_LINE_BEGINS = rb"(?i:[ \t]*+[0-9a-f]{0,32}+[ \t]*+(?:;[^\n]*|\r)?)"
_LINE_END = rb"\r?\n"
_TRAILERS_END = rb"(?:\A|\n)\r{0,2}\n"


class Incoming:
    """The bytes that came on a connection and nobody has taken yet."""

    def __init__(self, sock: Any) -> None:
        self.data = bytearray()
        self.count = 0
        """All that were received."""
        self.sock = sock
        self._ends = time.monotonic() + (sock.gettimeout() or 0)
        self._buffer = bytearray(_RECEIVE_SIZE)

    def receive(self, seconds: float | None = None) -> bool:
        """Wait for more, so long at most; False at the end of the connection.

        Raises OSError; TimeoutError where nothing comes, or time is over.
        """
        if seconds is not None:
            self.sock.settimeout(max(min(seconds, self._ends - time.monotonic()), 0.001))
        received: int = self.sock.recv_into(self._buffer)
        self.data += memoryview(self._buffer)[:received]
        self.count += received
        return received > 0


class Framing(NamedTuple):
    """Where a body ends, by RFC 9112 section 6.3."""

    is_chunked: bool
    length: int | None
    """Bytes; None where the body is chunked, or ends with the connection."""
    is_sound: bool
    """Whether the connection may serve another request after the body."""
    is_valid: bool = True
    """Whether the headers say one thing about it. RFC 9112 gives such a body up; here it ends with the connection, or
    when nothing more comes."""


UNKNOWN: Final = Framing(is_chunked=False, length=None, is_sound=False)


def frame(status: int, headers: Headers, *, is_persistent: bool) -> Framing:
    """Where the body of a response ends; `is_persistent` says whether its connection goes on after it."""
    announced, lengths = headers.get("content-length"), headers.items_of("content-length")
    transfer, codings = headers.items_of("transfer-encoding"), headers.codings_in("transfer-encoding")
    if 100 <= status < 200 or status in _WITHOUT_BODY:
        announces_body = transfer or any(length.strip("0") for length in lengths)
        return Framing(is_chunked=False, length=0, is_sound=is_persistent and not announces_body)
    if codings:
        is_chunked = codings[-1] == "chunked"
        return Framing(is_chunked, None, is_sound=is_persistent and is_chunked and not lengths)
    length = _length(lengths)
    is_sound = is_persistent and length is not None and not transfer
    return Framing(is_chunked=False, length=length, is_sound=is_sound, is_valid=length is not None or announced is None)


def transfer_codings(headers: Headers) -> list[str]:
    """The codings that a body is in when the chunks are taken apart, in the order in which they were applied."""
    codings = headers.codings_in("transfer-encoding")
    while codings and codings[-1] == "chunked":
        codings.pop()
    return codings


def _length(lengths: list[str]) -> int | None:
    """What all of them say; None where they differ, or one is no length that can be."""
    if not all(length.isascii() and length.isdecimal() and len(length) <= _MAX_LENGTH_DIGITS for length in lengths):
        return None
    values = {int(length) for length in lengths}
    return values.pop() if len(values) == 1 else None


class Body:
    """A body as far as it was read; somewhat more than `limit` bytes are kept of a longer one."""

    def __init__(self, incoming: Incoming, limit: int) -> None:
        self.content = bytearray()
        self.is_complete = False
        """Whether its end came."""
        self.is_broken = False
        """Whether it broke off before that, or took too long."""
        self.is_unchunked = False
        """Whether it is not chunked, although its headers say so."""
        self.is_clean = True
        """Whether its end is also the end of what the receiver sends."""
        self._incoming = incoming
        self._limit = limit
        self._most_received = 8 * limit + 1_048_576  # a chunk of one byte is six on the wire

    def read(self, framing: Framing) -> None:
        """Read to its end, past the limit, or until it breaks off. Raises nothing."""
        try:
            if framing.is_chunked:
                self.is_complete = self._read_chunks()
            else:
                self.is_complete = self._read_bytes(framing.length, None if framing.is_valid else _SILENCE_SECONDS)
        except OSError:
            self.is_broken = True

    def _read_bytes(self, length: int | None, silence: float | None = None) -> bool:
        """Read so many, or until the connection ends or is silent for so many seconds; tell whether they came."""
        data, left = self._incoming.data, length
        if left is None:
            self._incoming.sock.suppress_ragged_eofs = False  # TLS says where it was cut off, RFC 9112 section 9.8
        while True:
            taken = data[:left]
            self.content += taken
            del data[: len(taken)]
            if left is not None:
                left -= len(taken)
                if not left:
                    return True
            if len(self.content) > self._limit:
                return False
            if not self._incoming.receive(silence):
                self.is_broken = left is not None
                return left is None

    def _read_chunks(self) -> bool:
        size = self._read_chunk_size()
        if size == _NO_CHUNK:
            self.is_unchunked, self.is_clean = True, False
            return self._read_bytes(None, _SILENCE_SECONDS)
        while size and size != _NO_CHUNK and self._incoming.count < self._most_received:
            if not self._read_bytes(size):
                return False
            if not self._skip_line_end():
                break
            if len(self.content) > self._limit and not self._incoming.data.startswith(b"0"):
                return False
            size = self._read_chunk_size()
        if size == 0:
            self._read_trailers()
            return True
        self.is_broken = True
        return False

    def _read_chunk_size(self) -> int | None:
        """Read the line before a chunk; None where the connection ends, `_NO_CHUNK` where there is no such line."""
        data = self._incoming.data
        while not (line := re.match(_CHUNK_LINE, data)):
            if len(data) > MAX_CHUNK_LINE or not re.fullmatch(_CHUNK_LINE_BEGINS, data):
                return _NO_CHUNK
            if not self._incoming.receive():
                return None
        size = int(line[1], 16)
        del data[: line.end()]
        return size

    def _skip_line_end(self) -> bool:
        data = self._incoming.data
        while not (end := re.match(_LINE_END, data)):
            if len(data) > 1 or data.strip(b"\r") or not self._incoming.receive():
                return False
        del data[: end.end()]
        return True

    def _read_trailers(self) -> None:
        """Skip what follows the last chunk. The body is complete without, so that it is not waited for."""
        incoming = self._incoming
        with contextlib.suppress(OSError):
            while not (end := re.search(_TRAILERS_END, incoming.data)):
                if len(incoming.data) > _MAX_TRAILERS or not incoming.receive(_TRAILER_SECONDS):
                    break
            else:
                del incoming.data[: end.end()]
                return
        self.is_clean = False
