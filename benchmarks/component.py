"""A local server of the History page's component and of a benchmark's API."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from tests.template import ROOT

TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".html": "text/html"}
PAGE: Final = """<!doctype html><link rel="icon" href="data:,"><script type="module" src="webhook-history.js"></script>
<webhook-history api="." webhook="demo.orders" token="t"></webhook-history>"""


@contextmanager
def serve(answer: Callable[[str], Any]) -> Iterator[str]:
    """Serve a page with the component; `answer` returns JSON for a path and query."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0].strip("/") or "index.html"
            suffix, content = (".json", json.dumps(answer(self.path)).encode()) if "/" in name else _read(name)
            self.send_response(200)
            self.send_header("Content-Type", TYPES[suffix])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def _read(name: str) -> tuple[str, bytes]:
    if name == "index.html":
        return ".html", PAGE.encode()
    return Path(name).suffix, (ROOT / "functions/history_page" / name).read_bytes()
