"""The addresses that webhooks may be sent to.

They are globally reachable unicast addresses and those of the deployment's allowed networks. The lists follow IANA's
registries of special-purpose addresses. `ipaddress.is_global` differs between Python versions, and includes multicast
and addresses that embed another address.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from hooklog.errors import InvalidSetting

Network = IPv4Network | IPv6Network

_BLOCKED_IPV4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared, behind a carrier's NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a public address that is internal on every Azure host
        "169.254.0.0/16",  # link-local, where clouds serve credentials
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

_UNICAST_IPV6: Final = IPv6Network("2000::/3")
"""All global unicast addresses. This excludes loopback, mapped and compatible IPv4, NAT64, unique local, link-local,
site-local and multicast."""

_BLOCKED_IPV6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3ffe::/16",  # 6bone, returned to IANA
        "3fff::/20",  # documentation
    )
)

_ISATAP: Final = 0x0000_5EFE
_ISATAP_MASK: Final = 0xFDFF_FFFF  # without the bit that says whether the embedded address is unique

_CIDR = re.compile(r"[0-9A-Fa-f.:]+/[0-9]{1,3}", re.ASCII)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse `10.1.0.0/16,fd12::/48`. Raises InvalidSetting."""
    return tuple(_parse_network(item.strip()) for item in text.split(",")) if text.strip() else ()


def _parse_network(text: str) -> Network:
    message = f"ALLOWED_NETWORKS must be networks like 10.1.0.0/16,fd12::/48, not {text!r}"
    if not _CIDR.fullmatch(text):
        raise InvalidSetting(message)
    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidSetting(f"{message}: {error}") from None


@lru_cache(maxsize=4096)
def is_allowed_address(address: str, allowed: tuple[Network, ...]) -> bool:
    """Return whether this address is public or in an allowed network.

    False for an address with a zone, and for text that is not an address.
    """
    parsed = _parse_address(address)
    return parsed is not None and (_is_public(parsed) or any(parsed in network for network in allowed))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _BLOCKED_IPV4)
    is_blocked = _is_isatap(address) or any(address in network for network in _BLOCKED_IPV6)
    return address in _UNICAST_IPV6 and not is_blocked


def _is_isatap(address: IPv6Address) -> bool:
    """Return whether it embeds an IPv4 address (RFC 5214 section 6.1)."""
    return (int(address) >> 32) & _ISATAP_MASK == _ISATAP


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None
