"""View: one execution, with all that is kept of it."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import ORDER, OUT_OF_STOCK, Open, Stack, url_of
from tests.receiver import Receiver


def view(page: Page) -> Locator:
    page.get_by_role("button", name=re.compile("^View ")).first.click()
    return page.get_by_role("dialog")


def fact(dialog: Locator, name: str) -> Locator:
    return dialog.locator("dt", has_text=re.compile(f"^{name}$")).locator("xpath=following-sibling::dd[1]")


def block(dialog: Locator, name: str) -> Locator:
    return dialog.get_by_role("group", name=name, exact=True)


def test_a_success_shows_its_result(opened: Open, orders: str) -> None:
    dialog = view(opened(orders, status="success"))
    expect(fact(dialog, "Result")).to_have_text("200")
    expect(dialog.get_by_text("kept for failed executions only")).to_be_visible()
    expect(dialog.locator("pre")).to_have_count(0)
    expect(fact(dialog, "Hard Error")).to_have_count(0)


def test_a_failure_shows_all_that_is_kept(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    message = {"event_type": "order.paid", "headers": {"X-Shop": "berlin"}, "message_id": "msg_1"}
    stack.deliver(webhook_id, message | url_of(receiver, 500, body='{"id":12345678901234567890,"no":[]}'))
    dialog = view(opened(webhook_id))
    expect(dialog.get_by_role("heading", name="order.paid")).to_be_visible()
    expect(fact(dialog, "Result")).to_have_text("500")
    expect(fact(dialog, "Hard Error")).to_have_text("no")
    expect(fact(dialog, "Message id")).to_have_text("msg_1")
    expect(block(dialog, "Headers")).to_contain_text("X-Shop: berlin")
    expect(block(dialog, "Request Body")).to_have_text(json.dumps(ORDER, indent=2))
    expect(block(dialog, "Response Body")).to_have_text('{\n  "id": 12345678901234567890,\n  "no": []\n}')


def test_a_hard_error_says_what_went_wrong(opened: Open, orders: str, stack: Stack) -> None:
    page = opened(orders, status="failure")
    page.locator("tr", has=page.locator(".unreached")).get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(fact(dialog, "Result")).to_have_text("0 not reached")
    expect(fact(dialog, "Hard Error")).to_have_text("yes")
    expect(fact(dialog, "Error")).to_have_text("connection_refused")
    expect(fact(dialog, "Error Message")).not_to_be_empty()
    expect(block(dialog, "Request Body")).to_be_visible()
    expect(block(dialog, "Response Body")).to_have_count(0)


@pytest.mark.parametrize("name", ["Headers", "Request Body", "Response Body"])
def test_each_part_can_be_copied_as_it_was_sent(opened: Open, orders: str, name: str) -> None:
    page = opened(orders, status="failure")
    page.locator("tr", has=page.locator(".badge.failure")).get_by_role("button").click()
    page.get_by_role("button", name=f"Copy {name}", exact=True).click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    if name == "Headers":
        assert "Content-Type: application/json\n" in copied
    else:
        sent = json.dumps(ORDER, separators=(",", ":"))
        assert copied == (sent if name == "Request Body" else OUT_OF_STOCK)


BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "not UTF-8": ({"path": "/latin1", "query": {"status": 500}}, "Not UTF-8 text: shown as base64."),
    "truncated": ({"path": "/big", "query": {"status": 500, "bytes": 1_200_000}}, "the first 65.5 kB of 1.2 MB"),
    "empty": ({"path": "/status/500", "query": {}}, "empty"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_what_a_body_is_not_is_said(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, kind: str) -> None:
    target, said = BODIES[kind]
    stack.deliver(webhook_id, {"url": receiver.url(target["path"], **target["query"])})
    expect(view(opened(webhook_id)).get_by_text(said)).to_be_visible()


@pytest.mark.parametrize("body", ["[" * 60_000, "[" * 9000 + "]" * 9000, '{"a":' * 4000 + "1" + "}" * 4000])
def test_json_that_is_nested_deeply_does_no_harm(opened: Open, orders: str, page: Page, body: str) -> None:
    def answer_deeply(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"response_body": body})

    page.route("**/executions/*", answer_deeply)
    page = opened(orders, status="failure")
    shown = block(view(page), "Response Body")
    expect(shown).to_be_visible()
    text = shown.text_content() or ""
    assert "".join(text.split()) == body
    assert len(text) < 1_000_000


def test_view_has_an_address_of_its_own(opened: Open, orders: str) -> None:
    page = opened(orders, status="failure")
    view(page)
    expect(page).to_have_url(re.compile(r"&execution=\d{8}T"))
    page.reload()
    dialog = page.get_by_role("dialog")
    expect(block(dialog, "Request Body")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("execution="))


def test_an_execution_that_is_gone_is_said_to_be(opened: Open, orders: str) -> None:
    page = opened(orders, execution="20200101T000000.000000Z-00000000")
    expect(page.get_by_role("dialog").get_by_role("heading", name="No longer kept")).to_be_visible()


def test_the_details_can_be_tried_again(opened: Open, orders: str, page: Page) -> None:
    page.route("**/executions/*", lambda route: route.abort(), times=1)
    dialog = view(opened(orders, status="failure"))
    dialog.get_by_role("button", name="Try again").click()
    expect(block(dialog, "Request Body")).to_be_visible()
