"""The HTTP client that sends webhooks."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import requests

from hooklog.delivery.causes import classify_error
from hooklog.delivery.delivery import Delivery, Response
from hooklog.delivery.egress import BeforeSend, EgressAdapter, SpecialRequest
from hooklog.delivery.signature import sign
from hooklog.delivery.target import Target, parse_target
from hooklog.errors import ErrorType, HardError, LimitUnavailable, MustWait, StaleConnection
from hooklog.messages.call import Call
from hooklog.messages.fields import ATTEMPT_HEADER, normalize_header_name
from hooklog.messages.message import METHOD
from hooklog.version import __version__


class WebhookClient:
    """The client that sends messages over pooled connections. Thread-safe."""

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

    def deliver(self, call: Call, attempt: int, before_send: BeforeSend | None = None) -> Delivery:
        """Send the message once.

        Raises nothing if the receiver fails: its failure is the result. `before_send` is called before each request
        goes out. The attempt then starts when it returns, and its time counts neither as duration nor towards the
        timeout.
        """
        started_at, started = self._clock(), time.monotonic()
        pause = _Pause(before_send, self._clock) if before_send else None
        headers: Mapping[str, str] = {}
        response, error, resent = None, None, False
        try:
            target = parse_target(call.url, self._schemes)
            headers = build_request_headers(call, target, attempt, started_at)
            response, error, resent = self._exchange(call, target, headers, pause)
        except HardError as hard_error:
            error = hard_error
        if pause:
            started_at, started = pause.ended_at or started_at, started + pause.seconds
        duration_ms = round((time.monotonic() - started) * 1000)
        return Delivery(call, attempt, started_at, duration_ms, headers, response, error, resent=resent)

    def dry_run(self, call: Call, attempt: int) -> Delivery:
        """Build the request that `deliver` would send, without sending it.

        The error says why it cannot be sent. Without a URL, the request has only a body.
        """
        at = self._clock()
        if not call.url:
            return Delivery(call, attempt, at, 0, {}, None, None)
        try:
            headers = build_request_headers(call, parse_target(call.url, self._schemes), attempt, at)
        except HardError as error:
            return Delivery.not_sent(call, attempt, at, error)
        return Delivery(call, attempt, at, 0, headers, None, None)

    def _exchange(
        self, call: Call, target: Target, headers: Mapping[str, str], pause: "_Pause | None"
    ) -> tuple[Response | None, HardError | None, bool]:
        """Return the response or the error, and whether the request was sent again.

        It is sent again on a new connection if the receiver has closed the pooled one. Raises MustWait and
        LimitUnavailable if nothing was sent.
        """
        deadline = time.monotonic() + call.timeout_seconds
        for resent in (False, True):
            request = _make_request(pause, resent=resent) if resent or pause else requests.PreparedRequest()
            request.method, request.url, request.body = METHOD, target.url, call.message.body
            request.headers = cast("Any", headers)
            left = deadline + (pause.seconds if pause else 0) - time.monotonic()
            try:
                identity = cast("Any", call.identity)
                response = self._adapter.send(request, timeout=max(left, 0.001), cert=identity)
                return response.read(self._capture_limit), None, resent
            except StaleConnection:
                continue
            except (MustWait, LimitUnavailable):
                if not resent:
                    raise
                return None, HardError(ErrorType.CONNECTION_RESET), False  # the first request may have arrived
            except Exception as error:  # noqa: BLE001 - it may have been sent, so it must be logged
                has_certificate = call.identity is not None
                return None, classify_error(error, call.timeout_seconds, has_certificate=has_certificate), resent
        return None, HardError(ErrorType.CONNECTION_RESET), True


class _Pause:
    """A function to call before a request goes out, and the seconds that it took."""

    def __init__(self, before_send: BeforeSend, clock: Callable[[], datetime]) -> None:
        self._before_send = before_send
        self._clock = clock
        self.seconds = 0.0
        self.ended_at: datetime | None = None
        """When it first returned."""

    def __call__(self) -> None:
        started = time.monotonic()
        try:
            self._before_send()
        finally:
            self.seconds += time.monotonic() - started
        self.ended_at = self.ended_at or self._clock()


def _make_request(pause: _Pause | None, *, resent: bool) -> SpecialRequest:
    request = SpecialRequest()
    request.on_new_connection, request.before_send = resent, pause
    return request


def build_request_headers(call: Call, target: Target, attempt: int, at: datetime) -> Mapping[str, str]:
    """Build the headers of one attempt.

    The call's own headers can replace only User-Agent and Content-Type. Standard Webhooks 1.0 defines `webhook-*`.
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
    headers |= {name: value for name, value in call.headers.items() if normalize_header_name(name) not in reserved}
    return headers | ours
