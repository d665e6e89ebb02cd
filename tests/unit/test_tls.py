"""Receivers whose TLS fails, and the error messages of their executions."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import pytest

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import MAX_POOLED_HOSTS, EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.errors import ErrorType
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.receiver.certificates import Certificates, make_certificates
from tests.receiver.mutual_tls import receiving
from tests.receiver.tls_faults import ALERTS, FAULTS, alert, serving

CLIENT_CERTIFICATE = "The receiver requires a client certificate."
CLOSED = "The receiver closed the connection during the TLS handshake."
GENERAL = ErrorType.TLS_ERROR.message
NOT_TLS = "The receiver does not use TLS on this port, which may be for plain HTTP."
REFUSED = "The receiver refused the TLS handshake: it may not serve this host, or accept none of the ciphers offered."
VERSIONS = "The receiver speaks neither TLS 1.2 nor TLS 1.3."
WRONG_NAME = "The receiver's certificate is for another host than the URL names."

REASONS = {
    "expired": "The receiver's certificate has expired.",
    "not valid yet": "The receiver's certificate is not valid yet.",
    "another name": WRONG_NAME,
    "another address": WRONG_NAME,
    "for clients": "The receiver's certificate is not meant for servers.",
    "self-signed": "The receiver's certificate is self-signed: no public authority issued it.",
    "private authority": "The receiver's certificate was issued by an authority that is not public.",
    "without intermediate": (
        "The issuer of the receiver's certificate is unknown. The receiver must send its intermediate certificates, "
        "and a public authority must have issued them."
    ),
    "TLS 1.1": VERSIONS,
    "client certificate, TLS 1.2": CLIENT_CERTIFICATE,
    "client certificate, TLS 1.3": CLIENT_CERTIFICATE,
    "other ciphers": REFUSED,
    "plain HTTP": NOT_TLS,
    "SSH": NOT_TLS,
    "closed": CLOSED,
    "closed after a word": CLOSED,
    "reset": CLOSED,
    **{f"alert {number}": GENERAL for number in ALERTS},
    "alert 0": CLOSED,
    "alert 40": REFUSED,
    **{f"alert {number}": CLIENT_CERTIFICATE for number in (41, 42, 43, 44, 45, 46, 48, 49, 116)},
    "alert 70": VERSIONS,
    "alert 86": VERSIONS,
    "alert 71": "The receiver accepts none of the TLS ciphers that are offered.",
    "alert 80": "The receiver's TLS reported an error of its own: it may have no certificate for this host.",
    "alert 112": "The receiver's TLS does not know the host that the URL names.",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def client(certificates: Certificates) -> Iterator[WebhookClient]:
    adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")), ca_bundle=str(certificates.ca_path))
    yield WebhookClient(adapter, allow_http=True, capture_limit=1000)
    adapter.close()


def deliver(client: WebhookClient, url: str, body: bytes = b"1", timeout_seconds: float = 60) -> Delivery:
    return client.deliver(
        Call.from_message(Message("acme.orders", "msg_1", url, body, {}, None, timeout_seconds)), attempt=1
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_tls_failure_is_explained(client: WebhookClient, certificates: Certificates, fault: str) -> None:
    with serving(FAULTS[fault](certificates)) as url:
        delivery = deliver(client, url)
    assert delivery.error
    assert (delivery.error.error_type, delivery.error.message) == (ErrorType.TLS_ERROR, REASONS[fault])
    assert (delivery.result, delivery.resent) == (0, False)
    assert not re.search(r"\d{3}|ssl|_", delivery.error.message, re.IGNORECASE)  # no address, no library's error


@pytest.mark.parametrize("size", [20_000, 5_000_000])
def test_a_refusal_during_the_request_is_explained(
    client: WebhookClient, certificates: Certificates, size: int
) -> None:
    with serving(FAULTS["client certificate, TLS 1.3"](certificates)) as url:
        delivery = deliver(client, url, b"x" * size)
    assert delivery.error
    assert (delivery.error.error_type, delivery.error.message) == (ErrorType.TLS_ERROR, CLIENT_CERTIFICATE)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="needs Linux's TCP_QUICKACK")
@pytest.mark.parametrize("status", [401, 413])
def test_a_response_delayed_until_an_acknowledgement_is_read(
    client: WebhookClient, certificates: Certificates, status: int
) -> None:
    """Nagle's algorithm delays it, and closing with unread data may discard it."""

    def refuse(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        with certificates.trusted.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            time.sleep(0.01)
            secured.sendall(b"HTTP/1.1 %d No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status)

    with serving(refuse) as url:
        assert [deliver(client, url, b"1" * 20_000).result for _ in range(25)] == [status] * 25


def test_plain_http_to_a_tls_port_says_to_use_https(client: WebhookClient) -> None:
    def respond(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(alert(22))

    with serving(respond) as url:
        delivery = deliver(client, url.replace("https://", "http://"))
    assert delivery.error
    assert delivery.error.error_type is ErrorType.PROTOCOL_ERROR
    assert delivery.error.message == "The receiver uses TLS on this port. The URL must begin with https://."


def test_connections_of_receivers_that_were_not_used_lately_are_closed(
    client: WebhookClient, certificates: Certificates
) -> None:
    """Otherwise, the sender would run out of file descriptors."""
    with contextlib.ExitStack() as resources:
        receivers = [resources.enter_context(receiving(certificates.trusted)) for _ in range(MAX_POOLED_HOSTS + 6)]
        assert {deliver(client, receiver.url).result for receiver in receivers} == {200}
        ends = time.monotonic() + 60
        while sum(len(receiver.open) for receiver in receivers) > MAX_POOLED_HOSTS:
            assert time.monotonic() < ends
            time.sleep(0.01)


def test_the_timeout_includes_a_slow_handshake(client: WebhookClient, certificates: Certificates) -> None:
    """The rest of the delivery has only the remaining time."""

    def delay(connection: socket.socket) -> None:
        time.sleep(1)
        with certificates.trusted.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)
            time.sleep(2)

    with serving(delay) as url:
        delivery = deliver(client, url, b"x" * 20_000_000, timeout_seconds=1.5)
    assert delivery.error
    assert delivery.error.error_type is ErrorType.DEADLINE_EXCEEDED
    assert 1500 <= delivery.duration_ms < 2400  # 2.5 s: without the handshake
