"""Pooled connections to receivers, checked by the egress guard, with a deadline.

`requests` and urllib3 open and keep the connections. This module overrides what is unsafe here: DNS lookups without a
time limit or check of the address, proxies and netrc from the environment, and loading the CA bundle again for each
connection. It writes a request in one piece: http.client checks and encodes each header separately, and its layers take
twice the CPU.
"""

import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from hooklog.authorities import make_tls_context
from hooklog.delivery.deadline import DeadlineSocket, SendTimeout
from hooklog.delivery.guard import Guard
from hooklog.delivery.response import RawResponse
from hooklog.delivery.target import DEFAULT_PORTS, Target, parse_target
from hooklog.delivery.tls import TLSSocket, is_connection_closed
from hooklog.errors import ErrorType, HardError, StaleConnection

if TYPE_CHECKING:
    from hooklog.delivery.client_certificates import CertificatePools

MAX_POOLED_HOSTS: Final = 64
"""Receivers with pooled connections. With ten connections each, they fit into Lambda's 1,024 file descriptors."""

MAX_POOLED_CONNECTIONS: Final = 10
"""Pooled connections per receiver. A larger batch closes its other connections after use."""

MAX_IDLE_SECONDS: Final = 4
"""After a longer idle time, a connection is not reused. Common servers close theirs after 5 s (Node, Apache), and a
frozen Lambda environment does not notice that."""
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
_UNREACHABLE = "The receiver's address is unreachable. There is no network route to it."

logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # its warnings contain URLs and malformed headers


BeforeSend = Callable[[], None]
"""Called on an open connection immediately before a request goes out. It may wait, and it may raise MustWait or
LimitUnavailable to send nothing."""


class SpecialRequest(requests.PreparedRequest):
    """A request that is sent in another way than the others."""

    on_new_connection = False
    """Whether it is sent on a new connection, even if the pool has one."""
    before_send: BeforeSend | None = None


class _PooledConnection(HTTPConnection):
    """A connection that serves one exchange after another."""

    _last_response_at = 0.0

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        self.guard = guard
        super().__init__(*args, **kwargs)

    @property
    def is_connected(self) -> bool:
        return time.time() - self._last_response_at < MAX_IDLE_SECONDS and super().is_connected

    def exchange(self, request: bytes, deadline: float, before_send: BeforeSend | None = None) -> RawResponse:
        """Send a request, and read the response's status and headers.

        They may arrive before the whole request was sent. Raises HardError, OSError or HTTPException;
        StaleConnection if a reused connection ends before the first byte of a response. A connection on which
        `before_send` has waited counts as reused.
        """
        is_reused = not self.is_closed
        if not is_reused:
            self._connect_until(deadline)
        if before_send:
            deadline = self._wait(before_send, deadline, is_reused=is_reused)
            is_reused = True
        sock = cast("DeadlineSocket", self.sock)
        sock.start_exchange(deadline)
        send_error = _send(sock, request)
        response = RawResponse(sock)
        try:
            response.begin()
        except TimeoutError:
            raise
        except OSError as error:
            if is_reused and not sock.has_received:
                raise StaleConnection from error
            if send_error and not is_connection_closed(send_error):
                raise send_error from error  # only the first TLS error says why it failed
            raise
        self._last_response_at = time.time()
        response.is_reusable = send_error is None
        return response

    def _connect_until(self, deadline: float) -> None:
        self.timeout = max(deadline - time.monotonic(), 0.001)
        self.connect()

    def _wait(self, before_send: BeforeSend, deadline: float, *, is_reused: bool) -> float:
        """Wait on the open connection; return the deadline, to which the wait does not count.

        Connects again if the receiver has closed a reused connection meanwhile. A new one cannot be checked: TLS may
        have sent tickets on it.
        """
        started = time.monotonic()
        before_send()
        deadline += time.monotonic() - started
        if is_reused and not super().is_connected:
            self.close()
            self._connect_until(deadline)
        return deadline


def _send(sock: DeadlineSocket, request: bytes) -> OSError | None:
    """Send a request; return why the receiver stopped reading it.

    It may have responded. Raises SendTimeout.
    """
    try:
        sock.sendall(request)
    except SendTimeout:
        raise
    except OSError as error:
        return error
    return None


