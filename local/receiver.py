"""A sample receiver of webhooks.

/ok answers 200, /fail answers 500 with a JSON error.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_RESPONSES: dict[str, tuple[int, dict[str, Any]]] = {
    "/ok": (200, {"received": True}),
    "/fail": (500, {"error": {"code": "out_of_stock", "message": "The order could not be booked."}}),
}
_UNKNOWN = (404, {"error": {"code": "not_found", "message": "This receiver only has /ok and /fail."}})


class SampleReceiver(BaseHTTPRequestHandler):
    """Chooses its response by the path of the request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, content = _RESPONSES.get(self.path, _UNKNOWN)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Do not log requests to the terminal."""


@contextmanager
def sample_receiver() -> Iterator[str]:
    """Run the receiver on a free port of 127.0.0.1; yields its base URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SampleReceiver) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
