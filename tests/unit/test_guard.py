"""The guard connects only to checked addresses and sends no refused request."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.delivery import Delivery
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.errors import ErrorType, HardError
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.hostile_inputs import LOOPBACK
from tests.receiver import Receiver

MESSAGE = Message("acme.orders", "msg_1", "", b"1", {}, None, 5)
BOTH = ("https", "http")
LOCAL = parse_networks("127.0.0.1/32")


class Resolver:
    """Returns its answers in order, repeats the last, and records the look-ups."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = chain(answers, repeat(answers[-1]))
        self.looked_up: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.looked_up.append(host)
        return [_address_info(address, port) for address in next(self._answers)]


def _address_info(address: str, port: int) -> Any:
    family, more = (socket.AF_INET6, (0, 0)) if ":" in address else (socket.AF_INET, ())
    return family, socket.SOCK_STREAM, 6, "", (address, port, *more)


def send(guard: Guard, *urls: str, ca_bundle: str | None = None, timeout_seconds: float = 60) -> list[Delivery]:
    """Deliver to each URL with one client, which keeps its connections."""
    adapter = EgressAdapter(guard, ca_bundle)
    client = WebhookClient(adapter, allow_http=True, capture_limit=0)
    try:
        message = MESSAGE._replace(timeout_seconds=timeout_seconds)
        return [client.deliver(Call.from_message(message._replace(url=url)), attempt=1) for url in urls]
    finally:
        adapter.close()


def error_type(delivery: Delivery) -> ErrorType | None:
    return delivery.error.error_type if delivery.error else None


def with_host(url: str, name: str = "shop.example") -> str:
    return url.replace("127.0.0.1", name)


@pytest.mark.parametrize("host", [*LOOPBACK, "localhost", "LOCALHOST", "localhost.", "0", "0.0.0.0", "127.9.9.9"])
@pytest.mark.parametrize("scheme", BOTH)
def test_loopback_is_refused_in_every_notation(receiver: Receiver, host: str, scheme: str) -> None:
    receiver.reset()
    (delivery,) = send(Guard(), with_host(receiver.url("/status/200", https=scheme == "https"), host))
    assert (error_type(delivery), delivery.result) == (ErrorType.BLOCKED_ADDRESS, 0)
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "2852039166", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:0:1::1]", "[fd00:ec2::254]", "[fe80::1]", "[ff02::1]",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    (delivery,) = send(Guard(LOCAL), f"http://{host}/latest/meta-data/")
    assert error_type(delivery) == ErrorType.BLOCKED_ADDRESS


def test_a_blocked_port_is_refused_even_in_an_allowed_network() -> None:
    (delivery,) = send(Guard(LOCAL), "http://127.0.0.1:22/")
    assert error_type(delivery) == ErrorType.BLOCKED_ADDRESS


def test_a_name_is_resolved_once_and_that_address_connected_to(receiver: Receiver) -> None:
    receiver.reset()
    resolver = Resolver(["127.0.0.1"])
    (delivery,) = send(Guard(LOCAL, resolver), with_host(receiver.url("/status/200")))
    assert (delivery.result, resolver.looked_up) == (200, ["shop.example"])
    (request,) = receiver.requests
    assert request.header("Host") == with_host(receiver.http_url).removeprefix("http://")


def test_a_name_that_resolves_differently_is_checked_again(receiver: Receiver) -> None:
    """DNS rebinding: only the first of the two addresses is allowed."""
    receiver.reset()
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    once = receiver.url("/status/200", header="Connection:close")
    first, second = send(Guard(LOCAL, resolver), with_host(once), with_host(receiver.url("/status/200")))
    assert (first.result, error_type(second)) == (200, ErrorType.BLOCKED_ADDRESS)
    assert len(receiver.requests) == 1


def test_a_kept_connection_stays_with_the_address_that_was_checked(receiver: Receiver) -> None:
    receiver.reset()
    resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])
    deliveries = send(Guard(LOCAL, resolver), *repeat(with_host(receiver.url("/status/200")), 3))
    assert [delivery.result for delivery in deliveries] == [200, 200, 200]
    assert (len(resolver.looked_up), len({request.connection for request in receiver.requests})) == (1, 1)


def test_a_resend_on_a_new_connection_is_checked_again(receiver: Receiver) -> None:
    receiver.reset()
    resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])
    url = with_host(receiver.url("/sequence/rebound", codes="200,close,200"))
    first, second = send(Guard(LOCAL, resolver), url, url)
    assert (first.result, error_type(second), second.resent) == (200, ErrorType.BLOCKED_ADDRESS, True)
    assert len(receiver.requests) == 2


