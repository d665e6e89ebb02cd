"""How a webhook leaves: over connections that are ours to open, to addresses that the guard admits.

`requests` does the HTTP. What it leaves open is closed here: it looks names up without a time limit and goes wherever
they lead, it reads proxies and netrc from the environment and it loads the certificate bundle anew for each connection.
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
from hooklog.delivery.tls import TLSSocket, is_closing
from hooklog.errors import ErrorType, HardError, StaleConnection

KEPT_HOSTS: Final = 64
"""Receivers whose connections are kept; with ten connections each, under Lambda's 1,024 file descriptors."""

KEPT_CONNECTIONS: Final = 10
"""Kept connections to one receiver; those of a larger batch are closed after use."""

MAX_IDLE_SECONDS: Final = 4
"""A connection that was idle for longer is not used again: common servers close theirs after 5 s (Node, Apache), and
what they sent meanwhile is lost on a frozen Lambda environment."""
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
_UNREACHABLE = "The receiver's address cannot be reached: no network leads there."

logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # it warns with the URL and with headers that it cannot read


class NewConnectionRequest(requests.PreparedRequest):
    """A request that goes out on a new connection, whatever is kept."""


class _Kept(ResponseConnection):
    """A connection that knows whether it was kept, and that reads an answer which came before the request was sent."""

    _answered_at = 0.0
    _ends = float("inf")
    _was_kept = False
    _unsent: OSError | None = None
    """Why the request was not sent to its end."""

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        self.guard = guard
        super().__init__(*args, **kwargs)

    @property
    def timeout(self) -> float | None:
        """The seconds that are left: urllib3 sets the whole exchange's, and sets them again where it goes on."""
        return None if self._ends == float("inf") else max(self._ends - time.monotonic(), 0.001)

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._ends = float("inf") if seconds is None else time.monotonic() + seconds

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.time() - self._answered_at < MAX_IDLE_SECONDS

    def connect(self) -> None:
        self._answered_at = 0.0
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request. One that is not taken to its end may have been answered: `getresponse` finds that out."""
        sock = cast("DeadlineSocket | None", self.sock)
        self._was_kept, self._unsent = bool(sock and self._answered_at), None
        if sock:
            sock.begin()
        try:
            super().request(*args, **kwargs)
        except TimeoutError:
            raise
        except OSError as error:
            self._unsent = error

    def getresponse(self) -> Any:
        """Raises StaleConnection where a connection that was kept ends before the first byte of an answer."""
        sock = cast("DeadlineSocket", self.sock)
        try:
            response = super().getresponse()
        except TimeoutError:
            raise
        except OSError as error:
            if self._was_kept and not sock.heard:
                raise StaleConnection from error
            if self._unsent and not is_closing(self._unsent):
                raise self._unsent from error  # TLS says once why it fails
            raise
        self._answered_at = time.time()
        response.is_reusable = not self._unsent
        return response


class _Connection(_Kept):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _TLSConnection(_Kept, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError as error:
            message = "The receiver did not finish the TLS handshake in time."
            raise HardError(ErrorType.CONNECT_TIMEOUT, message) from error


class _KeepingPool(HTTPConnectionPool):
    """Kept connections to one receiver."""

    opened_for: "_KeepingPool | None" = None
    """The pool that it gives connections to without taking any."""

    def with_new_connection(self) -> "_KeepingPool":
        """The same pool, which gives out only new connections, and keeps them as usual."""
        pool = copy(self)
        pool.opened_for = self
        return pool

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        if self.opened_for:
            connection.close()  # it opens when it is used
        return connection


class _Pool(_KeepingPool):
    ConnectionCls = _Connection


class _TLSPool(_KeepingPool, HTTPSConnectionPool):
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
        context.sslsocket_class = TLSSocket
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, ssl_context=context)
        pools = {"http": _Pool, "https": _TLSPool}
        self.poolmanager.pool_classes_by_scheme = {s: partial(pool, guard=self._guard) for s, pool in pools.items()}

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> Any:
        target = _target(request)
        pool = self.poolmanager.connection_from_host(target.host, target.port, target.scheme)
        return pool.with_new_connection() if isinstance(request, NewConnectionRequest) else pool

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
    problem: OSError | None = None
    for waiting, (family, sockaddr) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            return _connect_to(family, sockaddr, (ends - time.monotonic()) / waiting, ends)
        except OSError as error:
            if problem is None or problem.errno in _NO_ROUTE:  # that says the least about the receiver
                problem = error
    if isinstance(problem, TimeoutError):
        raise HardError(ErrorType.CONNECT_TIMEOUT)
    no_route = problem is not None and problem.errno in _NO_ROUTE
    raise HardError(ErrorType.CONNECTION_REFUSED, _UNREACHABLE if no_route else None)


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
