"""One attempt to send a message, and what came of it: as values, which those read too that send nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from hooklog.errors import HardError
from hooklog.messages.call import Call
from hooklog.messages.message import Message


class Answer(NamedTuple):
    """What a receiver answered, as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    """Whether there was more, or may have been, than `body` holds."""
    length: int | None
    """Bytes that the whole body has, where that is known."""
    incomplete: bool = False
    """Whether it broke off, or was not there in time, before its end."""
    headers_truncated: bool = False
    """Whether there were more headers, or may have been, than `headers` holds."""
    note: str = ""
    """How the body is not what its headers say, in the customer's words."""

    def header(self, name: str) -> str:
        """The value of the header of that lower-case name, as far as it is kept; empty where there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


class Delivery(NamedTuple):
    """One attempt to send a message."""

    call: Call
    attempt: int
    started_at: datetime
    duration_ms: int
    request_headers: Mapping[str, str]
    answer: Answer | None
    error: HardError | None
    """Why no answer came. One whose status came is an answer, whatever becomes of the rest."""
    skipped: bool = False
    """Whether nothing was to be sent, as its webhook's transformation has it."""
    resent: bool = False
    """Whether the request went out twice: a kept connection ended before any answer, and a new one was tried."""

    @classmethod
    def refused(cls, call: Call, attempt: int, at: datetime, error: HardError) -> "Delivery":
        """One that did not take place."""
        return cls(call, attempt, at, 0, {}, None, error)

    @classmethod
    def skip(cls, call: Call, attempt: int, at: datetime) -> "Delivery":
        """One that was not to take place."""
        return cls(call, attempt, at, 0, {}, None, None, skipped=True)

    @property
    def message(self) -> Message:
        return self.call.message

    @property
    def result(self) -> int:
        """The receiver's status code; 0 where no answer came."""
        return self.answer.status if self.answer and not self.error else 0

    @property
    def was_attempted(self) -> bool:
        """Whether the receiver was tried, so that the outcome says something about it."""
        return not self.skipped and (self.error is None or self.error.error_type.was_attempted)

    @property
    def success(self) -> bool:
        return self.skipped or 200 <= self.result <= 299
