"""Where the token comes from, and where it never goes."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Stack


def test_the_address_loses_the_token_at_once(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders)
    expect(page).to_have_url(f"{stack.outputs['ApiUrl']}/history?webhook={orders}")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_a_new_token_in_the_address_takes_over(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders, token=stack.token(seconds=-60))
    expect(page.get_by_role("heading", name="Your access has expired")).to_be_visible()
    page.evaluate("token => { location.hash = `token=${token}` }", stack.token())
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page).to_have_url(re.compile(r"/history\?webhook=[^#]+$"))


@pytest.fixture
def front_end(page: Page, front_end_url: str) -> Page:
    page.goto(front_end_url)
    return page


ADD = """([api, webhook, token]) => {
    const element = document.createElement("webhook-history");
    for (const [name, value] of Object.entries({ api, webhook, token })) if (value) element.setAttribute(name, value);
    document.body.append(element);
}"""


def add_element(page: Page, stack: Stack, webhook_id: str, token: str | None = None) -> None:
    page.evaluate(ADD, [stack.outputs["ApiUrl"], webhook_id, token])


def test_a_front_end_of_another_origin_gives_it_as_an_attribute(
    front_end: Page, front_end_url: str, stack: Stack, orders: str
) -> None:
    add_element(front_end, stack, orders, stack.token())
    expect(front_end.locator("tbody tr")).to_have_count(50)
    expect(front_end.locator(".badge").first).to_have_css("border-radius", "16px")
    assert front_end.url == front_end_url


def test_an_expired_token_is_renewed_by_the_front_end(front_end: Page, stack: Stack, orders: str) -> None:
    add_element(front_end, stack, orders, stack.token(seconds=-60))
    expect(front_end.get_by_role("heading", name="Your access has expired")).to_be_visible()
    front_end.evaluate(
        "token => { document.querySelector('webhook-history').renewToken = async () => token }", stack.token()
    )
    front_end.get_by_role("button", name="Try again").click()
    expect(front_end.locator("tbody tr")).to_have_count(50)


def test_a_token_is_fetched_where_there_is_none(front_end: Page, stack: Stack, orders: str) -> None:
    add_element(front_end, stack, orders)
    expect(front_end.get_by_role("heading", name="A token is needed")).to_be_visible()
    front_end.evaluate("token => { document.querySelector('webhook-history').renewToken = () => token }", stack.token())
    expect(front_end.locator("tbody tr")).to_have_count(50)


def test_a_renewal_that_fails_is_an_expired_token(front_end: Page, stack: Stack, orders: str) -> None:
    add_element(front_end, stack, orders)
    front_end.evaluate(
        "() => { document.querySelector('webhook-history').renewToken = () => Promise.reject(new Error('signed out')) }"
    )
    expect(front_end.get_by_role("heading", name="Your access has expired")).to_be_visible()


def test_another_webhook_is_shown_when_the_attribute_changes(front_end: Page, stack: Stack, orders: str) -> None:
    add_element(front_end, stack, "page.nobody", stack.token())
    expect(front_end.get_by_role("heading", name="Nothing sent yet")).to_be_visible()
    front_end.evaluate("id => document.querySelector('webhook-history').setAttribute('webhook', id)", orders)
    expect(front_end.locator("tbody tr")).to_have_count(50)
