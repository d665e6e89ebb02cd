"""The receiver's behaviours.

The first segment of the path selects one, the query string configures it.

Most accept `?status=` (200). `?interval=` is the pause in seconds (1) between the pieces of a slow response.
`/status/<code>`, `/sequence/<name>`, `/no-length`, `/gzip` and similar accept `?body=`, in which `%FF` is that byte.
"""

import gzip as gzip_format
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import TypeAlias

from tests.receiver.compression import gzip_bomb as make_gzip_bomb
from tests.receiver.exchange import Exchange, blocks, chunk, head_bytes, single_bytes
from tests.receiver.request_reader import read_body

Behaviour: TypeAlias = Callable[[Exchange], bool]
"""Returns whether the connection stays open for another request."""

RESPONSES = Path(__file__).with_name("responses")

KEEP_OPEN = True
CLOSE = False
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
BEHAVIOURS: dict[str, Behaviour] = {}
BEFORE_THE_BODY: set[Behaviour] = set()
"""Those that start after the request's head: the body is not read, and is recorded as empty."""


def behaviour(function: Behaviour) -> Behaviour:
    """Register `drip_body` for the path `/drip-body`."""
    BEHAVIOURS[function.__name__.replace("_", "-")] = function
    return function


def before_the_body(function: Behaviour) -> Behaviour:
    BEFORE_THE_BODY.add(function)
    return behaviour(function)


def choose(exchange: Exchange) -> Behaviour:
    """Return the behaviour.

    `/sequence/<name>?codes=500,reset,200` uses one per request, and repeats the last.
    """
    name = exchange.head.segments[0]
    if name != "sequence":
        return BEHAVIOURS.get(name, _unknown)
    codes = exchange.parameters.text("codes", "200").split(",")
    code = codes[min(exchange.request_log.count_visit(exchange.argument), len(codes) - 1)]
    return BEHAVIOURS.get(code) or partial(_answer, code=code)


# Whole answers


@behaviour
def status(exchange: Exchange) -> bool:
    """Answer with this status code.

    Path: `/status/<code>?body=&location=&retry_after=&content_type=&header=Name:value&delay=`
    """
    return _answer(exchange, exchange.argument)


@behaviour
def slow_read(exchange: Exchange) -> bool:
    """Read the request's body slowly, then answer.

    `?bytes=1&interval=1`: reads this many bytes per interval (see server.py).
    """
    return _answer(exchange, exchange.status)


@behaviour
def redirect_loop(exchange: Exchange) -> bool:
    exchange.respond(exchange.parameters.text("status", "302"), headers=[("Location", "/redirect-loop")])
    return KEEP_OPEN


@behaviour
def close_after(exchange: Exchange) -> bool:
    """Announces a persistent connection, then closes it."""
    promise = [("Connection", "keep-alive"), ("Keep-Alive", "timeout=60")]
    exchange.respond(exchange.status, exchange.parameters.data("body"), promise)
    return CLOSE


@behaviour
def response(exchange: Exchange) -> bool:
    """Answer with a file of `responses`.

    Path: `/response/<name>?late=4&ends=close|reset`; sends its last bytes 0.3 s later.
    """
    data = (RESPONSES / f"{exchange.argument}.http").read_bytes()
    late = exchange.parameters.integer("late", 0)
    exchange.connection.send(data[: len(data) - late])
    if late:
        exchange.connection.pause(0.3)
        exchange.connection.send(data[-late:])
    ends = exchange.parameters.text("ends")
    if ends == "reset":
        exchange.connection.pause(0.05)  # a reset may overtake sent data
        exchange.connection.reset_on_close()
    return CLOSE if ends else KEEP_OPEN


@before_the_body
def early(exchange: Exchange) -> bool:
    """Answer before the request's body.

    Path: `/early/<code>?then=close`; then `close`, `reset`, `read` or `stall`. `read` then reads the body and keeps the
    connection; `stall` does neither. `?interim=2` sends two 103 first.
    """
    then = exchange.parameters.text("then", "close")
    exchange.connection.send(INTERIM * exchange.parameters.integer("interim", 0))
    exchange.respond(exchange.argument, exchange.parameters.data("body", "early"))
    if then == "stall":
        exchange.connection.pause(60)
    if then == "reset":
        exchange.connection.reset_on_close()
    if then == "read":
        read_body(exchange.connection, exchange.head, exchange.connection.read)
    return KEEP_OPEN if then == "read" else CLOSE


