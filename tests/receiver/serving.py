"""Serves the requests of a connection until one side closes it."""

import contextlib
import time
from functools import partial

from tests.receiver.behaviours import BEFORE_THE_BODY, choose
from tests.receiver.connection import ClientLeft, Connection, ShuttingDown
from tests.receiver.control import CONTROLS
from tests.receiver.exchange import BadParameter, Exchange, Parameters
from tests.receiver.request_log import ReceivedRequest, RequestLog
from tests.receiver.request_reader import Head, MalformedRequest, read_body, read_head


def serve(connection: Connection, request_log: RequestLog) -> None:
    """Returns when the connection may be closed; a client may leave at any moment."""
    try:
        connection.handshake()
        while _serve_request(connection, request_log):
            pass
    except (OSError, ClientLeft, ShuttingDown):
        pass
    except MalformedRequest as problem:
        _refuse(connection, str(problem))


def _serve_request(connection: Connection, request_log: RequestLog) -> bool:
    head = read_head(connection)
    exchange = Exchange(connection, head, Parameters(head.query), request_log)
    control = CONTROLS.get((head.method, head.segments[0]))
    try:
        behaviour = control or choose(exchange)
        body = b"" if behaviour in BEFORE_THE_BODY else _read(exchange)
        if control:
            request_log.forget_connection(connection.number)
        else:
            request_log.record(_received(head, body, connection))
        stays = behaviour(exchange)
        request_log.record_answer(head.path)
    except BadParameter as problem:
        exchange.respond("400", str(problem).encode())
        return False
    return stays and not head.wants_close


def _read(exchange: Exchange) -> bytes:
    read = exchange.connection.read
    if exchange.head.segments[0] == "slow-read":
        step = max(1, exchange.parameters.integer("bytes", 1))
        read = partial(exchange.connection.read_slowly, step=step, interval=exchange.interval)
    return read_body(exchange.connection, exchange.head, read)


def _received(head: Head, body: bytes, connection: Connection) -> ReceivedRequest:
    return ReceivedRequest(head.method, head.path, head.query, head.headers, body, time.time(), connection.number)


def _refuse(connection: Connection, problem: str) -> None:
    with contextlib.suppress(OSError):
        connection.send(f"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{problem}".encode())