UNREACHABLE = "255.255.255.255"
"""An address without a route."""


@pytest.mark.parametrize(
    ("address", "url", "error", "words"),
    [
        (UNREACHABLE, "refused_url", ErrorType.CONNECTION_REFUSED, "is unreachable"),
        ("127.0.0.1", "refused_url", ErrorType.CONNECTION_REFUSED, "refused"),
        ("127.0.0.1", "unreachable_url", ErrorType.CONNECT_TIMEOUT, "in time"),
    ],
)
def test_the_most_specific_error_of_several_addresses_is_reported(
    receiver: Receiver, address: str, url: str, error: ErrorType, words: str
) -> None:
    """For example, not the error of an IPv6 address if the network has no IPv6."""
    for addresses in ([address, UNREACHABLE], [UNREACHABLE, address]):
        guard = Guard(parse_networks(f"127.0.0.0/8,{UNREACHABLE}/32"), Resolver(addresses))
        (delivery,) = send(guard, with_host(getattr(receiver, url)), timeout_seconds=1)
        assert delivery.error
        assert (delivery.error.error_type, words in delivery.error.message) == (error, True)


def test_connections_are_kept_for_the_guard_that_opened_them(receiver: Receiver) -> None:
    receiver.reset()
    url = receiver.url("/status/200")
    assert send(Guard(LOCAL), url)[0].success
    assert error_type(send(Guard(), url)[0]) == ErrorType.BLOCKED_ADDRESS


@pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::1"]])
def test_one_blocked_address_refuses_the_name(receiver: Receiver, addresses: list[str]) -> None:
    receiver.reset()
    (delivery,) = send(Guard(LOCAL, Resolver(addresses)), with_host(receiver.url("/status/200")))
    assert (error_type(delivery), receiver.connections) == (ErrorType.BLOCKED_ADDRESS, 0)


VPC_ADDRESSES = {
    "the VPC": "10.64.0.10",
    "a default VPC": "172.31.5.6",
    "another private range": "192.168.1.1",
    "a secondary range of the VPC": "100.64.3.4",
    "an interface endpoint": "10.64.0.140",
    "the VPC's resolver": "169.254.169.253",
    "the metadata service": "169.254.169.254",
    "the resolver over IPv6": "fd00:ec2::253",
    "a unique local address": "fd12:3456::1",
    "a subnet with DNS64": "64:ff9b::a40:a",
    "a public host behind DNS64": "64:ff9b::101:101",
}


@pytest.mark.parametrize("address", VPC_ADDRESSES.values(), ids=VPC_ADDRESSES)
def test_the_network_of_the_functions_is_unreachable_unless_allowed(address: str) -> None:
    """By address and by a name that resolves to it, such as the private DNS name of an interface endpoint."""
    host = f"[{address}]" if ":" in address else address
    named = Guard((), Resolver([address]))
    found = send(named, f"https://{host}/") + send(
        named, "https://sqs.eu-west-1.amazonaws.com/", "http://shop.example/"
    )
    assert {error_type(delivery) for delivery in found} == {ErrorType.BLOCKED_ADDRESS}
    allowed = Guard(parse_networks(f"{address}/{128 if ':' in address else 32}"), Resolver([address]))
    assert allowed.look_up("shop.example", 443, time.monotonic() + 5)[0][1][0] == address


def test_an_address_with_a_zone_is_refused() -> None:
    (delivery,) = send(Guard(resolve=Resolver(["fe80::1%lo"])), "http://shop.example/")
    assert error_type(delivery) == ErrorType.BLOCKED_ADDRESS


def test_the_next_address_is_tried_if_one_does_not_respond(receiver: Receiver) -> None:
    guard = Guard(parse_networks("127.0.0.0/8"), Resolver(["127.0.0.2", "127.0.0.1"]))
    (delivery,) = send(guard, with_host(receiver.url("/status/200")))
    assert delivery.result == 200


def test_a_name_without_addresses_is_a_failure() -> None:
    (delivery,) = send(Guard(resolve=Resolver([])), "http://shop.example/")
    assert error_type(delivery) == ErrorType.DNS_FAILURE


