"""The component's layout at any width, and in host pages whose styles would change it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Stack

WIDTHS = range(320, 1601, 40)
OUTCOMES: list[dict[str, Any]] = [
    {"result": 200, "success": True},
    {"result": 503, "success": False, "next_attempt_at": "2036-11-28T17:36:05Z"},
    {"result": 0, "success": False, "hard_error": True, "error_type": "read_timeout"},
    {"result": 0, "success": False, "hard_error": True, "error_type": "transformation_error", "exhausted": True},
    {"result": 0, "success": False, "hard_error": True, "error_type": "disabled_webhook", "exhausted": True},
]
EVENT_TYPES = ["order.created", "order.fulfillment.shipment_created", "a" * 60]
# Elements whose content is wider than they are, or that stick out of the component; and words that break in two.
FIND_CUT = """component => {
    const root = component.shadowRoot, edge = component.getBoundingClientRect(), cut = [];
    const name = (element) => `${element.localName}.${element.className}: ${element.textContent.slice(0, 40)}`;
    const shown = [...root.querySelectorAll("*")].filter((element) => element.checkVisibility());
    const dialog = root.querySelector("dialog[open]")?.getBoundingClientRect();
    for (const element of shown) {
        const [box, style] = [element.getBoundingClientRect(), getComputedStyle(element)];
        if (style.clipPath !== "none" || element.closest(".unseen, thead") && style.position === "absolute") continue;
        const outer = element.closest("dialog") ? dialog : edge;
        const isOut = box.width && outer && (box.left < outer.left - 1 || box.right > outer.right + 1);
        if (isOut && !element.closest("thead, .unseen")) cut.push(`out: ${name(element)}`);
        const hides = style.overflowX !== "visible" && !["INPUT", "TEXTAREA", "SELECT"].includes(element.nodeName);
        if (hides && element.scrollWidth > element.clientWidth + 1) cut.push(`hidden: ${name(element)}`);
        if (!element.matches("button, th, .badge, .duration, .attempt, time, legend + label span")) continue;
        for (const node of element.childNodes) {
            if (node.nodeType !== Node.TEXT_NODE) continue;
            for (const word of node.data.matchAll(/\\S+/g)) {
                const range = document.createRange();
                range.setStart(node, word.index);
                range.setEnd(node, word.index + word[0].length);
                const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
                if (tops.size > 1) cut.push(`broken: ${word[0]} in ${name(element)}`);
            }
        }
    }
    return cut.slice(0, 5);
}"""
HOSTILE = """
    html { font-size: 62.5%; }
    body { margin: 0; text-align: center; letter-spacing: .3em; word-spacing: 1em; text-transform: uppercase;
        line-height: 3; font: italic 700 30px/3 fantasy; text-indent: 3em; white-space: nowrap; cursor: wait; }
    button, table, td, h2, p { border: 5px solid red; padding: 40px; font-size: 40px; }
"""
LOOK = """component => ["tbody td.event bdi", "h2", "tbody button", "tbody td.duration"].map((selector) => {
    const element = component.shadowRoot.querySelector(selector), style = getComputedStyle(element);
    return [style.fontSize, style.fontFamily, style.fontStyle, style.fontWeight, style.letterSpacing, style.wordSpacing,
        style.textTransform, style.textAlign, style.lineHeight, style.whiteSpace, style.textIndent,
        element.getBoundingClientRect().height];
})"""


def answer(route: Route) -> None:
    now = datetime.now(UTC)
    executions = []
    for number in range(12):
        at = now - timedelta(hours=number * number)
        executions.append(
            {
                "execution_id": f"{at:%Y%m%dT%H%M%S}.000000Z-{number:08x}",
                "webhook_id": "demo.orders",
                "message_id": f"msg_{number:026d}",
                "event_type": EVENT_TYPES[number % 3],
                "attempt": number + 1,
                "trigger": ["event", "retry", "resend"][number % 3],
                "executed_at": at.isoformat(),
                "duration_ms": 87 * (number + 1) ** 3,
                "hard_error": False,
                **OUTCOMES[number % len(OUTCOMES)],
            }
        )
    route.fulfill(json={"executions": executions, "next_cursor": "more"})


def embed(page: Page, stack: Stack, front_end_url: str, style: str = "") -> None:
    """Open the component in a front end's page with this style, with a canned list."""
    page.route("**/executions?*", answer)
    page.goto(front_end_url)
    page.evaluate(
        """async ([style, api, token]) => {
            const sheet = document.createElement("style");
            sheet.textContent = style;
            const component = document.createElement("webhook-history");
            component.setAttribute("api", api);
            component.setAttribute("webhook", "demo.orders");
            component.setAttribute("token", token);
            document.body.replaceChildren(sheet, component);
        }""",
        [style, stack.outputs["ApiUrl"], stack.outputs["Token"]],
    )
    expect(page.locator("tbody tr").first).to_be_visible()


