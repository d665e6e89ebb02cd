"""A registered webhook and its fields.

Each field is declared once, with how it is read, stored and shown.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Annotated, Any, Final, NamedTuple, get_args

from hooklog.errors import InvalidRequest
from hooklog.executions.masking import MASK, SensitiveHeaders
from hooklog.messages.call import Call
from hooklog.messages.event_types import PATTERN_RULE, accepts, is_event_type_pattern
from hooklog.messages.field_errors import FieldErrors
from hooklog.messages.fields import (
    DEFAULT_TIMEOUT_SECONDS,
    OWN_HEADER_PREFIX,
    describe_actual,
    format_name,
    has_unpaired_surrogate,
    is_header_name,
    normalize_header_name,
    read_headers,
    read_identifier,
    read_timeout,
    read_url,
)
from hooklog.messages.message import Message
from hooklog.webhooks.client_certificate import ClientCertificate, restore_client_certificate
from hooklog.webhooks.retry import LONGEST_DELAY_SECONDS, MAX_RETRIES, RetrySchedule

MAX_NAME_LENGTH: Final = 256
MAX_EVENT_TYPES: Final = 100
MAX_SENSITIVE_HEADERS: Final = 50
MAX_TRANSFORMATION_LENGTH: Final = 32_768
MAX_PER_SECOND: Final = 1_000

_LISTED_ONLY = frozenset({"registered", "last_execution", "last_24_hours"})
"""Fields that only a list with `seen=true` has."""

_READ_ONLY = frozenset({"webhook_id", "created_at", "updated_at", "disabled_reason"}) | _LISTED_ONLY
"""Fields of a response that a request may contain, so that clients can send back what they read. They are ignored."""

Fields = Mapping[str, Any]


class Stored(Enum):
    """The type of a stored field."""

    TEXT = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    JSON = auto()


def _read_name(fields: Fields) -> str:
    value = fields.get("name", "")
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH:
        raise InvalidRequest(
            f"name must be a string of up to {MAX_NAME_LENGTH} characters{describe_actual(fields, 'name')}"
        )
    if not value.isprintable():
        raise InvalidRequest("name must be printable: no line breaks, no control characters")
    return value


def _read_headers(fields: Fields) -> Mapping[str, str]:
    headers = read_headers(fields)
    for name in headers:
        if normalize_header_name(name).startswith(OWN_HEADER_PREFIX):
            raise InvalidRequest(
                f"header{format_name(name)} is not allowed: Hooklog sets those that begin with {OWN_HEADER_PREFIX}"
            )
    return headers


def _read_event_types(fields: Fields) -> tuple[str, ...]:
    value = _read_list(fields, "event_types", MAX_EVENT_TYPES, "event types")
    for pattern in value:
        if not is_event_type_pattern(pattern):
            each = f"each must be {PATTERN_RULE}, of 1-128 visible ASCII characters"
            raise InvalidRequest(f"event_types: {each}, not {pattern!r:.80}; leave the list empty to receive all")
    return tuple(dict.fromkeys(value))


def _read_sensitive_headers(fields: Fields) -> tuple[str, ...]:
    value = _read_list(fields, "sensitive_headers", MAX_SENSITIVE_HEADERS, "header names")
    if not all(map(is_header_name, value)):
        raise InvalidRequest(f"sensitive_headers must hold header names{describe_actual(fields, 'sensitive_headers')}")
    return tuple(dict.fromkeys(value))


def _read_list(fields: Fields, name: str, maximum: int, items: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > maximum:
        raise InvalidRequest(f"{name} must be a list of up to {maximum} {items}{describe_actual(fields, name)}")
    return value


def _read_enabled(fields: Fields) -> bool:
    if type(value := fields.get("enabled", False)) is not bool:
        raise InvalidRequest(f"enabled must be true or false{describe_actual(fields, 'enabled')}")
    return value


def _read_retry_schedule(fields: Fields) -> RetrySchedule | None:
    if fields.get("retry_schedule") is None:
        return None
    value = _read_list(fields, "retry_schedule", MAX_RETRIES, "delays in seconds, or null")
    if not all(type(delay) is int and 1 <= delay <= LONGEST_DELAY_SECONDS for delay in value):
        actual = describe_actual(fields, "retry_schedule")
        raise InvalidRequest(f"retry_schedule must hold whole seconds of 1 to {LONGEST_DELAY_SECONDS}{actual}")
    return RetrySchedule(tuple(value))


def read_transformation(fields: Fields) -> str | None:
    """Read a transformation without compiling it. Raises InvalidRequest."""
    value = fields.get("transformation")
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_TRANSFORMATION_LENGTH):
        raise InvalidRequest(
            f"transformation must be a JSONata expression of up to {MAX_TRANSFORMATION_LENGTH} characters, or null"
            f"{describe_actual(fields, 'transformation')}"
        )
    if value is not None and has_unpaired_surrogate(value):
        raise InvalidRequest("transformation must not contain an unpaired surrogate")
    return value


def _read_timeout(fields: Fields) -> float:
    return read_timeout(fields) or float(DEFAULT_TIMEOUT_SECONDS)


def _read_max_per_second(fields: Fields) -> int | None:
    value = fields.get("max_per_second")
    if value is not None and not (type(value) is int and 1 <= value <= MAX_PER_SECOND):
        actual = describe_actual(fields, "max_per_second")
        raise InvalidRequest(f"max_per_second must be a whole number from 1 to {MAX_PER_SECOND}, or null{actual}")
    return value


def _read_ordered(fields: Fields) -> bool:
    if type(value := fields.get("ordered", False)) is not bool:
        raise InvalidRequest(f"ordered must be true or false{describe_actual(fields, 'ordered')}")
    return value


def _read_client_certificate(fields: Fields) -> ClientCertificate | None:
    """Read an uploaded certificate, or the stored one, which `parse` has put in its place."""
    value = fields.get("client_certificate")
    if value is None or isinstance(value, ClientCertificate):
        return value
    if not isinstance(value, dict):
        raise InvalidRequest("client_certificate must be an object with a certificate and a key, or null")
    from hooklog.webhooks.certificate_upload import parse_upload  # late: few requests have one

    return parse_upload(value)


def _read_topic(fields: Fields) -> str | None:
    return None if fields.get("topic") is None else read_identifier(fields, "topic")


def _read_version(fields: Fields) -> int:
    value = fields.get("version", 0)
    if type(value) is not int or value < 0:
        raise InvalidRequest(
            f"version must be the whole number from the last response{describe_actual(fields, 'version')}"
        )
    return value


def _identity(value: Any) -> Any:
    return value


def _to_integer(number: float) -> float:
    return int(number) if number.is_integer() else number


class Field(NamedTuple):
    """A field that customers set. None is shown and stored as None."""

    read: Callable[[Fields], Any]
    """Reads the value from a request's body, or returns the default. Raises InvalidRequest or InvalidMessage."""
    stored: Stored = Stored.TEXT
    to_json: Callable[[Any], Any] = _identity
    """Converts the value for the API and the table."""
    from_json: Callable[[Any], Any] = _identity
    """Converts the stored value back."""
    missing: Any = None
    """The value of a webhook that an earlier release stored without the field."""

    def dump(self, value: Any) -> Any:
        return None if value is None else self.to_json(value)

    def load(self, value: Any) -> Any:
        return self.missing if value is None else self.from_json(value)


