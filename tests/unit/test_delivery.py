"""Deliveries to a real receiver: how each behaviour of a receiver is reported."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.delivery.client import WebhookClient, build_request_headers
from hooklog.delivery.deadline import DeadlineSocket
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.delivery.target import parse_target
from hooklog.errors import ErrorType, LimitUnavailable, MustWait
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from hooklog.version import __version__
from tests.receiver import Receiver

LIMIT = 65_536
SLACK = 10
"""Seconds beyond a timeout that a busy machine may take; an endless wait would take longer."""

LOOPBACK = Guard(parse_networks("127.0.0.0/8"))

MESSAGE = Message(
    webhook_id="acme.orders",
    message_id="msg_1",
    url="",
    body=b'{"order":1742}',
    headers={},
    event_type="order.created",
    timeout_seconds=60,
)


@pytest.fixture(scope="module")
def client(receiver: Receiver) -> Iterator[WebhookClient]:
    with open_client(receiver) as client:
        yield client


@pytest.fixture
def new_client(receiver: Receiver) -> Iterator[WebhookClient]:
    """A client without open connections."""
    with open_client(receiver) as client:
        yield client


@contextmanager
def open_client(receiver: Receiver) -> Iterator[WebhookClient]:
    adapter = EgressAdapter(LOOPBACK, ca_bundle=str(receiver.ca_path))
    yield WebhookClient(adapter, allow_http=True, capture_limit=LIMIT)
    adapter.close()


def deliver(client: WebhookClient, url: str, timeout_seconds: float = 60, **fields: object) -> Delivery:
    message = MESSAGE._replace(url=url, timeout_seconds=timeout_seconds, **fields)  # type: ignore[arg-type]
    return client.deliver(Call.from_message(message), attempt=1)


@pytest.mark.parametrize(
    "header", [("X-Shop", "a\r\nwebhook-id: x"), ("X-Shop", "a\nb"), ("X\rA", "b"), ("X-Shop", "東京")]
)
def test_a_header_that_would_change_the_request_is_not_sent(
    client: WebhookClient, receiver: Receiver, header: tuple[str, str]
) -> None:
    """Messages are checked when they are accepted; this one was not."""
    receiver.reset()
    delivery = deliver(client, receiver.url("/status/200"), headers=dict([header]))
    assert delivery.error
    assert (delivery.error.error_type, receiver.requests) == (ErrorType.PROTOCOL_ERROR, [])


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_2xx_is_success(client: WebhookClient, receiver: Receiver, status: int) -> None:
    delivery = deliver(client, receiver.url(f"/status/{status}"))
    assert (delivery.result, delivery.success, delivery.error) == (status, True, None)


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503, 599, 999])
def test_any_other_status_is_a_failure_with_that_result(client: WebhookClient, receiver: Receiver, status: int) -> None:
    delivery = deliver(client, receiver.url(f"/status/{status}"))
    assert (delivery.result, delivery.success, delivery.error) == (status, False, None)


def test_a_redirect_is_not_followed(client: WebhookClient, receiver: Receiver) -> None:
    receiver.reset()
    delivery = deliver(client, receiver.url("/status/302", location=receiver.url("/status/200")))
    assert delivery.result == 302
    assert [request.path for request in receiver.requests] == ["/status/302"]


def test_the_request_matches_the_contract(client: WebhookClient, receiver: Receiver) -> None:
    receiver.reset()
    before = int(time.time())
    delivery = deliver(client, f"{receiver.http_url}/status/200?n=1", headers={"X-Shop": "berlin"})
    (request,) = receiver.requests
    assert (request.method, request.path, request.query) == ("POST", "/status/200", "n=1")
    assert request.body == b'{"order":1742}'
    sent = {name: request.header(name) for name, _ in request.headers}
    at = int(sent.pop("webhook-timestamp") or "0")
    assert before <= at <= time.time()
    assert sent == {
        "Host": receiver.http_url.removeprefix("http://"),
        "Content-Type": "application/json",
        "Content-Length": "14",
        "User-Agent": f"Hooklog/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "X-Shop": "berlin",
        "webhook-id": "msg_1",
        "x-hooklog-webhook": "acme.orders",
        "x-hooklog-event": "order.created",
        "x-hooklog-attempt": "1",
    }
    assert dict(request.headers) == dict(delivery.request_headers)


def test_a_messages_headers_replace_only_user_agent_and_content_type(client: WebhookClient, receiver: Receiver) -> None:
    receiver.reset()
    own = {
        "user-agent": "Acme/1",
        "content-type": "application/cloudevents+json",
        "X-Hooklog-Attempt": "7",
        "accept-encoding": "br",
        "X-Hooklog-Event": "forged",
    }
    deliver(client, receiver.url("/status/200"), headers=own, event_type=None)
    (request,) = receiver.requests
    values = {name: [value for key, value in request.headers if key.lower() == name.lower()] for name in own}
    assert values == {
        "user-agent": ["Acme/1"],
        "content-type": ["application/cloudevents+json"],
        "X-Hooklog-Attempt": ["1"],
        "accept-encoding": ["gzip, deflate"],
        "X-Hooklog-Event": [],
    }


PRODUCT_HEADERS = ["Host", "Content-Length", "Accept-Encoding", "webhook-id", "X-Hooklog-Webhook", "x-hooklog-attempt"]


NAMES = st.sampled_from([*PRODUCT_HEADERS, "X-Hooklog-Event", "webhook-signature", "X-Shop"])


@given(st.lists(NAMES | NAMES.map(str.swapcase) | NAMES.map(lambda name: name.replace("-", "_")), unique_by=str.lower))
def test_no_header_of_a_message_replaces_ours(own: list[str]) -> None:
    headers = dict.fromkeys(own, "forged")
    target = parse_target("https://shop.example/", ("https",))
    sent = build_request_headers(
        Call.from_message(MESSAGE._replace(headers=headers, event_type=None)), target, 1, datetime.now(UTC)
    )
    names = [name.lower() for name in sent]
    assert sorted(names) == sorted(set(names))
    assert {name.lower() for name, value in sent.items() if value == "forged"} <= {"x-shop", "x_shop"}
    assert {name.lower() for name in PRODUCT_HEADERS} <= set(names)


def test_proxies_of_the_environment_are_ignored(
    client: WebhookClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", receiver.refused_url)
    monkeypatch.setenv("no_proxy", "")
    assert deliver(client, receiver.url("/status/200")).success


def test_connections_are_reused(client: WebhookClient, receiver: Receiver) -> None:
    deliver(client, receiver.url("/status/200"))
    receiver.reset()
    for status in (200, 500, 302, 204):
        deliver(client, receiver.url(f"/status/{status}", body="read to its end"))
    assert len({request.connection for request in receiver.requests}) == 1


def test_a_connection_that_was_idle_too_long_is_not_reused(
    client: WebhookClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver may have closed it while Lambda had frozen the sender."""
    receiver.reset()
    assert deliver(client, receiver.url("/status/200")).success
    later = time.time() + 5
    monkeypatch.setattr("time.time", lambda: later)
    assert deliver(client, receiver.url("/status/200")).success
    first, second = receiver.requests
    assert first.connection != second.connection


