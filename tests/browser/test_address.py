"""The address: history entries, links, other parameters, and hosts that route themselves."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.browser.conftest import Open, Stack, register

ROWS = "tbody tr"


class Calls:
    """The requests of the API that a page has made, without their queries' values."""

    def __init__(self, page: Page) -> None:
        self.made: list[str] = []
        page.on("request", self._add)

    def _add(self, request: Request) -> None:
        path = re.search(r"/v1/(webhooks\S*)", request.url)
        if path and request.method != "OPTIONS":
            self.made.append(path[1])

    def take(self) -> list[str]:
        made, self.made = self.made, []
        return made


def entries(page: Page) -> int:
    count: int = page.evaluate("history.length")
    return count


def status(within: Page | Locator, name: str) -> Locator:
    return within.get_by_role("group", name="Status").get_by_role("radio", name=name, exact=True)


def test_back_and_forward_restore_filters_details_and_views(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders)
    expect(page.locator(ROWS)).to_have_count(50)
    calls, first = Calls(page), entries(page)
    page.get_by_role("radio", name="Failed").check(force=True)
    expect(page.locator(ROWS)).to_have_count(2)
    viewed = page.locator(ROWS).nth(1).get_by_role("button")
    viewed.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".attempts")).to_be_visible()
    assert entries(page) == first + 2
    calls.take()
    page.go_back()
    expect(dialog).to_be_hidden()
    expect(viewed).to_be_focused()
    expect(page.get_by_role("radio", name="Failed")).to_be_checked()
    assert calls.take() == []
    page.go_forward()
    expect(dialog.locator(".attempts")).to_be_visible()
    assert not any("executions?" in call for call in calls.take())
    page.reload()
    expect(dialog.locator(".attempts")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(2)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile("hl-status=failure$"))
    page.go_back()
    expect(dialog).to_be_visible()
    page.go_back()
    expect(dialog).to_be_hidden()
    page.go_back()
    expect(page.locator(ROWS)).to_have_count(50)
    expect(status(page, "All")).to_be_checked()
    page.get_by_role("radio", name="Webhooks").check(force=True)
    expect(page.get_by_role("listitem").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Open history of ")).first.focus()
    calls.take()
    page.go_back()
    expect(page.get_by_role("radio", name="History")).to_be_checked()
    expect(page.get_by_role("radio", name="History")).to_be_focused()
    expect(page.locator(ROWS)).to_have_count(50)
    page.go_forward()
    expect(page.get_by_role("listitem").first).to_be_visible()
    assert calls.take() == []


def test_back_returns_to_the_webhook_before(opened: Open, stack: Stack, webhook_id: str) -> None:
    other = f"{webhook_id}.b"
    for name in (webhook_id, other):
        register(stack, name, "https://example.com/")
    scope = "executions:read webhooks:read webhooks:manage"
    page = opened(webhook_id, token=stack.token(webhooks=[webhook_id, f"{webhook_id}.*"], scope=scope))
    expect(page.get_by_role("heading", name=webhook_id, exact=True)).to_be_visible()
    page.get_by_role("radio", name="Webhooks").check(force=True)
    opener = page.get_by_role("button", name=f"Open history of {other}", exact=True)
    opener.click()
    expect(page.get_by_role("heading", name=other, exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(rf"\?hl-webhook={other}$"))
    page.go_back()
    expect(opener).to_be_focused()
    page.get_by_role("button", name=f"Edit {other}", exact=True).click()
    expect(page.get_by_role("dialog").get_by_label("URL")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name=f"Edit {other}", exact=True)).to_be_focused()
    page.get_by_role("button", name="Add webhook").click()
    expect(page.get_by_role("dialog", name="New webhook")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.go_forward()
    expect(page.get_by_role("dialog", name="New webhook")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", name=webhook_id, exact=True)).to_be_visible()


def test_typing_a_search_adds_one_history_entry(opened: Open, orders: str) -> None:
    page = opened(orders)
    first = entries(page)
    box = page.get_by_role("searchbox", name="Message ID")
    box.press_sequentially("msg_nobody")
    assert entries(page) == first
    box.press("Enter")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert entries(page) == first + 1
    page.go_back()
    expect(page.locator(ROWS)).to_have_count(50)
    expect(box).to_have_value("")


def test_links_without_the_prefix_still_work_on_hooklogs_own_page(page: Page, stack: Stack, orders: str) -> None:
    query = f"webhook={orders}&status=failure&utm=x"
    page.goto(f"{stack.outputs['ApiUrl']}/history?{query}#token={stack.outputs['Token']}")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page).to_have_url(re.compile(rf"history\?hl-webhook={orders}&hl-status=failure&utm=x$"))


@pytest.fixture
def host(page: Page, front_end_url: str) -> Page:
    page.goto(f"{front_end_url}?status=success&q=a%20b&flag#/orders?token=theirs&token=x")
    return page


ADD = """([attributes, properties = {}]) => {
    const component = document.createElement("webhook-history");
    for (const [name, value] of Object.entries(attributes)) component.setAttribute(name, value);
    globalThis.events = [];
    for (const name of ["execution-opened", "execution-closed", "filter-changed", "view-changed", "webhook-selected"])
        document.addEventListener(name, ({ type, detail, composed }) => events.push([type, detail, composed]));
    Object.assign(component, properties);
    document.body.append(component);
}"""


def add(page: Page, stack: Stack, webhook_id: str, properties: dict[str, Any] | None = None, **attributes: str) -> None:
    given = {"api": stack.outputs["ApiUrl"], "token": stack.outputs["Token"], "webhook": webhook_id, **attributes}
    page.evaluate(ADD, [given, properties or {}])


def told(page: Page) -> list[tuple[str, Any]]:
    """Return the events since the last call."""
    events = page.evaluate("events.splice(0)")
    assert all(composed for _, _, composed in events)
    return [(name, detail) for name, detail, _ in events]


HOSTS_ADDRESS = r"\?status=success&q=a%20b&flag{}#/orders\?token=theirs&token=x$"


def test_the_hosts_address_is_left_alone(host: Page, stack: Stack, orders: str) -> None:
    host.evaluate("history.replaceState({ key: 'theirs' }, '')")
    add(host, stack, orders)
    expect(host.locator(ROWS)).to_have_count(50)
    expect(host).to_have_url(re.compile(HOSTS_ADDRESS.format("")))
    host.get_by_role("radio", name="Failed").check(force=True)
    expect(host).to_have_url(re.compile(HOSTS_ADDRESS.format("&hl-status=failure")))
    assert host.evaluate("history.state") == {"key": "theirs"}
    # a router that writes its own address drops what it does not know
    host.evaluate("history.replaceState({ key: 'routed' }, '', location.pathname + '?status=success#/paid')")
    host.locator(ROWS).first.get_by_role("button").click()
    expect(host).to_have_url(re.compile(r"\?status=success&hl-status=failure&hl-execution=[^&]+#/paid$"))
    assert host.evaluate("history.state") == {"key": "routed"}
    host.evaluate("location.hash = '#/refunds'")
    expect(host.get_by_role("dialog").locator(".attempts")).to_be_visible()
    expect(host).to_have_url(re.compile("#/refunds$"))


def test_a_base_url_of_the_host_changes_no_address(host: Page, stack: Stack, orders: str) -> None:
    host.evaluate(
        "document.head.append(Object.assign(document.createElement('base'), { href: 'https://cdn.example/' }))"
    )
    host.evaluate("token => { location.hash = `token=${token}&webhook=page.x&part=2` }", stack.outputs["Token"])
    host.evaluate(ADD, [{"api": stack.outputs["ApiUrl"]}])
    expect(host.get_by_role("heading", name="page.x")).to_be_visible()
    expect(host).to_have_url(re.compile(r"127.0.0.1:\d+/\?status=success&q=a%20b&flag&hl-webhook=page.x#part=2$"))
    host.get_by_role("radio", name="Failed").check(force=True)
    expect(host).to_have_url(re.compile(r"127.0.0.1:\d+/\?.*&hl-webhook=page.x&hl-status=failure#part=2$"))


def test_without_routing_properties_and_events_serve(host: Page, stack: Stack, orders: str) -> None:
    host.evaluate("location.hash = 'token=theirs&webhook=page.theirs'")
    address = host.url
    add(host, stack, orders, {"filter": {"status": "failure"}, "execution": "x" * 40}, routing="off")
    dialog = host.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Not found")).to_be_visible()
    expect(host.locator(ROWS)).to_have_count(2)
    assert told(host) == []
    component = host.locator("webhook-history")
    component.evaluate("it => { it.execution = null }")
    expect(dialog).to_be_hidden()
    assert told(host) == []
    host.locator(ROWS).first.get_by_role("button").click()
    expect(dialog.locator(".attempts")).to_be_visible()
    execution = component.evaluate("it => it.execution")
    assert told(host) == [("execution-opened", {"executionId": execution, "webhookId": orders})]
    host.keyboard.press("Escape")
    host.wait_for_function("events.length > 0")
    expect(dialog).to_be_hidden()
    assert told(host) == [("execution-closed", {"executionId": execution, "webhookId": orders})]
    component.evaluate("(it, id) => { it.execution = id }", execution)
    expect(dialog.locator(".attempts")).to_be_visible()
    component.evaluate("it => { it.execution = null; it.view = 'webhooks' }")
    expect(host.get_by_role("listitem").first).to_be_visible()
    component.evaluate("it => { it.view = 'history'; it.filter = null }")
    expect(host.locator(ROWS)).to_have_count(50)
    assert told(host) == []
    host.get_by_role("radio", name="Failed").check(force=True)
    host.get_by_role("radio", name="Webhooks").check(force=True)
    host.get_by_role("searchbox", name="Search").fill(orders)
    expect(host.get_by_role("listitem").filter(has_not_text=orders)).to_have_count(0)
    host.get_by_role("button", name=f"Open history of {orders}", exact=True).click()
    expect(host.locator(ROWS)).to_have_count(50)
    names = [name for name, _ in told(host)]
    assert names == ["filter-changed", "view-changed", "view-changed", "filter-changed"]
    other = host.get_by_role("button", name=re.compile("^Open history of (?!" + re.escape(orders) + ")")).first
    host.get_by_role("radio", name="Webhooks").check(force=True)
    host.get_by_role("searchbox", name="Search").fill("")
    other.click()
    expect(host.get_by_role("radio", name="History")).to_be_checked()
    assert [name for name, _ in told(host)] == ["view-changed", "webhook-selected", "view-changed"]
    assert host.url == address


def test_two_components_share_one_address(host: Page, stack: Stack, orders: str) -> None:
    add(host, stack, orders, id="one")
    add(host, stack, orders, id="two")
    add(host, stack, orders)
    one, two, third = host.locator("webhook-history").all()
    for component in (one, two, third):
        expect(component.locator(ROWS)).to_have_count(50)
    one.get_by_role("radio", name="Failed").evaluate("radio => radio.click()")
    two.get_by_role("radio", name="Succeeded").evaluate("radio => radio.click()")
    third.get_by_role("radio", name="Failed").evaluate("radio => radio.click()")
    expect(third.locator(ROWS)).to_have_count(2)
    expect(host).to_have_url(re.compile(HOSTS_ADDRESS.format("&hl-status=failure&hl-two-status=success")))
    host.go_back()
    expect(status(two, "All")).to_be_checked()
    expect(one.get_by_role("radio", name="Failed")).to_be_checked()
    expect(one.locator(ROWS)).to_have_count(2)
    expect(third.locator(ROWS)).to_have_count(2)


MANAGER = "executions:read executions:resend webhooks:read webhooks:manage"


@pytest.fixture
def editing(browser: Browser, stack: Stack, webhook_id: str) -> Iterator[Page]:
    """The form of a webhook, on a page where the browser may ask before it closes."""
    register(stack, webhook_id, "https://example.com/", name="before")
    page = browser.new_page()
    page.goto(stack.page_url(webhook_id, stack.token(webhooks=[webhook_id], scope=MANAGER), view="webhooks"))
    page.get_by_role("button", name="Edit before").click()
    expect(page.get_by_role("dialog").get_by_label("Name")).to_have_value("before")
    yield page
    page.close()


def question(page: Page) -> Locator:
    return page.get_by_role("alertdialog", name="Discard your changes?")


def test_what_was_typed_is_not_lost_unasked(editing: Page) -> None:
    page, dialog = editing, editing.get_by_role("dialog")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Edit before").click()
    name = dialog.get_by_label("Name")
    name.fill("after")
    address = page.url
    ways: dict[str, Callable[[], object]] = {
        "Escape": lambda: page.keyboard.press("Escape"),
        "outside": lambda: page.mouse.click(10, 400),
        "Close": lambda: dialog.get_by_role("button", name="Close").click(),
        "Back": page.go_back,
        "view": lambda: page.locator("webhook-history").evaluate("it => { it.view = 'history' }"),
    }
    for way, leave in ways.items():
        leave()
        expect(question(page), way).to_be_visible()
        expect(question(page).get_by_role("button", name="Keep editing")).to_be_focused()
        page.keyboard.press("Escape")
        expect(question(page), way).to_be_hidden()
        expect(name, way).to_have_value("after")
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        expect(question(page), way).to_be_hidden()
        expect(name, way).to_have_value("after")
        expect(page).to_have_url(address)
    # frameworks set properties again at each rendering
    again = "it => { it.view = 'webhooks'; it.filter = { status: 'failure' }; it.texts = {}; it.filter = null; }"
    page.locator("webhook-history").evaluate(again)
    page.go_back()
    page.go_back()
    expect(page).to_have_url(address)
    expect(question(page)).to_be_hidden()
    expect(name).to_have_value("after")
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
        asked.value.dismiss()
    assert asked.value.type == "beforeunload"
    page.go_back()
    question(page).get_by_role("button", name="Discard").click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile("hl-view=webhooks$"))
    page.go_forward()
    expect(name).to_have_value("before")
    name.fill("after")
    name.fill("before")
    dialog.get_by_label("Sample payload").fill("{}")
    dialog.get_by_label("Sample payload").fill('{\n  "order": 1042\n}')
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.reload()


def test_saving_leaves_nothing_to_ask(editing: Page) -> None:
    dialog = editing.get_by_role("dialog")
    dialog.get_by_label("Name").fill("after")
    dialog.get_by_role("button", name="Rotate secret").click()
    editing.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Rotate secret")).to_be_focused()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".panel p").first).to_have_text(re.compile("^Saved"))
    editing.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    editing.get_by_role("button", name="Add webhook").click()
    dialog.get_by_label("ID", exact=True).fill("x")
    editing.keyboard.press("Escape")
    question(editing).get_by_role("button", name="Discard").click()
    expect(dialog).to_be_hidden()
    expect(editing).to_have_url(re.compile("hl-view=webhooks$"))
