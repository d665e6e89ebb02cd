"""One webhook call that a producer asks for, parsed once and strictly."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hooklog.errors import InvalidMessage
from hooklog.messages.fields import (
    compact_json,
    identifier,
    named,
    read_event_type,
    read_headers,
    read_timeout,
    read_url,
)

METHOD: Final = "POST"
"""How every webhook is sent."""

_FIELDS = frozenset({"webhook_id", "payload", "url", "headers", "message_id", "event_type", "timeout_seconds"})


class Message(NamedTuple):
    """One webhook call that a producer asked for."""

    webhook_id: str
    message_id: str
    url: str | None
    """None where it is left to the registered webhook."""
    body: bytes
    """The payload as compact UTF-8 JSON: the very bytes that are sent."""
    headers: Mapping[str, str]
    event_type: str | None
    timeout_seconds: float | None
    """None where it is left to the registered webhook, or to the default."""
    as_sent: bool = False
    """Whether `body` has been sent: then no transformation changes it any more."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any], queue_message_id: str) -> "Message":
        """Read a producer's fields. Raises InvalidMessage with what is wrong and what the field takes.

        The payload's keys keep their order; numbers are IEEE 754 doubles or integers of up to 4,300 digits, as
        RFC 8259 section 6 leads producers to expect.
        """
        if unknown := fields.keys() - _FIELDS:
            raise InvalidMessage(f"unknown field{named(min(unknown))}; known: {', '.join(sorted(_FIELDS))}")
        return cls(
            webhook_id=identifier(fields, "webhook_id"),
            message_id=identifier(fields, "message_id") if "message_id" in fields else queue_message_id,
            url=read_url(fields) if "url" in fields else None,
            body=_payload(fields),
            headers=read_headers(fields),
            event_type=read_event_type(fields),
            timeout_seconds=read_timeout(fields),
        )


def _payload(fields: Mapping[str, Any]) -> bytes:
    if "payload" not in fields:
        raise InvalidMessage("payload is missing: give any JSON value")
    try:
        return compact_json(fields["payload"])
    except RecursionError:
        raise InvalidMessage("payload is nested too deeply") from None
    except ValueError:
        raise InvalidMessage("payload holds a number beyond the range of a double (1.8e308)") from None
