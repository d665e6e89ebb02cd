"""The response parser, which takes headers and body as far as they arrive.

http.client rejects a response because of one odd header line, its hundredth header or a body that breaks off. Here, the
status line decides and nothing after it is an error. The socket's timeout limits every wait.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from typing import Final

from hooklog.delivery.body import UNKNOWN, Body, ReceiveBuffer, determine_framing, get_transfer_codings
from hooklog.delivery.deadline import DeadlineSocket
from hooklog.delivery.delivery import Response
from hooklog.delivery.headers import Headers

MAX_INTERIM_RESPONSES: Final = 100

MAX_STATUS_LINE: Final = 65_536
"""Bytes."""

MAX_HEADER_SECTION: Final = 1_048_576
"""Bytes. Neither the rest of a longer header section nor the body after it is read."""

UNCHUNKED: Final = "The headers say that the body is chunked, but it is not. It is shown as received."

_STATUS_LINE = re.compile(
    rb"[\r\n]{0,16}(?:HTTP(?:/(\d+(?:\.\d+)?))?|ICY)[ \t]+((?!000)\d{3})(?:[^\d\n][^\n]*)?\n", re.IGNORECASE
)
_STATUS_LINE_BEGINS = (b"HTTP", b"ICY")
_SECTION_ENDS = re.compile(rb"\n\r{0,2}\n")


class RawResponse:
    """A response with status and headers, whose body can be read."""

    release: Callable[..., None]
    """Returns the connection to its pool, and closes it unless `is_usable`. `read` calls it."""

    def __init__(self, sock: DeadlineSocket) -> None:
        self.status = 0
        self.headers = Headers(b"")
        self.is_reusable = True
        """Whether the connection may serve another request. The connection sets it to False after a failed send."""
        self._received = ReceiveBuffer(sock)
        self._version = ""
        self._head_error: Exception | None = None
        """Why the header section is incomplete."""

    def begin(self) -> None:
        """Read status and headers, after any interim responses (RFC 9110 section 15.2).

        Raises OSError or HTTPException if the final response's status line does not arrive.
        """
        for _ in range(MAX_INTERIM_RESPONSES):
            self._version, self.status = _read_status_line(self._received)
            section, self._head_error = _read_header_section(self._received)
            if not 100 <= self.status < 200 or self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                self.headers = Headers(section)
                return
            if self._head_error:
                raise self._head_error
        raise HTTPException("too many interim responses")

    def read(self, limit: int) -> Response:
        """Read and decode the body up to `limit` bytes, or until it breaks off, and release the connection.

        Raises nothing.
        """
        headers, headers_truncated = self.headers.capture()
        codings = [*self.headers.get_codings("content-encoding"), *get_transfer_codings(self.headers)]
        body, framing = Body(self._received, 2 * limit + 4096 if codings else limit), UNKNOWN
        if not self._head_error:
            framing = determine_framing(self.status, self.headers, is_persistent=self._is_persistent())
            body.read(framing)
        is_finished = body.is_complete and body.is_clean and framing.allows_reuse
        self.release(is_usable=is_finished and self.is_reusable and not self._received.has_more())
        content, is_whole, is_broken, note = bytes(body.content), body.is_complete, False, ""
        if codings:
            from hooklog.delivery.decoding import decode  # late, to keep it out of cold starts

            content, is_whole, is_broken, note = decode(content, codings, limit, is_whole=is_whole)
        length = len(content) if is_whole else None if codings else framing.length
        return Response(
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
        """Return whether the connection stays open afterwards (RFC 9112 section 9.3)."""
        options = self.headers.get_items("connection")
        if "close" in options or self.status == HTTPStatus.SWITCHING_PROTOCOLS:
            return False
        return self._version == "1.1" or (self._version == "1.0" and "keep-alive" in options)


def _read_status_line(received: ReceiveBuffer) -> tuple[str, int]:
    """Read the HTTP version, empty if there is none, and the status."""
    data = received.data
    while not (line := _STATUS_LINE.match(data)):
        start = data.lstrip(b"\r\n")
        if b"\n" in start or len(data) > MAX_STATUS_LINE or not _may_begin_status_line(start):
            raise BadStatusLine(start[:16].decode("latin-1"))
        if not received.receive():
            raise IncompleteRead(b"") if data else RemoteDisconnected
    version, status = (line[1] or b"").decode(), int(line[2])
    del data[: line.end() - 1]  # keep the line feed, with which an empty header section begins
    return version, status


def _may_begin_status_line(start: bytearray) -> bool:
    return any(prefix.startswith(start[: len(prefix)].upper()) for prefix in _STATUS_LINE_BEGINS)


def _read_header_section(received: ReceiveBuffer) -> tuple[bytes, Exception | None]:
    """Read the header section as far as it arrives.

    Also returns the error if it is incomplete.
    """
    data, searched, error = received.data, 0, None
    while not (end := _SECTION_ENDS.search(data, searched)):
        searched = max(len(data) - 3, 0)
        if error := _receive_header_section(received):
            break
    section = bytes(data[: end.start()] if end else data)
    del data[: end.end() if end else len(data)]
    return section, error


def _receive_header_section(received: ReceiveBuffer) -> Exception | None:
    if len(received.data) > MAX_HEADER_SECTION:
        return HTTPException("too many headers")
    try:
        return None if received.receive() else IncompleteRead(b"")
    except OSError as error:
        return error
