"""Every exception that Hooklog raises on purpose.

HooklogError
├── InvalidSetting       an environment variable is missing or invalid; the function does not start
├── InvalidMessage       a queue message that can never be sent; goes to the dead-letter queue
│   └── WrongQueue       … except from the other queue
├── HardError            no HTTP status arrived; becomes a failed execution
├── StaleConnection      a pooled connection was closed before any response; resent on a new one
├── NotQueued            SQS or EventBridge Scheduler rejected a message
├── NoTimeLeft           the invocation has too little time left to finish
├── MustWait             the webhook's rate limit has no slot soon; the message waits on the queue
├── LimitUnavailable     slots of a rate limit could not be reserved; the message returns to the queue
├── NotCounted           a batch of the log's stream could not be counted; Lambda invokes again
├── RowContended         other functions changed a row at each try
├── SecretNotRead        Secrets Manager did not return a secret
├── KeysUnavailable      no keys are available to verify a token
├── EvaluatorUnavailable the process that evaluates transformations could not be started
├── RegistryUnavailable  a webhook or its signing key could not be read, and the cached copy is too old
└── ApiError             an API call that gets an error response
    ├── InvalidRequest   400
    ├── Unauthorized     401
    ├── Forbidden        403
    ├── NotFound         404
    ├── Conflict         409
    │   └── RecoveryRunning  another recovery of the webhook is running
    ├── TooManyRequests  429
    └── WebhookTestNotSent      500
"""

import traceback
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Final, NamedTuple, Self

_SHOWN_FRAMES = 12
_CONTROLS: Final = {*range(0x20), *range(0x7F, 0xA0)} - {*b"\t\n\r"}
_UNPRINTABLE: Final = dict.fromkeys({*_CONTROLS, 0xFFFE, 0xFFFF}, "\ufffd")
"""Controls, and what XML's Char excludes. Not a regular expression, because cold starts would pay 5 ms for it."""


class ErrorType(StrEnum):
    """The types of hard errors, including those for which nothing was sent.

    To add one, add an entry here, a row to docs/receivers.md and a name to docs/openapi.yaml. Tests compare them.
    """

    message: str
    """What customers read, unless the HardError has a more specific message."""
    was_attempted: bool
    """Whether the receiver was contacted. If not, the error says nothing about it and never disables its webhook."""
    is_retried: bool
    """Whether the same message may succeed later without a change to it or to its webhook."""

    def __new__(cls, name: str, message: str, was_attempted: bool = True, is_retried: bool = True) -> Self:
        """Create a member. `name` is its name in the API and the log."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.message, member.was_attempted, member.is_retried = message, was_attempted, is_retried
        return member

    DNS_FAILURE = "dns_failure", "The receiver's host name could not be resolved."
    CONNECTION_REFUSED = "connection_refused", "The receiver refused the connection."
    CONNECT_TIMEOUT = "connect_timeout", "The receiver did not accept a connection in time."
    TLS_ERROR = "tls_error", "The TLS connection to the receiver failed."
    BLOCKED_ADDRESS = (
        "blocked_address", "The URL leads to an address that webhooks may not be sent to.", True, False
    )  # fmt: skip
    INVALID_URL = "invalid_url", "The URL cannot be requested.", True, False
    READ_TIMEOUT = "read_timeout", "The receiver did not respond in time."
    DEADLINE_EXCEEDED = "deadline_exceeded", "The receiver did not finish its response in time."
    CONNECTION_RESET = "connection_reset", "The receiver closed the connection before it responded."
    PROTOCOL_ERROR = "protocol_error", "The receiver's response is not valid HTTP."
    TRANSFORMATION_ERROR = "transformation_error", "The webhook's transformation failed.", False, False
    UNKNOWN_WEBHOOK = (
        "unknown_webhook", "There is no webhook with this ID. Create it, then resend.", False, False
    )  # fmt: skip
    DISABLED_WEBHOOK = (
        "disabled_webhook", "The webhook is disabled. Enable it, then resend.", False, False
    )  # fmt: skip


class HooklogError(Exception):
    """The base of every exception that Hooklog raises on purpose."""


class InvalidSetting(HooklogError):
    """An environment variable is missing or out of range.

    The message names the variable and says what is allowed.
    """


class InvalidMessage(HooklogError):
    """A queue message that can never be sent.

    The exception's text says which field is wrong and what is allowed.
    """


class WrongQueue(InvalidMessage):
    """A message of an ordered webhook on the webhook queue, or another message on the ordered queue."""

    def __init__(self, message: str, right_queue: str) -> None:
        super().__init__(message)
        self.right_queue = right_queue
        """The queue that a redrive moves it to: ORDERED or WEBHOOKS of `hooklog.queues.dead_letters`."""


class HardError(HooklogError):
    """No HTTP status arrived from the receiver.

    Customers see `message`, so it contains no internal address, no library's text and no control characters.
    """

    def __init__(self, error_type: ErrorType, message: str | None = None) -> None:
        """Create the error. `message` defaults to the message of its type."""
        self.error_type = error_type
        self.message = replace_unprintable(message or error_type.message)
        super().__init__(self.message)


class StaleConnection(HooklogError):
    """A pooled connection was closed before any byte of a response arrived on it."""


class NotQueued(HooklogError):
    """SQS or EventBridge Scheduler rejected a message; the text is AWS's error code."""


