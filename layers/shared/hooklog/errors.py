"""Every exception that Hooklog raises on purpose.

HooklogError
├── InvalidSetting      the deployment is configured wrongly; nothing can run
├── InvalidMessage      a queue message that can never be sent; goes to the dead-letter queue
├── Undelivered         no HTTP answer came; becomes a failed execution, never leaves the delivery
├── StaleConnection     a kept connection was closed before anything was answered; sent again on a new one
├── NotQueued           SQS or EventBridge Scheduler did not take a message of ours
├── NoTimeLeft          an order could not be finished before the function's time is over
├── KeysUnreachable     there is nothing to verify a token with
├── EvaluatorLost       the process that transforms payloads could not be started
├── RegistryUnreachable the registry or its key could not be read, and what was read before is too old
└── RequestRefused      an API request that is answered with an error
    ├── InvalidRequest  400
    ├── Unauthorized    401
    ├── Forbidden       403
    ├── NotFound        404
    ├── Conflict        409
    │   └── RecoveryRuns    another recovery of the webhook is running
    ├── TooManyRequests 429
    └── NothingSent     500
"""

import re
import traceback
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Any, NamedTuple, Self

_SHOWN_FRAMES = 12
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ufffd\U00010000-\U0010ffff]")  # XML's Char, without controls


class ErrorType(StrEnum):
    """The kinds of hard error: why no HTTP answer came, including when nothing was sent.

    A new one is an entry here, a row in docs/receivers.md and a name in docs/openapi.yaml, which tests hold to this.
    """

    message: str
    """What happened, to the customer: where one kind has several causes, each has a message of its own instead."""
    was_attempted: bool
    """Whether the receiver was tried: what was not says nothing about it, and never disables its webhook."""
    is_retried: bool
    """Whether the same message may succeed later without a change to it or to its webhook."""

    def __new__(cls, name: str, message: str, was_attempted: bool = True, is_retried: bool = True) -> Self:
        """`name` is what the API and the log call it."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.message, member.was_attempted, member.is_retried = message, was_attempted, is_retried
        return member

    DNS_FAILURE = "dns_failure", "The receiver's name could not be looked up."
    CONNECTION_REFUSED = "connection_refused", "Nothing accepted a connection at the receiver's address."
    CONNECT_TIMEOUT = "connect_timeout", "The receiver did not accept a connection in time."
    TLS_ERROR = "tls_error", "The TLS connection to the receiver failed."
    BLOCKED_ADDRESS = (
        "blocked_address", "The URL leads to an address that webhooks are not sent to.", True, False
    )  # fmt: skip
    INVALID_URL = "invalid_url", "The URL cannot be requested.", True, False
    READ_TIMEOUT = "read_timeout", "The receiver gave no answer in time."
    DEADLINE_EXCEEDED = "deadline_exceeded", "The receiver had not finished in time."
    CONNECTION_RESET = "connection_reset", "The receiver closed the connection before it had answered."
    PROTOCOL_ERROR = "protocol_error", "What the receiver answered is not valid HTTP."
    TRANSFORMATION_ERROR = "transformation_error", "The webhook's transformation failed.", False, False
    UNKNOWN_WEBHOOK = (
        "unknown_webhook", "There is no webhook with this id: set it up, then send this again.", False, False
    )  # fmt: skip
    DISABLED_WEBHOOK = (
        "disabled_webhook", "The webhook is switched off: switch it on, then send this again.", False, False
    )  # fmt: skip


class HooklogError(Exception):
    """The base of every exception that Hooklog raises on purpose."""


class InvalidSetting(HooklogError):
    """An environment variable is missing or out of range; the message names it and says what it takes."""


class InvalidMessage(HooklogError):
    """A queue message that can never be sent; the message says which field is wrong and what it takes."""


class Undelivered(HooklogError):
    """No HTTP status came from the receiver.

    `message` is shown to the customer: it names no internal address and carries no library's text. It is readable,
    whatever a customer's expression or a receiver has put into it.
    """

    def __init__(self, error_type: ErrorType, message: str | None = None) -> None:
        """`message` defaults to the type's own."""
        self.error_type = error_type
        self.message = readable(message or error_type.message)
        super().__init__(self.message)


