"""An AWS service with faults: stands between the functions and the local one, and breaks what it is told to break."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import requests

_TARGET = "X-Amz-Target"
_FORWARDED = frozenset({"x-amz-target", "x-amz-date", "authorization"})
_JSON = "application/x-amz-json-1.0"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to DynamoDB or SQS."""

    operation: str
    body: bytes


Answer = tuple[int, bytes]
Fault = Callable[[Call], Answer | None]
"""What it answers instead of the service; None lets the call pass."""


def failing(call: Call) -> Answer:
    return 500, _error("InternalServerError")


def throttled(call: Call) -> Answer:
    return 400, _error("ProvisionedThroughputExceededException")


def unprocessed(call: Call) -> Answer | None:
    """Takes none of a batch, which is no error; reads pass."""
    if call.operation != "BatchWriteItem":
        return None
    return 200, json.dumps({"UnprocessedItems": json.loads(call.body)["RequestItems"]}).encode()


def half_processed(times: int) -> Callable[["FaultyService"], Fault]:
    """Takes all but the last item of a batch, so many times."""

    def bind(faulty: "FaultyService") -> Fault:
        left = [times]

        def fault(call: Call) -> Answer | None:
            if call.operation != "BatchWriteItem" or left[0] == 0:
                return None
            left[0] -= 1
            return faulty.keep_one_back(call)

        return fault

    return bind


def refusing_entries(call: Call) -> Answer | None:
    """SQS takes none of a batch, each for itself."""
    if call.operation != "SendMessageBatch":
        return None
    failed = [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in json.loads(call.body)["Entries"]]
    return 200, json.dumps({"Successful": [], "Failed": failed}).encode()


def _error(code: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code}).encode()


class FaultyService:
    """Forwards to `endpoint` but for the fault that is on. Counts the calls of each operation."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._fault: Fault = lambda _: None
        self._released = threading.Event()
        self._released.set()
        self.calls: Counter[str] = Counter()
        self._open: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, name="faulty-service")
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._open):  # kept by clients, whose next request would be waited for
            with suppress(OSError):  # ended meanwhile
                connection.shutdown(socket.SHUT_RD)
        self._server.server_close()
        self._session.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def breaking(self, fault: Fault) -> Iterator[None]:
        """Break it for as long as this is entered."""
        self._fault = fault
        try:
            yield
        finally:
            self._fault = lambda _: None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let no call be answered for as long as this is entered."""
        self._released.clear()
        try:
            yield
        finally:
            self._released.set()

    def keep_one_back(self, call: Call) -> Answer:
        wanted = json.loads(call.body)
        (table, items), *_ = wanted["RequestItems"].items()
        wanted["RequestItems"][table], kept = items[:-1], items[-1:]
        if wanted["RequestItems"][table]:
            headers = {_TARGET: f"DynamoDB_20120810.{call.operation}"}
            self.forward(json.dumps(wanted).encode(), headers)
        return 200, json.dumps({"UnprocessedItems": {table: kept}}).encode()

    def forward(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = self._session.post(self._endpoint, body, headers={"Content-Type": _JSON, **headers}, timeout=30)
        return answer.status_code, answer.content

    def answer(self, call: Call, headers: Mapping[str, str]) -> Answer:
        self.calls[call.operation] += 1
        if not self._released.is_set():
            self._released.wait()
            return failing(call)
        return self._fault(call) or self.forward(call.body, headers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def setup(self) -> None:
                super().setup()
                faulty._open.add(self.connection)

            def finish(self) -> None:
                faulty._open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                operation = self.headers.get(_TARGET, "").rpartition(".")[2]
                sent = {name: value for name, value in self.headers.items() if name.lower() in _FORWARDED}
                status, answer = faulty.answer(Call(operation, body), sent)
                self.send_response(status)
                self.send_header("Content-Type", _JSON)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
                """Nothing."""

        return Handler
