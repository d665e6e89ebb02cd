"""Generated responses with odd headers, codings and breaks: the status is logged."""

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from queue import SimpleQueue
from typing import NamedTuple

import brotli
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.decoding import MAX_STREAMS
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.executions.details import build_details
from hooklog.executions.execution import Execution, Trigger
from hooklog.messages.call import Call
from hooklog.messages.message import Message

LIMIT = 2_000
SLACK = 20
"""Seconds beyond the timeout that a busy machine may take; an endless wait would take longer."""

MESSAGE = Message("acme.orders", "msg_1", "", b'{"order":1742}', {}, None, 30)


class Script(NamedTuple):
    """The pieces that a receiver sends, and whether it then closes the connection."""

    pieces: list[bytes]
    closes: bool
    pause: float = 0
    """Seconds after each piece."""


class Generated(NamedTuple):
    """A generated response."""

    status: int
    sent: bytes
    status_length: int
    """The number of bytes up to the end of the status line."""
    head_length: int
    """The number of bytes before the body."""


class ScriptedReceiver:
    """A receiver that answers the first request of each connection with `script`."""

    def __init__(self) -> None:
        self.script = Script([], closes=True)
        self.read_completely: SimpleQueue[bool] = SimpleQueue()
        """For each response, whether the client read all of it."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.read_completely.put(self._respond(connection))

    def _respond(self, connection: socket.socket) -> bool:
        try:
            request = b""
            # closing with unread data would reset the connection
            while not request.endswith(MESSAGE.body) and (more := connection.recv(65_536)):
                request += more
            for piece in self.script.pieces:
                connection.sendall(piece)
                time.sleep(self.script.pause)
            while not self.script.closes and connection.recv(65_536):
                pass
        except OSError:
            return False  # the client stopped reading
        return True


@pytest.fixture
def receiver() -> Iterator[ScriptedReceiver]:
    receiver = ScriptedReceiver()
    yield receiver
    receiver.close()


ODD_BYTES = st.binary(max_size=40)
NAMES = st.sampled_from([b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Content-Type", b"Connection"])
VALUES = st.sampled_from(
    [
        b"0",
        b"5",
        b"5, 5",
        b"7",
        b"-1",
        b"9" * 30,
        b"five",
        b"",
        b"chunked",
        b"gzip, chunked",
        b"chunked, gzip",
        b"identity",
    ]
    + [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"magic", b"close", b"keep-alive", b"upgrade"]
    + [
        b"text/plain; charset=" + charset
        for charset in (b"latin-1", b"utf-16", b"utf-7", b"hz", b"shift_jis", b"idna", b"\xff")
    ]
)
HEADER_LINES = st.one_of(
    st.tuples(NAMES, st.sampled_from([b": ", b":", b" : ", b"\t:"]), VALUES).map(b"".join),
    ODD_BYTES.map(lambda line: line.replace(b"\n", b"")),
    st.binary(min_size=1, max_size=8).map(lambda value: b" folded " + value.replace(b"\n", b"")),
    st.sampled_from(
        [b"no header", b": nameless", b"HTTP/1.1 500 Oh", b"X-Long: " + b"x" * 20_000, "X-Größe: ✓".encode()]
    ),
)
KEPT = b"X-Kept: regardless of other headers"
LINE_ENDS = st.sampled_from([b"\r\n", b"\n"])


def chunked(body: bytes) -> bytes:
    return b"%x;ext\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(body), body)


ENCODERS = st.sampled_from([bytes, gzip.compress, zlib.compress, brotli.compress, chunked])
TEXTS = st.sampled_from([b"", b"hello", b'{"error":"out of stock"}' * 200, "größer".encode("utf-16")]) | st.binary(
    max_size=99
)


@st.composite
def responses(draw: st.DrawFn) -> Generated:
    status = draw(st.integers(200, 999) | st.just(101))
    end = draw(LINE_ENDS)
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"http/1.1", b"HTTP/2"]))
    reason = draw(st.sampled_from([b"", b" OK", " Größe".encode(), b" \xff\x00", b" " + b"x" * 300]))
    line = b"%b %d%b%b" % (version, status, reason, end)
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"]))
    headers = [header.strip(b"\r") for header in draw(st.lists(HEADER_LINES, max_size=8)) if header.strip(b"\r")]
    headers.insert(draw(st.integers(0, len(headers))), KEPT)
    head = line + b"".join(header + end for header in headers) + end
    body = draw(TEXTS)
    for encode in draw(st.lists(ENCODERS, max_size=3)):
        body = encode(body)
    return Generated(status, interim + head + body, len(interim + line), len(interim + head))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(responses(), st.data())
def test_the_status_on_the_wire_is_the_status_in_the_log(
    receiver: ScriptedReceiver, response: Generated, data: st.DataObject
) -> None:
    """The response is cut anywhere after its status line and arrives in two pieces."""
    until = data.draw(st.integers(response.status_length, len(response.sent)) | st.just(len(response.sent)))
    middle = data.draw(st.integers(0, until))
    receiver.script = Script([response.sent[:middle], response.sent[middle:until]], closes=True)
    delivery = deliver(receiver, timeout_seconds=30)
    assert (delivery.result, delivery.error) == (response.status, None)
    assert delivery.success == (200 <= response.status <= 299)
    if until >= response.head_length:
        assert delivery.response
        assert delivery.response.get_header("x-kept").startswith("regardless of other headers")
    assert is_storable(delivery)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(responses(), st.data())
def test_an_endless_response_is_read_until_the_timeout(
    receiver: ScriptedReceiver, response: Generated, data: st.DataObject
) -> None:
    until = data.draw(st.integers(response.status_length, len(response.sent)))
    receiver.script = Script([response.sent[:until]], closes=False)
    delivery = deliver(receiver, timeout_seconds=1.5)
    assert (delivery.result, delivery.error) == (response.status, None)
    assert is_storable(delivery)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
@example(b"HTTP/1.1 200")
@example(b"HTTP/1.1 100 Continue\r\n\r\n")
def test_an_invalid_response_is_a_hard_error(receiver: ScriptedReceiver, sent: bytes) -> None:
    receiver.script = Script([sent], closes=True)
    delivery = deliver(receiver, timeout_seconds=30)
    assert (delivery.result, delivery.success) == (0, False)
    assert delivery.error
    assert is_storable(delivery)


def test_a_response_may_arrive_byte_by_byte(receiver: ScriptedReceiver) -> None:
    response = b"HTTP/1.1 500 No\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nno\r\n0\r\nC: d\r\n\r\n"
    receiver.script = Script([bytes([byte]) for byte in response], closes=True, pause=0.005)
    delivery = deliver(receiver, timeout_seconds=30)
    assert delivery.response
    assert (delivery.result, delivery.response.body, delivery.response.incomplete) == (500, b"no", False)
    assert delivery.response.headers == {"A": "b", "Transfer-Encoding": "chunked"}


MUCH = 20_000_000
CHUNKED = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "a status line": b"HTTP/1.1 500 " + b"x" * MUCH,
    "headers": b"HTTP/1.1 500 No\r\n" + b"A: b\r\n" * (MUCH // 6),
    "a body": b"HTTP/1.1 500 No\r\n\r\n" + b"x" * MUCH,
    "a chunk's extension": CHUNKED + b"1;" + b"x" * MUCH,
    "chunks with long extensions": CHUNKED + (b"1;" + b"x" * 9_000 + b"\r\nx\r\n") * (MUCH // 9_000),
    "trailers": CHUNKED + b"0\r\n" + b"A: b\r\n" * (MUCH // 6),
}


@pytest.mark.parametrize("response", ENDLESS.values(), ids=ENDLESS)
def test_every_part_of_a_response_is_limited(receiver: ScriptedReceiver, response: bytes) -> None:
    receiver.script = Script([response], closes=True)
    delivery = deliver(receiver, timeout_seconds=30)
    assert delivery.duration_ms < 30_000
    assert receiver.read_completely.get(timeout=60) is False


EMPTY_GZIP, SKIPPED_ZSTD = gzip.compress(b""), b"\x50\x2a\x4d\x18" + bytes(4)
COSTLY = {
    "spaces for a chunk's size": b"Transfer-Encoding: chunked\r\n\r\n" + b" " * 16_000 + b"!",
    "returns after a chunk": b"Transfer-Encoding: chunked\r\n\r\n2\r\nok" + b"\r" * 30_000_000,
    "spaces for a charset": b"Content-Type: a; charset=" + b" " * 16_000 + b"!\r\n\r\n\xff",
    "a header folded often": b"X: y\r\n" + b" z\r\n" * 250_000 + b"\r\n",
    "many gzip members": b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(EMPTY_GZIP * 16_000),
    "many zstd frames": b"Content-Encoding: zstd, gzip\r\n\r\n" + gzip.compress(SKIPPED_ZSTD * 40_000),
}


@pytest.mark.parametrize("response", COSTLY.values(), ids=COSTLY)
def test_no_response_takes_much_cpu(receiver: ScriptedReceiver, response: bytes) -> None:
    """CPU time delays the other deliveries of the batch, and no timeout limits it."""
    receiver.script = Script([b"HTTP/1.1 500 No\r\n", response], closes=True)
    started = time.thread_time()
    delivery = deliver(receiver, timeout_seconds=30, limit=65_536)
    build_details(Execution("", delivery, Trigger.EVENT, ""))
    assert time.thread_time() - started < 1
    assert delivery.result == 500


@pytest.mark.parametrize("content", [b"x", b""])
@pytest.mark.parametrize("more", [0, 1])
def test_so_many_concatenated_streams_are_decoded(receiver: ScriptedReceiver, more: int, content: bytes) -> None:
    """The response is truncated after them."""
    body = gzip.compress(content) * (MAX_STREAMS + more)
    receiver.script = Script([b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\n\r\n", body], closes=True)
    response = deliver(receiver, timeout_seconds=30, limit=65_536).response
    assert response
    assert (response.body, response.truncated, response.note) == (content * MAX_STREAMS, bool(more), "")


def deliver(receiver: ScriptedReceiver, timeout_seconds: float, limit: int = LIMIT) -> Delivery:
    adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")))
    client = WebhookClient(adapter, allow_http=True, capture_limit=limit)
    started = time.monotonic()
    delivery = client.deliver(Call.from_message(MESSAGE._replace(url=receiver.url, timeout_seconds=timeout_seconds)), 1)
    assert time.monotonic() - started < timeout_seconds + SLACK
    adapter.close()
    return delivery


def is_storable(delivery: Delivery) -> bool:
    """Return whether the log can store it: UTF-8 text within the limits."""
    details = build_details(Execution("", delivery, Trigger.EVENT, ""))
    headers = details.get("response_headers", {})
    assert sum(len(name) + len(value) for name, value in headers.items()) <= 16_384
    assert len(details.get("response_body", "")) <= 4 * LIMIT
    return bool(json.dumps(details, ensure_ascii=False).encode())
