"""A history of three thousand executions."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.conftest import Open, Stack

LOAD_ALL = """async () => {
    const more = document.querySelector("webhook-history").shadowRoot.querySelector(".more");
    while (!more.hidden) {
        scrollTo(0, document.documentElement.scrollHeight);
        more.click();
        while (more.ariaDisabled) await new Promise(requestAnimationFrame);
    }
}"""


def test_scrolling_through_three_thousand_executions(opened: Open, stack: Stack, webhook_id: str) -> None:
    now = datetime.now(UTC)
    stack.seed(
        webhook_id,
        ({"result": 500 if number % 7 == 0 else 200, "at": now - timedelta(seconds=number)} for number in range(3_000)),
    )
    page = opened(webhook_id)
    rows, more = page.locator("tbody tr"), page.locator("button.more").first
    expect(rows).to_have_count(50)
    page.evaluate(LOAD_ALL)
    expect(rows).to_have_count(3_000)
    expect(more).to_be_hidden()
    expect(page.locator(".scale")).to_contain_text("2,571 succeeded, 429 failed")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(rows.last).to_be_in_viewport()
    rows.last.locator("button").click()
    page.locator("dialog .facts").wait_for()  # expect would describe the whole page whenever it does not find it
    page.keyboard.press("Escape")
    page.evaluate("scrollTo(0, 0)")
    expect(rows.first).to_be_in_viewport()
