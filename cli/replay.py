"""Requests to a local server, made from logged executions."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3

from cli.history import describe_hard_error
from hooklog.delivery.signature import sign
from hooklog.executions.masking import MASK
from hooklog.messages.fields import REFUSED_HEADERS

_TIMEOUT_SECONDS: Final = 30
"""The longest timeout that a webhook can have."""
_MAX_BODY_BYTES: Final = 10_000_000
_SIGNATURE, _TIMESTAMP = "webhook-signature", "webhook-timestamp"
_PREFIX: Final = "whsec_"


class NotReplayable(Exception):
    """An execution whose request cannot be replayed, and why."""


class Replay(NamedTuple):
    """A request to the local server."""

    headers: Mapping[str, str]
    body: bytes
    signature: str
    """`renewed`, `stale`, or `none` if the original had none."""
    masked: Sequence[str]
    """The headers that are left out, because the API does not show their values."""


def read_keys(response: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Read the key from the API's response about a webhook's secret."""
    return (base64.b64decode(response["secret"].removeprefix(_PREFIX)),)


def build_replay(execution: Mapping[str, Any], read_signing_keys: Callable[[], tuple[bytes, ...]]) -> Replay:
    """Build the request that an execution sent.

    It has a new signature if it was signed and the key can be read.

    Raises NotReplayable if its request is not stored, or if nothing was sent.
    """
    _check(execution)
    headers: Mapping[str, str] = execution["request_headers"]
    body = _read_body(execution)
    kept = {name: value for name, value in headers.items() if name.lower() not in REFUSED_HEADERS and value != MASK}
    masked = [name for name, value in headers.items() if value == MASK]
    names = {name.lower(): name for name in headers}
    keys = read_signing_keys() if _SIGNATURE in names else ()
    if not keys:
        return Replay(kept, body, "stale" if names.get(_SIGNATURE) in kept else "none", masked)
    now = int(time.time())
    signed = {_TIMESTAMP: str(now), _SIGNATURE: sign(execution["message_id"], now, body, keys)}
    renewed = {names.get(name, name): value for name, value in signed.items()}
    return Replay({**kept, **renewed}, body, "renewed", [name for name in masked if name not in renewed])


def _check(execution: Mapping[str, Any]) -> None:
    if execution.get("erased"):
        raise NotReplayable("its headers and bodies were erased")
    if execution.get("skipped"):
        raise NotReplayable("nothing was sent, because its transformation returned nothing")
    if "request_body" not in execution:
        raise NotReplayable(_explain_missing(execution))
    if not execution["request_headers"]:
        raise NotReplayable(f"nothing was sent ({describe_hard_error(execution)})")


def _explain_missing(execution: Mapping[str, Any]) -> str:
    """Say why there are no details, and which parameter of the deployment to set."""
    if execution["success"]:
        return "the request of a success is not stored; deploy with DetailsOf=all"
    return "its request is not stored (any more); see the parameters DetailsOf and DetailsRetentionDays"


def _read_body(execution: Mapping[str, Any]) -> bytes:
    text: str = execution["request_body"]
    if execution.get("request_body_encoding") == "base64":
        return base64.b64decode(text)
    return text.encode("utf-8", "surrogatepass")


class Forwarder:
    """Sends requests to one URL, without a proxy, and never follows a redirect."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.clear()

    def send(self, replay: Replay) -> dict[str, Any]:
        """Return the `status`, or None and the `error`, with the `duration_ms`."""
        start = time.monotonic()
        status, error = None, None
        try:
            with self._session.post(
                self._url,
                data=replay.body,
                headers=dict(replay.headers),
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response:
                status = response.status_code
                _drain(response)
        except requests.RequestException as failure:
            error = f"{urlsplit(self._url).netloc}: {_describe(failure)}"
        finally:
            self._session.close()  # a server that restarts would break a kept connection
        return {"status": status, "error": error, "duration_ms": round((time.monotonic() - start) * 1000)}


def _drain(response: requests.Response) -> None:
    """Read the body of the response, which is not shown.

    A server may fail if it cannot send it. Stops after 10 MB or 30 s. The status counts, even if the body breaks off.
    """
    ends, left = time.monotonic() + _TIMEOUT_SECONDS, _MAX_BODY_BYTES
    try:
        while left > 0 and time.monotonic() < ends and (piece := response.raw.read1(left, decode_content=False)):
            left -= len(piece)
    except (urllib3.exceptions.HTTPError, OSError):
        pass


def _describe(failure: requests.RequestException) -> str:
    cause = failure.args[0] if failure.args else None
    match failure:
        case requests.exceptions.SSLError():
            return "TLS failed"
        case requests.Timeout():
            return "timed out"
        case requests.ConnectionError() if isinstance(cause, urllib3.exceptions.ProtocolError):
            is_invalid = isinstance(cause.args[-1], HTTPException) and not isinstance(cause.args[-1], OSError)
            return "invalid response" if is_invalid else "connection closed before a response"
        case requests.ConnectionError():
            return "could not connect"
        case _:
            return type(failure).__name__
