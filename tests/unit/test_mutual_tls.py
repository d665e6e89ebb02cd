"""Receivers that require client certificates, and which certificate each connection presents."""

import contextlib
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.client_certificates import MAX_WEBHOOKS
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.errors import ErrorType
from hooklog.messages.call import Call, ClientIdentity
from hooklog.messages.message import Message
from tests.receiver.certificates import Certificates, Identity, issue, issue_client, make_certificates
from tests.receiver.mutual_tls import receiving
from tests.receiver.tls_faults import ALERTS, alert, serving

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
DAY = timedelta(days=1)
UNUSABLE = "The webhook's client certificate or its key cannot be used. Upload them again."
REFUSED = "The receiver refused the webhook's client certificate."
EXPIRED = "The receiver refused the webhook's client certificate, because it has expired."
UNKNOWN_ISSUER = (
    "The receiver does not know the issuer of the webhook's client certificate. If intermediate certificates are "
    "missing, upload it again with them."
)
KIND = "The receiver refused the webhook's client certificate, because of its kind. It may not be meant for clients."


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def client(certificates: Certificates) -> Iterator[WebhookClient]:
    adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")), ca_bundle=str(certificates.ca_path))
    yield WebhookClient(adapter, allow_http=True, capture_limit=1000)
    adapter.close()


def deliver(
    client: WebhookClient, url: str, identity: Identity | ClientIdentity | None, webhook_id: str = "acme.orders"
) -> Delivery:
    if isinstance(identity, Identity):
        identity = ClientIdentity(webhook_id, identity.certificate_pem, identity.key_pem.encode())
    call = Call.from_message(Message(webhook_id, "msg_1", url, b"1", {}, None, 60))
    return client.deliver(call._replace(identity=identity), attempt=1)


def list_open_files() -> list[str]:
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was the directory itself
            found.append(str(path.readlink()))
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def explain(delivery: Delivery) -> str:
    assert delivery.error
    assert delivery.error.error_type is ErrorType.TLS_ERROR
    assert not re.search(r"\d{3}|ssl|_|BEGIN", delivery.error.message, re.IGNORECASE)
    return delivery.error.message


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA", "Ed25519", "with an intermediate"])
def test_a_receiver_accepts_the_certificate(
    client: WebhookClient, certificates: Certificates, version: ssl.TLSVersion, kind: str
) -> None:
    context = certificates.context_for_clients()
    context.minimum_version = context.maximum_version = version
    issuer = certificates.authority
    keys: dict[str, Any] = {
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "RSA": lambda: rsa.generate_private_key(65_537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
    }
    key = keys[kind]() if kind in keys else None
    chain = ""
    if kind == "with an intermediate":
        issuer = issue("An intermediate CA", certificates.authority, is_authority=True)
        chain = issuer.certificate_pem
    client_certificate = issue_client("hooklog", issuer, key=key)
    identity = ClientIdentity("acme", client_certificate.certificate_pem + chain, client_certificate.key_pem.encode())
    with receiving(context) as receiver:
        assert [deliver(client, receiver.url, identity).result for _ in range(2)] == [200, 200]
        assert receiver.presented == [(1, "hooklog"), (1, "hooklog")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("difference", "reason"), [("expired", EXPIRED), ("of an unknown issuer", UNKNOWN_ISSUER), ("for servers", KIND)]
)
def test_a_refused_certificate_is_explained(
    client: WebhookClient,
    certificates: Certificates,
    version: ssl.TLSVersion,
    difference: str,
    reason: str,
) -> None:
    context = certificates.context_for_clients()
    context.maximum_version = version
    identity = {
        "expired": lambda: issue_client("hooklog", certificates.authority, begins=-9 * DAY, ends=-DAY),
        "of an unknown issuer": lambda: issue_client("hooklog", issue("Another CA")),
        "for servers": lambda: issue("hooklog", certificates.authority),
    }[difference]()
    with receiving(context) as receiver:
        delivery = deliver(client, receiver.url, identity)
        assert explain(delivery) == reason
        assert receiver.presented == []


def test_each_alert_about_the_certificate_says_that_it_was_refused(
    client: WebhookClient, certificates: Certificates
) -> None:
    identity = issue_client("hooklog", certificates.authority)

    def explain_alert(number: int) -> str:
        def answer(connection: socket.socket) -> None:
            connection.recv(65_536)
            connection.sendall(alert(number))

        with serving(answer) as url:
            return explain(deliver(client, url, identity))

    explained = {number: explain_alert(number) for number in ALERTS}
    about = {number: text for number, text in explained.items() if "client certificate" in text}
    assert about.keys() == {41, 42, 43, 44, 45, 46, 48, 49, 116}
    assert (about[45], about[48], about[43], about[42]) == (EXPIRED, UNKNOWN_ISSUER, KIND, REFUSED)
    assert not any("requires a client certificate." in text for text in explained.values())


def test_a_certificate_requested_after_the_handshake_is_presented(
    client: WebhookClient, certificates: Certificates
) -> None:
    context = certificates.context_for_clients()
    context.post_handshake_auth = True
    context.minimum_version = ssl.TLSVersion.TLSv1_3

    def ask(secured: ssl.SSLSocket) -> None:
        secured.verify_client_post_handshake()
        secured.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        secured.recv(0)

    with receiving(context) as receiver:
        receiver.before_answer = ask
        assert deliver(client, receiver.url, issue_client("hooklog", certificates.authority)).result == 200


def test_webhooks_never_share_connections_or_certificates(client: WebhookClient, certificates: Certificates) -> None:
    """Three webhooks of one receiver, in any order and at the same time: one has no certificate."""
    identities = {name: issue_client(name, certificates.authority) for name in ("acme", "globex")}
    names = [None, "acme", "globex"] * 8

    def send(name: str | None) -> None:
        identity = identities[name] if name else None
        assert deliver(client, receiver.url, identity, name or "initech").result == 200

    with receiving(certificates.context_for_clients(requires=False)) as receiver:
        for name in names:
            send(name)
        assert receiver.names == names
        assert receiver.connections == 3
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(send, names * 3))
    by_connection: dict[int, set[str | None]] = {}
    for number, presented in receiver.presented:
        by_connection.setdefault(number, set()).add(presented)
    assert all(len(presented) == 1 for presented in by_connection.values())
    counted = {name: receiver.names.count(name) for name in (None, "acme", "globex")}
    assert set(counted.values()) == {32}


