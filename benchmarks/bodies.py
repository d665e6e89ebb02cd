"""The time that the History page takes to show a body of 1 MB, in Chromium.

An execution with two such bodies comes from a local server, so the time includes loading and parsing 2 MB of JSON.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.component import serve
from benchmarks.figures import Figure
from tests.browser.chromium import chromium

RUNS: Final = 12
BODY: Final = json.dumps([{"id": number, "name": "a name", "tags": ["a", "b"]} for number in range(23_000)])
SUMMARY: Final[dict[str, Any]] = {
    "execution_id": "20261128T173601.123456Z-00000001", "webhook_id": "demo.orders", "message_id": "msg_1",
    "attempt": 1, "trigger": "event", "executed_at": "2026-11-28T17:36:01.123456Z", "duration_ms": 87,
    "result": 503, "success": False, "hard_error": False, "exhausted": True,
}  # fmt: skip
DETAILS: Final[dict[str, Any]] = {
    "url": "https://shop.example/hooks", "method": "POST", "request_headers": {}, "request_body": BODY,
    "response_headers": {}, "response_body": BODY, "response_body_truncated": False, "response_body_bytes": len(BODY),
}  # fmt: skip
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
    """Measure the time to the first screen and the longest task.

    That includes showing everything. Each is the best of several runs, because other programs disturb them.
    """
    with serve(_answer) as url, chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        page.locator("tbody button").wait_for()
        runs = [page.evaluate(SHOW) for _ in range(RUNS)]
    yield Figure("bodies: showing 1 MB", min(shown for shown, _ in runs), at_most=200, unit="ms")
    yield Figure("bodies: longest task", min(task for _, task in runs), at_most=50, unit="ms")


def _answer(path: str) -> Any:
    is_one = path.endswith(SUMMARY["execution_id"])
    return SUMMARY | DETAILS if is_one else {"executions": [SUMMARY], "next_cursor": None, "intervals": []}
