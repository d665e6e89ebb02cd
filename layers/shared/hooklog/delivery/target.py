"""What a URL says: where it points, and what is asked for there.

One parser for the check and for the request: what two parsers read differently is how a check is got round.
"""

import re
import socket
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote

from hooklog.errors import ErrorType, HardError

DEFAULT_PORTS: Final = {"https": 443, "http": 80}

LEAST_OTHER_PORT: Final = 1024
"""Below it are the ports of mail, shells and the like, which a request might be made to speak to."""

_URL = re.compile(r"([A-Za-z]+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)  # RFC 3986, appendix B
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::([0-9]{0,5}))?")
_NAME = re.compile(r"(?!.{254})[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?")
_IPV4 = re.compile(r"((?:.*\.)?(?:[0-9]+|0x[0-9a-f]*))\.?")  # in every notation; no name ends in a number
_NEVER = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_CHARACTERS = "/%!$&'()*+,;=:@~"  # RFC 3986 section 3.3, apart from letters and digits


class Target(NamedTuple):
    """Where a URL points: in its ASCII form, in lower case, addresses in their usual notation."""

    url: str
    """As it is requested, without a fragment."""
    scheme: str
    host: str
    """A name, or an address without brackets."""
    port: int
    authority: str
    """What the `Host` header says."""
    path: str
    """The path and the query."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an address and no name."""
        return ":" in self.host or bool(_IPV4.fullmatch(self.host))


@lru_cache(maxsize=1024)
def parse_target(url: str, schemes: tuple[str, ...]) -> Target:
    """Parse a webhook's URL, strictly.

    Raises HardError: `invalid_url`, with what to change, or `blocked_address` for a port that no webhook goes to.
    """
    parts = _URL.fullmatch(url)
    scheme = parts[1].lower() if parts else ""
    if not parts or scheme not in schemes:
        raise _invalid(f"The URL must start with {' or '.join(f'{s}://' for s in schemes)}.")
    if _NEVER.search(url):
        raise _invalid("The URL holds a control character or an unpaired surrogate.")
    host, port = _host_and_port(parts[2], DEFAULT_PORTS[scheme])
    authority = f"[{host}]" if ":" in host else host
    if port != DEFAULT_PORTS[scheme]:
        authority += f":{port}"
    path = (_quoted(parts[3]) or "/") + (f"?{_quoted(parts[4], '?')}" if parts[4] else "")
    return Target(f"{scheme}://{authority}{path}", scheme, host, port, authority, path)


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    if not authority:
        raise _invalid("The URL names no host.")
    if "@" in authority:
        raise _invalid("The URL must not hold credentials; send them as a header.")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise _invalid("The URL's host or port is malformed.")
    return _address(parts[1]) if parts[1] else _name(parts[2]), _port(parts[3], default)


def _address(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise _invalid("The URL's host is not an IPv6 address.") from None


def _name(text: str) -> str:
    name = text.lower() if text.isascii() else _ascii_form(text)
    if not _NAME.fullmatch(name):
        raise _invalid("The URL's host is not a name that can be looked up.")
    number = _IPV4.fullmatch(name)
    return _usual_notation(number[1]) if number else name


def _ascii_form(name: str) -> str:
    import idna

    try:
        return idna.encode(name, uts46=True).decode().lower()
    except UnicodeError:
        raise _invalid("The URL's host is not a name that can be looked up.") from None


def _usual_notation(number: str) -> str:
    """`2130706433`, `0177.0.0.1`, `0x7f.1` and `127.1` are all 127.0.0.1, as inet_aton(3) and browsers read them."""
    try:
        return socket.inet_ntoa(socket.inet_aton(number))
    except OSError:
        raise _invalid("The URL's host is not an IPv4 address.") from None


def _port(text: str | None, default: int) -> int:
    port = int(text) if text else default
    if not 1 <= port <= 65_535:
        raise _invalid("The URL's port must be from 1 to 65535.")
    if port not in DEFAULT_PORTS.values() and port < LEAST_OTHER_PORT:
        message = f"The URL's port is not one that webhooks go to: those are 80, 443 and {LEAST_OTHER_PORT} to 65535."
        raise HardError(ErrorType.BLOCKED_ADDRESS, message)
    return port


def _quoted(text: str, also: str = "") -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=_PATH_CHARACTERS + also)


def _invalid(message: str) -> HardError:
    return HardError(ErrorType.INVALID_URL, message)
