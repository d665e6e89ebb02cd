"""The URL parser.

The check and the request use the same parser, because a difference between two parsers would bypass the check.
"""

import re
import socket
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote

from hooklog.errors import ErrorType, HardError

DEFAULT_PORTS: Final = {"https": 443, "http": 80}

MIN_OTHER_PORT: Final = 1024
"""Lower ports belong to mail, SSH and similar services, which a crafted request might attack."""

_URL = re.compile(r"([A-Za-z]+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)  # RFC 3986, appendix B
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::([0-9]{0,5}))?")
_NAME = re.compile(r"(?!.{254})[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?")
_IPV4 = re.compile(r"((?:.*\.)?(?:[0-9]+|0x[0-9a-f]*))\.?")  # in every notation; no host name ends in a number
_FORBIDDEN_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_CHARACTERS = "/%!$&'()*+,;=:@~"  # RFC 3986 section 3.3, apart from letters and digits


class Target(NamedTuple):
    """A parsed URL: ASCII, lower case, IP addresses in their usual notation."""

    url: str
    """The URL without its fragment."""
    scheme: str
    host: str
    """A name, or an IP address without brackets."""
    port: int
    authority: str
    """The value of the `Host` header."""
    path: str
    """The path and the query."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address and not a name."""
        return ":" in self.host or bool(_IPV4.fullmatch(self.host))


@lru_cache(maxsize=1024)
def parse_target(url: str, schemes: tuple[str, ...]) -> Target:
    """Parse a webhook's URL, strictly.

    Raises HardError: `invalid_url`, with what to change, or `blocked_address` for a port that is not allowed.
    """
    parts = _URL.fullmatch(url)
    scheme = parts[1].lower() if parts else ""
    if not parts or scheme not in schemes:
        raise _invalid(f"The URL must start with {' or '.join(f'{s}://' for s in schemes)}.")
    if _FORBIDDEN_CHARACTERS.search(url):
        raise _invalid("The URL contains a control character or an unpaired surrogate.")
    host, port = _parse_authority(parts[2], DEFAULT_PORTS[scheme])
    authority = f"[{host}]" if ":" in host else host
    if port != DEFAULT_PORTS[scheme]:
        authority += f":{port}"
    path = (_percent_encode(parts[3]) or "/") + (f"?{_percent_encode(parts[4], '?')}" if parts[4] else "")
    return Target(f"{scheme}://{authority}{path}", scheme, host, port, authority, path)


def _parse_authority(authority: str, default_port: int) -> tuple[str, int]:
    if not authority:
        raise _invalid("The URL has no host.")
    if "@" in authority:
        raise _invalid("The URL must not contain credentials. Send them in a header.")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise _invalid("The URL's host or port is malformed.")
    return _parse_ipv6(parts[1]) if parts[1] else _parse_name(parts[2]), _parse_port(parts[3], default_port)


def _parse_ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise _invalid("The URL's host is not an IPv6 address.") from None


def _parse_name(text: str) -> str:
    name = text.lower() if text.isascii() else _to_ascii(text)
    if not _NAME.fullmatch(name):
        raise _invalid("The URL's host is not a valid host name.")
    number = _IPV4.fullmatch(name)
    return _normalize_ipv4(number[1]) if number else name


def _to_ascii(name: str) -> str:
    import idna

    try:
        return idna.encode(name, uts46=True).decode().lower()
    except UnicodeError:
        raise _invalid("The URL's host is not a valid host name.") from None


def _normalize_ipv4(number: str) -> str:
    """Normalize an IPv4 address in any notation, like inet_aton(3) and browsers.

    For example, `2130706433`, `0177.0.0.1`, `0x7f.1` and `127.1` become 127.0.0.1.
    """
    try:
        return socket.inet_ntoa(socket.inet_aton(number))
    except OSError:
        raise _invalid("The URL's host is not an IPv4 address.") from None


def _parse_port(text: str | None, default: int) -> int:
    port = int(text) if text else default
    if not 1 <= port <= 65_535:
        raise _invalid("The URL's port must be from 1 to 65535.")
    if port not in DEFAULT_PORTS.values() and port < MIN_OTHER_PORT:
        message = f"The URL's port is not allowed. Use 80, 443 or {MIN_OTHER_PORT} to 65535."
        raise HardError(ErrorType.BLOCKED_ADDRESS, message)
    return port


def _percent_encode(text: str, also_safe: str = "") -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=_PATH_CHARACTERS + also_safe)


def _invalid(message: str) -> HardError:
    return HardError(ErrorType.INVALID_URL, message)
