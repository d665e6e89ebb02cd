"""States without a list, and what they tell the viewer to do."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Held, Open, Stack, register
from tests.browser.sketch import expect_like_sketch
from tests.receiver import Receiver


def expect_heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_a_skeleton_is_shown_while_loading(opened: Open, orders: str, page: Page) -> None:
    held = Held(page, "**/executions?*")
    opened(orders)
    expect(page.locator(".skeleton .bar")).to_have_count(6)
    expect(page.get_by_role("status")).to_have_text("Loading executions…")
    held.take()
    with page.expect_event("requestfailed"):  # the page has cancelled it
        page.get_by_role("radio", name="Failed").check(force=True)
    held.take().continue_()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator(".skeleton")).to_have_count(0)


def test_an_empty_history_speaks_to_the_viewer(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    reader = stack.token(webhooks=[webhook_id], scope="executions:read executions:resend webhooks:read")
    page = opened(webhook_id, token=reader)
    expect_heading(page, "No webhooks sent yet")
    expect(page.locator(".notice")).not_to_contain_text(re.compile("queue|aws|command|message", re.IGNORECASE))
    expect(page.locator(".notice button")).to_have_count(0)
    page.get_by_label("Webhooks").check(force=True)
    expect(page.get_by_text("Webhooks appear here once they are set up or have sent something.")).to_be_visible()
    page.goto("about:blank")
    manager = stack.token(webhooks=[webhook_id], scope="executions:read webhooks:manage")
    opened(webhook_id, token=manager)
    page.get_by_role("button", name="Switch").click()
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text("There is no such webhook.")).to_be_visible()
    register(stack, webhook_id, receiver.url("/status/200"))
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Send test").click()
    expect(page.locator("td.attempt")).to_have_text("1 · test")


def test_an_empty_filter_result_offers_to_show_all(opened: Open, orders: str) -> None:
    page = opened(orders, status="failure", to="2020-01-01")
    expect_heading(page, "Nothing matches")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_role("radio", name="All")).to_be_focused()
    expect(page).to_have_url(re.compile(r"/history\?hl-webhook=[^&]+$"))


def test_an_expired_token_shows_a_notice(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders, token=stack.token(seconds=-60))
    expect_heading(page, "Your access has expired")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


@pytest.mark.parametrize(
    "rights",
    [
        {"webhooks": ["acme.*"]},
        {"scope": "webhooks:read"},
    ],
)
def test_missing_permission_names_the_scope(opened: Open, stack: Stack, orders: str, rights: dict[str, Any]) -> None:
    page = opened(orders, token=stack.token(**rights))
    expect_heading(page, "No permission")
    expect(page.get_by_text("You need a token for this webhook with the scope executions:read.")).to_be_visible()


def test_an_unreachable_api_can_be_retried(opened: Open, orders: str, page: Page) -> None:
    page.route("**/executions?*", lambda route: route.abort("connectionrefused"), times=2)
    opened(orders)
    expect_heading(page, "The API cannot be reached")
    page.get_by_role("button", name="Try again").click()
    expect_heading(page, "The API cannot be reached")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_the_list_stays_when_the_next_page_fails(opened: Open, orders: str) -> None:
    page = opened(orders)
    expect(page.locator("tbody tr")).to_have_count(50)
    page.route("**/executions?*", lambda route: route.fulfill(status=502, body="<html>Bad Gateway"), times=1)
    page.get_by_role("button", name="Load more").click()
    expect_heading(page, "The API cannot be reached")
    expect(page.locator("tbody tr")).to_have_count(50)
    busy = {"error": {"code": "too_many_requests", "message": "ask more slowly"}}
    page.route("**/executions?*", lambda route: route.fulfill(status=429, json=busy), times=1)
    page.get_by_role("button", name="Try again").click()
    expect_heading(page, "Too many requests")
    expect(page.locator(".notice p")).to_have_text("Ask more slowly.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("tbody tr")).to_have_count(60)


def test_a_missing_token_or_webhook_points_to_the_application(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.outputs['ApiUrl']}/history")
    expect_heading(page, "Open this page from your application")
    page.goto(f"{stack.outputs['ApiUrl']}/history?webhook=demo.orders")
    expect_heading(page, "Open this page from your application")
    expect(page.locator(".notice")).not_to_contain_text(re.compile("#|token", re.IGNORECASE))
    page.goto("about:blank")
    page.goto(f"{stack.outputs['ApiUrl']}/history#token={stack.token()}")
    expect_heading(page, "No webhook is selected")


# How each state looks, and what a screen reader announces


def token_of(state: str, stack: Stack) -> str | None:
    rights: dict[str, dict[str, Any]] = {"expired": {"seconds": -60}, "no permission": {"webhooks": ["acme.*"]}}
    return stack.token(**rights[state]) if state in rights else None


ANNOUNCED = {
    "loading": """
        - status: Loading executions…
    """,
    "nothing yet": """
        - heading "No webhooks sent yet" [level=3]
        - paragraph: Each webhook appears here as soon as it is sent, with its result.
        - button "Send test"
        - status: No executions
    """,
    "nothing matches": """
        - heading "Nothing matches" [level=3]
        - paragraph: No execution of this webhook matches the filter.
        - button "Show all"
        - status: No executions
    """,
    "expired": """
        - heading "Your access has expired" [level=3]
        - paragraph: /^Your token expired on .+\\. Open the history again from your application, or try again\\.$/
        - button "Try again"
        - status: Your access has expired
    """,
    "unreachable": """
        - heading "The API cannot be reached" [level=3]
        - paragraph: Check your connection, then try again.
        - button "Try again"
        - status: The API cannot be reached
    """,
    "no permission": """
        - heading "No permission" [level=3]
        - paragraph: /You need a token for this webhook with the scope executions:read\\.$/
        - button "Try again"
        - status: No permission
    """,
}


@pytest.mark.parametrize("state", ANNOUNCED)
def test_each_state_fits_and_is_announced(opened: Open, stack: Stack, page: Page, state: str) -> None:
    if state == "loading":
        page.route("**/executions?*", lambda route: None)
    if state == "unreachable":
        page.route("**/executions?*", lambda route: route.abort())
    parameters = {"token": token_of(state, stack), "to": "2020-01-01" if state == "nothing matches" else ""}
    opened("page.nobody", **{name: value for name, value in parameters.items() if value})
    shown = page.locator(".skeleton" if state == "loading" else ".notice")
    expect(shown).to_be_visible()
    expect(page.locator("webhook-history")).to_match_aria_snapshot(ANNOUNCED[state])
    page.emulate_media(reduced_motion="reduce")
    for width in (1100, 360):
        page.set_viewport_size({"width": width, "height": 900})
        expect(shown).to_be_in_viewport(ratio=1)
        expect_like_sketch(shown, f"{state.replace(' ', '-')}-{width}")
        assert page.locator("webhook-history").evaluate("it => it.shadowRoot.getAnimations().length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.unroute_all(behavior="ignoreErrors")
