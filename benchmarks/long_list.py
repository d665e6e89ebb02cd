"""How the History page starts and scrolls in Chromium, with a local server."""

from collections.abc import Iterator
from statistics import median
from typing import Any, Final

from playwright.sync_api import Page

from benchmarks.bodies import SUMMARY
from benchmarks.component import serve
from benchmarks.figures import Figure
from tests.browser.chromium import chromium

ROWS: Final = 5_000
STARTS: Final = 8
ONE_FRAME_MS: Final = 17

LOAD_ALL: Final = """async () => {
    const more = document.querySelector("webhook-history").shadowRoot.querySelector(".more");
    while (!more.hidden) {
        more.click();
        while (more.ariaDisabled) await new Promise(requestAnimationFrame);
    }
}"""
SCROLL: Final = """async () => {
    const frames = [];
    let last = await new Promise(requestAnimationFrame);
    for (let frame = 0; frame < 300; frame++) {
        document.scrollingElement.scrollTop += 120;
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - last);
        last = now;
    }
    return frames;
}"""
FIRST_ROW: Final = """async () => {
    while (!document.querySelector("webhook-history")?.shadowRoot?.querySelector("tbody tr")) {
        await new Promise(requestAnimationFrame);
    }
    await new Promise(requestAnimationFrame);
    return performance.now();
}"""


def measure() -> Iterator[Figure]:
    """Measure the time to the first rows, and the median frame of scrolling.

    The time is the best of several starts; 5,000 rows scroll.
    """
    with serve(_answer) as url, chromium() as browser:
        page = browser.new_page()
        starts = [_start(page, url) for _ in range(STARTS)]
        page.evaluate(LOAD_ALL)
        frames = page.evaluate(SCROLL)
    yield Figure("list: from navigation to the first rows", min(starts), at_most=300, unit="ms")
    yield Figure("list: median frame of 5,000 rows", median(frames), at_most=ONE_FRAME_MS, unit="ms")


def _start(page: Page, url: str) -> float:
    page.goto(url, wait_until="commit")
    return float(page.evaluate(FIRST_ROW))


def _answer(path: str) -> Any:
    start = int(path.partition("cursor=")[2].partition("&")[0] or 0)
    size = 200 if start else 50
    listed = [SUMMARY | {"execution_id": f"{ROWS - number:08}"} for number in range(start, min(start + size, ROWS))]
    return {"executions": listed, "next_cursor": str(start + size) if start + size < ROWS else None, "intervals": []}
