"""The client certificates and keys that customers upload.

OpenSSL checks that they can be used; `x509` reads what is shown of them. No error quotes them.
"""

import binascii
import re
import ssl
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from hooklog.delivery.client_certificates import load_key_material
from hooklog.errors import InvalidRequest
from hooklog.webhooks.client_certificate import UPLOADED_FIELDS, ClientCertificate, KeyMaterial
from hooklog.webhooks.x509 import Certificate, parse_certificate

MAX_CHAIN_LENGTH: Final = 16_384
MAX_KEY_LENGTH: Final = 4_096
"""KMS encrypts at most so many bytes. An RSA key of 4,096 bits has 3,272 in PEM."""

MAX_NAME_LENGTH: Final = 1_024
MAX_SERIAL_BITS: Final = 160
"""RFC 5280, section 4.1.2.2. With these limits, ten events fit into a batch of SNS, which has 256 KiB."""

MIN_RSA_BITS: Final = 2_048
MAX_RSA_BITS: Final = 4_096
"""Larger keys slow down each handshake of the sender, which other webhooks share."""

_KEY_TYPES: Final = f"RSA of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, EC on P-256 or P-384, or Ed25519"
_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_LINE_LENGTH: Final = 64
_ENCRYPTED: Final = "is encrypted; decrypt it first, for example with openssl pkey -in client.key"
_REASONS: Final[Mapping[str, str]] = {
    "KEY_VALUES_MISMATCH": (
        "key does not belong to the first certificate; the client's certificate comes first, then its issuers'"
    ),
    "KEY_TYPE_MISMATCH": "key does not belong to the first certificate: it has another type",
    "CA_MD_TOO_WEAK": "certificate has a signature with a weak algorithm, such as SHA-1",
    "EE_KEY_TOO_SMALL": "certificate has a key that is too small",
    "CA_KEY_TOO_SMALL": "certificate has an issuer whose key is too small",
}


def parse_upload(fields: Mapping[str, Any], now: datetime | None = None) -> ClientCertificate:
    """Check an uploaded certificate with its key. Raises InvalidRequest."""
    if unknown := sorted(fields.keys() - UPLOADED_FIELDS):
        raise _invalid(f"has an unknown field {unknown[0]!r:.80}; send certificate and key")
    chain = _read_chain(fields)
    certificates = [_parse(certificate, number) for number, certificate in enumerate(chain, start=1)]
    _check(certificates[0], now or datetime.now(UTC))
    _check_order(certificates)
    material = KeyMaterial("".join(_to_pem("CERTIFICATE", each) for each in chain), _read_key(fields))
    _check_with_openssl(material)
    return certificates[0].describe(material)


def _read_chain(fields: Mapping[str, Any]) -> list[bytes]:
    """Read the certificates in DER, in their order."""
    blocks = _read_blocks(fields, "certificate", MAX_CHAIN_LENGTH)
    if any("PRIVATE KEY" in label for label, _ in blocks):
        raise _invalid("certificate must not contain the private key; send it as key")
    if not blocks or any(label != "CERTIFICATE" for label, _ in blocks):
        raise _invalid("certificate must have PEM blocks that begin with -----BEGIN CERTIFICATE-----, and no others")
    return [_decode("certificate", text) for _, text in blocks]


def _read_key(fields: Mapping[str, Any]) -> bytes:
    """Read the key, as PEM without what surrounds it."""
    blocks = [each for each in _read_blocks(fields, "key", MAX_KEY_LENGTH) if each[0] != "EC PARAMETERS"]
    if len(blocks) != 1 or not blocks[0][0].endswith("PRIVATE KEY"):
        raise _invalid("key must have one PEM block, which begins with -----BEGIN PRIVATE KEY-----")
    label, text = blocks[0]
    if label == "ENCRYPTED PRIVATE KEY" or "ENCRYPTED" in text:
        raise _invalid(f"key {_ENCRYPTED}")
    if label not in ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"):
        raise _invalid(f"key is a {label}; convert it to PKCS #8, which begins with -----BEGIN PRIVATE KEY-----")
    key = _to_pem(label, _decode("key", text)).encode()
    if len(key) > MAX_KEY_LENGTH:
        raise _invalid(f"key must have at most {MAX_KEY_LENGTH:,} characters in lines of 64, not {len(key):,}")
    return key


def _read_blocks(fields: Mapping[str, Any], name: str, maximum: int) -> list[tuple[str, str]]:
    """Read the labels and contents of a text's PEM blocks."""
    text = fields.get(name)
    if not isinstance(text, str):
        raise _invalid("must have a certificate and a key, both PEM texts, or be null")
    if len(text) > maximum:
        raise _invalid(f"{name} must have at most {maximum:,} characters, not {len(text):,}")
    blocks = [(match[1], match[2]) for match in _BLOCK.finditer(text)]
    if not len(blocks) == text.count("-----BEGIN ") == text.count("-----END "):
        raise _invalid(f"{name} has an incomplete PEM block; copy it again, with its first and its last line")
    return blocks


def _decode(name: str, text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(f"{name} has a PEM block that is not base64") from None


def _to_pem(label: str, der: bytes) -> str:
    text = binascii.b2a_base64(der, newline=False).decode()
    lines = [text[start : start + _LINE_LENGTH] for start in range(0, len(text), _LINE_LENGTH)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _parse(der: bytes, number: int) -> Certificate:
    try:
        return parse_certificate(der)
    except ValueError:
        raise _invalid(f"certificate: block {number} is not an X.509 certificate") from None


def _check(client: Certificate, now: datetime) -> None:
    if not client.key.is_rsa_of(MIN_RSA_BITS, MAX_RSA_BITS) and not client.key.is_elliptic:
        raise _invalid(f"certificate has a key of another type than {_KEY_TYPES}: {client.key.name}")
    if now >= client.not_after:
        raise _invalid(f"certificate expired at {client.not_after:%Y-%m-%dT%H:%M:%SZ}")
    if now < client.not_before:
        raise _invalid(f"certificate is not valid before {client.not_before:%Y-%m-%dT%H:%M:%SZ}")
    if max(len(client.subject), len(client.issuer)) > MAX_NAME_LENGTH:
        raise _invalid(f"certificate has a subject or an issuer of more than {MAX_NAME_LENGTH:,} characters")
    if client.serial_number.bit_length() > MAX_SERIAL_BITS:
        raise _invalid(f"certificate has a serial number of more than {MAX_SERIAL_BITS} bits")


def _check_order(certificates: Sequence[Certificate]) -> None:
    for number, (each, issuer) in enumerate(pairwise(certificates), start=1):
        if not each.is_from(issuer):
            hint = "after each certificate comes its issuer's"
            raise _invalid(f"certificate: block {number + 1} is not the issuer of block {number}; {hint}")


def _check_with_openssl(material: KeyMaterial) -> None:
    try:
        load_key_material(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), material.chain, material.key)
    except ssl.SSLError as error:
        reason = _REASONS.get(error.reason or "", "key or certificate cannot be read by OpenSSL")
        raise _invalid(reason) from None


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(f"client_certificate: {problem}")