# Sizes and framings of the body


@behaviour
def big(exchange: Exchange) -> bool:
    count = exchange.parameters.integer("bytes", 100_000_000)
    exchange.send_head([("Content-Length", str(count))])
    exchange.stream(count)
    return KEEP_OPEN


@behaviour
def big_no_length(exchange: Exchange) -> bool:
    count = exchange.parameters.integer("bytes", 100_000_000)
    exchange.send_head([])
    exchange.stream(count)
    return CLOSE


@behaviour
def chunked(exchange: Exchange) -> bool:
    """`?bytes=100000`, or `?body=` as one chunk."""
    body = exchange.parameters.data("body")
    pieces = [body] if body else blocks(exchange.parameters.integer("bytes", 100_000))
    exchange.send_head([("Transfer-Encoding", "chunked")])
    for piece in pieces:
        exchange.connection.send(chunk(piece))
    exchange.connection.send(chunk(b""))
    return KEEP_OPEN


@behaviour
def no_length(exchange: Exchange) -> bool:
    """Send a body that ends with the connection."""
    exchange.send_head([])
    exchange.connection.send(exchange.parameters.data("body"))
    return CLOSE


@behaviour
def endless_body(exchange: Exchange) -> bool:
    """Send a body as fast as the client reads, without end.

    `?interval=` is the pause between blocks of 64 KB.
    """
    interval = exchange.parameters.seconds("interval", 0)
    exchange.send_head([])
    while True:
        exchange.stream(65_536)
        exchange.connection.pause(interval)


@behaviour
def short_body(exchange: Exchange) -> bool:
    """Content-Length is a hundred bytes more than the body."""
    body = exchange.parameters.data("body", "cut off")
    exchange.send_head([("Content-Length", str(len(body) + 100))])
    exchange.connection.send(body)
    return CLOSE


# Encodings of the body


@behaviour
def gzip(exchange: Exchange) -> bool:
    body = gzip_format.compress(exchange.parameters.data("body", "squeezed"))
    exchange.respond(exchange.status, body, [("Content-Encoding", "gzip")])
    return KEEP_OPEN


@behaviour
def gzip_bomb(exchange: Exchange) -> bool:
    """`?mebibytes=1024&layers=1`: 1 MB on the wire; with `layers=2`, a few KB."""
    layers = exchange.parameters.integer("layers", 1)
    body = make_gzip_bomb(exchange.parameters.integer("mebibytes", 1024), layers)
    exchange.respond(exchange.status, body, [("Content-Encoding", ", ".join(["gzip"] * layers))])
    return KEEP_OPEN


@behaviour
def bad_gzip(exchange: Exchange) -> bool:
    """Claims gzip but is not; with `?cut=1` it is, but ends halfway."""
    body = exchange.parameters.data("body", "this is not gzip")
    if "cut" in exchange.parameters:
        body = gzip_format.compress(body)[:-10]
    exchange.respond(exchange.status, body, [("Content-Encoding", "gzip")])
    return KEEP_OPEN


@behaviour
def latin1(exchange: Exchange) -> bool:
    """Bytes that are not UTF-8, without a charset in Content-Type."""
    body = exchange.parameters.text("body", "café déjà vu").encode("latin-1", errors="replace")
    exchange.respond(exchange.status, body, [("Content-Type", "text/plain")])
    return KEEP_OPEN


# Slow or silent


@behaviour
def silent(exchange: Exchange) -> bool:
    exchange.connection.outlast_client()
    return CLOSE


@behaviour
def drip_header(exchange: Exchange) -> bool:
    """Sends one byte of the head per interval; `?bytes=100` lengthens the head."""
    padding = "x" * exchange.parameters.integer("bytes", 100)
    exchange.drip(single_bytes(head_bytes(exchange.status, [("X-Padding", padding), ("Content-Length", "0")])))
    return KEEP_OPEN


@behaviour
def drip_body(exchange: Exchange) -> bool:
    """Send the head, then the body one byte per interval.

    `?bytes=100` is the size; `?chunked=1` sends it in chunks of one byte.
    """
    count = exchange.parameters.integer("bytes", 100)
    if "chunked" in exchange.parameters:
        exchange.send_head([("Transfer-Encoding", "chunked")])
        exchange.drip(chain(repeat(chunk(b"x"), count), [chunk(b"")]))
    else:
        exchange.send_head([("Content-Length", str(count))])
        exchange.drip(repeat(b"x", count))
    return KEEP_OPEN


