"""A message with everything that its sending needs beside it: where it goes, and how."""

from collections.abc import Mapping
from typing import NamedTuple

from hooklog.messages.fields import DEFAULT_TIMEOUT_SECONDS
from hooklog.messages.message import Message


class Call(NamedTuple):
    """One message on its way to a receiver."""

    message: Message
    url: str
    """Empty where nobody knows where it should go."""
    headers: Mapping[str, str]
    """The message's own, and those that its webhook adds."""
    timeout_seconds: float
    keys: tuple[bytes, ...] = ()
    """What it is signed with, each on its own; none where it has no registered webhook."""
    sensitive_headers: frozenset[str] = frozenset()
    """Names, in any case, that are masked in what is shown of this call, beside those of the deployment."""

    @classmethod
    def of(cls, message: Message) -> "Call":
        """As the message stands: with its own URL and headers, unsigned."""
        timeout_seconds = message.timeout_seconds or DEFAULT_TIMEOUT_SECONDS
        return cls(message, message.url or "", message.headers, timeout_seconds)
