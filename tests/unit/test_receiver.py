import base64
import contextlib
import gzip
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.receiver import Receiver

ROOT = Path(__file__).parents[2]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    threads = set(threading.enumerate())
    with Receiver() as receiver:
        yield receiver
    assert set(threading.enumerate()) <= threads


@contextlib.contextmanager
def connected(
    url: str, context: ssl.SSLContext | None = None, timeout: float = 60
) -> Iterator[http.client.HTTPConnection]:
    host = urlsplit(url).netloc
    connection = (
        http.client.HTTPSConnection(host, timeout=timeout, context=context)
        if context
        else http.client.HTTPConnection(host, timeout=timeout)
    )
    with contextlib.closing(connection):
        yield connection


def post(
    receiver: Receiver, path: str, body: bytes = b"{}", timeout: float = 60
) -> tuple[http.client.HTTPResponse, bytes]:
    with connected(receiver.http_url, timeout=timeout) as connection:
        connection.request("POST", path, body)
        response = connection.getresponse()
        return response, response.read()


def opened(receiver: Receiver, path: str) -> socket.socket:
    """Open a connection and send the request."""
    address = urlsplit(receiver.http_url)
    sock = socket.create_connection((address.hostname, address.port or 0), timeout=60)
    sock.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    return sock


def raw(receiver: Receiver, path: str) -> bytes:
    with opened(receiver, path) as sock:
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_a_request_is_recorded_unchanged(receiver: Receiver) -> None:
    with connected(receiver.http_url) as connection:
        headers = {"X-One": "1", "x-two": "caf\xe9"}
        connection.request("POST", "/status/202?body=accepted%FF&retry_after=7", b"\x00{}", headers)
        response = connection.getresponse()
        assert (response.status, response.read()) == (202, b"accepted\xff")
        assert response.headers["Retry-After"] == "7"
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == ("POST", "/status/202", b"\x00{}")
    assert request.query == "body=accepted%FF&retry_after=7"
    assert request.headers[-2:] == [("X-One", "1"), ("x-two", "caf\xe9")]
    assert time.time() - request.received_at < 5


def test_a_chunked_request_is_recorded_whole(receiver: Receiver) -> None:
    with connected(receiver.http_url) as connection:
        connection.request("POST", "/status/200", iter([b"one", b"two"]), encode_chunked=True)
        connection.getresponse().read()
    assert receiver.requests[0].body == b"onetwo"


def test_a_kept_alive_connection_is_counted_once(receiver: Receiver) -> None:
    with connected(receiver.http_url) as connection:
        for code in (200, 404, 204):
            connection.request("POST", f"/status/{code}", b"{}")
            response = connection.getresponse()
            assert (response.status, response.read()) == (code, b"")
    assert receiver.connections == 1
    assert {request.connection for request in receiver.requests} == {1}


def test_a_redirect_has_the_requested_location(receiver: Receiver) -> None:
    assert post(receiver, "/status/307?location=http://127.0.0.1:1/")[0].headers["Location"] == "http://127.0.0.1:1/"
    assert post(receiver, "/redirect-loop")[0].headers["Location"] == "/redirect-loop"


def test_a_sequence_gives_each_request_its_code_and_keeps_the_last(receiver: Receiver) -> None:
    path = "/sequence/flaky?codes=500,429,200"
    assert [post(receiver, path)[0].status for _ in range(4)] == [500, 429, 200, 200]
    receiver.reset()
    assert post(receiver, path)[0].status == 500


