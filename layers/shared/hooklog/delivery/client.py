"""The HTTP client that sends webhooks."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import requests

from hooklog.delivery.causes import classify_error
from hooklog.delivery.delivery import Delivery, Response
from hooklog.delivery.egress import EgressAdapter, NewConnectionRequest
from hooklog.delivery.signature import sign
from hooklog.delivery.target import Target, parse_target
from hooklog.errors import ErrorType, HardError, StaleConnection
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

    def deliver(self, call: Call, attempt: int) -> Delivery:
        """Send the message once.

        Raises nothing if the receiver fails: its failure is the result.
        """
        started_at, started = self._clock(), time.monotonic()
        headers: Mapping[str, str] = {}
        response, error, resent = None, None, False
        try:
            target = parse_target(call.url, self._schemes)
            headers = build_request_headers(call, target, attempt, started_at)
            response, error, resent = self._exchange(call, target, headers)
        except HardError as hard_error:
            error = hard_error
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
        self, call: Call, target: Target, headers: Mapping[str, str]
    ) -> tuple[Response | None, HardError | None, bool]:
        """Return the response or the error, and whether the request was sent again.

        It is sent again on a new connection if the receiver has closed the pooled one.
        """
        deadline = time.monotonic() + call.timeout_seconds
        for resent in (False, True):
            request = NewConnectionRequest() if resent else requests.PreparedRequest()
            request.method, request.url, request.body = METHOD, target.url, call.message.body
            request.headers = cast("Any", headers)
            try:
                response = self._adapter.send(request, timeout=max(deadline - time.monotonic(), 0.001))
                return response.read(self._capture_limit), None, resent
            except StaleConnection:
                continue
            except Exception as error:  # noqa: BLE001 - it may have been sent, so it must be logged
                return None, classify_error(error, call.timeout_seconds), resent
        return None, HardError(ErrorType.CONNECTION_RESET), True


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
