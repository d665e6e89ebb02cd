"""The request that a receiver gets, and what is read of its answer."""

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import IncompleteRead
from typing import Any, Final, cast

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import DecodeError, HTTPError

from hooklog.delivery.deadline import DeadlineExceeded
from hooklog.delivery.delivery import Answer, Delivery
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.signature import sign
from hooklog.delivery.target import Target, parse_target
from hooklog.errors import ErrorType, StaleConnection, Undelivered
from hooklog.messages.call import Call
from hooklog.messages.fields import ATTEMPT_HEADER, header_key
from hooklog.messages.message import METHOD
from hooklog.version import __version__

MAX_CAPTURED_HEADERS: Final = 16_384
"""Characters kept of a receiver's headers; http.client itself takes a hundred lines of 64 KiB."""

_READ_SIZE = 16_384
_MAX_LENGTH_DIGITS = 18


class Courier:
    """Sends messages, over connections that it keeps. Safe to use from several threads."""

    def __init__(
        self,
        adapter: EgressAdapter,
        *,
        allow_http: bool,
        capture_limit: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._adapter = adapter
        self._schemes = ("https", "http") if allow_http else ("https",)
        self._capture_limit = capture_limit
        self._clock = clock

    def deliver(self, call: Call, attempt: int) -> Delivery:
        """Send once and report what came of it; a receiver's failure is a value, never an exception."""
        started_at, started = self._clock(), time.monotonic()
        headers: Mapping[str, str] = {}
        answer, error = None, None
        try:
            target = parse_target(call.url, self._schemes)
            headers = request_headers(call, target, attempt, started_at)
            answer, error = self._exchange(call, target, headers)
        except Undelivered as undelivered:
            error = undelivered
        except Exception:  # noqa: BLE001 - it may have been sent: whatever an answer does to us, it must be logged
            error = Undelivered(ErrorType.PROTOCOL_ERROR)
        duration_ms = round((time.monotonic() - started) * 1000)
        return Delivery(call, attempt, started_at, duration_ms, headers, answer, error)

    def rehearse(self, call: Call, attempt: int) -> Delivery:
        """What `deliver` would send now, with nobody asked; the error says what keeps it from being sent."""
        at = self._clock()
        try:
            headers = request_headers(call, parse_target(call.url, self._schemes), attempt, at)
        except Undelivered as error:
            return Delivery.refused(call, attempt, at, error)
        return Delivery(call, attempt, at, 0, headers, None, None)

    def _exchange(self, call: Call, target: Target, headers: Mapping[str, str]) -> tuple[Answer, Undelivered | None]:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = METHOD, target.url, call.message.body
        request.headers = CaseInsensitiveDict(headers)
        try:
            response = self._send(request, call.timeout_seconds)
        except (requests.RequestException, HTTPError) as error:
            raise explain(error, call.timeout_seconds) from error
        return read_answer(response.raw, self._capture_limit, call.timeout_seconds)

    def _send(self, request: requests.PreparedRequest, timeout_seconds: float) -> requests.Response:
        """Send it; again where a kept connection was closed by the receiver before it answered anything.

        Each such connection is thrown away, and on a new one the same is a failure: this ends.
        """
        ends = time.monotonic() + timeout_seconds
        while True:
            timeout = Timeout(total=max(ends - time.monotonic(), 0.001))
            with contextlib.suppress(StaleConnection):
                return self._adapter.send(request, stream=True, timeout=cast("Any", timeout))


def request_headers(call: Call, target: Target, attempt: int, at: datetime) -> Mapping[str, str]:
    """The headers of one attempt: the call's, which yield to ours but for two.

    The `webhook-*` names are those of Standard Webhooks 1.0.
    """
    message, timestamp = call.message, int(at.timestamp())
    own = {name.lower() for name in call.headers}
    headers = {
        name: value
        for name, value in (("User-Agent", f"Hooklog/{__version__}"), ("Content-Type", "application/json"))
        if name.lower() not in own
    }
    ours = {
        "Host": target.authority,
        "Accept-Encoding": "gzip, deflate",
        "Content-Length": str(len(message.body)),
        "webhook-id": message.message_id,
        "webhook-timestamp": str(timestamp),
        "x-hooklog-webhook": message.webhook_id,
        ATTEMPT_HEADER: str(attempt),
    }
    if message.event_type is not None:
        ours["x-hooklog-event"] = message.event_type
    if call.keys:
        ours["webhook-signature"] = sign(message.message_id, timestamp, message.body, call.keys)
    reserved = {name.lower() for name in ours} | {"x-hooklog-event", "webhook-signature"}
    headers |= {name: value for name, value in call.headers.items() if header_key(name) not in reserved}
    return headers | ours


def read_answer(response: BaseHTTPResponse, limit: int, timeout_seconds: float) -> tuple[Answer, Undelivered | None]:
    """Read the body up to `limit` bytes, decoded, and give the connection back (or close it, if there is more).

    A body that breaks off makes a 2xx an error, for the receiver may have broken off as well; any other status
    stands, with what came of its body.
    """
    captured, error, complete = bytearray(), None, False
    try:
        for data in _decoded(response):
            captured += data
            if len(captured) > limit:
                break
        else:
            complete = True
    except DecodeError:
        pass  # the status is what counts; what could be decoded is kept
    except HTTPError as broken:
        error = explain(broken, timeout_seconds) if 200 <= response.status <= 299 else None
    finally:
        if not complete or response.status < HTTPStatus.OK:
            response.close()  # after 101 the connection speaks another protocol
        response.release_conn()
    length = len(captured) if complete else _declared_length(response)
    body = bytes(captured[:limit])
    headers = _captured_headers(response)
    return Answer(response.status, headers, body, not complete or len(captured) > limit, length), error


def _decoded(response: BaseHTTPResponse) -> Iterator[bytes]:
    while data := response.read1(_READ_SIZE, decode_content=True):
        yield data


def _declared_length(response: BaseHTTPResponse) -> int | None:
    declared = response.headers.get("Content-Length", "")
    encoded = "Content-Encoding" in response.headers
    plausible = declared.isascii() and declared.isdecimal() and len(declared) <= _MAX_LENGTH_DIGITS
    return int(declared) if plausible and not encoded else None


def _captured_headers(response: BaseHTTPResponse) -> Mapping[str, str]:
    captured: dict[str, str] = {}
    left = MAX_CAPTURED_HEADERS
    for name in response.headers:
        value = response.headers[name]  # those of one name joined by commas
        left -= len(name) + len(value)
        if left < 0:
            break
        captured[name] = value
    return captured


def explain(error: Exception, timeout_seconds: float) -> Undelivered:
    """What a failed exchange is called, from the exceptions that led to it, in the customer's words."""
    causes = list(_causes(error))
    if any(isinstance(cause, Undelivered) for cause in causes):
        return next(cause for cause in causes if isinstance(cause, Undelivered))
    if any(isinstance(cause, DeadlineExceeded) for cause in causes):
        message = f"The receiver had not finished its answer after {timeout_seconds:g} s."
        return Undelivered(ErrorType.DEADLINE_EXCEEDED, message)
    if isinstance(error, requests.ReadTimeout):
        return Undelivered(ErrorType.READ_TIMEOUT, f"The receiver gave no answer within {timeout_seconds:g} s.")
    if any(isinstance(cause, TimeoutError) for cause in causes):
        message = f"The receiver had not taken the whole request after {timeout_seconds:g} s."
        return Undelivered(ErrorType.DEADLINE_EXCEEDED, message)
    if any(isinstance(cause, ConnectionError | IncompleteRead | ssl.SSLEOFError) for cause in causes):
        return Undelivered(ErrorType.CONNECTION_RESET)
    return Undelivered(ErrorType.PROTOCOL_ERROR)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what led to it; urllib3 and requests also keep causes among their arguments."""
    if error is None:
        return
    yield error
    yield from (arg for arg in error.args if isinstance(arg, Exception))
    yield from _causes(error.__cause__ or error.__context__)
