"""TLS sockets, and why TLS failed in the customer's words.

OpenSSL's codes decide, not its texts, which differ from version to version. An alert that the receiver sent is known by
its name (RFC 8446, section 6.2), however OpenSSL prefixes it.
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

_NOT_TLS = "What answers on this port does not speak TLS: it may be a port for plain HTTP."
_CIPHERS = "The receiver accepts none of the TLS ciphers that are offered."
_CLIENT_CERTIFICATE = "The receiver wants a client certificate."
_REFUSED = "The receiver refused the TLS handshake: it may not serve this host, or accept none of the ciphers offered."
_VERSIONS = "The receiver speaks neither TLS 1.2 nor TLS 1.3."
_WEAK = "The receiver's TLS is too weak: its keys or algorithms are out of date."

_REASONS: Final[Mapping[str, str]] = {
    "BAD_RECORD_TYPE": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,  # OpenSSL 3.2 and later, of some answers
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
_ON_OUR_CERTIFICATE: Final = frozenset(
    {
        "ACCESS_DENIED", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REQUIRED", "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN", "NO_CERTIFICATE", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE",
    }
)  # fmt: skip
"""Alerts on a certificate of ours: there is none, so that the receiver wants one."""

MESSAGES: Final = frozenset(
    {_CLOSED, _CLIENT_CERTIFICATE, _INVALID_CERTIFICATE, *_CERTIFICATES.values(), *_REASONS.values()}
) | {ErrorType.TLS_ERROR.message}
"""All that a `tls_error` may say."""

_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Linux has it, macOS has not."""

_PREFIX = re.compile(r"(?:SSLV3|TLSV1|TLSV13|TLS)_(?:ALERT_)?")


class TLSSocket(DeadlineSocket, ssl.SSLSocket):
    """A socket that ends in time, where one call's timeout would otherwise be a record's, and says why TLS failed."""

    def pending(self) -> int:
        return DeadlineSocket.pending(self) + ssl.SSLSocket.pending(self)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send it all, and acknowledge at once what the receiver has sent after the handshake.

        A receiver whose kernel waits for that (Nagle's algorithm) holds its answer back, and loses it if it then closes
        without having read the whole request.
        """
        self._acknowledge_at_once()
        try:
            super().sendall(data, flags)
        finally:
            self._acknowledge_at_once()

    def _acknowledge_at_once(self) -> None:
        """For now: sending ends it, tcp(7)."""
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):  # it has ended
                self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def do_handshake(self, block: bool = False) -> None:
        """Raises HardError with the reason; TimeoutError if it is not done in time."""
        try:
            super().do_handshake(block)
        except TimeoutError:
            raise
        except OSError as error:
            negotiated = self.cipher() is not None
            self.close()
            raise explain_tls(error, negotiated=negotiated) from error


def explain_tls(error: OSError, *, negotiated: bool) -> HardError:
    """Why TLS failed; `negotiated` is whether that was after both sides had agreed on a version and a cipher."""
    return HardError(ErrorType.TLS_ERROR, _explanation(error, negotiated))


def is_closing(error: OSError) -> bool:
    """Whether the connection ended, and not for a reason that TLS has."""
    return not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _explanation(error: OSError, negotiated: bool) -> str | None:
    if is_closing(error):
        return _CLOSED
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(error.verify_code, _INVALID_CERTIFICATE)
    reason = _PREFIX.sub("", getattr(error, "reason", None) or "", count=1)
    # TLS 1.2 has no alert of its own for a client certificate that is missing
    if reason in _ON_OUR_CERTIFICATE or (negotiated and reason == "HANDSHAKE_FAILURE"):
        return _CLIENT_CERTIFICATE
    explanation = _REASONS.get(reason)
    return None if negotiated and explanation is _NOT_TLS else explanation
