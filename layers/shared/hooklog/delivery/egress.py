"""Pooled connections to receivers, checked by the egress guard, with a deadline.

`requests` and urllib3 do the HTTP. This module overrides what is unsafe here: DNS lookups without a time limit or check
of the address, proxies and netrc from the environment, and loading the CA bundle again for each connection.
"""

import errno
import logging
import socket
import ssl
import time
from copy import copy
from functools import partial
from typing import Any, Final, cast

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPSConnection

from hooklog.delivery.deadline import DeadlineSocket
from hooklog.delivery.guard import Guard
from hooklog.delivery.response import ResponseConnection
from hooklog.delivery.target import DEFAULT_PORTS, Target, parse_target
from hooklog.delivery.tls import TLSSocket, is_connection_closed
from hooklog.errors import ErrorType, HardError, StaleConnection

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


class NewConnectionRequest(requests.PreparedRequest):
    """A request that is sent on a new connection, even if the pool has one."""


class _PooledConnection(ResponseConnection):
    """A connection that knows whether it was reused, and that reads early responses."""

    _last_response_at = 0.0
    _deadline = float("inf")
    _is_reused = False
    _send_error: OSError | None = None
    """Why the request was not sent completely."""

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        self.guard = guard
        super().__init__(*args, **kwargs)

    @property
    def timeout(self) -> float | None:
        """The seconds until the deadline of the exchange.

        urllib3 sets it several times.
        """
        return None if self._deadline == float("inf") else max(self._deadline - time.monotonic(), 0.001)

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._deadline = float("inf") if seconds is None else time.monotonic() + seconds

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.time() - self._last_response_at < MAX_IDLE_SECONDS

    def connect(self) -> None:
        self._last_response_at = 0.0
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request.

        If the receiver stops reading it, `getresponse` finds out whether it has responded.
        """
        sock = cast("DeadlineSocket | None", self.sock)
        self._is_reused, self._send_error = bool(sock and self._last_response_at), None
        if sock:
            sock.start_exchange()
        try:
            super().request(*args, **kwargs)
        except TimeoutError:
            raise
        except OSError as error:
            self._send_error = error

    def getresponse(self) -> Any:
        """Return the response, which may have arrived before the whole request was sent.

        Raises StaleConnection if a reused connection ends before the first byte of a response.
        """
        sock = cast("DeadlineSocket", self.sock)
        try:
            response = super().getresponse()
        except TimeoutError:
            raise
        except OSError as error:
            if self._is_reused and not sock.has_received:
                raise StaleConnection from error
            if self._send_error and not is_connection_closed(self._send_error):
                raise self._send_error from error  # only the first TLS error says why it failed
            raise
        self._last_response_at = time.time()
        response.is_reusable = not self._send_error
        return response


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

    opens_new_connections = False
    """Whether each connection that it returns is a new one."""

    def with_new_connections(self) -> "_ConnectionPool":
        """Return a view of the same pool that returns only new connections."""
        pool = copy(self)
        pool.opens_new_connections = True
        return pool

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        if self.opens_new_connections:
            connection.close()  # it reconnects on use
        return connection


class _Pool(_ConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(_ConnectionPool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class EgressAdapter(HTTPAdapter):
    """The connections to receivers, each to an address that `guard` has checked.

    They stay open between deliveries. Used without a Session, so that it follows no redirects, stores no cookies and
    reads nothing from the environment. `ca_bundle` is the path of CA certificates that replace certifi's.
    """

    def __init__(self, guard: Guard, ca_bundle: str | None = None) -> None:
        self._guard = guard
        self._ca_bundle = ca_bundle
        super().__init__(pool_connections=MAX_POOLED_HOSTS, pool_maxsize=MAX_POOLED_CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        context = ssl.create_default_context(cafile=self._ca_bundle or certifi.where())
        context.sslsocket_class = TLSSocket
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, ssl_context=context)
        pools = {"http": _Pool, "https": _TLSPool}
        self.poolmanager.pool_classes_by_scheme = {s: partial(pool, guard=self._guard) for s, pool in pools.items()}

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> Any:
        target = _parse_url(request)
        pool = self.poolmanager.connection_from_host(target.host, target.port, target.scheme)
        return pool.with_new_connections() if isinstance(request, NewConnectionRequest) else pool

    def cert_verify(self, *_: Any) -> None:
        """Do nothing: all connections share a context that already has the certificates."""

    def request_url(self, request: requests.PreparedRequest, *_: Any) -> str:
        return _parse_url(request).path

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Create a response of `requests` whose `raw` is the RawResponse to read."""
        response = requests.Response()
        response.status_code, response.raw, response.request = resp.status, resp, req
        return response


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