def test_a_receiver_may_close_after_each_response(client: WebhookClient, receiver: Receiver) -> None:
    """The connection may end before, during or after sending the next request."""
    for number in range(100):
        time.sleep(number % 5 / 200)
        assert deliver(client, receiver.url("/close-after")).result == 200


ENDS = [(https, end) for https in (False, True) for end in ("close", "reset", "unread")] + [(True, "alert")]
"""How a connection ends before the first byte of a response, over plain TCP and TLS."""


@pytest.mark.parametrize("size", [10, 1_000_000])
@pytest.mark.parametrize(("https", "end"), ENDS)
def test_a_request_without_a_response_on_a_reused_connection_is_resent_on_a_new_one(
    new_client: WebhookClient, receiver: Receiver, end: str, https: bool, size: int
) -> None:
    url = receiver.url(f"/sequence/{end}{https}{size}", https=https, codes=f"200,{end},200")
    receiver.reset()
    first, second = (deliver(new_client, url, body=b"x" * size) for _ in range(2))
    assert (first.result, first.resent, second.result, second.resent) == (200, False, 200, True)
    reused, lost, new = receiver.requests
    assert reused.connection == lost.connection != new.connection
    assert lost.headers == new.headers
    assert deliver(new_client, url).success
    assert receiver.requests[-1].connection == new.connection


