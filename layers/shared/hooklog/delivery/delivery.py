"""The outcome of one attempt.

Modules that send nothing can import it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from hooklog.errors import HardError
from hooklog.messages.call import Call
from hooklog.messages.message import Message


class Response(NamedTuple):
    """A receiver's response, as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    """Whether the receiver sent, or may have sent, more than `body` contains."""
    length: int | None
    """Bytes of the whole body, if known."""
    incomplete: bool = False
    """Whether it broke off or timed out before its end."""
    headers_truncated: bool = False
    """Whether the receiver sent, or may have sent, more than `headers` contains."""
    note: str = ""
    """How the body differs from what its headers say, for customers."""

    def get_header(self, name: str) -> str:
        """Return the captured value of the header with this lower-case name.

        Empty if it is missing.
        """
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


class Delivery(NamedTuple):
    """One attempt to send a message."""

    call: Call
    attempt: int
    started_at: datetime
    duration_ms: int
    request_headers: Mapping[str, str]
    response: Response | None
    error: HardError | None
    """Why no status arrived. Once the status line has arrived, there is a response, whatever follows."""
    skipped: bool = False
    """Whether nothing was sent because the webhook's transformation returned nothing."""
    resent: bool = False
    """Whether the request was sent again on a new connection, because the pooled one was already closed."""

    @classmethod
    def not_sent(cls, call: Call, attempt: int, at: datetime, error: HardError) -> "Delivery":
        """Create the outcome of an attempt that failed before anything was sent."""
        return cls(call, attempt, at, 0, {}, None, error)

    @classmethod
    def skip(cls, call: Call, attempt: int, at: datetime) -> "Delivery":
        """Create the outcome of an attempt that the webhook's transformation skipped."""
        return cls(call, attempt, at, 0, {}, None, None, skipped=True)

    @property
    def message(self) -> Message:
        return self.call.message

    @property
    def result(self) -> int:
        """The receiver's status code; 0 if none arrived."""
        return self.response.status if self.response and not self.error else 0

    @property
    def was_attempted(self) -> bool:
        """Whether the receiver was contacted.

        Only then does the outcome say something about it.
        """
        return not self.skipped and (self.error is None or self.error.error_type.was_attempted)

    @property
    def success(self) -> bool:
        return self.skipped or 200 <= self.result <= 299
