"""How a webhook leaves: over connections that are ours to open, to addresses that the guard admits.

`requests` does the HTTP. What it leaves open is closed here: it looks names up without a time limit and goes wherever
they lead, it reads proxies and netrc from the environment and it loads the certificate bundle anew for each connection.
"""

import logging
import socket
import ssl
import time
from functools import partial
from http.client import HTTPException
from typing import Any, Final, cast

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPSConnection

from hooklog.delivery.deadline import DeadlineSocket, DeadlineTLSSocket
from hooklog.delivery.guard import Guard
from hooklog.delivery.response import ResponseConnection
from hooklog.delivery.target import DEFAULT_PORTS, Target, parse_target
from hooklog.errors import ErrorType, StaleConnection, Undelivered

KEPT_HOSTS: Final = 64
"""Receivers whose connections are kept; with ten connections each, under Lambda's 1,024 file descriptors."""

KEPT_CONNECTIONS: Final = 10
"""Kept connections to one receiver; those of a larger batch are closed after use."""

MAX_IDLE_SECONDS: Final = 4
"""A connection that was idle for longer is not used again: common servers close theirs after 5 s (Node, Apache), and
what they sent meanwhile is lost on a frozen Lambda environment."""

_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # it warns with the URL and with headers that it cannot read


class _Kept(ResponseConnection):
    """A connection that knows whether it was kept, and tells one that went stale from one that failed.

    Stale is one that the receiver had closed before the request came: its kernel acknowledges none of it. A receiver
    that took the request and closed then may have acted on it; that is a failure, and not for us to send again at once.
    """

    _answered_at = 0.0
    _acknowledged_before: int | None = None

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        self.guard = guard
        super().__init__(*args, **kwargs)

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.time() - self._answered_at < MAX_IDLE_SECONDS

    def connect(self) -> None:
        self._answered_at = 0.0
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        sock = cast("DeadlineSocket | None", self.sock)
        self._acknowledged_before = sock.count_acknowledged() if sock and self._answered_at else None
        try:
            super().request(*args, **kwargs)
        except _CLOSED as error:
            if sock and self._is_stale(sock.count_acknowledged()):
                raise StaleConnection from error
            raise

    def getresponse(self) -> Any:
        sock = cast("DeadlineSocket", self.sock)
        try:
            response = super().getresponse()
        except _CLOSED as error:
            if self._is_stale(sock.acknowledged):
                raise StaleConnection from error
            raise
        self._answered_at = time.time()
        return response

    def _is_stale(self, acknowledged: int | None) -> bool:
        return self._acknowledged_before is not None and acknowledged == self._acknowledged_before


class _Connection(_Kept):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _TLSConnection(_Kept, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            raise _tls_error(f"The receiver's certificate is not valid: {error.verify_message}.") from error
        except TimeoutError as error:
            raise Undelivered(
                ErrorType.CONNECT_TIMEOUT, "The receiver did not finish the TLS handshake in time."
            ) from error
        except (OSError, HTTPException) as error:
            raise _tls_error("The receiver did not complete a TLS handshake.") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class EgressAdapter(HTTPAdapter):
    """Keeps connections to receivers across deliveries and opens them as this module says.

    Used without a Session: it follows no redirect, keeps no cookie and reads nothing from the environment.
    Each is opened to an address that `guard` admits; kept, it still leads there, whatever its name resolves to by then.
    `ca_bundle` is the path of the certificates to trust instead of certifi's.
    """

    def __init__(self, guard: Guard, ca_bundle: str | None = None) -> None:
        self._guard = guard
        self._ca_bundle = ca_bundle
        super().__init__(pool_connections=KEPT_HOSTS, pool_maxsize=KEPT_CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        context = ssl.create_default_context(cafile=self._ca_bundle or certifi.where())
        context.sslsocket_class = DeadlineTLSSocket
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, ssl_context=context)
        pools = {"http": _Pool, "https": _TLSPool}
        self.poolmanager.pool_classes_by_scheme = {s: partial(pool, guard=self._guard) for s, pool in pools.items()}

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> Any:
        target = _target(request)
        return self.poolmanager.connection_from_host(target.host, target.port, target.scheme)

    def cert_verify(self, *_: Any) -> None:
        """Nothing: the context that every connection shares holds the certificates already."""

    def request_url(self, request: requests.PreparedRequest, *_: Any) -> str:
        return _target(request).path

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """A response of `requests` whose `raw` is a `response.Response`, the one that can be read."""
        response = requests.Response()
        response.status_code, response.raw, response.request = resp.status, resp, req
        return response


def _target(request: requests.PreparedRequest) -> Target:
    return parse_target(request.url or "", tuple(DEFAULT_PORTS))


def _connect(connection: _Kept) -> socket.socket:
    """Connect to the first address that answers, each given an equal share of the time that is left."""
    ends = time.monotonic() + cast("float", connection.timeout)
    addresses = connection.guard.look_up(connection.host, connection.port, ends)
    problem: OSError = OSError()
    for waiting, (family, sockaddr) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            return _connect_to(family, sockaddr, (ends - time.monotonic()) / waiting, ends)
        except OSError as error:
            problem = error
    if isinstance(problem, TimeoutError):
        raise Undelivered(ErrorType.CONNECT_TIMEOUT)
    raise Undelivered(ErrorType.CONNECTION_REFUSED)


def _connect_to(family: int, sockaddr: Any, share: float, ends: float) -> socket.socket:
    sock = DeadlineSocket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(max(share, 0.001))
        sock.connect(sockaddr)
        sock.settimeout(max(ends - time.monotonic(), 0.001))
    except BaseException:
        sock.close()
        raise
    return sock


def _tls_error(message: str) -> Undelivered:
    return Undelivered(ErrorType.TLS_ERROR, message)