def test_two_webhooks_with_the_same_certificate_have_separate_connections(
    client: WebhookClient, certificates: Certificates
) -> None:
    identity = issue_client("shared", certificates.authority)
    with receiving(certificates.context_for_clients()) as receiver:
        for webhook_id in ("acme.orders", "acme.stock") * 2:
            assert deliver(client, receiver.url, identity, webhook_id).result == 200
        assert receiver.presented == [(1, "shared"), (2, "shared")] * 2


def test_a_replaced_certificate_takes_effect_with_the_next_request(
    client: WebhookClient, certificates: Certificates
) -> None:
    old, new = (issue_client(name, certificates.authority) for name in ("old", "new"))
    with receiving(certificates.context_for_clients(requires=False)) as receiver:
        for identity in (old, old, new, new, None, old):
            assert deliver(client, receiver.url, identity).result == 200
        assert receiver.presented == [(1, "old")] * 2 + [(2, "new")] * 2 + [(3, None), (4, "old")]


def test_another_receiver_of_the_webhook_gets_new_connections(
    client: WebhookClient, certificates: Certificates
) -> None:
    identity = issue_client("hooklog", certificates.authority)
    context = certificates.context_for_clients()
    with receiving(context) as first, receiving(context) as second:
        for receiver in (first, second, second, first):
            assert deliver(client, receiver.url, identity).result == 200
        assert (first.connections, second.connections) == (2, 1)


def test_few_webhooks_hold_their_connections_at_a_time(client: WebhookClient, certificates: Certificates) -> None:
    identity = issue_client("hooklog", certificates.authority)
    with receiving(certificates.context_for_clients()) as receiver:
        for number in range(2 * MAX_WEBHOOKS):
            assert deliver(client, receiver.url, identity, f"acme.{number}").result == 200
        deliver(client, receiver.url, identity, f"acme.{2 * MAX_WEBHOOKS - 1}")
        deliver(client, receiver.url, identity, "acme.0")
        assert receiver.connections == 2 * MAX_WEBHOOKS + 1
        wait_until(lambda: len(receiver.open) == MAX_WEBHOOKS)


@pytest.mark.parametrize("broken", ["no key", "another key", "no PEM", "no certificate", "an encrypted key"])
def test_a_broken_stored_key_is_a_failed_execution(
    client: WebhookClient, certificates: Certificates, broken: str
) -> None:
    good, other = (issue_client(name, certificates.authority) for name in ("good", "other"))
    chain, key = {
        "no key": (good.certificate_pem, b""),
        "another key": (good.certificate_pem, other.key_pem.encode()),
        "no PEM": (good.certificate_pem, b"\0\1\2"),
        "no certificate": ("", good.key_pem.encode()),
        "an encrypted key": (good.certificate_pem, good.format_key(PrivateFormat.PKCS8, b"secret").encode()),
    }[broken]
    with receiving(certificates.context_for_clients(requires=False)) as receiver:
        delivery = deliver(client, receiver.url, ClientIdentity("acme", chain, key))
        assert explain(delivery) == UNUSABLE
        assert receiver.presented == []


def test_a_certificate_is_never_sent_over_plain_http(client: WebhookClient, certificates: Certificates) -> None:
    identity = issue_client("hooklog", certificates.authority)
    received: list[bytes] = []
    arrived = threading.Event()

    def listen(connection: Any) -> None:
        received.append(connection.recv(65_536))
        arrived.set()

    with serving(listen) as url:
        assert explain(deliver(client, url.replace("https://", "http://"), identity))
        assert arrived.wait(60)
    assert b"webhook-id" not in received[0]


def test_the_key_is_in_no_file(
    client: WebhookClient, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory for temporary files cannot be written at all."""
    if not hasattr(os, "memfd_create"):
        pytest.skip("needs Linux's memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    identity = issue_client("hooklog", certificates.authority)
    with receiving(certificates.context_for_clients()) as receiver:
        assert deliver(client, receiver.url, identity).result == 200
        assert not any("client-certificate" in link for link in list_open_files())


def test_a_certificate_shows_no_key(certificates: Certificates) -> None:
    identity = issue_client("hooklog", certificates.authority)
    call = Call.from_message(Message("acme", "msg_1", "https://a.example", b"1", {}, None, 60))
    shown = repr(call._replace(identity=ClientIdentity("acme", identity.certificate_pem, identity.key_pem.encode())))
    assert "BEGIN" not in shown
