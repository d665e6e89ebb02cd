"""The request that a receiver gets, and what a failed exchange is called."""

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http.client import IncompleteRead
from typing import Any, cast

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

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
            answer = self._exchange(call, target, headers)
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

    def _exchange(self, call: Call, target: Target, headers: Mapping[str, str]) -> Answer:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = METHOD, target.url, call.message.body
        request.headers = CaseInsensitiveDict(headers)
        try:
            response = self._send(request, call.timeout_seconds)
        except (requests.RequestException, HTTPError) as error:
            raise explain(error, call.timeout_seconds) from error
        answer: Answer = cast("Any", response).raw.read(self._capture_limit)
        return answer

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
        "Accept": "*/*",
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