@pytest.mark.parametrize(("https", "end"), ENDS)
def test_a_request_is_resent_only_once(new_client: WebhookClient, receiver: Receiver, end: str, https: bool) -> None:
    """If the new connection ends the same way, the delivery fails."""
    url = receiver.url(f"/sequence/once{end}{https}", https=https, codes=f"200,{end}")
    receiver.reset()
    _, after_kept, after_new = (deliver(new_client, url) for _ in range(3))
    for delivery, resent in ((after_kept, True), (after_new, False)):
        assert delivery.error
        assert delivery.error.error_type is (ErrorType.TLS_ERROR if end == "alert" else ErrorType.CONNECTION_RESET)
        assert (delivery.result, delivery.resent) == (0, resent)
    assert len(receiver.requests) == 4


def test_a_request_is_not_resent_on_another_kept_connection(new_client: WebhookClient, receiver: Receiver) -> None:
    with ThreadPoolExecutor(5) as at_once:
        list(at_once.map(lambda _: deliver(new_client, receiver.url("/status/200", delay=0.3)), range(5)))
    open_connections = {request.connection for request in receiver.requests}
    url = receiver.url("/sequence/another", codes="close,200")
    receiver.reset()
    assert deliver(new_client, url).resent
    lost, new = receiver.requests
    assert lost.connection in open_connections
    assert new.connection not in open_connections


@pytest.mark.parametrize("path", ["/cut-status", "/cut-status?bytes=8", "/interim", "/garbage", "/silent"])
@pytest.mark.parametrize("https", [False, True])
def test_a_request_with_a_response_or_time_out_is_not_resent(
    new_client: WebhookClient, receiver: Receiver, path: str, https: bool
) -> None:
    base = receiver.https_url if https else receiver.http_url
    assert deliver(new_client, f"{base}/status/200").success
    receiver.reset()
    delivery = deliver(new_client, base + path, timeout_seconds=1)
    assert (delivery.success, delivery.resent, len(receiver.requests)) == (False, False, 1)


def test_a_resent_request_has_the_remaining_time(new_client: WebhookClient, receiver: Receiver) -> None:
    url = receiver.url("/sequence/late", codes="200,close,silent", wait=2)
    assert deliver(new_client, url).success
    delivery = deliver(new_client, url, timeout_seconds=3)
    assert delivery.error
    assert (delivery.error.error_type, delivery.resent) == (ErrorType.READ_TIMEOUT, True)
    assert "3 s" in delivery.error.message
    assert 3000 <= delivery.duration_ms < 4800  # 5 s: all of the time


EARLY = [
    (size, then, status)
    for size in (20_000, 1_000_000, 20_000_000)
    for then, status in (("close", 401), ("reset", 413), ("read", 503))
]
"""What the receiver does after its response. 20 MB exceed the socket buffers of both sides."""