# Broken


@behaviour
def garbage(exchange: Exchange) -> bool:
    exchange.connection.send(b"\x00\xff\xfe this is not HTTP\r\n\r\n")
    return CLOSE


@behaviour
def close(exchange: Exchange) -> bool:
    """`?wait=0`: closes after this many seconds."""
    exchange.connection.pause(exchange.parameters.seconds("wait", 0))
    return CLOSE


@behaviour
def reset(exchange: Exchange) -> bool:
    exchange.connection.reset_on_close()
    return CLOSE


@before_the_body
def unread(exchange: Exchange) -> bool:
    """Closes without reading the request's body."""
    return CLOSE


@behaviour
def alert(exchange: Exchange) -> bool:
    """Over TLS: ends with invalid bytes instead of a close_notify alert."""
    exchange.connection.send_raw(b"\x15\x03\x03\x00\x02\x02\x50")
    return CLOSE


@behaviour
def cut_status(exchange: Exchange) -> bool:
    """`?bytes=1`: sends this much of the status line, then closes."""
    exchange.connection.send(head_bytes(exchange.status, [])[: exchange.parameters.integer("bytes", 1)])
    return CLOSE


@behaviour
def interim(exchange: Exchange) -> bool:
    """Sends an interim response, then closes."""
    exchange.connection.send(INTERIM)
    return CLOSE


@behaviour
def reset_midbody(exchange: Exchange) -> bool:
    """Resets after `?bytes=100` of a body whose Content-Length is a thousand more."""
    count = exchange.parameters.integer("bytes", 100)
    exchange.send_head([("Content-Length", str(count + 1000))])
    exchange.stream(count)
    exchange.connection.pause(exchange.parameters.seconds("interval", 0.05))  # a reset may overtake sent data
    exchange.connection.reset_on_close()
    return CLOSE


# Headers


@behaviour
def huge_headers(exchange: Exchange) -> bool:
    """Send headers of this total size and line length.

    `?bytes=16000000&line=60000`; clients limit one or the other.
    """
    line = exchange.parameters.integer("line", 60_000)
    count = max(1, exchange.parameters.integer("bytes", 16_000_000) // max(1, line))
    headers = [(f"X-Huge-{n}", "x" * line) for n in range(count)]
    if "retry_after" in exchange.parameters:
        headers.append(("Retry-After", exchange.parameters.text("retry_after")))
    exchange.respond(exchange.status, exchange.parameters.data("body"), headers)
    return KEEP_OPEN


@behaviour
def many_headers(exchange: Exchange) -> bool:
    count = exchange.parameters.integer("count", 500)
    exchange.respond(exchange.status, headers=[(f"X-Header-{n}", str(n)) for n in range(count)])
    return KEEP_OPEN


@behaviour
def weird_headers(exchange: Exchange) -> bool:
    """Duplicate, non-ASCII, empty and folded headers, and odd case."""
    weird: list[tuple[str, str | bytes]] = [
        ("Set-Cookie", "one=1"),
        ("Set-Cookie", "two=2"),
        ("X-Duplicate", "first"),
        ("x-duplicate", "second"),
        ("X-Latin-1", "café".encode("latin-1")),
        ("X-UTF-8", "naïve ✓"),
        ("X-Not-Text", b"\xff\xfe\x80"),
        ("X-Empty", ""),
        ("X-Folded", b"first line\r\n second line"),
    ]
    exchange.respond(exchange.status, exchange.parameters.data("body"), weird)
    return KEEP_OPEN


def _unknown(exchange: Exchange) -> bool:
    exchange.respond("404", f"This receiver knows {', '.join(sorted(BEHAVIOURS))} and sequence.".encode())
    return KEEP_OPEN


def _answer(exchange: Exchange, code: str) -> bool:
    parameters = exchange.parameters
    named = {"Location": "location", "Retry-After": "retry_after", "Content-Type": "content_type"}
    headers = [(header, parameters.text(name)) for header, name in named.items() if name in parameters]
    headers += [(name, value) for name, _, value in (header.partition(":") for header in parameters.all("header"))]
    exchange.connection.pause(parameters.seconds("delay", 0))
    exchange.respond(code, parameters.data("body"), headers)
    return KEEP_OPEN
