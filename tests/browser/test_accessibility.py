"""Tests that everyone can use the page.

They cover screen readers, keyboards, dark mode, reduced motion and small screens.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import expect_accessible, violations
from tests.browser.conftest import Held, Open, Stack


def show_list(page: Page) -> None:
    expect(page.locator("tbody tr").first).to_be_visible()


def show_failure(page: Page) -> None:
    page.locator("tr", has=page.locator(".badge.failure")).first.get_by_role("button").click()
    expect(page.get_by_role("group", name="Response Body")).to_be_visible()
    expect(page.locator(".attempts")).to_be_visible()


def show_question(page: Page) -> None:
    show_failure(page)
    page.get_by_role("button", name="Resend").click()


def show_notice(page: Page) -> None:
    expect(page.locator(".notice")).to_be_visible()


SCENES = {
    "list": ({"status": "failure"}, show_list),
    "failure": ({"status": "failure"}, show_failure),
    "question": ({"status": "failure"}, show_question),
    "nothing matches": ({"to": "2020-01-01"}, show_notice),
}


@pytest.fixture
def page_without_policy(browser: Browser) -> Iterator[Page]:
    """A page without its Content-Security-Policy, so that axe can be injected.

    It has no animations, during which axe would measure the contrast.
    """
    page = browser.new_page(bypass_csp=True, reduced_motion="reduce")
    yield page
    page.close()


@pytest.mark.parametrize("scene", SCENES)
def test_no_axe_violations_and_no_sideways_scrolling(
    page_without_policy: Page, stack: Stack, orders: str, scene: str
) -> None:
    parameters, show = SCENES[scene]
    page_without_policy.goto(stack.page_url(orders, **parameters))
    show(page_without_policy)
    expect_accessible(page_without_policy)
    if scene == "list":
        expect(page_without_policy.get_by_role("button", name=re.compile("^View ")).first).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("rights", [{"seconds": -60}, {"scope": "webhooks:read"}, {}])
def test_no_axe_violations_in_notices(page_without_policy: Page, stack: Stack, rights: dict[str, Any]) -> None:
    page_without_policy.goto(stack.page_url("page.nobody", stack.token(**rights)))
    show_notice(page_without_policy)
    assert violations(page_without_policy) == []


def test_using_only_the_keyboard(opened: Open, orders: str) -> None:
    page = opened(orders)
    show_list(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="History")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Webhooks")).to_be_focused()
    expect(page.get_by_role("button", name="Add webhook")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    show_list(page)
    for control in ("Live", "Refresh"):
        page.keyboard.press("Tab")
        focused = page.get_by_label(control).or_(page.get_by_role("button", name=control)).first
        expect(focused).to_be_focused()
        expect(focused).to_have_css("outline-style", "solid")
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="All")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("label span", has_text="Failed")).to_have_css("outline-style", "solid")
    view = page.get_by_role("button", name=re.compile("^View .* 500,"))
    view.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    expect(dialog.get_by_role("group", name="Response Body")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(view).to_be_focused()


def test_the_dialog_has_a_name_and_changes_are_announced(opened: Open, orders: str) -> None:
    page = opened(orders, status="failure")
    expect(page.get_by_role("status")).to_have_text("2 executions")
    expect(page.get_by_role("table", name="Executions, newest first")).to_be_visible()
    expect(page.get_by_role("columnheader")).to_have_count(6)
    show_failure(page)
    expect(page.get_by_role("dialog", name="order.paid")).to_be_visible()


def test_dark_mode(page: Page, opened: Open, orders: str) -> None:
    page.emulate_media(color_scheme="dark")
    opened(orders)
    expect(page.locator("body")).to_have_css("background-color", "rgb(18, 22, 28)")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_reduced_motion_turns_animations_off(
    page: Page, opened: Open, orders: str, motion: Literal["reduce", "no-preference"]
) -> None:
    page.emulate_media(reduced_motion=motion)
    held = Held(page, "**/executions?*")
    opened(orders)
    expect(page.locator(".bar").first).to_have_css("animation-name", "none" if motion == "reduce" else "breathe")
    held.take().continue_()
    page.get_by_role("button", name=re.compile("^View ")).first.click()
    expect(page.get_by_role("dialog")).to_have_css("animation-name", "none" if motion == "reduce" else "arrive")
    page.unroute_all(behavior="ignoreErrors")