class _Connection(_PooledConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _TLSConnection(_PooledConnection, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError as error:
            message = "The receiver did not finish the TLS handshake in time."
            raise HardError(ErrorType.CONNECT_TIMEOUT, message) from error


class _ConnectionPool(HTTPConnectionPool):
    """Pooled connections to one receiver."""

    def exchange(self, content: bytes, deadline: float, request: requests.PreparedRequest) -> RawResponse:
        """Make an exchange on a pooled connection, which `RawResponse.read` returns to the pool.

        Raises what `_PooledConnection.exchange` raises.
        """
        connection, before_send = cast("_PooledConnection", self._get_conn()), None
        if isinstance(request, SpecialRequest):
            before_send = request.before_send
            if request.on_new_connection:
                connection.close()  # it reconnects
        try:
            response = connection.exchange(content, deadline, before_send)
        except BaseException:
            self._release(connection, is_usable=False)
            raise
        response.release = partial(self._release, connection)
        return response

    def _release(self, connection: _PooledConnection, *, is_usable: bool) -> None:
        if not is_usable:
            connection.close()
        self._put_conn(connection)


class _Pool(_ConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(_ConnectionPool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class EgressAdapter(HTTPAdapter):
    """The connections to receivers, each to an address that `guard` has checked.

    They stay open between deliveries. Used without a Session, so that it follows no redirects, stores no cookies and
    reads nothing from the environment. `ca_bundle` is the path of CA certificates that replace the public ones.
    """

    def __init__(self, guard: Guard, ca_bundle: str | None = None) -> None:
        self._guard = guard
        self._ca_bundle = ca_bundle
        self._certificate_pools: CertificatePools | None = None
        self._certificate_pools_lock = Lock()
        super().__init__(pool_connections=MAX_POOLED_HOSTS, pool_maxsize=MAX_POOLED_CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        context = self._make_context()
        context.sslsocket_class = TLSSocket
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, ssl_context=context)
        pools = {"http": _Pool, "https": _TLSPool}
        self.poolmanager.pool_classes_by_scheme = {s: partial(pool, guard=self._guard) for s, pool in pools.items()}
        self.poolmanager.key_fn_by_scheme = dict.fromkeys(pools, itemgetter("scheme", "host", "port"))

    def _make_context(self) -> ssl.SSLContext:
        return make_tls_context(self._ca_bundle)

    def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, cert: Any = None, **__: Any) -> Any:
        """Send the request and return its RawResponse. `timeout` limits the whole exchange, `cert` is a ClientIdentity.

        Raises HardError, StaleConnection, OSError or HTTPException, and what `before_send` raises.
        """
        target, deadline = _parse_url(request), time.monotonic() + timeout
        if cert:
            pool = self._get_certificate_pools().get(cert, target)
        else:
            pool = self.poolmanager.connection_from_host(target.host, target.port, target.scheme)
        return pool.exchange(_encode(request, target.path), deadline, request)

    def _get_certificate_pools(self) -> "CertificatePools":
        from hooklog.delivery.client_certificates import CertificatePools  # late: few webhooks have a certificate

        with self._certificate_pools_lock:
            if self._certificate_pools is None:
                self._certificate_pools = CertificatePools(self._make_context, partial(_TLSPool, guard=self._guard))
            return self._certificate_pools


def _encode(request: requests.PreparedRequest, path: str) -> bytes:
    """Encode a request.

    Raises ValueError if a header contains a line break, or a character that is not in Latin-1.
    """
    lines = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    head = "\r\n".join([*lines, "", ""])
    if not head.count("\r") == head.count("\n") == len(lines) + 1:
        raise ValueError("a header contains a line break")
    return head.encode("latin-1") + cast("bytes", request.body)


def _parse_url(request: requests.PreparedRequest) -> Target:
    return parse_target(request.url or "", tuple(DEFAULT_PORTS))


def _connect(connection: _PooledConnection) -> socket.socket:
    """Try the addresses in order. Each gets an equal share of the remaining time."""
    deadline = time.monotonic() + cast("float", connection.timeout)
    addresses = connection.guard.look_up(connection.host, connection.port, deadline)
    first_error: OSError | None = None
    for remaining, (family, sockaddr) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            return _connect_to(family, sockaddr, (deadline - time.monotonic()) / remaining, deadline)
        except OSError as error:
            if first_error is None or first_error.errno in _NO_ROUTE:  # no route is the least specific error
                first_error = error
    if isinstance(first_error, TimeoutError):
        raise HardError(ErrorType.CONNECT_TIMEOUT)
    no_route = first_error is not None and first_error.errno in _NO_ROUTE
    raise HardError(ErrorType.CONNECTION_REFUSED, _UNREACHABLE if no_route else None)


def _connect_to(family: int, sockaddr: Any, seconds: float, deadline: float) -> socket.socket:
    sock = DeadlineSocket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(max(seconds, 0.001))
        sock.connect(sockaddr)
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
    except BaseException:
        sock.close()
        raise
    return sock
