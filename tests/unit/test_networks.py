"""Public addresses, checked against IANA's special-purpose registries."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.delivery.networks import is_allowed_address, parse_networks

# Not globally reachable according to the IANA IPv4 and IPv6 Special-Purpose Address Registries.
NOT_REACHABLE = [
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24",
    "192.88.99.0/24", "192.88.99.2/32", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "240.0.0.0/4", "255.255.255.255/32",
    "::1/128", "::/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32",
    "2001:2::/48", "2001:10::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
]  # fmt: skip

# Globally reachable in that registry but refused: used for translation, tunnels or the network itself.
REFUSED_THOUGH_REACHABLE = [
    "64:ff9b::/96", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:3::/32", "2001:4:112::/48",
    "2001:20::/28", "2001:30::/28", "192.0.0.9/32", "192.0.0.10/32",
]  # fmt: skip

# From other registries: multicast, IPv4-compatible, site-local, 6bone, unallocated, and cloud-internal addresses.
REFUSED_ELSEWHERE = [
    "224.0.0.0/4", "232.1.2.3/32", "ff00::/8", "ff0e::1/128", "::/96", "::ffff:0:0:0/96", "fec0::/10", "3ffe::/16",
    "4000::/3", "e000::/4", "169.254.169.254/32", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32",
    "fd00:ec2::254/128", "fd20:ce::254/128", "fe80::a9fe:a9fe/128",
]  # fmt: skip

CARRIERS = {
    "mapped": "::ffff:{}",
    "compatible": "::{}",
    "translated": "::ffff:0:{}",
    "NAT64": "64:ff9b::{}",
    "local NAT64": "64:ff9b:1::{}",
    "ISATAP": "2a00:1450::5efe:{}",
    "unique ISATAP": "2a00:1450::200:5efe:{}",
}

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.31.196.1", "192.52.193.1", "192.88.98.255", "192.88.100.0",
    "192.167.255.255", "192.169.0.0", "192.175.48.1", "198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.114.0",
    "223.255.255.255",
    "2001:200::", "2001:4860:4860::8888", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:4700::1111",
    "2620:4f:8000::1", "2a00:1450:4001::200e", "3ffd:ffff::", "3fff:1000::",
]  # fmt: skip


@pytest.mark.parametrize("network", [*NOT_REACHABLE, *REFUSED_THOUGH_REACHABLE, *REFUSED_ELSEWHERE])
def test_a_private_network_is_refused_from_its_first_to_its_last_address(network: str) -> None:
    addresses = ip_network(network)
    for address in (addresses[0], addresses[addresses.num_addresses // 2], addresses[-1]):
        assert not is_allowed_address(str(address), ())


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_allowed_address(address, ())


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS.keys())
@pytest.mark.parametrize("carried", ["10.1.2.3", "169.254.169.254", "8.8.8.8"])
def test_an_address_that_embeds_another_is_refused(carrier: str, carried: str) -> None:
    assert not is_allowed_address(carrier.format(carried), ())


def test_6to4_and_teredo_are_refused_whatever_they_embed() -> None:
    assert not is_allowed_address("2002:0808:0808::1", ())
    assert not is_allowed_address("2001:0:4136:e378:8000:63bf:f7f7:f7f7", ())


@pytest.mark.parametrize("text", ["", "shop.example", "fe80::1%eth0", "2606:4700::1111%eth0", "1.1.1", "8.8.8.8%1"])
def test_an_invalid_address_is_refused(text: str) -> None:
    assert not is_allowed_address(text, parse_networks("0.0.0.0/0,::/0"))


def test_only_networks_that_the_deployment_allows_are_allowed() -> None:
    allowed = parse_networks(" 10.1.0.0/16, fd12::/48 ,127.0.0.1/32")
    assert all(
        is_allowed_address(each, allowed) for each in ("10.1.0.0", "10.1.255.255", "fd12::1", "127.0.0.1", "1.1.1.1")
    )
    refused = ("10.0.255.255", "10.2.0.0", "fd12:0:1::", "127.0.0.2", "::ffff:10.1.0.1", "::1", "169.254.169.254")
    assert not any(is_allowed_address(each, allowed) for each in refused)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_no_ipv4_address_is_allowed_that_python_calls_private(address: IPv4Address) -> None:
    special = address.is_private or address.is_multicast or address.is_reserved or address.is_link_local
    assert not (special and is_allowed_address(str(address), ()))


@given(st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(0, 2**125 - 1).map(lambda n: IPv6Address(n + 2**125)))
def test_no_ipv6_address_is_allowed_that_python_calls_private(address: IPv6Address) -> None:
    special = address.is_private or address.is_multicast or address.is_reserved or address.ipv4_mapped
    carries = address.sixtofour or address.teredo
    assert not ((special or carries) and is_allowed_address(str(address), ()))


@given(st.text())
def test_any_other_text_is_not_an_address(text: str) -> None:
    assert is_allowed_address(text, ()) in {True, False}