@pytest.mark.parametrize("https", [False, True])
@pytest.mark.parametrize(("size", "then", "status"), [*EARLY, (20_000_000, "stall", 302)])
def test_a_response_before_the_end_of_the_request_is_the_result(
    new_client: WebhookClient, receiver: Receiver, https: bool, size: int, then: str, status: int
) -> None:
    receiver.reset()
    url = receiver.url(f"/early/{status}", https=https, then=then, body="too much")
    delivery = deliver(new_client, url, body=b"x" * size)
    assert (delivery.result, delivery.error, delivery.resent) == (status, None, False)
    assert delivery.response
    assert delivery.response.body == b"too much"
    assert deliver(new_client, receiver.url("/status/200", https=https)).success
    early, after = receiver.requests
    assert (early.connection == after.connection) <= (then == "read")


@pytest.mark.parametrize("interim", [1, 90])
@pytest.mark.parametrize("https", [False, True])
def test_the_response_after_interim_responses_stops_the_request(
    client: WebhookClient, receiver: Receiver, https: bool, interim: int
) -> None:
    url = receiver.url("/early/422", https=https, then="stall", interim=interim)
    assert deliver(client, url, body=b"x" * 20_000_000).result == 422


STALLED_SECONDS = 4
EarlyDelivery = Callable[[bool, str, int], Delivery]


@pytest.fixture(scope="module")
def early_delivery(client: WebhookClient, receiver: Receiver) -> Iterator[EarlyDelivery]:
    """Deliver concurrently: half of the deliveries last until their deadline."""

    def start(https: bool, then: str, interim: int) -> Delivery:
        url = receiver.url("/early/200", https=https, then=then, interim=interim)
        return deliver(client, url, timeout_seconds=STALLED_SECONDS if then == "stall" else 60, body=b"x" * 20_000_000)

    with ThreadPoolExecutor(4) as pool:
        started = {case: pool.submit(start, *case) for case in product((False, True), ("stall", "read"), (0, 90))}
        yield lambda *case: started[case].result()


@pytest.mark.parametrize("interim", [0, 90])
@pytest.mark.parametrize("then", ["read", "stall"])
@pytest.mark.parametrize("https", [False, True])
def test_the_whole_request_is_sent_after_an_early_200(
    early_delivery: EarlyDelivery, https: bool, then: str, interim: int
) -> None:
    """Sending continues until the end of the request or the deadline."""
    delivery = early_delivery(https, then, interim)
    assert (delivery.result, delivery.error) == (200, None)
    assert delivery.duration_ms < 1000 * ((STALLED_SECONDS if then == "stall" else 60) + SLACK)


def test_sending_stops_in_time_for_reading_the_response(early_delivery: EarlyDelivery) -> None:
    """A busy machine delays some deliveries beyond their deadline, but not all."""
    stalled = [early_delivery(https, "stall", interim) for https in (False, True) for interim in (0, 90)]
    assert min(delivery.duration_ms for delivery in stalled) < 1000 * STALLED_SECONDS


def test_cookies_are_not_kept(client: WebhookClient, receiver: Receiver) -> None:
    receiver.reset()
    deliver(client, receiver.url("/weird-headers"))
    deliver(client, receiver.url("/status/200"))
    assert all(request.header("Cookie") is None for request in receiver.requests)


HARD_ERRORS = {
    "/silent": ErrorType.READ_TIMEOUT,
    "/drip-header?interval=0.2": ErrorType.DEADLINE_EXCEEDED,
    "/reset": ErrorType.CONNECTION_RESET,
    "/close": ErrorType.CONNECTION_RESET,
    "/garbage": ErrorType.PROTOCOL_ERROR,
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("path", "error_type"), HARD_ERRORS.items())
def test_a_response_without_a_status_is_a_hard_error(
    client: WebhookClient, receiver: Receiver, path: str, error_type: ErrorType, scheme: str
) -> None:
    base = receiver.https_url if scheme == "https" else receiver.http_url
    delivery = deliver(client, base + path, timeout_seconds=1)
    assert delivery.error
    assert delivery.error.error_type == error_type
    assert (delivery.result, delivery.success) == (0, False)
    assert delivery.error.message.startswith(("The receiver ", "The receiver's "))
    assert "127.0.0.1" not in delivery.error.message
    assert delivery.duration_ms < 1000 * (1 + SLACK)


