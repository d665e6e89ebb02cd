"""What is shown of X.509 certificates (RFC 5280, section 4.1)."""

import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

from hooklog.errors import replace_unprintable
from hooklog.webhooks import der
from hooklog.webhooks.client_certificate import ClientCertificate, KeyMaterial, format_time
from hooklog.webhooks.der import InvalidDer, Value

_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_FIRST_OF_THIS_CENTURY: Final = 50
"""The first year of a UTCTime that is of the 20th century."""

_RSA: Final = "1.2.840.113549.1.1.1"
_EC: Final = "1.2.840.10045.2.1"
_OTHER_KEYS: Final = {"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448", "1.2.840.10040.4.1": "DSA"}
_CURVES: Final = {"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521"}
_ATTRIBUTES: Final = {  # RFC 4514, section 3, and those of certificates for companies
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_ENCODINGS: Final = {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x14: "latin-1"}
"""Of strings that are not UTF-8 or ASCII: BMPString, UniversalString, TeletexString."""

_ESCAPED: Final = re.compile(r'[\\,+"<>;]|^[# ]| $')


class PublicKey(NamedTuple):
    """The type of a public key."""

    algorithm: str
    """RSA, EC, Ed25519 or another name."""
    bits: int = 0
    """Of an RSA key."""
    curve: str = ""
    """Of an EC key."""

    @property
    def name(self) -> str:
        return f"{self.algorithm} {self.curve or self.bits or ''}".strip()

    @property
    def is_elliptic(self) -> bool:
        return self.algorithm == "Ed25519" or (self.algorithm == "EC" and self.curve in ("P-256", "P-384"))

    def is_rsa_of(self, minimum: int, maximum: int) -> bool:
        return self.algorithm == "RSA" and minimum <= self.bits <= maximum


class Certificate(NamedTuple):
    """A parsed certificate."""

    encoded: bytes
    serial_number: int
    issuer: str
    subject: str
    not_before: datetime
    not_after: datetime
    key: PublicKey

    def is_from(self, issuer: "Certificate") -> bool:
        """Return whether the other is its issuer by name, in any case, encoding and spacing (RFC 5280, section 7.1)."""
        return _normalize_name(self.issuer) == _normalize_name(issuer.subject)

    def describe(self, uploaded: KeyMaterial) -> ClientCertificate:
        return ClientCertificate(
            subject=self.subject,
            issuer=self.issuer,
            serial_number=f"{self.serial_number:x}",
            fingerprint=sha256(self.encoded).hexdigest(),
            not_before=format_time(self.not_before),
            not_after=format_time(self.not_after),
            uploaded=uploaded,
        )


def parse_certificate(encoded: bytes) -> Certificate:
    """Parse a certificate in DER, without verifying it. Raises ValueError."""
    body, *_ = der.read_value(encoded).expect(der.SEQUENCE).children()
    fields = body.expect(der.SEQUENCE).children()
    if fields and fields[0].tag == _VERSION:
        fields = fields[1:]
    if len(fields) < 6:
        raise InvalidDer("fields are missing")
    serial_number, _, issuer, validity, subject, key = fields[:6]
    not_before, not_after = map(_read_time, validity.expect(der.SEQUENCE).children())
    names = _format_name(issuer), _format_name(subject)
    return Certificate(encoded, serial_number.to_integer(), *names, not_before, not_after, _read_key(key))


def _read_time(value: Value) -> datetime:
    text = value.content.decode("ascii")
    if value.tag == _UTC_TIME:
        century = "20" if int(text[:2]) < _FIRST_OF_THIS_CENTURY else "19"
        text = century + text
    elif value.tag != _GENERALIZED_TIME:
        raise InvalidDer("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _read_key(value: Value) -> PublicKey:
    algorithm, key = value.expect(der.SEQUENCE).children()
    identifier, *parameters = algorithm.expect(der.SEQUENCE).children()
    name = identifier.to_object_identifier()
    if name == _RSA:
        modulus, _ = der.read_value(key.expect(der.BIT_STRING).content[1:]).expect(der.SEQUENCE).children()
        return PublicKey("RSA", bits=modulus.to_integer().bit_length())
    if name == _EC:
        curve = parameters[0].to_object_identifier() if parameters else ""
        return PublicKey("EC", curve=_CURVES.get(curve, curve))
    return PublicKey(_OTHER_KEYS.get(name, name))


def _format_name(name: Value) -> str:
    """Format a distinguished name, most specific part first (RFC 4514, section 2)."""
    return ",".join(map(_format_part, reversed(name.expect(der.SEQUENCE).children())))


def _normalize_name(name: str) -> str:
    return " ".join(name.casefold().split())


def _format_part(part: Value) -> str:
    return "+".join(map(_format_attribute, part.expect(der.SET).children()))


def _format_attribute(attribute: Value) -> str:
    kind, value = attribute.expect(der.SEQUENCE).children()
    name = kind.to_object_identifier()
    text = value.content.decode(_ENCODINGS.get(value.tag, "utf-8"), "replace")
    return f"{_ATTRIBUTES.get(name, name)}={_ESCAPED.sub(lambda match: chr(92) + match[0], replace_unprintable(text))}"
