"""What a receiver answers: the status first, then headers and body as far as they come.

http.client refuses a response for one odd header line, for its hundredth header or for a body that breaks off. Here the
status line decides, and nothing after it is an error. The socket's timeout bounds every wait.
"""

import re
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from http.client import HTTPConnection as HTTPClientConnection
from typing import Any, Final

from urllib3.connection import HTTPConnection

from hooklog.delivery.body import UNKNOWN, Body, Incoming, frame, transfer_codings
from hooklog.delivery.delivery import Answer
from hooklog.delivery.headers import Headers

MAX_INTERIM_RESPONSES: Final = 100

MAX_STATUS_LINE: Final = 65_536
"""Bytes."""

MAX_HEADER_SECTION: Final = 1_048_576
"""Bytes that are read of a header section; of a response with more, neither the rest nor the body is."""

UNCHUNKED: Final = "The headers say that the body is chunked, and it is not: it is kept as it came."

_STATUS_LINE = re.compile(
    rb"[\r\n]{0,16}(?:HTTP(?:/(\d+(?:\.\d+)?))?|ICY)[ \t]+((?!000)\d{3})(?:[^\d\n][^\n]*)?\n", re.IGNORECASE
)
_STATUS_LINE_BEGINS = (b"HTTP", b"ICY")
_SECTION_ENDS = re.compile(rb"\n\r{0,2}\n")


class ResponseConnection(HTTPConnection):
    """A connection whose responses are read here."""

    response_class: Any

    def getresponse(self) -> Any:
        """Read the head of a `Response`. Raises OSError or HTTPException where no status line comes."""
        self.response_class = Response
        self.sock.settimeout(self.timeout)
        return HTTPClientConnection.getresponse(self)


class Response:
    """A response whose head was read; `read` reads its body and gives the connection back to its pool."""

    will_close = False  # http.client would close the connection at once; `read` does, after the body
    version_string, length_remaining = "", None  # urllib3 logs them
    _connection: Any = None  # urllib3's pool sets these three
    _pool: Any = None
    retries: Any = None

    def __init__(self, sock: Any, *_: Any, **__: Any) -> None:
        self.status = 0
        self.headers = Headers(b"")
        self.is_reusable = True
        """Whether the connection may serve another request; set to False where something else keeps it from that."""
        self._incoming = Incoming(sock)
        self._version = ""
        self._head_error: Exception | None = None
        """Why the header section did not come to its end."""
        self._was_read = False

    def begin(self) -> None:
        """Read up to the body, past interim responses (RFC 9110 section 15.2).

        Raises OSError or HTTPException where the status line of the final response does not come.
        """
        for _ in range(MAX_INTERIM_RESPONSES):
            self._version, self.status = _read_status_line(self._incoming)
            section, self._head_error = _read_header_section(self._incoming)
            if not 100 <= self.status < 200 or self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                self.headers = Headers(section)
                return
            if self._head_error:
                raise self._head_error
        raise HTTPException("too many interim responses")

    def isclosed(self) -> bool:
        """Whether http.client may forget it."""
        return self._was_read

    def close(self) -> None:
        """Do nothing: the connection's owner closes it."""

    def read(self, limit: int) -> Answer:
        """Read the body up to `limit` bytes, decoded. Raises nothing: what came before it broke off is the answer."""
        headers, headers_truncated = self.headers.capture()
        codings = [*self.headers.codings_in("content-encoding"), *transfer_codings(self.headers)]
        body, framing = Body(self._incoming, 2 * limit + 4096 if codings else limit), UNKNOWN
        if not self._head_error:
            framing = frame(self.status, self.headers, is_persistent=self._is_persistent())
            body.read(framing)
        self._was_read = True
        self._give_back(is_usable=body.is_complete and body.is_clean and framing.is_sound)
        content, is_whole, is_broken, note = bytes(body.content), body.is_complete, False, ""
        if codings:
            from hooklog.delivery.decoding import decode  # no cold start needs it

            content, is_whole, is_broken, note = decode(content, codings, limit, is_whole=is_whole)
        length = len(content) if is_whole else None if codings else framing.length
        return Answer(
            self.status,
            headers,
            content[:limit],
            truncated=not is_whole or len(content) > limit,
            length=length,
            incomplete=body.is_broken or is_broken or self._head_error is not None,
            headers_truncated=headers_truncated or self._head_error is not None,
            note=UNCHUNKED if body.is_unchunked else note,
        )

    def _is_persistent(self) -> bool:
        """Whether the connection goes on after this response, RFC 9112 section 9.3."""
        options = self.headers.items_of("connection")
        if "close" in options or self.status == HTTPStatus.SWITCHING_PROTOCOLS:
            return False
        return self._version == "1.1" or (self._version == "1.0" and "keep-alive" in options)

    def _give_back(self, *, is_usable: bool) -> None:
        """Bytes that belong to no response would be taken for the next one's: then the connection is closed as well."""
        sock = self._incoming.sock
        leftover = self._incoming.data or (sock.pending() if hasattr(sock, "pending") else 0)
        if leftover or not (is_usable and self.is_reusable):
            self._connection.close()
        self._pool._put_conn(self._connection)  # noqa: SLF001 - as urllib3's own responses do


def _read_status_line(incoming: Incoming) -> tuple[str, int]:
    """Its version, empty where it has none that counts, and status."""
    data = incoming.data
    while not (line := _STATUS_LINE.match(data)):
        begun = data.lstrip(b"\r\n")
        if b"\n" in begun or len(data) > MAX_STATUS_LINE or not _may_begin_status_line(begun):
            raise BadStatusLine(begun[:16].decode("latin-1"))
        if not incoming.receive():
            raise IncompleteRead(b"") if data else RemoteDisconnected
    version, status = (line[1] or b"").decode(), int(line[2])
    del data[: line.end() - 1]  # its line feed is also the first of an empty line after it
    return version, status


def _may_begin_status_line(begun: bytearray) -> bool:
    return any(beginning.startswith(begun[: len(beginning)].upper()) for beginning in _STATUS_LINE_BEGINS)


def _read_header_section(incoming: Incoming) -> tuple[bytes, Exception | None]:
    """What there is of it, and why it does not come to its end where it does not."""
    data, searched, error = incoming.data, 0, None
    while not (end := _SECTION_ENDS.search(data, searched)):
        searched = max(len(data) - 3, 0)
        if error := _receive_header_section(incoming):
            break
    section = bytes(data[: end.start()] if end else data)
    del data[: end.end() if end else len(data)]
    return section, error


def _receive_header_section(incoming: Incoming) -> Exception | None:
    if len(incoming.data) > MAX_HEADER_SECTION:
        return HTTPException("too many headers")
    try:
        return None if incoming.receive() else IncompleteRead(b"")
    except OSError as error:
        return error
