"""The egress guard: connections are made only to checked addresses.

A host name is resolved once per connection and all of its addresses are checked. The connection uses one of these
addresses, so a name that resolves differently a moment later (DNS rebinding) changes nothing.
"""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final, NamedTuple

from hooklog.delivery.networks import Network, is_allowed_address
from hooklog.delivery.target import parse_target
from hooklog.errors import ErrorType, HardError

Address = tuple[int, Any]
"""An address family, and an address for `socket.connect`."""

MAX_LOOKUPS: Final = 256
"""Concurrent DNS lookups. An unanswered one outlives its delivery, until the resolver gives up after some 20 s. With a
lower limit, one customer's names could block another's. Each uses a file descriptor, of which Lambda has 1,024 and
pooled connections use 640."""

_name_lookups = ThreadPoolExecutor(max_workers=MAX_LOOKUPS, thread_name_prefix="name-lookup")


class Guard(NamedTuple):
    """The egress guard, which rejects addresses that are neither public nor allowed."""

    allowed: tuple[Network, ...] = ()
    resolve: Callable[..., list[Any]] = socket.getaddrinfo

    def look_up(self, host: str, port: int, deadline: float) -> list[Address]:
        """Resolve a host name and check its addresses.

        `deadline` is a time of `time.monotonic`.

        Raises HardError: `dns_failure`, or `blocked_address` if any of the addresses is not allowed.
        """
        addresses = self._resolve(host, port, deadline)
        if not addresses:
            raise _dns_failure("found no address")
        if not all(is_allowed_address(sockaddr[0], self.allowed) for _, sockaddr in addresses):
            raise _blocked()
        return addresses

    def check_url(self, url: str, schemes: tuple[str, ...], look_up_seconds: float | None = None) -> None:
        """Check a URL that is being configured: syntax, scheme, port and any IP address.

        With `look_up_seconds`, also resolve and check a host name, within that time. Every delivery repeats the check.
        Raises HardError: `invalid_url`, `blocked_address` or `dns_failure`.
        """
        target = parse_target(url, schemes)
        if target.is_address and not is_allowed_address(target.host, self.allowed):
            raise _blocked()
        if look_up_seconds is not None:
            self.look_up(target.host, target.port, time.monotonic() + look_up_seconds)

    def _resolve(self, host: str, port: int, deadline: float) -> list[Address]:
        lookup = _name_lookups.submit(self.resolve, host, port, type=socket.SOCK_STREAM)
        try:
            results = lookup.result(timeout=max(deadline - time.monotonic(), 0))
        except FutureTimeoutError:
            lookup.cancel()
            raise _dns_failure("timed out") from None
        except (OSError, UnicodeError) as error:
            raise _dns_failure("found no address") from error
        return [(family, sockaddr) for family, _, _, _, sockaddr in results]


def _blocked() -> HardError:
    return HardError(ErrorType.BLOCKED_ADDRESS)


def _dns_failure(outcome: str) -> HardError:
    return HardError(ErrorType.DNS_FAILURE, f"The DNS lookup of the receiver's host name {outcome}.")
