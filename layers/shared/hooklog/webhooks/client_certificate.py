"""A webhook's client certificate, as it is stored and shown."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from hooklog.errors import Conflict, InvalidRequest

NOTICE: Final = timedelta(days=30)
"""How long before the end of a certificate its first event is due."""

LISTED_CERTIFICATES: Final = "certificates"
"""The value of `certificates` in the rows of webhooks with a client certificate, which its index lists."""

NO_NOTICE: Final = "9999-12-31T00:00:00Z"
"""When the next event is due if there is none."""

SHOWN_FIELDS: Final = frozenset({"subject", "issuer", "serial_number", "fingerprint", "not_before", "not_after"})
UPLOADED_FIELDS: Final = frozenset({"certificate", "key"})


class KeyMaterial(NamedTuple):
    """An uploaded certificate with its private key."""

    chain: str
    """PEM: the client's certificate, then its issuers'."""
    key: bytes
    """PEM, not encrypted."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ClientCertificate(NamedTuple):
    """The public fields of a client certificate."""

    subject: str
    """A distinguished name such as `CN=hooklog,O=Acme` (RFC 4514); may be empty."""
    issuer: str
    serial_number: str
    """Hexadecimal."""
    fingerprint: str
    """The SHA-256 of the certificate, hexadecimal."""
    not_before: str
    not_after: str
    """ISO 8601, in UTC."""
    uploaded: KeyMaterial | None = None
    """Only if a request has just uploaded it."""

    def to_json(self) -> dict[str, str]:
        return {name: value for name, value in self._asdict().items() if name in SHOWN_FIELDS}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "ClientCertificate":
        return cls(**{name: fields[name] for name in SHOWN_FIELDS})

    @property
    def first_notice(self) -> str:
        """When the event of its coming end is due."""
        return format_time(datetime.fromisoformat(self.not_after) - NOTICE)


class EncryptedClientKey(NamedTuple):
    """A client certificate's stored key material."""

    chain: str
    encrypted: bytes
    due_at: str
    """When its next event is due."""


def format_time(at: datetime) -> str:
    """Format a UTC time without fractions: `2027-01-31T00:00:00Z`."""
    return f"{at.year:04}-{at:%m-%dT%H:%M:%SZ}"


def restore_client_certificate(fields: Mapping[str, Any], stored: ClientCertificate | None) -> Any:
    """Return the stored certificate if the request has none, or shows it as it was read.

    Raises Conflict if the stored one is another, and InvalidRequest if none is stored.
    """
    value = fields.get("client_certificate", stored)
    if not isinstance(value, dict) or not value or value.keys() & UPLOADED_FIELDS:
        return value
    if stored is None:
        raise InvalidRequest("client_certificate: none is stored; give its certificate and key")
    if value != stored.to_json():
        raise Conflict("this webhook has another client certificate; read it again")
    return stored
