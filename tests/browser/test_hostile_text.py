"""Everything that a receiver, a producer or a link controls is shown as text.

The fixture `page` fails a test if a script ran, a dialog opened, the policy was violated, or another host than the
stack was called.
"""

import json
import re
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Open, Stack
from tests.browser.hostile import ALL, CORPUS, expect_no_elements
from tests.receiver import Receiver


def printable(hostile: str) -> str:
    return "".join(character for character in hostile if " " <= character <= "~")


def event_type(hostile: str) -> str:
    return printable(hostile).replace(" ", "/")


def test_every_field_of_a_real_delivery_is_text(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str
) -> None:
    stack.deliver(webhook_id, *[hostile_message(receiver, hostile) for hostile in CORPUS])
    page = opened(webhook_id)
    expect(page.locator("tbody tr")).to_have_count(len(CORPUS))
    for hostile in CORPUS:
        page.locator(
            "tr", has=page.locator(".event > :first-child").get_by_text(event_type(hostile), exact=True)
        ).get_by_role("button").click()
        expect_as_text(page.get_by_role("dialog"), hostile)
        expect_no_elements(page)
        page.keyboard.press("Escape")


def hostile_message(receiver: Receiver, hostile: str) -> dict[str, Any]:
    return {
        "event_type": event_type(hostile),
        "headers": {"X-Hostile": printable(hostile)},
        "payload": {hostile: [hostile]},
        "url": receiver.url("/status/500", body=hostile, header=f"X-Hostile:{printable(hostile)}"),
    }


def expect_as_text(dialog: Locator, hostile: str) -> None:
    expect(dialog.get_by_role("heading", level=2)).to_have_text(event_type(hostile))
    expect(dialog.get_by_role("group", name="Response Body")).to_have_text(hostile)
    sent = dialog.get_by_role("group", name="Request Body").text_content() or ""
    assert json.loads(sent) == {hostile: [hostile]}
    for headers in ("Request Headers", "Response Headers"):
        shown = dialog.get_by_role("group", name=headers, exact=True)
        expect(shown).to_contain_text(f"X-Hostile: {printable(hostile)}")


def test_every_field_of_an_api_response_is_text(opened: Open, page: Page) -> None:
    """Worse than the API allows: the page trusts no field of a response."""
    execution: dict[str, Any] = {"webhook_id": "demo.orders"} | dict.fromkeys(
        ("execution_id", "message_id", "event_type", "trigger", "url", "method", "result", "attempt"), ALL
    )
    execution |= {"executed_at": "2026-11-23T17:36:00Z", "duration_ms": ALL, "success": False, "hard_error": ALL}
    details = {
        "request_headers": {ALL: ALL},
        "response_headers": {ALL: ALL},
        "request_body": ALL,
        "response_body": ALL,
        "response_body_truncated": ALL,
        "response_body_bytes": ALL,
        "error": {"type": ALL, "message": ALL},
    }

    def answer(route: Route) -> None:
        listed = {"executions": [execution], "next_cursor": None}
        chain = "/messages/" in route.request.url or "executions?" in route.request.url
        route.fulfill(json=listed if chain else execution | details)

    page.route(re.compile("/executions"), answer)
    opened("demo.orders")
    expect(page.locator("tbody .event")).to_have_text(ALL * 2)
    page.get_by_role("button", name="View").click()
    expect(page.get_by_role("group", name="Response Body")).to_have_text(ALL)
    expect(page.locator(".attempts li .muted")).to_have_text(ALL)
    page.get_by_role("button", name="Resend").click()
    expect(page.get_by_text(f"Resend this message to {ALL} now?")).to_be_visible()
    expect_no_elements(page)


def test_every_parameter_of_a_link_is_text(opened: Open) -> None:
    for hostile in (ALL, *CORPUS[:4]):
        page = opened(hostile, **dict.fromkeys(("status", "from", "to", "execution", "message"), hostile))
        expect(page.locator("h2.webhook")).to_have_text(hostile)
        expect(page.locator(".state .notice")).to_have_count(1)
        expect_no_elements(page)


def test_an_api_error_is_text(opened: Open, page: Page) -> None:
    error = {"error": {"code": ALL, "message": ALL}}
    page.route("**/executions?*", lambda route: route.fulfill(status=400, json=error))
    opened("demo.orders")
    expect(page.locator(".notice p")).to_have_text(f"{ALL}.")
    expect_no_elements(page)


def test_a_webhook_id_is_escaped_in_the_api_url(opened: Open, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened("../../elsewhere?x#y")
    expect(page.locator(".notice")).to_be_visible()
    assert any(f"/webhooks/{quote('../../elsewhere?x#y', safe='')}/executions?" in url for url in asked)
