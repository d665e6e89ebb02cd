"""An HTTP API that returns prepared responses over a real connection."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class FakeApi(ThreadingHTTPServer):
    """Returns `responses` in order, then by path what `pages` has, and records `requests`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.responses: list[tuple[int, dict[str, Any]]] = []
        self.pages: dict[str, dict[str, Any]] = {}
        self.headers: dict[str, str] = {}
        """Sent with each response."""
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: FakeApi

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((url.path, dict(parse_qsl(url.query)), json.loads(content or b"{}")))
        status, body = self._find(url.path)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for header in self.server.headers.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(content)

    def _find(self, path: str) -> tuple[int, dict[str, Any]]:
        if self.server.responses or not self.server.pages:
            return self.server.responses.pop(0)
        if path in self.server.pages:
            return 200, self.server.pages[path]
        return 404, {"error": {"code": "not_found", "message": "there is no such thing"}}

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class says so

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
        """Do not log requests."""


@contextmanager
def fake_api() -> Iterator[FakeApi]:
    with FakeApi() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
