"""A registered webhook: each field that a customer sets is declared once, with how it is read, stored and shown."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Annotated, Any, Final, NamedTuple, get_args

from hooklog.errors import InvalidRequest
from hooklog.executions.masking import MASK, SensitiveHeaders
from hooklog.messages.call import Call
from hooklog.messages.field_errors import FieldErrors
from hooklog.messages.fields import (
    DEFAULT_TIMEOUT_SECONDS,
    OWN_HEADER_PREFIX,
    describe_actual,
    format_name,
    has_unpaired_surrogate,
    is_event_type,
    is_header_name,
    normalize_header_name,
    read_headers,
    read_identifier,
    read_timeout,
    read_url,
)
from hooklog.messages.message import Message
from hooklog.webhooks.retry import LONGEST_DELAY_SECONDS, MAX_RETRIES, RetrySchedule

MAX_NAME_LENGTH: Final = 256
MAX_EVENT_TYPES: Final = 100
MAX_SENSITIVE_HEADERS: Final = 50
MAX_TRANSFORMATION_LENGTH: Final = 32_768

_SHOWN = frozenset({"webhook_id", "created_at", "updated_at", "disabled_reason"})
"""What a request may return as it was shown. It changes nothing."""

Fields = Mapping[str, Any]


class Stored(Enum):
    """What an item of the table holds for a field."""

    TEXT = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    JSON = auto()


def _name(fields: Fields) -> str:
    value = fields.get("name", "")
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH:
        raise InvalidRequest(
            f"name must be a string of up to {MAX_NAME_LENGTH} characters{describe_actual(fields, 'name')}"
        )
    if not value.isprintable():
        raise InvalidRequest("name must be printable: no line breaks, no control characters")
    return value


def _headers(fields: Fields) -> Mapping[str, str]:
    headers = read_headers(fields)
    for name in headers:
        if normalize_header_name(name).startswith(OWN_HEADER_PREFIX):
            raise InvalidRequest(
                f"header{format_name(name)} is not allowed: Hooklog sets those that begin with {OWN_HEADER_PREFIX}"
            )
    return headers


def _event_types(fields: Fields) -> tuple[str, ...]:
    value = _list(fields, "event_types", MAX_EVENT_TYPES, "event types")
    if not all(map(is_event_type, value)):
        raise InvalidRequest(
            f"event_types must hold 1-128 visible ASCII characters each{describe_actual(fields, 'event_types')}"
        )
    if any("*" in event_type for event_type in value):
        raise InvalidRequest("event_types takes no wildcards: list each type, or leave it empty to receive all")
    return tuple(dict.fromkeys(value))


def _sensitive_headers(fields: Fields) -> tuple[str, ...]:
    value = _list(fields, "sensitive_headers", MAX_SENSITIVE_HEADERS, "header names")
    if not all(map(is_header_name, value)):
        raise InvalidRequest(f"sensitive_headers must hold header names{describe_actual(fields, 'sensitive_headers')}")
    return tuple(dict.fromkeys(value))


def _list(fields: Fields, name: str, most: int, what: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise InvalidRequest(f"{name} must be a list of up to {most} {what}{describe_actual(fields, name)}")
    return value


def _enabled(fields: Fields) -> bool:
    if type(value := fields.get("enabled", False)) is not bool:
        raise InvalidRequest(f"enabled must be true or false{describe_actual(fields, 'enabled')}")
    return value


def _retry_schedule(fields: Fields) -> RetrySchedule | None:
    if fields.get("retry_schedule") is None:
        return None
    value = _list(fields, "retry_schedule", MAX_RETRIES, "delays in seconds, or null")
    if not all(type(delay) is int and 1 <= delay <= LONGEST_DELAY_SECONDS for delay in value):
        actual = describe_actual(fields, "retry_schedule")
        raise InvalidRequest(f"retry_schedule must hold whole seconds of 1 to {LONGEST_DELAY_SECONDS}{actual}")
    return RetrySchedule(tuple(value))


def read_transformation(fields: Fields) -> str | None:
    """Whether it compiles is for the evaluator to say. Raises InvalidRequest."""
    value = fields.get("transformation")
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_TRANSFORMATION_LENGTH):
        raise InvalidRequest(
            f"transformation must be a JSONata expression of up to {MAX_TRANSFORMATION_LENGTH} characters, or null"
            f"{describe_actual(fields, 'transformation')}"
        )
    if value is not None and has_unpaired_surrogate(value):
        raise InvalidRequest("transformation must not contain an unpaired surrogate")
    return value


def _timeout(fields: Fields) -> float:
    return read_timeout(fields) or float(DEFAULT_TIMEOUT_SECONDS)


def _topic(fields: Fields) -> str | None:
    return None if fields.get("topic") is None else read_identifier(fields, "topic")


def _version(fields: Fields) -> int:
    value = fields.get("version", 0)
    if type(value) is not int or value < 0:
        raise InvalidRequest(f"version must be the whole number that was shown{describe_actual(fields, 'version')}")
    return value


def _unchanged(value: Any) -> Any:
    return value


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number


class Field(NamedTuple):
    """A field that customers set. None stays None, whether shown or stored."""

    read: Callable[[Fields], Any]
    """Of a request's body: the value, or the default. Raises InvalidRequest or InvalidMessage."""
    stored: Stored = Stored.TEXT
    to_json: Callable[[Any], Any] = _unchanged
    """As the API shows it, and as it is stored."""
    from_json: Callable[[Any], Any] = _unchanged
    """Of what is stored."""

    def dump(self, value: Any) -> Any:
        return None if value is None else self.to_json(value)

    def load(self, value: Any) -> Any:
        return None if value is None else self.from_json(value)


