"""Receivers whose TLS fails in different ways: see FAULTS."""

import contextlib
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any, Final, TypeAlias

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.receiver.certificates import Certificates, issue

Fault: TypeAlias = Callable[[Certificates], "Served"]
Served: TypeAlias = ssl.SSLContext | Callable[[socket.socket], None]
"""The TLS context to serve, or what to do instead of a handshake."""

ALERTS: Final = (0, 10, 20, 21, 22, *range(40, 52), 60, 70, 71, 80, 86, 90, 100, *range(109, 117), 120)
"""RFC 8446, section 6, and those of older versions."""

_DAY = timedelta(days=1)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def serving(served: Served) -> Iterator[str]:
    """Run a receiver with this fault; it answers 200 if a request arrives.

    Yields its https URL.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, served), daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, served: Served) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not isinstance(served, ssl.SSLContext):
                served(connection)
                continue
            with served.wrap_socket(connection, server_side=True) as secured:
                secured.recv(65_536)
                secured.sendall(_ANSWER)


def _issued(**differences: Any) -> Fault:
    """Serve a certificate of the trusted authority with these differences."""
    return lambda certificates: certificates.context_of(issue("127.0.0.1", certificates.authority, **differences))


def _private_authority(certificates: Certificates) -> Served:
    private = issue("A private CA")
    return certificates.context_of(issue("127.0.0.1", private), private)


def _without_intermediate(certificates: Certificates) -> Served:
    intermediate = issue("An intermediate CA", certificates.authority)
    return certificates.context_of(issue("127.0.0.1", intermediate))


def _up_to_tls_1_1(certificates: Certificates) -> Served:
    context = certificates.context_of(issue("127.0.0.1", certificates.authority))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return context


def _wanting_a_client_certificate(version: ssl.TLSVersion) -> Fault:
    def make(certificates: Certificates) -> Served:
        context = certificates.context_for_clients()
        context.maximum_version = version
        return context

    return make


def _without_a_common_cipher(certificates: Certificates) -> Served:
    context = certificates.context_of(issue("127.0.0.1", certificates.authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aRSA")  # the certificate's key has another type
    return context


def _answering(data: bytes) -> Fault:
    """Answer any client with these bytes, and close."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(data)

    return lambda _: answer


def alert(description: int) -> bytes:
    """Build the record of an alert: close_notify is a warning, others are fatal."""
    level = 1 if description == 0 else 2
    return bytes([21, 3, 3, 0, 2, level, description])


def _resetting(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


FAULTS: Final[Mapping[str, Fault]] = {
    "expired": _issued(begins=-9 * _DAY, ends=-_DAY),
    "not valid yet": _issued(begins=_DAY),
    "another name": _issued(names=[x509.DNSName("shop.example")]),
    "another address": _issued(names=[x509.IPAddress(IPv4Address("127.0.0.2"))]),
    "for clients": _issued(purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
    "self-signed": lambda certificates: certificates.self_signed,
    "private authority": _private_authority,
    "without intermediate": _without_intermediate,
    "TLS 1.1": _up_to_tls_1_1,
    "client certificate, TLS 1.2": _wanting_a_client_certificate(ssl.TLSVersion.TLSv1_2),
    "client certificate, TLS 1.3": _wanting_a_client_certificate(ssl.TLSVersion.TLSv1_3),
    "other ciphers": _without_a_common_cipher,
    "plain HTTP": _answering(_REFUSAL),
    "SSH": _answering(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "closed": _answering(b""),
    "closed after a word": _answering(b"hi"),
    "reset": lambda _: _resetting,
    **{f"alert {description}": _answering(alert(description)) for description in ALERTS},
}
"""By name; `alert 112` sends that alert at once."""
