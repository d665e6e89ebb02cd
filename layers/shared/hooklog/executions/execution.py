"""One execution: what the log keeps of a delivery, and how it is shown."""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, NotRequired, TypedDict

from hooklog.delivery.delivery import Answer, Delivery
from hooklog.executions.text import as_text
from hooklog.messages.message import METHOD


class Trigger(StrEnum):
    """Why an execution took place."""

    EVENT = "event"
    RETRY = "retry"
    RESEND = "resend"
    TEST = "test"


class DetailsOf(StrEnum):
    """Whose headers and bodies the log keeps."""

    FAILURES = "failures"
    ALL = "all"
    NONE = "none"


class Summary(TypedDict):
    """An execution as a line of the history."""

    execution_id: str
    webhook_id: str
    message_id: str
    event_type: NotRequired[str]
    attempt: int
    trigger: str
    executed_at: str
    duration_ms: int
    result: int
    success: bool
    hard_error: bool
    next_attempt_at: NotRequired[str]
    """When it is sent again by itself."""
    skipped: NotRequired[bool]
    """True where nothing was to be sent, as the webhook's transformation has it: a success, with the result 0."""
    exhausted: NotRequired[bool]
    """True for a failure after which nothing is sent by itself any more."""
    erased: NotRequired[bool]
    """True where somebody has had its headers and bodies erased."""
    redelivered: NotRequired[bool]
    """True where the queue delivered the message again and the log did not know whether it had been sent before."""
    resent_on_new_connection: NotRequired[bool]
    """True where a kept connection ended before any answer, and the request was sent again on a new one."""


class Execution(NamedTuple):
    """A delivery with the id under which it is logged."""

    execution_id: str
    delivery: Delivery
    trigger: Trigger
    queue_message_id: str
    """Of the message that was accepted; empty for an attempt that follows one of an earlier release, if unknown."""
    retries_used: int = 0
    next_attempt_at: datetime | None = None
    redelivered: bool = False
    due_at: datetime | None = None
    """When it was to be sent: a retry at its time, anything else when it was put on the queue."""
    unkept: bool = False
    """Whether it failed and the log keeps none of its headers and bodies."""
    carried: str = ""
    """The message, packed for the retry, where it is unkept and a retry is due."""
    repeat_id: str = ""
    """Of the queue message that asked for this retry or resend; empty for a first attempt."""
    follows: str = ""
    """The execution before it, if that may say when it would be retried: it is no longer due."""

    @property
    def queue_ms(self) -> int:
        """Milliseconds from when it was due to the start of the request; 0 where the two clocks differ."""
        late = self.delivery.started_at - self.due_at if self.due_at else timedelta()
        return max(late // timedelta(milliseconds=1), 0)

    @property
    def exhausted(self) -> bool:
        """Whether it failed and nothing is sent by itself any more."""
        return not self.delivery.success and self.next_attempt_at is None

    @property
    def webhook_id(self) -> str:
        return self.delivery.message.webhook_id

    def details(self) -> dict[str, Any]:
        """What View shows beside the summary, as JSON values."""
        delivery, answer, error = self.delivery, self.delivery.answer, self.delivery.error
        details: dict[str, Any] = {
            **({"url": delivery.call.url} if delivery.call.url else {}),
            "method": METHOD,
            "request_headers": dict(delivery.request_headers),
            **_text("request_body", delivery.message.body),
        }
        if answer:
            details |= _response(answer)
        if error:
            details["error"] = {"type": str(error.error_type), "message": error.message}
        return details


def name_execution(started_at: datetime) -> str:
    """A new execution's id: when it started, in UTC and sortable as text, and eight random hex digits."""
    return f"{compact_time(started_at)}-{secrets.token_hex(4)}"


def compact_time(at: datetime) -> str:
    """A UTC time as execution ids begin with it: `20261123T173600.123456Z`."""
    return f"{at.year:04}{at:%m%dT%H%M%S.%f}Z"  # %Y has no leading zeros on Linux


def iso_time(execution_id: str) -> str:
    """The time in an execution id, in ISO 8601's extended form: `2026-11-23T17:36:00.123456Z`."""
    day, _, rest = execution_id.partition("T")
    time = rest.partition("-")[0]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}"


def _response(answer: Answer) -> Mapping[str, Any]:
    body = as_text(answer.body, answer.header("content-type"), is_cut=answer.truncated)
    note = answer.note if body.is_base64 and answer.note else " ".join(filter(None, (answer.note, body.note)))
    optional = {
        "response_body_encoding": "base64" if body.is_base64 else "",
        "response_body_charset": body.charset,
        "response_body_note": note,
        "response_headers_truncated": answer.headers_truncated,
        "response_incomplete": answer.incomplete,
    }
    return {
        "response_headers": dict(answer.headers),
        "response_body": body.text,
        "response_body_truncated": answer.truncated,
        "response_body_bytes": answer.length,
        **{name: value for name, value in optional.items() if value},
    }


def _text(name: str, body: bytes) -> Mapping[str, str]:
    try:
        return {name: body.decode()}
    except UnicodeDecodeError:
        return {name: base64.b64encode(body).decode(), f"{name}_encoding": "base64"}
