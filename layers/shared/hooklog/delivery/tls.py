"""TLS sockets, and explanations of TLS failures for customers.

Explanations depend on OpenSSL's codes, because its texts differ between versions. Alerts from the receiver are matched
by their names (RFC 8446, section 6.2), whatever prefix OpenSSL adds.
"""

import contextlib
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final

from hooklog.delivery.deadline import DeadlineSocket
from hooklog.errors import ErrorType, HardError

_CLOSED = "The receiver closed the connection during the TLS handshake."
_UNKNOWN_ISSUER = (
    "The issuer of the receiver's certificate is unknown. The receiver must send its intermediate certificates, and a "
    "public authority must have issued them."
)
_WRONG_NAME = "The receiver's certificate is for another host than the URL names."
_WEAK_CERTIFICATE = "The receiver's certificate, or one of its issuers', is too weak."

_CERTIFICATES: Final[Mapping[int, str]] = {  # X509_V_ERR_… of openssl/x509_vfy.h
    2: _UNKNOWN_ISSUER,  # UNABLE_TO_GET_ISSUER_CERT
    9: "The receiver's certificate is not valid yet.",
    10: "The receiver's certificate has expired.",
    18: "The receiver's certificate is self-signed: no public authority issued it.",
    19: "The receiver's certificate was issued by an authority that is not public.",  # SELF_SIGNED_CERT_IN_CHAIN
    20: _UNKNOWN_ISSUER,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: _UNKNOWN_ISSUER,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    23: "The receiver's certificate has been revoked.",
    26: "The receiver's certificate is not meant for servers.",  # INVALID_PURPOSE
    62: _WRONG_NAME,  # HOSTNAME_MISMATCH
    64: _WRONG_NAME,  # IP_ADDRESS_MISMATCH
    66: _WEAK_CERTIFICATE,  # EE_KEY_TOO_SMALL
    67: _WEAK_CERTIFICATE,  # CA_KEY_TOO_SMALL
    68: _WEAK_CERTIFICATE,  # CA_MD_TOO_WEAK
}
_INVALID_CERTIFICATE = "The receiver's certificate is not valid."

_NOT_TLS = "The receiver does not use TLS on this port, which may be for plain HTTP."
_CIPHERS = "The receiver accepts none of the TLS ciphers that are offered."
_CLIENT_CERTIFICATE = "The receiver requires a client certificate."
_REFUSED = "The receiver refused the TLS handshake: it may not serve this host, or accept none of the ciphers offered."
_VERSIONS = "The receiver speaks neither TLS 1.2 nor TLS 1.3."
_WEAK = "The receiver's TLS is too weak: its keys or algorithms are out of date."

UNUSABLE_CERTIFICATE: Final = "The webhook's client certificate or its key cannot be used. Upload them again."

_REASONS: Final[Mapping[str, str]] = {
    "BAD_RECORD_TYPE": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,  # OpenSSL 3.2 and later, for some responses
    "UNKNOWN_PROTOCOL": _NOT_TLS,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "INAPPROPRIATE_FALLBACK": _VERSIONS,
    "PROTOCOL_VERSION": _VERSIONS,
    "UNSUPPORTED_PROTOCOL": _VERSIONS,
    "UNSUPPORTED_SSL_VERSION": _VERSIONS,
    "VERSION_TOO_LOW": _VERSIONS,
    "HANDSHAKE_FAILURE": _REFUSED,
    "INSUFFICIENT_SECURITY": _CIPHERS,
    "NO_SHARED_CIPHER": _CIPHERS,
    "UNKNOWN_CIPHER_RETURNED": _CIPHERS,
    "WRONG_CIPHER_RETURNED": _CIPHERS,
    "UNRECOGNIZED_NAME": "The receiver's TLS does not know the host that the URL names.",
    "INTERNAL_ERROR": "The receiver's TLS reported an error of its own: it may have no certificate for this host.",
    "BAD_DH_VALUE": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": _WEAK,
}
_CLIENT_CERTIFICATE_ALERTS: Final = frozenset(
    {
        "ACCESS_DENIED", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REQUIRED", "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN", "NO_CERTIFICATE", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE",
    }
)  # fmt: skip
"""Alerts about the client certificate. If the webhook has none, the receiver requires one."""