def test_tls_is_verified_against_the_name_and_not_the_address(receiver: Receiver) -> None:
    guard, bundle = Guard(LOCAL, Resolver(["127.0.0.1"])), str(receiver.ca_path)
    url = receiver.url("/status/200", https=True)
    (right,) = send(guard, with_host(url, "localhost"), ca_bundle=bundle)
    (wrong,) = send(guard, with_host(url, "shop.example"), ca_bundle=bundle)
    assert (right.result, error_type(wrong)) == (200, ErrorType.TLS_ERROR)


def test_a_tls_handshake_sends_the_host_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        hello = pool.submit(first_bytes, server)
        url = f"https://shop.example:{server.getsockname()[1]}/"
        (delivery,) = send(Guard(LOCAL, Resolver(["127.0.0.1"])), url)
        assert error_type(delivery) == ErrorType.TLS_ERROR
        assert b"shop.example" in hello.result()


def first_bytes(server: socket.socket) -> bytes:
    connection, _ = server.accept()
    with connection:
        return connection.recv(4096)


def test_a_names_addresses_are_not_disclosed() -> None:
    guards = [Guard(resolve=Resolver([address])) for address in ("127.0.0.1", "10.9.8.7")]
    errors = [send(guard, "https://shop.example/")[0].error for guard in guards]
    messages = {error.message for error in errors if error}
    assert len(messages) == 1
    assert not any(character.isdigit() for character in messages.pop())


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_does_not_bypass_the_guard(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    receiver.reset()
    monkeypatch.setenv(variable, receiver.http_url)
    monkeypatch.setenv("no_proxy", "")
    (delivery,) = send(Guard(), "http://169.254.169.254/")
    assert (error_type(delivery), receiver.connections) == (ErrorType.BLOCKED_ADDRESS, 0)


def test_netrc_of_the_environment_is_ignored(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    receiver.reset()
    assert send(Guard(LOCAL), receiver.url("/status/200"))[0].success
    assert receiver.requests[0].header("Authorization") is None


CHECKS: list[tuple[str, ErrorType | None]] = [
    ("https://shop.example/", None),
    ("https://1.1.1.1/", None),
    ("https://[2606:4700::1111]/", None),
    ("https://10.0.0.1/", ErrorType.BLOCKED_ADDRESS),
    ("https://0x0a.1/", ErrorType.BLOCKED_ADDRESS),
    ("https://[::ffff:10.0.0.1]/", ErrorType.BLOCKED_ADDRESS),
    ("https://shop.example:22/", ErrorType.BLOCKED_ADDRESS),
    ("http://shop.example/", ErrorType.INVALID_URL),
    ("https://a:b@shop.example/", ErrorType.INVALID_URL),
]


@pytest.mark.parametrize(("url", "expected"), CHECKS)
def test_a_url_is_checked_without_a_dns_lookup(url: str, expected: ErrorType | None) -> None:
    resolver = Resolver(["10.0.0.1"])
    assert (refusal(lambda: Guard((), resolver).check_url(url, ("https",))), resolver.looked_up) == (expected, [])


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [(["1.1.1.1", "2606:4700::1111"], None), (["1.1.1.1", "10.0.0.1"], ErrorType.BLOCKED_ADDRESS)],
)
def test_a_url_is_checked_with_a_dns_lookup(addresses: list[str], expected: ErrorType | None) -> None:
    guard = Guard(resolve=Resolver(addresses))
    assert refusal(lambda: guard.check_url("https://shop.example/", BOTH, look_up_seconds=5)) == expected


def test_a_dns_lookup_is_limited_in_time() -> None:
    released = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        released.wait(60)
        return [_address_info("1.1.1.1", 443)]

    try:
        assert (
            refusal(lambda: Guard((), resolve).check_url("https://shop.example/", BOTH, 0.01)) == ErrorType.DNS_FAILURE
        )
    finally:
        released.set()


def test_unresolvable_names_do_not_delay_others() -> None:
    """A look-up continues after its delivery timed out."""
    released = threading.Event()

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        if host != "shop.example":
            released.wait(60)
        return [_address_info("1.1.1.1", port)]

    guard = Guard((), resolve)
    try:
        for number in range(200):
            assert refusal(partial(guard.look_up, f"{number}.slow.example", 443, 0)) == ErrorType.DNS_FAILURE
        assert guard.look_up("shop.example", 443, time.monotonic() + 5)
    finally:
        released.set()


def refusal(check: Callable[[], object]) -> ErrorType | None:
    try:
        check()
    except HardError as refused:
        return refused.error_type
    return None
