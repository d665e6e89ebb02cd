"""Temporary certificates for 127.0.0.1 and localhost.

One is from our own CA, and one is untrusted.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)
_NAMES: tuple[x509.GeneralName, ...] = (x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost"))


@dataclass(frozen=True, slots=True)
class Identity:
    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key, as PKCS #8."""
        return self.format_key(serialization.PrivateFormat.PKCS8)

    def format_key(self, style: serialization.PrivateFormat, password: bytes = b"") -> str:
        """Return the key as PEM, encrypted if there is a password."""
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, style, encryption).decode()

    def save(self, path: Path) -> Path:
        path.write_text(self.key_pem + self.certificate_pem)
        return path


@dataclass(frozen=True, slots=True)
class Certificates:
    directory: Path
    authority: Identity
    ca_path: Path
    trusted: ssl.SSLContext
    """Serves a certificate that `ca_path` verifies."""
    self_signed: ssl.SSLContext

    def context_for_clients(self, *, requires: bool = True) -> ssl.SSLContext:
        """Return a context that requires, or asks for, client certificates of the same authority."""
        context = self.context_of(issue("127.0.0.1", self.authority))
        context.load_verify_locations(self.ca_path)
        context.verify_mode = ssl.CERT_REQUIRED if requires else ssl.CERT_OPTIONAL
        return context

    def context_of(self, identity: Identity, *chain: Identity) -> ssl.SSLContext:
        """Return a context that serves this certificate with its chain."""
        path = identity.save(self.directory / f"{identity.certificate.serial_number}.pem")
        with path.open("a") as file:
            file.writelines(each.certificate_pem for each in chain)
        return _context(path)


def make_certificates(directory: Path) -> Certificates:
    authority = issue("Hooklog test CA")
    ca_path = directory / "ca.pem"
    ca_path.write_text(authority.certificate_pem)
    return Certificates(
        directory,
        authority,
        ca_path,
        trusted=_context(issue("127.0.0.1", authority).save(directory / "trusted.pem")),
        self_signed=_context(issue("127.0.0.1").save(directory / "self_signed.pem")),
    )


def _context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def issue(
    name: str,
    issuer: Identity | None = None,
    *,
    begins: timedelta = -_DAY,
    ends: timedelta = 7 * _DAY,
    names: Sequence[x509.GeneralName] = _NAMES,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    subject: x509.Name | None = None,
    is_authority: bool = False,
) -> Identity:
    """Issue a certificate, self-signed without an issuer.

    It has the extensions that strict verification requires. It is valid from `begins` to `ends`, relative to now. Its
    key is on P-256 and its subject only the name, unless others are given.
    """
    signs = is_authority or issuer is None
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=signs), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not signs:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return Identity(
        builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()), key
    )


def issue_client(name: str, issuer: Identity | None = None, **differences: Any) -> Identity:
    """Issue a certificate for a client, which has no host names of its own."""
    names = [x509.DNSName("client.example")]
    return issue(name, issuer, **{"names": names, "purpose": ExtendedKeyUsageOID.CLIENT_AUTH, **differences})


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
