"""Connections with client certificates, separate for each webhook.

Imported when the first webhook with a certificate is sent. A webhook with a certificate has a pool and a TLS context of
its own, so that no other webhook's request can go out on its connections, even to the same receiver.
"""

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from threading import Lock
from typing import Any, Final, NamedTuple

from hooklog.delivery.target import Target
from hooklog.delivery.tls import UNUSABLE_CERTIFICATE, TLSSocket
from hooklog.errors import ErrorType, HardError
from hooklog.messages.call import ClientIdentity

MAX_WEBHOOKS: Final = 32
"""Webhooks whose connections and TLS context are kept. A context takes 0.7 MB, and 50 ms of CPU to load
the public authorities."""

MAX_POOLED_CONNECTIONS: Final = 4
"""Pooled connections per webhook. With those of `egress`, they fit into Lambda's 1,024 file descriptors."""


class CertificateSocket(TLSSocket):
    """A TLS socket that presents a client certificate."""

    has_certificate = True


class _Held(NamedTuple):
    identity: ClientIdentity
    target: tuple[str, str, int]
    pool: Any


class CertificatePools:
    """The pools of webhooks with certificates, those used last. Thread-safe."""

    def __init__(self, make_context: Callable[[], ssl.SSLContext], make_pool: Callable[..., Any]) -> None:
        """Create no pool yet. `make_pool` takes a host, a port, `maxsize` and `ssl_context`."""
        self._make_context = make_context
        self._make_pool = make_pool
        self._held: dict[str, _Held] = {}
        self._lock = Lock()

    def get(self, identity: ClientIdentity, target: Target) -> Any:
        """Return the webhook's pool. An earlier one ends if its certificate or its receiver is another.

        Idle connections of a pool that is dropped are closed when its last request ends. Raises HardError if the
        certificate cannot be used.
        """
        key = identity.webhook_id
        with self._lock:
            held = self._held.pop(key, None)
            if held is None or held.identity != identity or held.target != _key(target):
                held = _Held(identity, _key(target), self._create(identity, target))
            self._held[key] = held
            if len(self._held) > MAX_WEBHOOKS:
                del self._held[next(iter(self._held))]
        return held.pool

    def _create(self, identity: ClientIdentity, target: Target) -> Any:
        context = self._make_context()
        context.sslsocket_class = CertificateSocket
        context.post_handshake_auth = True  # for receivers that ask for the certificate after they read the path
        try:
            load_key_material(context, identity.chain, identity.key)
        except ssl.SSLError:
            raise HardError(ErrorType.TLS_ERROR, UNUSABLE_CERTIFICATE) from None
        return self._make_pool(target.host, target.port, maxsize=MAX_POOLED_CONNECTIONS, ssl_context=context)


def load_key_material(context: ssl.SSLContext, chain: str, key: bytes) -> None:
    """Load a certificate with its key into a context. Raises ssl.SSLError.

    OpenSSL reads them from files only. These are in memory, never on a disk, and end with this call.
    """
    with _memory_file(chain.encode()) as chain_path, _memory_file(key) as key_path:
        context.load_cert_chain(chain_path, key_path, password=_refuse_password)


def _refuse_password() -> bytes:
    """Without it, OpenSSL would ask for the password of an encrypted key on the terminal."""
    return b""


@contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    if not hasattr(os, "memfd_create"):  # macOS, for development
        with NamedTemporaryFile() as file:  # only its owner may read it
            file.write(content)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("client-certificate")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _key(target: Target) -> tuple[str, str, int]:
    return target.scheme, target.host, target.port