_REFUSED_CERTIFICATE = "The receiver refused the webhook's client certificate."
_REFUSED_CERTIFICATES: Final[Mapping[str, str]] = {
    "CERTIFICATE_EXPIRED": "The receiver refused the webhook's client certificate, because it has expired.",
    "CERTIFICATE_REQUIRED": "The receiver requires a client certificate, and accepts none like the webhook's.",
    "CERTIFICATE_REVOKED": "The receiver refused the webhook's client certificate, because it has been revoked.",
    "UNKNOWN_CA": (
        "The receiver does not know the issuer of the webhook's client certificate. If intermediate certificates are "
        "missing, upload it again with them."
    ),
    "UNSUPPORTED_CERTIFICATE": (
        "The receiver refused the webhook's client certificate, because of its kind. It may not be meant for clients."
    ),
}
"""What the alerts say about a certificate that was presented."""

MESSAGES: Final = frozenset(
    {_CLOSED, _CLIENT_CERTIFICATE, _INVALID_CERTIFICATE, *_CERTIFICATES.values(), *_REASONS.values()}
    | {_REFUSED_CERTIFICATE, *_REFUSED_CERTIFICATES.values(), UNUSABLE_CERTIFICATE, ErrorType.TLS_ERROR.message}
)
"""All messages of a `tls_error`."""

_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""None on macOS."""

_PREFIX = re.compile(r"(?:SSLV3|TLSV1|TLSV13|TLS)_(?:ALERT_)?")


class TLSSocket(DeadlineSocket, ssl.SSLSocket):
    """A TLS socket with a deadline, which explains why a handshake failed."""

    has_certificate = False

    def pending(self) -> int:
        return DeadlineSocket.pending(self) + ssl.SSLSocket.pending(self)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all data, and acknowledge immediately what arrived after the handshake.

        With Nagle's algorithm, the receiver's kernel waits for the acknowledgement before it sends the response. It
        drops the response if the receiver then closes without having read the whole request.
        """
        self._acknowledge_immediately()
        try:
            super().sendall(data, flags)
        finally:
            self._acknowledge_immediately()

    def _acknowledge_immediately(self) -> None:
        """Disable delayed acknowledgements until the next send (tcp(7))."""
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):  # the connection is closed
                self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def do_handshake(self, block: bool = False) -> None:
        """Perform the handshake. Raises HardError with the reason, or TimeoutError."""
        try:
            super().do_handshake(block)
        except TimeoutError:
            raise
        except OSError as error:
            is_negotiated = self.cipher() is not None
            self.close()
            given = self.has_certificate
            raise explain_tls_error(error, is_negotiated=is_negotiated, has_certificate=given) from error


def explain_tls_error(error: OSError, *, is_negotiated: bool, has_certificate: bool = False) -> HardError:
    """Explain why TLS failed.

    `is_negotiated` says whether both sides had agreed on a version and a cipher, `has_certificate` whether the
    receiver could have one.
    """
    return HardError(ErrorType.TLS_ERROR, _find_explanation(error, is_negotiated, has_certificate))


def is_connection_closed(error: OSError) -> bool:
    """Return whether the connection was closed, rather than TLS having failed."""
    return not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _find_explanation(error: OSError, is_negotiated: bool, has_certificate: bool) -> str | None:
    if is_connection_closed(error):
        return _CLOSED
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(error.verify_code, _INVALID_CERTIFICATE)
    reason = _PREFIX.sub("", getattr(error, "reason", None) or "", count=1)
    # TLS 1.2 has no alert for a missing client certificate
    if reason in _CLIENT_CERTIFICATE_ALERTS or (is_negotiated and reason == "HANDSHAKE_FAILURE"):
        refused = _REFUSED_CERTIFICATES.get(reason, _REFUSED_CERTIFICATE)
        return refused if has_certificate else _CLIENT_CERTIFICATE
    explanation = _REASONS.get(reason)
    return None if is_negotiated and explanation is _NOT_TLS else explanation
