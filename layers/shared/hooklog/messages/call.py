"""A message with its destination and settings."""

from collections.abc import Mapping
from typing import NamedTuple

from hooklog.messages.fields import DEFAULT_TIMEOUT_SECONDS
from hooklog.messages.message import Message


class ClientIdentity(NamedTuple):
    """A webhook's client certificate with its private key."""

    webhook_id: str
    chain: str
    """PEM: the client's certificate, then its issuers'."""
    key: bytes
    """PEM; empty if the stored key cannot be decrypted."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.webhook_id!r})"


class Call(NamedTuple):
    """A message to send, with its URL, headers, timeout and signing keys."""

    message: Message
    url: str
    """Empty if the message has none and its webhook is not registered."""
    headers: Mapping[str, str]
    """The headers of the message and of its webhook."""
    timeout_seconds: float
    keys: tuple[bytes, ...] = ()
    """Each makes one signature; empty without a registered webhook."""
    sensitive_headers: frozenset[str] = frozenset()
    """Names, in any case, of headers to mask in addition to those of the deployment."""
    identity: ClientIdentity | None = None
    """Presented to the receiver; None for calls to a message's own URL."""

    @classmethod
    def from_message(cls, message: Message) -> "Call":
        """Create an unsigned call with the message's own URL and headers."""
        timeout_seconds = message.timeout_seconds or DEFAULT_TIMEOUT_SECONDS
        return cls(message, message.url or "", message.headers, timeout_seconds)
