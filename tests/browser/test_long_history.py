"""A history of five thousand executions, of which only the visible rows are in the document."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Open
from tests.deployment import until

COUNT = 5_000
LOAD_ALL = """async () => {
    const more = document.querySelector("webhook-history").shadowRoot.querySelector(".more");
    while (!more.hidden) {
        more.click();
        while (more.ariaDisabled) await new Promise(requestAnimationFrame);
    }
}"""
WRAP = """() => {
    const [component, box] = [document.querySelector("webhook-history"), document.createElement("div")];
    box.id = "box";
    box.style.cssText = "height: 500px; overflow: auto";
    component.before(box);
    box.append(component);
}"""
SCROLL = "([selector, top]) => (document.querySelector(selector) ?? document.scrollingElement).scrollTo(0, top)"
REFRESH = """() => [...document.querySelector("webhook-history").shadowRoot.querySelectorAll("button")]
    .find(({ textContent }) => textContent === "Refresh").click()"""


def summarize(number: int, at: datetime) -> dict[str, Any]:
    """A summary; every third has an event type that takes several lines of a narrow row."""
    return {
        "execution_id": f"{at:%Y%m%dT%H%M%S.%f}Z-{number:08x}",
        "webhook_id": "page.long",
        "message_id": f"msg_{number}",
        "event_type": "order.shipped" if number % 3 else "order.shipment_" + "updated_" * 12,
        "attempt": 1,
        "trigger": "event",
        "executed_at": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "duration_ms": 87,
        "result": 200,
        "success": True,
        "hard_error": False,
    }


@pytest.fixture
def executions(page: Page) -> list[dict[str, Any]]:
    """What the API lists, newest first."""
    now = datetime.now(UTC)
    listed = [summarize(number, now - timedelta(seconds=30 * number)) for number in range(COUNT)]

    def answer(route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        found = [each for each in listed if each["executed_at"] >= query.get("from", "")]
        start, limit = int(query.get("cursor", 0)), int(query["limit"])
        following = str(start + limit) if start + limit < len(found) else None
        route.fulfill(json={"executions": found[start : start + limit], "next_cursor": following})

    page.route("**/executions?*", answer)
    page.route("**/stats?*", lambda route: route.fulfill(status=404, json={}))
    page.route(re.compile("/executions/"), lambda route: route.fulfill(json=listed[-1]))
    return listed


def rows(page: Page) -> Locator:
    return page.locator("tbody tr")


def wait_until_measured(page: Page) -> list[Any]:
    """Wait until each row follows the one before: its height is known one frame after it is drawn."""
    return until(
        lambda: rows(page).evaluate_all("all => all.map(row => [row.getBoundingClientRect(), +row.ariaRowIndex])"),
        lambda shown: all(
            following == at + 1 and abs(one["bottom"] - other["top"]) <= 1
            for (one, at), (other, following) in pairwise(shown)
        ),
    )


@pytest.mark.parametrize(("scroller", "width"), [("window", 1100), ("window", 360), ("#box", 1100)])
def test_only_visible_rows_are_in_the_document(
    opened: Open, page: Page, executions: list[dict[str, Any]], scroller: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    opened("page.long")
    expect(rows(page)).to_have_count(50)
    if scroller == "#box":
        page.evaluate(WRAP)
        expect(rows(page)).to_have_count(50)
    page.evaluate(LOAD_ALL)
    expect(page.get_by_role("status")).to_have_text("5,000 executions")
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", str(COUNT + 1))
    expect(page.locator("[aria-rowindex='2']")).to_be_in_viewport()
    assert rows(page).count() < 100

    page.evaluate(SCROLL, [scroller, 150_000])
    expect(page.locator("tbody tr:nth-child(8)")).to_be_in_viewport()
    assert len(wait_until_measured(page)) < 100

    last = page.locator(f"[aria-rowindex='{COUNT + 1}'] button")
    expect(last).to_have_count(0)
    page.evaluate(SCROLL, [scroller, 10_000_000])
    expect(last).to_be_in_viewport()
    last.focus()
    page.evaluate(SCROLL, [scroller, 0])
    expect(page.locator("[aria-rowindex='2']")).to_be_in_viewport()
    expect(last).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(f"[aria-rowindex='{COUNT}'] button")).to_be_focused()
    expect(page.locator(f"[aria-rowindex='{COUNT}']")).to_be_in_viewport()
    assert rows(page).count() < 100


def test_new_executions_do_not_move_what_the_viewer_reads(
    opened: Open, page: Page, executions: list[dict[str, Any]]
) -> None:
    opened("page.long")
    expect(rows(page)).to_have_count(50)
    page.evaluate(LOAD_ALL)
    page.evaluate(SCROLL, ["window", 60_000])
    read = page.locator("tbody tr:nth-child(10)")
    expect(read).to_be_in_viewport()
    wait_until_measured(page)
    message = read.locator(".id").text_content() or ""
    read = rows(page).filter(has=page.locator(".id", has_text=re.compile(f"^{message}$")))
    before = read.bounding_box()
    now = datetime.now(UTC)
    executions[:0] = [summarize(10_000 + number, now + timedelta(seconds=9 - number)) for number in range(9)]
    page.evaluate(REFRESH)
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", str(COUNT + 10))
    after = read.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1
