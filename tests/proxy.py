"""An HTTP proxy between the functions and an AWS service.

It forwards requests or responds itself.
"""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import IPPROTO_TCP, TCP_NODELAY
from types import TracebackType
from typing import Any, Final, Self

from botocore.awsrequest import AWSRequest as SdkRequest
from botocore.httpsession import URLLib3Session

_AT_ONCE: Any = [(IPPROTO_TCP, TCP_NODELAY, 1)]
"""Socket options without which a body waits for 40 ms after its headers."""

JSON: Final = {"Content-Type": "application/x-amz-json-1.0"}

_NOT_FORWARDED: Final = frozenset({"connection", "content-length", "accept-encoding", "expect"})
_KEPT: Final = ("content-type", "x-amz")


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """A request of the SDK, with the headers' original case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """The operation, for services that name it in a header: DynamoDB and SQS."""
        return self.headers.get("X-Amz-Target", "").rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class AwsResponse:
    status: int
    body: bytes
    headers: Mapping[str, str]


class Proxy:
    """Forwards to `endpoint`; a subclass can respond instead."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._open: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="proxy")
        self._session = URLLib3Session(max_pool_connections=50, socket_options=_AT_ONCE)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._open):  # clients keep them open, and the handlers would wait for a request
            with suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RD)
        self._server.server_close()
        self._session.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def respond(self, request: AwsRequest) -> AwsResponse:
        return self.forward(request)

    def forward(self, request: AwsRequest, endpoint: str = "") -> AwsResponse:
        """Forward a request to the proxy's endpoint, or to the given one.

        It is sent as the SDK sends it, so a mock AWS in this process is called without a connection.
        """
        forwarded = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_FORWARDED}
        url = f"{endpoint or self._endpoint}{request.path}"
        prepared = SdkRequest(request.method, url, forwarded, request.body).prepare()
        response = self._session.send(prepared)
        headers = {name: value for name, value in response.headers.items() if name.lower().startswith(_KEPT)}
        return AwsResponse(response.status_code, response.content, headers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5
            disable_nagle_algorithm = True  # headers and body are two packets: the second would wait 40 ms for an ACK

            def setup(self) -> None:
                super().setup()
                proxy._open.add(self.connection)

            def finish(self) -> None:
                proxy._open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                response = proxy.respond(AwsRequest(self.command, self.path, dict(self.headers.items()), body))
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - the base class says so

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
                """Do not log requests."""

        return Handler
