"""A registered webhook: what a customer has set up, read as strictly as a message, and as it is shown."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from hooklog.errors import InvalidMessage, InvalidRequest
from hooklog.executions.masking import MASK, SensitiveHeaders
from hooklog.messages.call import Call
from hooklog.messages.fields import (
    DEFAULT_TIMEOUT_SECONDS,
    OWN_HEADERS,
    got,
    has_unpaired_surrogate,
    header_key,
    identifier,
    is_event_type,
    is_header_name,
    named,
    read_headers,
    read_timeout,
    read_url,
)
from hooklog.messages.message import Message
from hooklog.webhooks.retry import LONGEST_DELAY_SECONDS, MAX_RETRIES, RetrySchedule

MAX_NAME_LENGTH: Final = 256
MAX_EVENT_TYPES: Final = 100
MAX_SENSITIVE_HEADERS: Final = 50
MAX_TRANSFORMATION_LENGTH: Final = 32_768

_SETTABLE = frozenset(
    {
        "name", "url", "headers", "event_types", "enabled", "timeout_seconds", "retry_schedule", "transformation",
        "sensitive_headers", "topic", "version",
    }
)  # fmt: skip
_SHOWN = frozenset({"webhook_id", "created_at", "updated_at", "disabled_reason"})
"""What may come back as it was shown, and changes nothing."""


class Webhook(NamedTuple):
    """A webhook as it stands in the registry, but for its secret."""

    webhook_id: str
    name: str
    url: str
    headers: Mapping[str, str]
    event_types: tuple[str, ...]
    """None at all means every event."""
    enabled: bool
    timeout_seconds: float
    retry_schedule: RetrySchedule | None
    """None where the deployment's is meant."""
    transformation: str | None
    """A JSONata expression that gives the body to send."""
    sensitive_headers: tuple[str, ...]
    topic: str | None
    version: int
    """Counts what was written, from 1. In a request it is the one that is to be replaced; 0 where there is none."""
    created_at: str = ""
    updated_at: str = ""
    disabled_reason: str | None = None
    failing_since: str | None = None
    """When the first of its failures was that no success has followed since; None where its last attempt succeeded."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any], webhook_id: str, stored: "Webhook | None") -> "Webhook":
        """Read what is to replace `stored`, whose values stand where a header is masked. Raises InvalidRequest."""
        if unknown := fields.keys() - _SETTABLE - _SHOWN:
            raise InvalidRequest(f"unknown field{named(min(unknown))}; known: {', '.join(sorted(_SETTABLE))}")
        if fields.get("webhook_id", webhook_id) != webhook_id:
            raise InvalidRequest(f"webhook_id must be the one of the path{got(fields, 'webhook_id')}")
        try:
            return cls._parse({**fields, "headers": _unmasked(fields.get("headers", {}), stored)}, webhook_id)
        except InvalidMessage as error:
            raise InvalidRequest(str(error)) from None

    @classmethod
    def _parse(cls, fields: Mapping[str, Any], webhook_id: str) -> "Webhook":
        return cls(
            webhook_id=webhook_id,
            name=_name(fields),
            url=read_url(fields),
            headers=_headers(fields),
            event_types=_event_types(fields),
            enabled=_enabled(fields),
            timeout_seconds=read_timeout(fields) or float(DEFAULT_TIMEOUT_SECONDS),
            retry_schedule=_retry_schedule(fields),
            transformation=read_transformation(fields),
            sensitive_headers=_sensitive_headers(fields),
            topic=None if fields.get("topic") is None else identifier(fields, "topic"),
            version=_version(fields),
        )

    @property
    def length(self) -> int:
        """Characters of what it holds."""
        texts = (self.name, self.url, self.transformation or "", *self.event_types, *self.sensitive_headers)
        return sum(map(len, texts)) + sum(len(name) + len(value) for name, value in self.headers.items())

    def takes(self, event_type: str | None) -> bool:
        """Whether messages of this type are sent to it."""
        return not self.event_types or event_type in self.event_types

    def call(self, message: Message, keys: Iterable[bytes]) -> Call:
        """The message, addressed to it. Headers and a timeout of the message's own win."""
        own = {header_key(name) for name in message.headers}
        added = {name: value for name, value in self.headers.items() if header_key(name) not in own}
        return Call(
            message=message,
            url=self.url,
            headers={**added, **message.headers},
            timeout_seconds=message.timeout_seconds or self.timeout_seconds,
            keys=tuple(keys),
            sensitive_headers=frozenset(self.sensitive_headers),
        )

    def shown(self, sensitive: SensitiveHeaders | None) -> dict[str, Any]:
        """As JSON values: with the values of sensitive headers masked, or, where None is said to be, all of it."""
        shown = {
            "webhook_id": self.webhook_id,
            "name": self.name,
            "url": self.url,
            "headers": sensitive.mask(self.headers, self.sensitive_headers) if sensitive else dict(self.headers),
            "event_types": list(self.event_types),
            "enabled": self.enabled,
            "timeout_seconds": int(seconds) if (seconds := self.timeout_seconds).is_integer() else seconds,
            "retry_schedule": None if self.retry_schedule is None else list(self.retry_schedule.delays),
            "transformation": self.transformation,
            "sensitive_headers": list(self.sensitive_headers),
            "topic": self.topic,
            "version": self.version,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
        return shown | ({"disabled_reason": self.disabled_reason} if self.disabled_reason else {})


def _unmasked(headers: Any, stored: Webhook | None) -> Any:
    """The headers with what is stored in the place of each mask; as they are where they are none."""
    if not isinstance(headers, dict):
        return headers
    known = {name.lower(): value for name, value in stored.headers.items()} if stored else {}
    for name, value in headers.items():
        if value == MASK and name.lower() not in known:
            raise InvalidRequest(f"header{named(name)} is masked and none of this name is stored: give its value")
    return {name: known[name.lower()] if value == MASK else value for name, value in headers.items()}


def _name(fields: Mapping[str, Any]) -> str:
    value = fields.get("name", "")
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH:
        raise InvalidRequest(f"name must be a string of up to {MAX_NAME_LENGTH} characters{got(fields, 'name')}")
    if not value.isprintable():
        raise InvalidRequest("name must be printable: no line breaks, no control characters")
    return value


def _headers(fields: Mapping[str, Any]) -> Mapping[str, str]:
    headers = read_headers(fields)
    for name in headers:
        if header_key(name).startswith(OWN_HEADERS):
            raise InvalidRequest(f"header{named(name)} is refused: Hooklog sets those that begin with {OWN_HEADERS}")
    return headers


def _event_types(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = _list(fields, "event_types", MAX_EVENT_TYPES, "event types")
    if not all(map(is_event_type, value)):
        raise InvalidRequest(f"event_types must hold 1-128 visible ASCII characters each{got(fields, 'event_types')}")
    if any("*" in event_type for event_type in value):
        raise InvalidRequest("event_types knows no wildcards: name each type, or none to get all")
    return tuple(dict.fromkeys(value))


def _sensitive_headers(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = _list(fields, "sensitive_headers", MAX_SENSITIVE_HEADERS, "header names")
    if not all(map(is_header_name, value)):
        raise InvalidRequest(f"sensitive_headers must hold header names{got(fields, 'sensitive_headers')}")
    return tuple(dict.fromkeys(value))


def _list(fields: Mapping[str, Any], name: str, most: int, what: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise InvalidRequest(f"{name} must be a list of up to {most} {what}{got(fields, name)}")
    return value


def _enabled(fields: Mapping[str, Any]) -> bool:
    if type(value := fields.get("enabled", False)) is not bool:
        raise InvalidRequest(f"enabled must be true or false{got(fields, 'enabled')}")
    return value


def _retry_schedule(fields: Mapping[str, Any]) -> RetrySchedule | None:
    if fields.get("retry_schedule") is None:
        return None
    value = _list(fields, "retry_schedule", MAX_RETRIES, "delays in seconds, or null")
    if not all(type(delay) is int and 1 <= delay <= LONGEST_DELAY_SECONDS for delay in value):
        raise InvalidRequest(
            f"retry_schedule must hold whole seconds of 1 to {LONGEST_DELAY_SECONDS}{got(fields, 'retry_schedule')}"
        )
    return RetrySchedule(tuple(value))


def read_transformation(fields: Mapping[str, Any]) -> str | None:
    """Whether it compiles is for the evaluator to say. Raises InvalidRequest."""
    value = fields.get("transformation")
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_TRANSFORMATION_LENGTH):
        raise InvalidRequest(
            f"transformation must be a JSONata expression of up to {MAX_TRANSFORMATION_LENGTH} characters, or null"
            f"{got(fields, 'transformation')}"
        )
    if value is not None and has_unpaired_surrogate(value):
        raise InvalidRequest("transformation must not hold an unpaired surrogate")
    return value


def _version(fields: Mapping[str, Any]) -> int:
    value = fields.get("version", 0)
    if type(value) is not int or value < 0:
        raise InvalidRequest(f"version must be the whole number that was shown{got(fields, 'version')}")
    return value