def test_a_sequence_may_contain_other_misbehaviour(receiver: Receiver) -> None:
    path = "/sequence/flaky?codes=close,200"
    assert raw(receiver, path) == b""
    assert post(receiver, path)[0].status == 200


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/big?bytes=200000&status=500", 200_000),
        ("/big-no-length?bytes=200000&status=500", 200_000),
        ("/chunked?bytes=200000&status=500", 200_000),
        ("/chunked?body=abc&status=500", 3),
        ("/no-length?body=abc&status=500", 3),
        ("/drip-header?interval=0.001&status=500", 0),
        ("/drip-body?interval=0.001&bytes=5&status=500", 5),
        ("/drip-body?interval=0.001&bytes=5&status=500&chunked=1", 5),
        ("/slow-read?interval=0.001&status=500", 0),
        ("/many-headers?count=50&status=500", 0),
        ("/weird-headers?body=abc&status=500", 3),
        ("/close-after?body=abc&status=500", 3),
        ("/latin1?status=500", 12),
    ],
)
def test_unusual_responses_are_valid(receiver: Receiver, path: str, length: int) -> None:
    response, body = post(receiver, path)
    assert (response.status, len(body)) == (500, length)


def test_gzip_is_valid_or_broken_on_request(receiver: Receiver) -> None:
    assert gzip.decompress(post(receiver, "/gzip?body=abc")[1]) == b"abc"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(post(receiver, "/bad-gzip")[1])
    with pytest.raises(EOFError):
        gzip.decompress(post(receiver, "/bad-gzip?cut=1")[1])


def test_a_gzip_bomb_is_small_and_valid(receiver: Receiver) -> None:
    bomb = post(receiver, "/gzip-bomb?mebibytes=20")[1]
    assert len(bomb) < 21_000
    assert gzip.decompress(bomb) == bytes(20 << 20)
    response, bomb = post(receiver, "/gzip-bomb?layers=2")
    assert response.headers["Content-Encoding"] == "gzip, gzip"
    assert len(bomb) < 10_000
    assert len(zlib.decompressobj(31).decompress(gzip.decompress(bomb), 1 << 22)) == 1 << 22


def test_weird_headers_are_sent_unchanged(receiver: Receiver) -> None:
    with opened(receiver, "/weird-headers") as sock:
        head = sock.recv(65_536)
    assert b"X-Latin-1: caf\xe9\r\n" in head
    assert head.count(b"Set-Cookie: ") == 2


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/garbage", http.client.BadStatusLine),
        ("/close", http.client.RemoteDisconnected),
        ("/reset", ConnectionResetError),
        ("/reset-midbody", ConnectionResetError),
        ("/short-body", http.client.IncompleteRead),
        ("/huge-headers?bytes=7000000", http.client.HTTPException),
        ("/many-headers", http.client.HTTPException),
        ("/silent", TimeoutError),
        ("/drip-header?interval=60", TimeoutError),
        ("/drip-body?interval=60", TimeoutError),
        ("/drip-body?interval=60&chunked=1", TimeoutError),
        ("/status/200?delay=60", TimeoutError),
        ("/slow-read?interval=60", TimeoutError),
    ],
)
def test_a_broken_response_raises_the_expected_error(receiver: Receiver, path: str, failure: type[Exception]) -> None:
    with pytest.raises(failure):
        post(receiver, path, timeout=0.3 if failure is TimeoutError else 60)


def test_a_reset_midbody_comes_after_the_head(receiver: Receiver) -> None:
    with connected(receiver.http_url) as connection:
        connection.request("POST", "/reset-midbody?status=500", b"{}")
        response = connection.getresponse()
        assert (response.status, response.read(100)) == (500, b"x" * 100)
        with pytest.raises(ConnectionResetError):
            response.read()


def test_an_endless_body_ends_with_the_client(receiver: Receiver) -> None:
    with opened(receiver, "/endless-body") as sock:
        assert sum(len(sock.recv(65_536)) for _ in range(100)) > 100_000


def test_close_after_closes_a_persistent_connection(receiver: Receiver) -> None:
    response = raw(receiver, "/close-after?body=abc")
    assert b"Connection: keep-alive\r\n" in response
    assert response.endswith(b"\r\n\r\nabc")


