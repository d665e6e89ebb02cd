"""A message, the webhook call that a producer requests, and its parser."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple, get_type_hints

from hooklog.errors import InvalidMessage
from hooklog.messages.fields import (
    format_name,
    read_event_type,
    read_headers,
    read_identifier,
    read_timeout,
    read_url,
    to_compact_json,
)

METHOD: Final = "POST"
"""The method of every request."""


class Field(NamedTuple):
    """How an optional field of a message is read, and under which name it is stored.

    To add a field, add a line to `Message` with this annotation and a default. All formats follow from it: the
    producer's JSON, and those of `codec`.
    """

    read: Callable[[Mapping[str, Any]], Any]
    """Reads it from a producer's fields, or returns its default. Raises InvalidMessage."""
    stored_as: str = ""
    """Its name in an inline payload and in the log's details, if that differs from its own."""
    in_details: bool = True
    """Whether the log's details contain it. False if the log has it elsewhere."""


def _read_own_url(fields: Mapping[str, Any]) -> str | None:
    return read_url(fields) if "url" in fields else None


class Message(NamedTuple):
    """One webhook call that a producer requested."""

    webhook_id: str
    message_id: str
    url: Annotated[str | None, Field(_read_own_url, in_details=False)]
    """None to use the registered webhook's URL."""
    body: bytes
    """The payload as compact UTF-8 JSON: exactly the bytes that are sent."""
    headers: Annotated[Mapping[str, str], Field(read_headers)]
    event_type: Annotated[str | None, Field(read_event_type, in_details=False)]
    timeout_seconds: Annotated[float | None, Field(read_timeout, stored_as="timeout")]
    """None to use the registered webhook's timeout, or the default."""
    is_transformed: bool = False
    """Whether `body` is final: retries and resends do not transform it again."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any], queue_message_id: str) -> "Message":
        """Parse a producer's fields. Raises InvalidMessage.

        The payload's keys keep their order. Numbers are IEEE 754 doubles, or integers of up to 4,300 digits, which
        RFC 8259 section 6 permits.
        """
        if unknown := fields.keys() - _KNOWN:
            raise InvalidMessage(f"unknown field{format_name(min(unknown))}; known: {', '.join(sorted(_KNOWN))}")
        return cls(
            webhook_id=read_identifier(fields, "webhook_id"),
            message_id=read_identifier(fields, "message_id") if "message_id" in fields else queue_message_id,
            body=_payload(fields),
            **{name: field.read(fields) for name, field in OPTIONAL.items()},
        )


OPTIONAL: Final[Mapping[str, Field]] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Message, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}
"""The optional fields, by name."""

_KNOWN: Final = frozenset({"webhook_id", "message_id", "payload", *OPTIONAL})


def _payload(fields: Mapping[str, Any]) -> bytes:
    if "payload" not in fields:
        raise InvalidMessage("payload is missing: give any JSON value")
    try:
        return to_compact_json(fields["payload"])
    except RecursionError:
        raise InvalidMessage("payload is nested too deeply") from None
    except ValueError:
        raise InvalidMessage("payload contains a number beyond the range of a double (1.8e308)") from None
