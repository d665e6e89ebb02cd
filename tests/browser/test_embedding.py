"""What goes wrong around the component: tokens, modules, stylesheets, and hosts that move it or load it twice."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Held, Open, Stack, register

ROWS = "tbody tr"
SET_UP = """([attributes, renew]) => {
    globalThis.asked = 0;
    globalThis.needed = [];
    addEventListener("token-needed", ({ detail }) => needed.push(detail.reason));
    const component = document.createElement("webhook-history");
    for (const [name, value] of Object.entries(attributes)) component.setAttribute(name, value);
    if (renew) component.renewToken = () => (asked += 1, eval(renew));
    document.body.append(component);
}"""


@pytest.fixture
def host(page: Page, front_end_url: str) -> Page:
    page.goto(front_end_url)
    return page


def add(page: Page, stack: Stack, webhook_id: str, renew: str = "", **attributes: str) -> None:
    page.evaluate(SET_UP, [{"api": stack.outputs["ApiUrl"], "webhook": webhook_id, **attributes}, renew])


def component_do(page: Page, script: str, *given: Any) -> None:
    page.locator("webhook-history").evaluate(f"(component, given) => {{ {script} }}", list(given))


def fail(route: Route) -> None:
    route.abort()


def top(shown: Locator) -> float:
    box = shown.bounding_box()
    assert box
    return box["y"]


def test_a_failed_refresh_shows_its_notice_next_to_refresh(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders)
    page.get_by_role("button", name="Load more").click()
    expect(page.locator(ROWS)).to_have_count(60)
    page.route("**/executions?*", fail, times=2)
    refresh = page.get_by_role("button", name="Refresh")
    refresh.click()
    notice = page.get_by_role("heading", name="The API cannot be reached")
    expect(notice).to_be_in_viewport()
    expect(page.locator(ROWS)).to_have_count(60)
    assert top(notice) < top(page.locator(ROWS).first)
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Try again").click()
    expect(refresh).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("The API cannot be reached")
    page.get_by_role("button", name="Try again").click()
    expect(notice).to_be_hidden()
    expect(page.locator(ROWS)).to_have_count(60)
    register(stack, f"{orders}.b", "https://example.com/")
    page.goto("about:blank")
    page.goto(stack.page_url(orders, stack.token(webhooks=[f"{orders}.*"], scope="webhooks:read"), view="webhooks"))
    page.get_by_role("button", name="Switch").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    page.route(re.compile(r"/webhooks\?"), fail, times=1)
    refresh.click()
    expect(notice).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="Try again").click()
    expect(notice).to_be_hidden()
    expect(page.get_by_role("listitem")).to_have_count(1)


def test_a_module_that_fails_to_load_can_be_tried_again(opened: Open, orders: str) -> None:
    page = opened(orders)
    page.route("**/execution-dialog.js", fail, times=2)
    page.locator(ROWS).first.get_by_role("button").click()
    failed = page.get_by_role("dialog", name="This part of the page could not be loaded")
    expect(failed.get_by_role("button", name="Try again")).to_be_focused()
    expect(failed.get_by_role("button", name="Reload")).to_have_count(0)
    failed.get_by_role("button", name="Try again").click()
    expect(failed.get_by_role("button", name="Reload")).to_be_visible()
    failed.get_by_role("button", name="Close").click()
    expect(failed).to_be_hidden()
    expect(page).not_to_have_url(re.compile("hl-execution"))
    page.locator(ROWS).first.get_by_role("button").click()
    expect(page.get_by_role("dialog").locator(".attempts")).to_be_visible()
    page.keyboard.press("Escape")
    page.route("**/webhook-list.js", fail, times=1)
    page.get_by_role("radio", name="Webhooks").check(force=True)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("listitem").first).to_be_visible()
    expect(page.get_by_role("heading", name="This part of the page could not be loaded")).to_be_hidden()


def test_a_token_is_renewed_once_for_all_calls(host: Page, stack: Stack, orders: str) -> None:
    first, expired = stack.token(), stack.token(seconds=-60)
    wait = "new Promise((done) => { globalThis.renewed = () => done(` \\n" + first + "\\t\\n`) })"
    add(host, stack, orders, wait, token=f"\n {expired} ")
    host.wait_for_function("typeof renewed === 'function'")
    component_do(host, "component.execution = given[0]", "x" * 40)
    expect(host.get_by_role("dialog")).to_be_visible()
    assert host.evaluate("asked") == 1
    host.evaluate("renewed()")
    expect(host.locator(ROWS)).to_have_count(50)
    expect(host.get_by_role("heading", name="Not found")).to_be_visible()
    assert host.evaluate("[asked, needed]") == [1, []]


@pytest.mark.own_context
def test_a_renewal_that_never_ends_is_given_up(host: Page, stack: Stack, orders: str) -> None:
    host.clock.install()
    add(host, stack, orders, "new Promise(() => {})")
    expect(host.locator(".skeleton")).to_be_visible()
    host.clock.fast_forward(31_000)
    expect(host.get_by_role("heading", name="Your access has expired")).to_be_visible()
    assert host.evaluate("[asked, needed]") == [1, ["missing"]]
    component_do(host, "component.token = given[0]", stack.token())
    expect(host.locator(ROWS)).to_have_count(50)


def test_the_host_answers_token_needed(host: Page, stack: Stack, orders: str) -> None:
    host.evaluate("addEventListener('token-needed', (event) => event.preventDefault())")
    add(host, stack, orders)
    expect(host.locator(".skeleton")).to_be_visible()
    component_do(host, "component.token = given[0]", stack.token(seconds=-60))
    host.wait_for_function("needed.length === 2")
    expect(host.locator(".notice")).to_have_count(0)
    component_do(host, "component.token = given[0]", stack.token())
    expect(host.locator(ROWS)).to_have_count(50)
    assert host.evaluate("needed") == ["missing", "expired"]


def test_a_notice_says_what_is_wrong_with_the_token(host: Page, stack: Stack, orders: str) -> None:
    late = int(time.time()) + 3600
    wrong = {
        "an opaque token": "The token is not valid",
        "line\nbreak": "The token is not valid",
        "a.b.c": "The token is not valid",
        stack.token(seconds=-60): "Your access has expired",
        stack.token(nbf=late): "The token is not valid yet",
    }
    add(host, stack, orders)
    expect(host.get_by_role("heading", name="Open this page from your application")).to_be_visible()
    assert host.evaluate("needed") == ["missing"]
    for token, title in wrong.items():
        component_do(host, "component.token = given[0]", token)
        expect(host.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(host.get_by_text(re.compile(r"^It is valid from \w+ \d"))).to_be_visible()


def test_moving_the_component_keeps_everything(host: Page, stack: Stack, webhook_id: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    scope = "executions:read webhooks:read webhooks:manage"
    add(host, stack, webhook_id, token=stack.token(webhooks=[webhook_id], scope=scope))
    host.get_by_role("radio", name="Webhooks").check(force=True)
    host.get_by_role("button", name=f"Edit {webhook_id}").click()
    dialog = host.get_by_role("dialog")
    dialog.get_by_label("Name").fill("typed")
    asked: list[str] = []
    host.on("request", lambda request: asked.append(request.url) if "/webhooks" in request.url else None)
    component_do(
        host, "document.body.append(document.createElement('main')); document.body.lastChild.append(component)"
    )
    expect(dialog.get_by_label("Name")).to_have_value("typed")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("it => it.matches(':modal')")
    host.keyboard.press("Escape")
    expect(host.get_by_role("alertdialog")).to_be_visible()
    host.get_by_role("button", name="Discard").click()
    expect(host.get_by_role("listitem")).to_be_visible()
    assert asked == []


LATE = """<webhook-history></webhook-history>
<script>
    globalThis.needed = 0;
    addEventListener("token-needed", () => { needed += 1; });
    const filter = { status: "failure" };
    const given = { api: "API", webhook: "WEBHOOK", filter, renewToken: () => "TOKEN" };
    Object.assign(document.querySelector("webhook-history"), given);
</script>
<script type="module" src="API/history/webhook-history.js"></script>
<script type="module" src="API/history/webhook-history.js?twice"></script>"""


def test_late_scripts_and_stylesheets(
    page: Page, front_end_pages: dict[str, str], front_end_url: str, stack: Stack, orders: str
) -> None:
    values = {"API": stack.outputs["ApiUrl"], "WEBHOOK": orders, "TOKEN": stack.token()}
    html = re.sub("API|WEBHOOK|TOKEN", lambda found: values[found[0]], LATE)
    front_end_pages["/late"] = html
    held = Held(page, "**/webhook-history.css")
    page.goto(f"{front_end_url}late", wait_until="commit")
    whole, rows = page.locator(".history"), page.locator(ROWS)
    expect(whole).to_be_hidden()
    expect(rows).to_have_count(2)
    expect(whole).to_be_visible()
    held.take()
    assert page.evaluate("needed") == 0
    assert page.evaluate("document.querySelector('webhook-history').filter.status") == "failure"
    page.unroute_all(behavior="ignoreErrors")
    page.route("**/webhook-history.css", fail)
    page.goto("about:blank")
    page.goto(f"{front_end_url}late")
    expect(whole).to_be_visible()
    expect(rows).to_have_count(2)