class Webhook(NamedTuple):
    """A webhook as it stands in the registry, except its secret.

    An annotated field is one that customers set: its line here is all that a new one takes, with its reader.
    """

    webhook_id: str
    name: Annotated[str, Field(_name)]
    url: Annotated[str, Field(read_url, from_json=str.strip)]
    headers: Annotated[Mapping[str, str], Field(_headers, Stored.JSON, dict)]
    event_types: Annotated[tuple[str, ...], Field(_event_types, Stored.JSON, list, tuple)]
    """Empty for every event."""
    enabled: Annotated[bool, Field(_enabled, Stored.BOOLEAN, from_json=bool)]
    timeout_seconds: Annotated[float, Field(_timeout, Stored.NUMBER, _whole, float)]
    retry_schedule: Annotated[
        RetrySchedule | None, Field(_retry_schedule, Stored.JSON, RetrySchedule.to_list, RetrySchedule.from_list)
    ]
    """None for the deployment's."""
    transformation: Annotated[str | None, Field(read_transformation)]
    """A JSONata expression that gives the body to send."""
    sensitive_headers: Annotated[tuple[str, ...], Field(_sensitive_headers, Stored.JSON, list, tuple)]
    topic: Annotated[str | None, Field(_topic)]
    version: Annotated[int, Field(_version, Stored.NUMBER, from_json=int)]
    """Counts the changes, from 1. In a request: the version to replace, or 0 to create."""
    created_at: str = ""
    updated_at: str = ""
    disabled_reason: str | None = None
    failing_since: str | None = None
    """When the first of its failures was that no success has followed since; None where its last attempt succeeded."""

    @classmethod
    def parse(
        cls,
        fields: Fields,
        webhook_id: str,
        stored: "Webhook | None",
        checks: Mapping[str, Callable[[Any], None]] | None = None,
    ) -> "Webhook":
        """Read what is to replace `stored`, whose header values replace masks.

        `checks` has further checks of fields' values. Raises InvalidRequest with all fields that are wrong.
        """
        errors = FieldErrors()
        errors.add_unknown(fields.keys() - _SHOWN, FIELDS)
        if fields.get("webhook_id", webhook_id) != webhook_id:
            errors.add("webhook_id", f"webhook_id must be the one of the path{describe_actual(fields, 'webhook_id')}")
        with errors.of("headers"):
            fields = {**fields, "headers": _unmasked(fields.get("headers", {}), stored)}
        values: dict[str, Any] = {}
        for name, field in FIELDS.items():
            with errors.of(name):
                values[name] = field.read(fields)
                if check := (checks or {}).get(name):
                    check(values[name])
        errors.raise_any()
        return cls(webhook_id, **values)

    @property
    def length(self) -> int:
        """Characters of what it holds."""
        return sum(map(_length, self))

    def takes(self, event_type: str | None) -> bool:
        """Whether messages of this type are sent to it."""
        return not self.event_types or event_type in self.event_types

    def call(self, message: Message, keys: Iterable[bytes]) -> Call:
        """The message, addressed to it. Headers and a timeout of the message's own win."""
        own = {normalize_header_name(name) for name in message.headers}
        added = {name: value for name, value in self.headers.items() if normalize_header_name(name) not in own}
        return Call(
            message=message,
            url=self.url,
            headers={**added, **message.headers},
            timeout_seconds=message.timeout_seconds or self.timeout_seconds,
            keys=tuple(keys),
            sensitive_headers=frozenset(self.sensitive_headers),
        )

    def shown(self, sensitive: SensitiveHeaders | None) -> dict[str, Any]:
        """As JSON values. The values of sensitive headers are masked, unless `sensitive` is None."""
        values = self.to_json()
        if sensitive:
            values["headers"] = sensitive.mask(self.headers, self.sensitive_headers)
        times = {"created_at": self.created_at, "updated_at": self.updated_at}
        reason = {"disabled_reason": self.disabled_reason} if self.disabled_reason else {}
        return {"webhook_id": self.webhook_id, **values, **times, **reason}

    def to_json(self) -> dict[str, Any]:
        """The fields that customers set, as JSON values."""
        return {name: field.dump(getattr(self, name)) for name, field in FIELDS.items()}


FIELDS: Final[Mapping[str, Field]] = {
    name: field
    for name, annotation in Webhook.__annotations__.items()
    for field in get_args(annotation)
    if isinstance(field, Field)
}
"""The fields that customers set."""


def _length(value: object) -> int:
    """Characters of a text, or of all texts within a collection."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_length, value.keys())) + sum(map(_length, value.values()))
    return sum(map(_length, value)) if isinstance(value, tuple) else 0


def _unmasked(headers: Any, stored: Webhook | None) -> Any:
    """The headers with what is stored in the place of each mask; as they are where they are none."""
    if not isinstance(headers, dict):
        return headers
    known = {name.lower(): value for name, value in stored.headers.items()} if stored else {}
    for name, value in headers.items():
        if value == MASK and name.lower() not in known:
            raise InvalidRequest(f"header{format_name(name)} is masked and none of this name is stored: give its value")
    return {name: known[name.lower()] if value == MASK else value for name, value in headers.items()}