def test_no_threads_or_sockets_are_left_behind() -> None:
    paths = ["/silent", "/drip-header", "/drip-body", "/endless-body", "/big", "/status/200?delay=60", "/slow-read"]
    before = set(threading.enumerate())
    with contextlib.ExitStack() as clients:
        with Receiver() as receiver:
            for path in paths:
                opened(receiver, path).close()
                clients.enter_context(opened(receiver, path))
            trusted = ssl.create_default_context(cafile=str(receiver.ca_path))
            connection = clients.enter_context(connected(receiver.https_url, trusted))
            connection.request("POST", "/endless-body", b"{}")
            receiver.wait_for(1, path="/big")
            ended = time.monotonic()
        assert time.monotonic() - ended < 2
        assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    "sent", [b"", b"\r\n\r\n", b"nonsense\r\n\r\n", b"POST /silent HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_an_incomplete_request_is_not_recorded(receiver: Receiver, sent: bytes) -> None:
    address = urlsplit(receiver.http_url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=60) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1000)
    assert receiver.requests == []


@pytest.mark.parametrize("path", ["/status/abc", "/big?bytes=many", "/drip-header?interval=often&bytes=1"])
def test_a_parameter_that_cannot_be_read_is_named(receiver: Receiver, path: str) -> None:
    assert b"not a" in raw(receiver, path)


def test_only_its_own_ca_trusts_the_https_server(receiver: Receiver) -> None:
    trusted = ssl.create_default_context(cafile=str(receiver.ca_path))
    trusted.verify_flags |= ssl.VERIFY_X509_STRICT
    with connected(receiver.https_url, trusted) as connection:
        for path in ("/status/200?body=abc", "/no-length?body=abc"):
            connection.request("POST", path, b"{}")
            assert connection.getresponse().read() == b"abc"
    for url, context in [
        (receiver.https_url, ssl.create_default_context()),
        (receiver.untrusted_https_url, trusted),
    ]:
        with connected(url, context) as connection, pytest.raises(ssl.SSLCertVerificationError):
            connection.connect()
    assert len(receiver.requests) == 2
    assert receiver.connections == 3


def test_some_addresses_do_not_respond(receiver: Receiver) -> None:
    with connected(receiver.refused_url) as connection, pytest.raises(ConnectionRefusedError):
        connection.connect()
    with connected(receiver.unreachable_url, timeout=0.3) as connection, pytest.raises(TimeoutError):
        connection.connect()
    context = ssl.create_default_context()
    with connected(receiver.silent_https_url, context, timeout=0.3) as connection, pytest.raises(TimeoutError):
        connection.connect()


def test_wait_for_waits_for_a_count_or_a_predicate(receiver: Receiver) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(post, receiver, "/status/200?delay=0.05")
        pool.submit(post, receiver, "/status/500")
        assert [request.path for request in receiver.wait_for(2)] == ["/status/200", "/status/500"]
        assert len(receiver.wait_for(1, path="/status/500")) == 1
        assert receiver.wait_for(lambda requests: any(r.json() == {} for r in requests))
    with pytest.raises(TimeoutError, match=r"3 requests did not arrive .* 2 did: /status/200"):
        receiver.wait_for(3, timeout=0.01)


def test_the_request_log_is_read_and_reset_over_http(receiver: Receiver) -> None:
    def read(query: str) -> Any:
        with connected(receiver.http_url) as connection:
            connection.request("GET", f"/_received?{query}")
            return json.loads(connection.getresponse().read())

    post(receiver, "/status/200", b"\xff")
    post(receiver, "/status/500")
    assert [entry["number"] for entry in read("")] == [1, 2]
    assert [entry["path"] for entry in read("since=1&count=2")] == ["/status/500"]
    (entry,) = read("path=/status/200&count=5&timeout=0.01")
    assert base64.b64decode(entry["body"]) == b"\xff"
    assert ["Content-Length", "1"] in entry["headers"]
    assert receiver.connections == 2
    assert post(receiver, "/_reset")[0].status == 204
    assert (read(""), receiver.requests, receiver.connections) == ([], [], 0)


def test_the_process_serves_until_it_is_terminated() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.receiver"]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        addresses = json.loads(process.stdout.readline())
        with connected(addresses["http_url"]) as connection:
            connection.request("POST", "/status/200?body=abc", b"{}")
            assert connection.getresponse().read() == b"abc"
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 0
    assert not Path(addresses["ca_path"]).parent.exists()