class NoTimeLeft(HooklogError):
    """The invocation has too little time left to finish.

    Nothing was sent; a queue message is delivered again.
    """


class NotCounted(HooklogError):
    """Some executions of the log's stream could not be counted.

    Lambda delivers their batch again.
    """


class MustWait(HooklogError):
    """A rate limit has no slot soon. Nothing was sent."""

    def __init__(self, until: int) -> None:
        super().__init__("no slot soon")
        self.until = until
        """The place in the line: when to come back, in Unix microseconds."""


class LimitUnavailable(HooklogError):
    """Slots of a webhook's rate limit could not be reserved; says why. Nothing was sent."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause_response_code = cause  # pynamodb's attribute, which `describe_error` reads


class RowContended(HooklogError):
    """Other functions changed a row at each try; the text is its webhook's ID."""


class ItemsNotRead(HooklogError):
    """DynamoDB left keys of a request unprocessed, several times."""


class SecretNotRead(HooklogError):
    """Secrets Manager did not return a secret; says its error's code, or the name of what failed before."""


class KeysUnavailable(HooklogError):
    """The keys that verify tokens could not be read, and none are cached; says why."""


class EvaluatorUnavailable(HooklogError):
    """The process that evaluates transformations could not be started.

    Nothing was sent.
    """


class RegistryUnavailable(HooklogError):
    """A registered webhook or its signing key could not be read. Nothing was sent."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause_response_code = cause  # pynamodb's attribute, which `describe_error` reads


class FieldError(NamedTuple):
    """What is wrong with one parameter or body field of a request."""

    field: str
    message: str


class ApiError(HooklogError):
    """An API call that gets an error response."""

    status: int
    code: str
    details: Mapping[str, Any] = {}
    """Further fields of the response's `error`."""

    def __init__(self, message: str, field: str = "", errors: Sequence[FieldError] = ()) -> None:
        """Create the error.

        `field` names the parameter or field that is wrong; `errors` lists several.
        """
        super().__init__(message)
        self.errors = tuple(errors) or ((FieldError(field, message),) if field else ())
        if self.errors:
            self.details = {"field": self.errors[0].field, "errors": [error._asdict() for error in self.errors]}


class InvalidRequest(ApiError):
    """400: a parameter or field is invalid.

    The message says which one and what is allowed.
    """

    status, code = 400, "invalid_request"


class Unauthorized(ApiError):
    """401: there is no valid token."""

    status, code = 401, "unauthorized"


class Forbidden(ApiError):
    """403: the token is valid but does not allow this."""

    status, code = 403, "forbidden"


class NotFound(ApiError):
    """404: it does not exist, or this caller may not know that it does."""

    status, code = 404, "not_found"


class Conflict(ApiError):
    """409: the current state does not allow this; the message says why."""

    status, code = 409, "conflict"


class RecoveryRunning(Conflict):
    """409: another recovery of the webhook is running."""

    def __init__(self, message: str, recovery_id: str) -> None:
        super().__init__(message)
        self.details = {"recovery_id": recovery_id}


class TooManyRequests(ApiError):
    """429: the same operation is already running; the message says which."""

    status, code = 429, "too_many_requests"


class WebhookTestNotSent(ApiError):
    """500: a webhook test was not sent because of a fault in Hooklog or AWS."""

    status, code = 500, "internal_error"


def replace_unprintable(text: str) -> str:
    """Replace unpaired surrogates and control characters by U+FFFD.

    DynamoDB and SQS reject them.
    """
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # two escapes may be one character
    return joined.translate(_UNPRINTABLE)


def get_error_code(error: BaseException) -> str:
    """Return AWS's code for an error from botocore, or else the class name.

    The texts of errors differ between versions.
    """
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, dict) else type(error).__name__


def describe_error(error: BaseException) -> str:
    """Describe an exception for a log line: class, code and stack.

    Its text is left out, because it may quote a payload.
    """
    name = type(error).__name__
    code = getattr(error, "cause_response_code", None) or get_error_code(error)  # DynamoDB's, if pynamodb raised it
    kind = name if code == name else f"{name} ({code})"
    frames = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return " < ".join([kind, *reversed(frames[-_SHOWN_FRAMES:])])
