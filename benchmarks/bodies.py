"""The time that the History page takes to show a body of 1 MB, in Chromium.

An execution with two such bodies comes from a local server, so the time includes loading and parsing 2 MB of JSON.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from benchmarks.figures import Figure
from tests.browser.chromium import chromium
from tests.template import ROOT

RUNS: Final = 12
BODY: Final = json.dumps([{"id": number, "name": "a name", "tags": ["a", "b"]} for number in range(23_000)])
SUMMARY: Final = {
    "execution_id": "20261128T173601.123456Z-00000001", "webhook_id": "demo.orders", "message_id": "msg_1",
    "attempt": 1, "trigger": "event", "executed_at": "2026-11-28T17:36:01.123456Z", "duration_ms": 87,
    "result": 503, "success": False, "hard_error": False, "exhausted": True,
}  # fmt: skip
DETAILS: Final = {
    "url": "https://shop.example/hooks", "method": "POST", "request_headers": {}, "request_body": BODY,
    "response_headers": {}, "response_body": BODY, "response_body_truncated": False, "response_body_bytes": len(BODY),
}  # fmt: skip
TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".html": "text/html"}
PAGE: Final = """<!doctype html><link rel="icon" href="data:,"><script type="module" src="webhook-history.js"></script>
<webhook-history api="." webhook="demo.orders" token="t"></webhook-history>"""

SHOW: Final = """async () => {
    const root = document.querySelector("webhook-history").shadowRoot, tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
    observer.observe({ type: "longtask" });
    const began = performance.now();
    root.querySelector("tbody button").click();
    while (!root.querySelector(".request pre")) await new Promise((resume) => setTimeout(resume));
    await new Promise((resume) => requestAnimationFrame(() => setTimeout(resume)));
    const shown = performance.now() - began;
    for (const button of root.querySelectorAll(".cut button")) button.click();
    while (root.querySelector(".cut")) await new Promise((resume) => setTimeout(resume, 10));
    await new Promise((resume) => setTimeout(resume, 300));
    observer.disconnect();
    root.querySelector("dialog .close").click();
    return [shown, Math.max(0, ...tasks.map(({ duration }) => duration))];
}"""


def measure() -> Iterator[Figure]:
    """Measure the time to the first screen and the longest task, including that of showing everything.

    Each is the best of several runs, because other programs disturb them.
    """
    with _serve() as url, chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        page.locator("tbody button").wait_for()
        runs = [page.evaluate(SHOW) for _ in range(RUNS)]
    yield Figure("bodies: showing 1 MB", min(shown for shown, _ in runs), at_most=200, unit="ms")
    yield Figure("bodies: longest task", min(task for _, task in runs), at_most=50, unit="ms")


@contextmanager
def _serve() -> Iterator[str]:
    """Serve the component and the API of one execution."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/") or "index.html"
        suffix, content = _read(name)
        self.send_response(200)
        self.send_header("Content-Type", TYPES[suffix])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None: ...


def _read(name: str) -> tuple[str, bytes]:
    if name == "index.html":
        return ".html", PAGE.encode()
    if "/" not in name:
        return Path(name).suffix, (ROOT / "functions/history_page" / name).read_bytes()
    is_one = name.endswith(SUMMARY["execution_id"])  # type: ignore[arg-type]
    answer = SUMMARY | DETAILS if is_one else {"executions": [SUMMARY], "next_cursor": None, "intervals": []}
    return ".json", json.dumps(answer).encode()
