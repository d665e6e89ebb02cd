"""One execution: a delivery with what the log keeps of it."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from hooklog.delivery.delivery import Delivery


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
    details_not_stored: bool = False
    """Whether it failed and the log stores none of its headers and bodies."""
    inline_payload: str = ""
    """The message, packed for its retry, if its details are not stored and a retry is due."""
    task_id: str = ""
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

    def expires_at(self, days: int) -> int:
        """When what is kept for so many days expires, in Unix seconds."""
        return int((self.delivery.started_at + timedelta(days=days)).timestamp())


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
