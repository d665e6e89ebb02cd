"""One webhook call that a producer asks for, parsed once and strictly; its fields, declared once."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple, get_type_hints

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


class Field(NamedTuple):
    """An optional field of a message: how it is read, and where it is kept when Hooklog stores the message itself.

    A new field is a line of `Message` with this in its annotation, and a default. Every form in which a message is
    written follows from that: a producer's JSON, and those of `codec`.
    """

    read: Callable[[Mapping[str, Any]], Any]
    """Reads it from a producer's fields; its default if they lack it. Raises InvalidMessage."""
    kept_as: str = ""
    """Its name in an inline payload and in the log's details; its own name if this is empty."""
    in_details: bool = True
    """Whether the log's details hold it. False if the log has it elsewhere."""


def _read_own_url(fields: Mapping[str, Any]) -> str | None:
    return read_url(fields) if "url" in fields else None


class Message(NamedTuple):
    """One webhook call that a producer asked for."""

    webhook_id: str
    message_id: str
    url: Annotated[str | None, Field(_read_own_url, in_details=False)]
    """None where it is left to the registered webhook."""
    body: bytes
    """The payload as compact UTF-8 JSON: the very bytes that are sent."""
    headers: Annotated[Mapping[str, str], Field(read_headers)]
    event_type: Annotated[str | None, Field(read_event_type, in_details=False)]
    timeout_seconds: Annotated[float | None, Field(read_timeout, kept_as="timeout")]
    """None where it is left to the registered webhook, or to the default."""
    as_sent: bool = False
    """Whether `body` has been sent: then no transformation changes it any more."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any], queue_message_id: str) -> "Message":
        """Read a producer's fields. Raises InvalidMessage with what is wrong and what the field takes.

        The payload's keys keep their order; numbers are IEEE 754 doubles or integers of up to 4,300 digits, as
        RFC 8259 section 6 leads producers to expect.
        """
        if unknown := fields.keys() - _KNOWN:
            raise InvalidMessage(f"unknown field{named(min(unknown))}; known: {', '.join(sorted(_KNOWN))}")
        return cls(
            webhook_id=identifier(fields, "webhook_id"),
            message_id=identifier(fields, "message_id") if "message_id" in fields else queue_message_id,
            body=_payload(fields),
            **{name: field.read(fields) for name, field in OPTIONAL.items()},
        )


OPTIONAL: Final[Mapping[str, Field]] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Message, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}
"""The fields that a producer may leave out, by name."""

_KNOWN: Final = frozenset({"webhook_id", "message_id", "payload", *OPTIONAL})


def _payload(fields: Mapping[str, Any]) -> bytes:
    if "payload" not in fields:
        raise InvalidMessage("payload is missing: give any JSON value")
    try:
        return compact_json(fields["payload"])
    except RecursionError:
        raise InvalidMessage("payload is nested too deeply") from None
    except ValueError:
        raise InvalidMessage("payload holds a number beyond the range of a double (1.8e308)") from None