class Webhook(NamedTuple):
    """A webhook in the registry, without its secret.

    Customers set the annotated fields. To add one, add a line here, with its reader.
    """

    webhook_id: str
    name: Annotated[str, Field(_read_name)]
    url: Annotated[str, Field(read_url, from_json=str.strip)]
    headers: Annotated[Mapping[str, str], Field(_read_headers, Stored.JSON, dict)]
    event_types: Annotated[tuple[str, ...], Field(_read_event_types, Stored.JSON, list, tuple)]
    """Patterns, such as `order.*`. Empty for all events."""
    enabled: Annotated[bool, Field(_read_enabled, Stored.BOOLEAN, from_json=bool)]
    timeout_seconds: Annotated[float, Field(_read_timeout, Stored.NUMBER, _to_integer, float)]
    retry_schedule: Annotated[
        RetrySchedule | None, Field(_read_retry_schedule, Stored.JSON, RetrySchedule.to_list, RetrySchedule.from_list)
    ]
    """None for the deployment's schedule."""
    transformation: Annotated[str | None, Field(read_transformation)]
    """A JSONata expression that returns the body to send."""
    sensitive_headers: Annotated[tuple[str, ...], Field(_read_sensitive_headers, Stored.JSON, list, tuple)]
    topic: Annotated[str | None, Field(_read_topic)]
    max_per_second: Annotated[int | None, Field(_read_max_per_second, Stored.NUMBER, from_json=int)]
    """The most requests in any second; None for no limit."""
    ordered: Annotated[bool, Field(_read_ordered, Stored.BOOLEAN, from_json=bool, missing=False)]
    """Whether its messages come from the ordered queue, and are sent one after another."""
    client_certificate: Annotated[
        ClientCertificate | None,
        Field(_read_client_certificate, Stored.JSON, ClientCertificate.to_json, ClientCertificate.from_json),
    ]
    """Presented to the receiver."""
    version: Annotated[int, Field(_read_version, Stored.NUMBER, from_json=int)]
    """Counts the changes, from 1. In a request: the version to replace, or 0 to create."""
    created_at: str = ""
    updated_at: str = ""
    disabled_reason: str | None = None
    failing_since: str | None = None
    """The time of its first failure since the last success; None if its last attempt succeeded."""

    @classmethod
    def parse(
        cls,
        fields: Fields,
        webhook_id: str,
        stored: "Webhook | None",
        checks: Mapping[str, Callable[[Any], None]] | None = None,
    ) -> "Webhook":
        """Parse a webhook that replaces `stored`.

        Masks in its headers are replaced by the stored values. Its client certificate is kept, unless the request has
        another one or null.

        `checks` are further checks of fields' values. Raises InvalidRequest with all invalid fields.
        """
        errors = FieldErrors()
        errors.add_unknown(fields.keys() - _READ_ONLY, FIELDS)
        if fields.get("webhook_id", webhook_id) != webhook_id:
            errors.add("webhook_id", f"webhook_id must be the one of the path{describe_actual(fields, 'webhook_id')}")
        with errors.of("headers"):
            fields = {**fields, "headers": _restore_masked(fields.get("headers", {}), stored)}
        with errors.of("client_certificate"):
            fields = {
                **fields,
                "client_certificate": restore_client_certificate(fields, stored and stored.client_certificate),
            }
        values: dict[str, Any] = {}
        for name, field in FIELDS.items():
            with errors.of(name):
                values[name] = field.read(fields)
                if check := (checks or {}).get(name):
                    check(values[name])
        if values.get("ordered") and values.get("topic"):
            for name in ("ordered", "topic"):
                errors.add(name, "ordered and topic exclude each other: a topic's messages have no order")
        if values.get("client_certificate") and not str(values.get("url", "https:")).lower().startswith("https:"):
            errors.add("client_certificate", "client_certificate needs a URL that begins with https://")
        errors.raise_any()
        return cls(webhook_id, **values)

    @property
    def length(self) -> int:
        """The number of characters in its fields."""
        return sum(map(_count_characters, self))

    def accepts(self, event_type: str | None) -> bool:
        """Return whether messages of this type are sent to it."""
        return accepts(self.event_types, event_type)

    def make_call(self, message: Message, keys: Iterable[bytes]) -> Call:
        """Create the call for a message.

        The message's own headers and timeout take precedence.
        """
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

    def to_response(self, sensitive: SensitiveHeaders | None) -> dict[str, Any]:
        """Convert it for an API response.

        Sensitive headers are masked, unless `sensitive` is None.
        """
        values = self.to_json()
        if sensitive:
            values["headers"] = sensitive.mask(self.headers, self.sensitive_headers)
        times = {"created_at": self.created_at, "updated_at": self.updated_at}
        reason = {"disabled_reason": self.disabled_reason} if self.disabled_reason else {}
        return {"webhook_id": self.webhook_id, **values, **times, **reason}

    def to_json(self) -> dict[str, Any]:
        """Convert the fields that customers set to JSON values."""
        return {name: field.dump(getattr(self, name)) for name, field in FIELDS.items()}


FIELDS: Final[Mapping[str, Field]] = {
    name: field
    for name, annotation in Webhook.__annotations__.items()
    for field in get_args(annotation)
    if isinstance(field, Field)
}
"""The fields that customers set."""


def _count_characters(value: object) -> int:
    """Count the characters of a text, or of all texts in a collection."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_count_characters, value.keys())) + sum(map(_count_characters, value.values()))
    return sum(map(_count_characters, value)) if isinstance(value, tuple) else 0


def _restore_masked(headers: Any, stored: Webhook | None) -> Any:
    """Replace masks by the stored values.

    Raises InvalidRequest for a mask without a stored value.
    """
    if not isinstance(headers, dict):
        return headers
    known = {name.lower(): value for name, value in stored.headers.items()} if stored else {}
    for name, value in headers.items():
        if value == MASK and name.lower() not in known:
            raise InvalidRequest(
                f"header{format_name(name)} is masked, but no header of this name is stored; give its value"
            )
    return {name: known[name.lower()] if value == MASK else value for name, value in headers.items()}
