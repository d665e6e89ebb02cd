"""The egress guard: a webhook goes only to addresses that were checked.

A name is looked up once for a connection, all that it resolves to is checked, and what is connected to is what was
checked: a name that changes its answer in between changes nothing.
"""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final, NamedTuple

from hooklog.delivery.networks import Network, is_admitted
from hooklog.delivery.target import parse_target
from hooklog.errors import ErrorType, HardError

Address = tuple[int, Any]
"""An address family, and what `socket.connect` takes there."""

MAX_LOOKUPS: Final = 256
"""At one time. One that nobody answers goes on when its delivery is over, until the resolver gives up: some 20 s, with
ten more a second. Where they are too few, one customer's names keep another's from being found. Each holds a file
descriptor, of which Lambda gives 1,024 and kept connections take 640."""

_name_lookups = ThreadPoolExecutor(max_workers=MAX_LOOKUPS, thread_name_prefix="name-lookup")


class Guard(NamedTuple):
    """Admits public addresses and those of the networks that the deployment allows; the same ones all its life."""

    allowed: tuple[Network, ...] = ()
    resolve: Callable[..., list[Any]] = socket.getaddrinfo

    def look_up(self, host: str, port: int, ends: float) -> list[Address]:
        """The addresses of a host, each of them admitted. `ends` is a time of `time.monotonic`.

        Raises HardError: `dns_failure`, or `blocked_address` where even one of several is not admitted.
        """
        addresses = self._resolve(host, port, ends)
        if not addresses:
            raise _dns_failure("found no address")
        if not all(is_admitted(sockaddr[0], self.allowed) for _, sockaddr in addresses):
            raise _blocked()
        return addresses

    def check_url(self, url: str, schemes: tuple[str, ...], look_up_seconds: float | None = None) -> None:
        """Check a URL before anything is to be sent there: its syntax, scheme, port and, where it names one, address.

        With `look_up_seconds`, a name is looked up as well, and refused if that takes longer. What passes here is
        checked again when it is sent. Raises HardError: `invalid_url`, `blocked_address` or `dns_failure`.
        """
        target = parse_target(url, schemes)
        if target.is_address and not is_admitted(target.host, self.allowed):
            raise _blocked()
        if look_up_seconds is not None:
            self.look_up(target.host, target.port, time.monotonic() + look_up_seconds)

    def _resolve(self, host: str, port: int, ends: float) -> list[Address]:
        lookup = _name_lookups.submit(self.resolve, host, port, type=socket.SOCK_STREAM)
        try:
            answers = lookup.result(timeout=max(ends - time.monotonic(), 0))
        except FutureTimeoutError:
            lookup.cancel()
            raise _dns_failure("was not answered in time") from None
        except (OSError, UnicodeError) as error:
            raise _dns_failure("found no address") from error
        return [(family, sockaddr) for family, _, _, _, sockaddr in answers]


def _blocked() -> HardError:
    return HardError(ErrorType.BLOCKED_ADDRESS)


def _dns_failure(what: str) -> HardError:
    return HardError(ErrorType.DNS_FAILURE, f"Looking up the receiver's name {what}.")
