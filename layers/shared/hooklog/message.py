"""One webhook call that a producer asks for, parsed once and strictly."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hooklog.errors import InvalidMessage
from hooklog.fields import got, identifier

METHOD: Final = "POST"
"""How every webhook is sent."""

DEFAULT_TIMEOUT_SECONDS: Final = 15
"""Long enough for a receiver that does its work before it answers."""

MAX_TIMEOUT_SECONDS: Final = 30
MAX_URL_LENGTH: Final = 2048
MAX_HEADERS_LENGTH: Final = 16_384
"""Of all names and values together; what common servers take before they answer 431."""

_PLAIN_NAME = re.compile(r"[A-Za-z_-]{1,40}")
_EVENT_TYPE = re.compile(r"[!-~]{1,128}")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
"""What names of headers look like: a token, RFC 9110 section 5.6.2."""

_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")  # field-value, RFC 9110 section 5.5, ASCII only

_FIELDS = frozenset({"webhook_id", "payload", "url", "headers", "message_id", "event_type", "timeout_seconds"})

REFUSED_HEADERS: Final = frozenset(
    {
        # Hop-by-hop, RFC 9110 section 7.6.1 and RFC 2616 section 13.5.1
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "trailers", "transfer-encoding", "upgrade",
        # Framing and routing: ours to set, and the way to smuggle a second request
        "content-length", "content-encoding", "expect", "host",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook call that a producer asked for."""

    webhook_id: str
    message_id: str
    url: str
    body: bytes
    """The payload as compact UTF-8 JSON: the very bytes that are sent."""
    headers: Mapping[str, str]
    event_type: str | None
    timeout_seconds: float
    sensitive_headers: frozenset[str] = frozenset()
    """Names of headers that are masked for this message beside those of the deployment."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any], queue_message_id: str) -> "Message":
        """Read a producer's fields. Raises InvalidMessage with what is wrong and what the field takes.

        The payload's keys keep their order; numbers are IEEE 754 doubles or integers of up to 4,300 digits, as
        RFC 8259 section 6 leads producers to expect.
        """
        if unknown := fields.keys() - _FIELDS:
            raise InvalidMessage(f"unknown field{_named(min(unknown))}; known: {', '.join(sorted(_FIELDS))}")
        return cls(
            webhook_id=identifier(fields, "webhook_id"),
            message_id=identifier(fields, "message_id") if "message_id" in fields else queue_message_id,
            url=_url(fields),
            body=_payload(fields),
            headers=_headers(fields),
            event_type=_event_type(fields),
            timeout_seconds=_timeout(fields),
        )


def _url(fields: Mapping[str, Any]) -> str:
    value = fields.get("url")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_URL_LENGTH:
        raise InvalidMessage(f"url must be a string of 1-{MAX_URL_LENGTH} characters{got(fields, 'url')}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidMessage("url must not hold an unpaired surrogate")
    return value


def _payload(fields: Mapping[str, Any]) -> bytes:
    if "payload" not in fields:
        raise InvalidMessage("payload is missing: give any JSON value")
    try:
        text = json.dumps(fields["payload"], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise InvalidMessage("payload is nested too deeply") from None
    except ValueError:
        raise InvalidMessage("payload holds a number beyond the range of a double (1.8e308)") from None
    # UTF-8 cannot carry an unpaired surrogate; the JSON escape that it came as can.
    return text.encode("utf-8", "backslashreplace")


def _headers(fields: Mapping[str, Any]) -> Mapping[str, str]:
    headers = fields.get("headers", {})
    if not isinstance(headers, dict):
        raise InvalidMessage(f"headers must be an object of strings{got(fields, 'headers')}")
    for name, value in headers.items():
        _check_header(name, value)
    if len({name.lower() for name in headers}) < len(headers):
        raise InvalidMessage("headers holds the same name twice, in different case")
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADERS_LENGTH:
        raise InvalidMessage(f"headers are longer than {MAX_HEADERS_LENGTH} characters together")
    return headers


def _check_header(name: str, value: object) -> None:
    if not HEADER_NAME.fullmatch(name):
        raise InvalidMessage(f"headers holds a name of {len(name)} characters that is no header name")
    shown = f"header{_named(name)}"
    if name.lower() in REFUSED_HEADERS or name.lower().startswith("webhook-"):
        raise InvalidMessage(f"{shown} is refused: it is set by Hooklog or belongs to the connection")
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise InvalidMessage(f"{shown} must be a string of visible ASCII, spaces and tabs between")


def _event_type(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("event_type")
    if value is None and "event_type" not in fields:
        return None
    if not isinstance(value, str) or not _EVENT_TYPE.fullmatch(value):
        raise InvalidMessage(f"event_type must be 1-128 visible ASCII characters{got(fields, 'event_type')}")
    return value


def _timeout(fields: Mapping[str, Any]) -> float:
    value = fields.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 <= value <= MAX_TIMEOUT_SECONDS:
        shown = f", not {value!r:.20}" if number else got(fields, "timeout_seconds")
        raise InvalidMessage(f"timeout_seconds must be a number from 1 to {MAX_TIMEOUT_SECONDS}{shown}")
    return float(value)


def _named(name: str) -> str:
    """A name as a reason shows it; nothing where it is not one that a programmer gives, and so may be data."""
    return f" {name}" if _PLAIN_NAME.fullmatch(name) else ""