class StaleConnection(HooklogError):
    """A connection that was kept turned out to be closed, before anything was answered on it."""


class NotQueued(HooklogError):
    """SQS or EventBridge Scheduler did not take a message of ours; says the error's code."""


class NoTimeLeft(HooklogError):
    """An order could not be finished before the function's time is over; it goes back to the queue, not sent."""


class KeysUnreachable(HooklogError):
    """The keys that verify tokens could not be read, and none were before; says why."""


class EvaluatorLost(HooklogError):
    """The process that transforms payloads could not be started. Nothing was sent."""


class RegistryUnreachable(HooklogError):
    """A registered webhook is not known: its row or its key could not be read. Nothing was sent."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause_response_code = cause  # as pynamodb has it; a log line shows it


class FieldError(NamedTuple):
    """What is wrong with one parameter or body field of a request."""

    field: str
    message: str


class RequestRefused(HooklogError):
    """An API request that is answered with an error instead of what it asked for."""

    status: int
    code: str
    details: Mapping[str, Any] = {}
    """Further fields of the response's `error`."""

    def __init__(self, message: str, field: str = "", errors: Sequence[FieldError] = ()) -> None:
        """`field` names the parameter or field that it is about; `errors` has all of them if there are several."""
        super().__init__(message)
        self.errors = tuple(errors) or ((FieldError(field, message),) if field else ())
        if self.errors:
            self.details = {"field": self.errors[0].field, "errors": [error._asdict() for error in self.errors]}


class InvalidRequest(RequestRefused):
    """400: a parameter or field is wrong; the message says which one and what it takes."""

    status, code = 400, "invalid_request"


class Unauthorized(RequestRefused):
    """401: there is no valid token."""

    status, code = 401, "unauthorized"


class Forbidden(RequestRefused):
    """403: the token is valid and does not allow this."""

    status, code = 403, "forbidden"


class NotFound(RequestRefused):
    """404: there is no such thing, as far as this caller may know."""

    status, code = 404, "not_found"


class Conflict(RequestRefused):
    """409: what is there does not allow this now; the message says why."""

    status, code = 409, "conflict"


class RecoveryRuns(Conflict):
    """409: another recovery of the webhook is running."""

    def __init__(self, message: str, recovery_id: str) -> None:
        super().__init__(message)
        self.details = {"recovery_id": recovery_id}


class TooManyRequests(RequestRefused):
    """429: the same is under way already; the message says what."""

    status, code = 429, "too_many_requests"


class NothingSent(RequestRefused):
    """500: a fault of ours kept a test from being sent; the message says so."""

    status, code = 500, "internal_error"


def readable(text: str) -> str:
    """The text as DynamoDB, SQS, UTF-8 and a terminal take it: U+FFFD replaces unpaired surrogates and controls."""
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # two escapes may be one character
    return _UNREADABLE.sub("\ufffd", joined)


def code_of(error: BaseException) -> str:
    """AWS's code of an error that botocore raised, or the name of its kind: texts differ from version to version."""
    answer = getattr(error, "response", None)
    return str(answer["Error"]["Code"]) if isinstance(answer, dict) else type(error).__name__


def cause_of(error: BaseException) -> str:
    """What an exception is and where it was raised, for a log line; never its text, which may quote what was sent."""
    name = type(error).__name__
    code = getattr(error, "cause_response_code", None) or code_of(error)  # DynamoDB's own, where pynamodb raised it
    kind = name if code == name else f"{name} ({code})"
    frames = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return " < ".join([kind, *reversed(frames[-_SHOWN_FRAMES:])])