BROKEN_BODIES = [
    "/drip-body?interval=0.2",
    "/drip-body?interval=0.2&chunked=1",
    "/reset-midbody?",
    "/short-body?",
    "/bad-gzip?cut=1&body=" + "squeezed " * 9,
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("path", BROKEN_BODIES)
@pytest.mark.parametrize("status", [200, 500])
def test_a_broken_body_leaves_the_status(
    client: WebhookClient, receiver: Receiver, path: str, status: int, scheme: str
) -> None:
    base = receiver.https_url if scheme == "https" else receiver.http_url
    delivery = deliver(client, f"{base}{path}&status={status}", timeout_seconds=1)
    assert (delivery.result, delivery.success, delivery.error) == (status, status == 200, None)
    assert delivery.response
    assert delivery.response.body
    assert (delivery.response.truncated, delivery.response.incomplete) == (True, True)
    assert delivery.duration_ms < 1000 * (1 + SLACK)


@pytest.mark.parametrize("path", ["/silent", "/drip-header", "/drip-body?status=200", "/slow-read"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_timeout_bounds_the_whole_exchange(
    client: WebhookClient, receiver: Receiver, path: str, scheme: str
) -> None:
    base = receiver.https_url if scheme == "https" else receiver.http_url
    body = b'"' + b"x" * 20_000_000 + b'"' if path == "/slow-read" else MESSAGE.body
    started = time.monotonic()
    delivery = deliver(client, base + path, timeout_seconds=1, body=body)
    assert 1 <= time.monotonic() - started < 1 + SLACK
    if path.startswith("/drip-body"):
        assert (delivery.result, delivery.error) == (200, None)
        return
    assert delivery.error
    is_started = path != "/silent"
    assert delivery.error.error_type is (ErrorType.DEADLINE_EXCEEDED if is_started else ErrorType.READ_TIMEOUT)


def test_nothing_is_sent_after_the_deadline() -> None:
    """Each `sendall` has the time that is left, not the whole timeout."""
    local, remote = socket.socketpair()
    with DeadlineSocket(fileno=local.detach()) as sock, remote:
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            sock.sendall(b"x" * 10_000_000)
        remote.recv(10_000_000)
        with pytest.raises(TimeoutError):
            sock.sendall(b"x")


def test_the_part_of_a_response_before_the_deadline_is_kept(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.url("/drip-body", status=500, interval=0.1), timeout_seconds=3)
    assert delivery.response
    assert (delivery.result, delivery.error) == (500, None)
    assert delivery.response.truncated
    assert 1 <= len(delivery.response.body) <= 30


def test_a_closed_port_is_connection_refused(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.refused_url)
    assert delivery.error
    assert delivery.error.error_type == ErrorType.CONNECTION_REFUSED
    assert delivery.response is None


def test_a_connection_that_is_not_accepted_is_a_connect_timeout(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.unreachable_url, timeout_seconds=1)
    assert delivery.error
    assert delivery.error.error_type == ErrorType.CONNECT_TIMEOUT
    assert delivery.duration_ms < 1000 * (1 + SLACK)


def test_an_unknown_host_name_is_a_dns_failure(client: WebhookClient) -> None:
    delivery = deliver(client, "http://does-not-exist.invalid/")
    assert delivery.error
    assert delivery.error.error_type == ErrorType.DNS_FAILURE


@pytest.mark.parametrize("url", ["untrusted_https_url", "http_url"])
def test_a_failed_verification_is_a_tls_error(client: WebhookClient, receiver: Receiver, url: str) -> None:
    address = getattr(receiver, url).replace("http://", "https://")
    receiver.reset()
    delivery = deliver(client, f"{address}/garbage", timeout_seconds=2)
    assert delivery.error
    expected = {"untrusted_https_url": ErrorType.TLS_ERROR, "http_url": ErrorType.CONNECT_TIMEOUT}
    assert delivery.error.error_type == expected[url]
    assert receiver.requests == []


def test_tls_is_verified_against_the_name(receiver: Receiver) -> None:
    adapter = EgressAdapter(LOOPBACK)
    client = WebhookClient(adapter, allow_http=False, capture_limit=LIMIT)
    delivery = deliver(client, receiver.url("/status/200", https=True))
    adapter.close()
    assert delivery.error
    assert delivery.error.error_type == ErrorType.TLS_ERROR
    assert "certificate" in delivery.error.message


def test_a_trusted_certificate_is_accepted(client: WebhookClient, receiver: Receiver) -> None:
    receiver.reset()
    assert [deliver(client, receiver.url("/status/200", https=True)).result for _ in range(3)] == [200, 200, 200]
    assert len({request.connection for request in receiver.requests}) == 1


@pytest.mark.parametrize("path", ["/big", "/big-no-length", "/chunked", "/endless-body"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_body_is_truncated_at_the_limit(client: WebhookClient, receiver: Receiver, path: str, status: int) -> None:
    delivery = deliver(client, receiver.url(path, bytes=100_000_000, status=status))
    assert delivery.response
    assert delivery.result == status
    assert (len(delivery.response.body), delivery.response.truncated) == (LIMIT, True)
    assert delivery.response.length == (100_000_000 if path == "/big" else None)
    assert delivery.duration_ms < 1000 * SLACK


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
@pytest.mark.parametrize("path", ["/big", "/chunked", "/big-no-length"])
def test_a_body_up_to_the_limit_is_kept_whole(client: WebhookClient, receiver: Receiver, path: str, size: int) -> None:
    delivery = deliver(client, receiver.url(path, bytes=size, status=500))
    assert delivery.response
    assert (len(delivery.response.body), delivery.response.truncated, delivery.response.length) == (size, False, size)


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 19])
def test_an_impossible_content_length_is_not_reported(client: WebhookClient, receiver: Receiver, length: str) -> None:
    url = receiver.url("/endless-body", status=500, header=f"Content-Length:{length}")
    delivery = deliver(client, url)
    assert delivery.response is None or delivery.response.length is None


def test_a_compressed_body_is_stored_decompressed(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.url("/gzip", body="out of stock", status=500))
    assert delivery.response
    assert (delivery.response.body, delivery.response.length) == (b"out of stock", len("out of stock"))


def test_a_gzip_bomb_is_decompressed_only_up_to_the_limit(client: WebhookClient, receiver: Receiver) -> None:
    deliver(client, receiver.url("/gzip-bomb", status=500))  # the receiver builds the bomb on the first request
    started = time.process_time()
    delivery = deliver(client, receiver.url("/gzip-bomb", status=500))
    assert delivery.response
    assert (len(delivery.response.body), delivery.response.truncated, delivery.response.length) == (LIMIT, True, None)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("status", [200, 500])
def test_an_uncompressed_body_is_kept_unchanged(client: WebhookClient, receiver: Receiver, status: int) -> None:
    delivery = deliver(client, receiver.url("/bad-gzip", status=status))
    assert delivery.response
    assert (delivery.result, delivery.error, delivery.response.body) == (status, None, b"this is not gzip")
    assert (delivery.response.truncated, delivery.response.incomplete) == (False, False)
    assert "gzip" in delivery.response.note


def test_a_capture_limit_of_zero_stores_no_body(receiver: Receiver) -> None:
    adapter = EgressAdapter(LOOPBACK)
    delivery = deliver(
        WebhookClient(adapter, allow_http=True, capture_limit=0), receiver.url("/status/500", body="secret")
    )
    adapter.close()
    assert delivery.response
    assert (delivery.response.body, delivery.response.truncated, delivery.response.length) == (b"", True, 6)


def test_bytes_that_are_not_utf8_are_kept(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.url("/latin1", status=500))
    assert delivery.response
    with pytest.raises(UnicodeDecodeError):
        delivery.response.body.decode()


@pytest.mark.parametrize(("lines", "line"), [(1, 400_000), (7, 60_000), (500, 1_000), (40_000, 10)])
def test_headers_are_kept_up_to_a_limit(client: WebhookClient, receiver: Receiver, lines: int, line: int) -> None:
    """Headers beyond the limit that matter, such as Retry-After, are still read."""
    url = receiver.url("/huge-headers", status=503, bytes=lines * line, line=line, retry_after=60, body="later")
    delivery = deliver(client, url)
    assert delivery.response
    assert (delivery.result, delivery.response.body, delivery.response.incomplete) == (503, b"later", False)
    headers = delivery.response.headers
    assert 0 < sum(len(name) + len(value) for name, value in headers.items()) <= 16_384
    assert (delivery.response.headers_truncated, headers["Retry-After"]) == (True, "60")


def test_endless_headers_leave_the_status(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.url("/huge-headers", status=200, bytes=16_000_000))
    assert delivery.response
    assert (delivery.result, delivery.error) == (200, None)
    assert (delivery.response.headers_truncated, delivery.response.incomplete, delivery.response.truncated) == (
        True,
    ) * 3


def test_many_headers_are_kept(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.url("/many-headers", status=200, count=500))
    assert delivery.response
    assert (delivery.result, delivery.response.headers_truncated, len(delivery.response.headers)) == (200, False, 501)


def test_repeated_headers_are_joined(client: WebhookClient, receiver: Receiver) -> None:
    delivery = deliver(client, receiver.url("/weird-headers", status=500))
    assert delivery.response
    assert any(", " in value for value in delivery.response.headers.values())


@pytest.mark.parametrize("url", ["example.com/hooks", "https://[::1/", "https://user:secret@example.com/"])
def test_an_invalid_url_is_refused(client: WebhookClient, url: str) -> None:
    delivery = deliver(client, url)
    assert delivery.error
    assert delivery.error.error_type == ErrorType.INVALID_URL
    assert "URL" in delivery.error.message


def test_http_is_refused_unless_the_deployment_allows_it(receiver: Receiver) -> None:
    receiver.reset()
    delivery = deliver(
        WebhookClient(EgressAdapter(LOOPBACK), allow_http=False, capture_limit=0), receiver.url("/status/200")
    )
    assert delivery.error
    assert (delivery.error.error_type, receiver.requests) == (ErrorType.INVALID_URL, [])
    assert "https://" in delivery.error.message


def test_started_at_is_the_time_of_the_start(client: WebhookClient, receiver: Receiver) -> None:
    before = datetime.now(UTC)
    delivery = deliver(client, receiver.url("/status/200", delay=0.2))
    assert before <= delivery.started_at <= datetime.now(UTC)
    assert 200 <= delivery.duration_ms < 1000 * SLACK


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


def test_interim_responses_are_skipped() -> None:
    """Each delivery gets the final response to its own request."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_respond_after_interim, args=(server,), daemon=True).start()
        adapter = EgressAdapter(LOOPBACK)
        client = WebhookClient(adapter, allow_http=True, capture_limit=LIMIT)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert [deliver(client, url).result for _ in range(3)] == [201, 202, 203]
        adapter.close()


def _respond_after_interim(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        for status in (201, 202, 203):
            _read_request(connection)
            connection.sendall(INTERIM)
            time.sleep(0.1)
            connection.sendall(INTERIM + f"HTTP/1.1 {status} OK\r\nContent-Length: 0\r\n\r\n".encode())


def _read_request(connection: socket.socket) -> None:
    """Read until the body is complete: it may arrive after the headers."""
    read = b""
    while not read.endswith(b"\r\n\r\n" + MESSAGE.body):
        read += connection.recv(65_536)


def test_a_connection_with_a_truncated_response_is_closed(client: WebhookClient, receiver: Receiver) -> None:
    receiver.reset()
    for path in ("/big", "/status/200"):
        assert deliver(client, receiver.url(path, bytes=100_000_000)).success
    first, second = receiver.requests
    assert first.connection != second.connection


def deliver_after(client: WebhookClient, url: str, before_send: Callable[[], None], seconds: float = 60) -> Delivery:
    message = MESSAGE._replace(url=url, timeout_seconds=seconds)
    return client.deliver(Call.from_message(message), 1, before_send)


@pytest.mark.parametrize("https", [False, True])
def test_a_wait_comes_after_connecting_and_before_each_request(
    new_client: WebhookClient, receiver: Receiver, https: bool
) -> None:
    receiver.reset()
    url = receiver.url("/sequence/waited", codes="200,close,200", https=https)
    seen: list[int] = []

    def note() -> None:
        ends = time.monotonic() + 60
        while not receiver.connections and time.monotonic() < ends:
            time.sleep(0.01)
        seen.append(len(receiver.requests) if receiver.connections else -1)

    found = [deliver_after(new_client, url, note) for _ in range(2)]
    assert [(each.result, each.resent) for each in found] == [(200, False), (200, True)]
    assert seen == [0, 1, 2]


def test_a_wait_counts_neither_towards_the_timeout_nor_as_duration(
    new_client: WebhookClient, receiver: Receiver
) -> None:
    ended: list[datetime] = []

    def wait() -> None:
        time.sleep(2.5)
        ended.append(datetime.now(UTC))

    delivery = deliver_after(new_client, receiver.url("/status/200"), wait, seconds=2)
    assert (delivery.result, delivery.duration_ms < 2000) == (200, True)
    assert delivery.started_at >= ended[0]
    silent = deliver_after(new_client, receiver.url("/silent"), wait, seconds=1)
    assert (silent.error and silent.error.error_type, silent.duration_ms < 2400) == (ErrorType.READ_TIMEOUT, True)


@pytest.mark.parametrize("refusal", [MustWait(1), LimitUnavailable("x")])
def test_without_a_slot_nothing_is_sent(
    new_client: WebhookClient, receiver: Receiver, refusal: MustWait | LimitUnavailable
) -> None:
    receiver.reset()

    def refuse() -> None:
        raise refusal

    with pytest.raises(type(refusal)):
        deliver_after(new_client, receiver.url("/status/200"), refuse)
    assert receiver.requests == []
    assert deliver(new_client, receiver.url("/status/200")).result == 200


@pytest.mark.parametrize("refusal", [MustWait(1), LimitUnavailable("x")])
def test_a_request_that_may_have_arrived_is_logged_without_a_slot_for_another(
    new_client: WebhookClient, receiver: Receiver, refusal: MustWait | LimitUnavailable
) -> None:
    receiver.reset()
    url = receiver.url("/sequence/refused", codes="200,close,200")
    slots = [True, True, False]

    def take() -> None:
        if not slots.pop(0):
            raise refusal

    assert deliver_after(new_client, url, take).result == 200
    delivery = deliver_after(new_client, url, take)
    assert (delivery.error and delivery.error.error_type, delivery.resent) == (ErrorType.CONNECTION_RESET, False)
    assert len(receiver.requests) == 2


def test_a_connection_that_is_closed_during_the_wait_is_replaced_without_another_wait() -> None:
    """The receiver closes an idle connection: the slot is kept."""
    adapter, connections = EgressAdapter(LOOPBACK), []
    client = WebhookClient(adapter, allow_http=True, capture_limit=LIMIT)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        connections.append(pool.submit(answer_once, server))
        assert deliver(client, url).result == 200

        def close() -> None:
            connections[-1].result().shutdown(socket.SHUT_RDWR)
            connections.append(pool.submit(answer_once, server))

        delivery = deliver_after(client, url, close)
        for each in connections:
            each.result().close()
    adapter.close()
    assert (delivery.result, delivery.resent, len(connections)) == (200, False, 2)


def answer_once(server: socket.socket) -> socket.socket:
    connection, _ = server.accept()
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    return connection
