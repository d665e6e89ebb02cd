"""An execution: a delivery with the fields that the log adds."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from hooklog.delivery.delivery import Delivery


class Trigger(StrEnum):
    """The reason for an execution."""

    EVENT = "event"
    RETRY = "retry"
    RESEND = "resend"
    TEST = "test"


class DetailsOf(StrEnum):
    """The executions whose headers and bodies the log stores."""

    FAILURES = "failures"
    ALL = "all"
    NONE = "none"


class MessageIndex(StrEnum):
    """The executions that the index by message contains."""

    ALL = "all"
    FAILURES = "failures"
    """All but those that are `settled_at_once`, if their details are not stored."""


class Execution(NamedTuple):
    """A delivery as it is logged."""

    execution_id: str
    delivery: Delivery
    trigger: Trigger
    queue_message_id: str
    """The ID of the original queue message; empty if an earlier release did not log it."""
    retries_used: int = 0
    next_attempt_at: datetime | None = None
    redelivered: bool = False
    due_at: datetime | None = None
    """When it should have been sent: the scheduled time of a retry, otherwise the time when it was queued."""
    details_not_stored: bool = False
    """Whether it failed and the log does not store its headers and bodies."""
    inline_payload: str = ""
    """The compressed message for its retry, if a retry is due and the log stores no details."""
    task_id: str = ""
    """The ID of the queue message or request that led to this retry or resend; empty for a first attempt."""
    previous_id: str = ""
    """The previous execution's ID, if its `next_attempt_at` must be removed."""
    receive_count: int = 0
    """How often the ordered queue had delivered its message; 0 for a message of the webhook queue."""
    throttled: bool = False
    """Whether it waited for its webhook's rate limit without returning to the queue. Counted, but not logged."""

    @property
    def queue_ms(self) -> int:
        """Milliseconds from when it was due to the start of the request.

        0 if the two clocks disagree.
        """
        delay = self.delivery.started_at - self.due_at if self.due_at else timedelta()
        return max(delay // timedelta(milliseconds=1), 0)

    @property
    def exhausted(self) -> bool:
        """Whether it failed and is not retried automatically any more."""
        return not self.delivery.success and self.next_attempt_at is None

    @property
    def settled_at_once(self) -> bool:
        """Whether it is its message's only attempt: a success without a retry, a resend or a redelivery."""
        is_first = self.trigger is Trigger.EVENT and self.delivery.attempt == 1
        return is_first and self.delivery.success and not self.redelivered

    @property
    def webhook_id(self) -> str:
        return self.delivery.message.webhook_id

    def expires_at(self, days: int) -> int:
        """Return the expiry of data that is stored for so many days, in Unix seconds."""
        return int((self.delivery.started_at + timedelta(days=days)).timestamp())


def generate_execution_id(started_at: datetime) -> str:
    """Generate an execution ID: the start in UTC, and eight random hex digits.

    As texts, IDs sort by time.
    """
    return f"{compact_time(started_at)}-{secrets.token_hex(4)}"


def compact_time(at: datetime) -> str:
    """Format a UTC time as in execution IDs: `20261123T173600.123456Z`."""
    return f"{at.year:04}{at:%m%dT%H%M%S.%f}Z"  # %Y has no leading zeros on Linux


def iso_time(execution_id: str) -> str:
    """Convert the time in an execution ID to `2026-11-23T17:36:00.123456Z`.

    This is ISO 8601's extended format.
    """
    day, _, rest = execution_id.partition("T")
    time = rest.partition("-")[0]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}"