# Texts in which a character is left of the one before it, on the same line.
FIND_REORDERED = """component => {
    const texts = document.createTreeWalker(component.shadowRoot, NodeFilter.SHOW_TEXT), found = [];
    while (texts.nextNode()) {
        const { currentNode: node } = texts;
        const { parentElement: parent } = node;
        if (!parent.checkVisibility() || parent.matches("option, select, .unseen, thead *")) continue;
        let before = null;
        for (let at = 0; at < node.length; at++) {
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + 1);
            const [box] = range.getClientRects();
            if (!box?.width) continue;
            const isReordered = before && Math.abs(box.top - before.top) < 2 && box.left < before.left - 1;
            before = box;
            if (isReordered) {
                found.push(node.data);
                break;
            }
        }
    }
    return found;
}"""
# Labels from the stylesheet, which no dictionary has.
FIND_STYLED_TEXTS = """component => [...component.shadowRoot.querySelectorAll("*")].flatMap((element) =>
    ["::before", "::after"].map((name) => getComputedStyle(element, name).content)
        .filter((content) => /^"/.test(content) && /[a-z]{2}/i.test(content)))"""


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_nothing_is_cut_at_any_width(page: Page, stack: Stack, front_end_url: str, direction: str) -> None:
    embed(page, stack, front_end_url, f"html {{ direction: {direction}; }} body {{ margin: 0; }}")
    component = page.locator("webhook-history")
    page.set_viewport_size({"width": 1640, "height": 900})
    for width in WIDTHS:
        component.evaluate("(component, width) => { component.style.width = `${width}px`; }", width)
        assert component.evaluate(FIND_CUT) == [], width


def test_numbers_and_badges_read_from_left_to_right_in_a_right_to_left_page(
    page: Page, stack: Stack, front_end_url: str
) -> None:
    embed(page, stack, front_end_url, "html { direction: rtl; }")
    boxes = page.locator("tbody tr").first.evaluate(
        """row => ["time", "result", "open"].map(
            (name) => row.querySelector(`.${name}`).getBoundingClientRect().left)"""
    )
    assert boxes == sorted(boxes, reverse=True)
    component = page.locator("webhook-history")
    expect(page.locator(".chart .column").first).to_be_visible()
    for width in (1100, 360):
        page.set_viewport_size({"width": width, "height": 900})
        assert component.evaluate(FIND_REORDERED) == []


def test_labels_of_a_narrow_list_are_in_its_language(page: Page, stack: Stack, front_end_url: str) -> None:
    embed(page, stack, front_end_url)
    page.set_viewport_size({"width": 360, "height": 900})
    component = page.locator("webhook-history")
    component.evaluate("""component => {
        component.lang = "de";
        component.texts = { "column.attempt": "Der Versuch" };
    }""")
    expect(page.get_by_role("button", name="Aktualisieren")).to_be_visible()
    expect(page.locator("tbody tr").first).to_be_visible()
    assert set(component.evaluate(FIND_STYLED_TEXTS)) == {'"Der Versuch "', '"Nächster Versuch "'}


def test_styles_of_the_host_page_are_not_inherited(page: Page, stack: Stack, front_end_url: str) -> None:
    embed(page, stack, front_end_url)
    component = page.locator("webhook-history")
    plain = component.evaluate(LOOK)
    embed(page, stack, front_end_url, HOSTILE)
    assert component.evaluate(LOOK) == plain


def test_the_host_page_themes_the_component(page: Page, stack: Stack, front_end_url: str) -> None:
    theme = """
        webhook-history { --hooklog-accent: rgb(10, 120, 10); --hooklog-font: monospace; --hooklog-font-size: 20px; }
        webhook-history::part(table) { border: 3px solid rgb(1, 2, 3); }
        webhook-history::part(badge success) { background: rgb(4, 5, 6); }
    """
    embed(page, stack, front_end_url, theme)
    view = page.get_by_role("button", name="View").first
    expect(view).to_have_css("color", "rgb(10, 120, 10)")
    expect(view).to_have_css("font-family", "monospace")
    expect(page.get_by_role("button", name="Refresh")).to_have_css("font-size", "18.75px")
    expect(page.locator("table")).to_have_css("border-top", "3px solid rgb(1, 2, 3)")
    expect(page.locator("tbody .badge.success").first).to_have_css("background-color", "rgb(4, 5, 6)")


def test_the_component_follows_the_color_scheme_of_its_page(page: Page, stack: Stack, front_end_url: str) -> None:
    page.emulate_media(color_scheme="dark")
    embed(page, stack, front_end_url)
    background = page.get_by_role("button", name="Refresh")
    expect(background).to_have_css("background-color", "rgb(255, 255, 255)")
    embed(page, stack, front_end_url, "html { color-scheme: light dark; }")
    expect(background).to_have_css("background-color", "rgb(18, 22, 28)")


def test_a_hidden_component_is_hidden(page: Page, stack: Stack, front_end_url: str) -> None:
    embed(page, stack, front_end_url)
    page.locator("webhook-history").evaluate("component => { component.hidden = true; }")
    expect(page.locator("webhook-history")).to_be_hidden()
