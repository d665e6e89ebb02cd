"""The complete requests that the receiver has received.

They are in order, from all connections.
"""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    method: str
    path: str
    """Without the query string, percent-encoded as it came."""
    query: str
    headers: list[tuple[str, str]]
    """In the order and case received, decoded as Latin-1."""
    body: bytes
    """Without its chunked framing."""
    received_at: float
    """Unix seconds, when the last byte of the body had arrived."""
    connection: int

    def header(self, name: str) -> str | None:
        """Return the first header with this name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)

    def as_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": base64.b64encode(self.body).decode(),
            "received_at": self.received_at,
            "connection": self.connection,
        }


Expected: TypeAlias = int | Callable[[list[ReceivedRequest]], bool]


class RequestLog:
    """A thread-safe log of requests. Each new one wakes the threads in wait_for()."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: list[ReceivedRequest] = []
        self._connections: set[int] = set()
        self._opened = 0
        self._visits: Counter[str] = Counter()
        self._answered: set[str] = set()
        self._closed = False

    @property
    def requests(self) -> list[ReceivedRequest]:
        with self._changed:
            return list(self._requests)

    @property
    def connections(self) -> int:
        """The number of connections opened or used since the last reset.

        Those that only read the log do not count.
        """
        with self._changed:
            return len(self._connections)

    def open_connection(self) -> int:
        with self._changed:
            self._opened += 1
            self._connections.add(self._opened)
            return self._opened

    def forget_connection(self, number: int) -> None:
        with self._changed:
            self._connections.discard(number)

    def record(self, request: ReceivedRequest) -> None:
        with self._changed:
            self._requests.append(request)
            self._connections.add(request.connection)
            self._changed.notify_all()

    def record_answer(self, path: str) -> None:
        with self._changed:
            self._answered.add(path)
            self._changed.notify_all()

    def wait_for_answer(self, path: str, timeout: float) -> None:
        """See Receiver.wait_for_answer."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or path in self._answered, timeout):
                raise TimeoutError(f"no request for {path} was answered within {timeout} s")

    def count_visit(self, sequence: str) -> int:
        """Return the number of earlier requests for this sequence, and count this one."""
        with self._changed:
            earlier = self._visits[sequence]
            self._visits[sequence] += 1
            return earlier

    def wait_for(self, expected: Expected, timeout: float, path: str | None) -> list[ReceivedRequest]:
        """See Receiver.wait_for."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_met(expected, path), timeout)
            requests = self._select(path)
            if self._is_met(expected, path):
                return requests
        wanted = f"{expected} requests" if isinstance(expected, int) else "the expected requests"
        raise TimeoutError(f"{wanted} did not arrive within {timeout} s; {len(requests)} did: {_paths(requests)}")

    def reset(self) -> None:
        with self._changed:
            self._requests.clear()
            self._connections.clear()
            self._visits.clear()
            self._answered.clear()

    def close(self) -> None:
        """End every wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _select(self, path: str | None) -> list[ReceivedRequest]:
        return [request for request in self._requests if path in {None, request.path}]

    def _is_met(self, expected: Expected, path: str | None) -> bool:
        if not isinstance(expected, int):
            return expected(self._select(path))
        return (len(self._requests) if path is None else len(self._select(path))) >= expected


def _paths(requests: list[ReceivedRequest]) -> str:
    return ", ".join(f"{path} ({count})" for path, count in Counter(r.path for r in requests).items()) or "none"
