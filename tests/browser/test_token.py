"""Where the token comes from, and where it must not appear."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Stack, register, url_of
from tests.browser.sketch import expect_like_sketch
from tests.receiver import Receiver
from tests.template import ROOT

NO_STORAGE = """Object.defineProperty(window, "sessionStorage", {
    get() { throw new DOMException("blocked", "SecurityError") }
})"""


def test_the_token_is_removed_from_the_address(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders)
    expect(page).to_have_url(f"{stack.outputs['ApiUrl']}/history?hl-webhook={orders}")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_a_new_token_in_the_address_replaces_an_expired_one(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders, token=stack.token(seconds=-60, webhooks=["evil.*"]))
    expect(page.get_by_role("heading", name="Your access has expired")).to_be_visible()
    page.evaluate("token => { location.hash = `token=${token}` }", stack.token())
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page).to_have_url(re.compile(r"/history\?hl-webhook=[^#]+$"))


def test_the_token_is_removed_without_session_storage(opened: Open, page: Page, stack: Stack, orders: str) -> None:
    page.add_init_script(NO_STORAGE)
    opened(orders)
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page).to_have_url(f"{stack.outputs['ApiUrl']}/history?hl-webhook={orders}")


MINE: dict[str, Any] = {"webhooks": ["page.*"], "scope": "executions:read", "sub": "alice"}
OTHERS: list[dict[str, Any]] = [
    {"webhooks": ["evil.*"]},
    {"webhooks": ["page.*", "evil.*"]},
    {"scope": "executions:read webhooks:manage"},
    {"sub": "mallory"},
]
NO_TOKENS = ["theirs", "a.b.c", "eyJ.bnVsbA.x"]


def follow(page: Page, stack: Stack, webhook_id: str, token: str) -> None:
    """Follow a link in a tab that already has a session."""
    page.goto("about:blank")
    page.goto(stack.page_url(webhook_id, token))


def reload_and_get_token(page: Page, stack: Stack, webhook_id: str) -> str:
    """Reload; return the token of the API call, and expect no question."""
    with page.expect_request("**/executions?*") as asked:
        page.reload()
    expect(page).to_have_url(f"{stack.outputs['ApiUrl']}/history?hl-webhook={webhook_id}")
    expect(page.get_by_role("alert")).to_be_hidden()
    return asked.value.headers["authorization"].removeprefix("Bearer ")


def test_a_link_with_other_access_does_not_replace_the_session(page: Page, stack: Stack, orders: str) -> None:
    mine = stack.token(**MINE)
    page.goto(stack.page_url(orders, mine))
    expect(page.locator("tbody tr")).to_have_count(50)
    used: set[str] = set()
    page.on("request", lambda request: used.add(request.headers.get("authorization", mine)))
    for other in [stack.token(**{**MINE, **theirs}) for theirs in OTHERS] + NO_TOKENS:
        follow(page, stack, "page.theirs", other)
        expect(page.get_by_role("alert")).to_contain_text("Switch to the access in this link?")
        expect(page).to_have_url(f"{stack.outputs['ApiUrl']}/history?hl-webhook=page.theirs")
        expect(page.get_by_role("heading", name="page.theirs")).to_be_visible()
        page.get_by_role("button", name="Keep mine").click()
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(page.get_by_role("heading", name="page.theirs")).to_be_visible()
    assert reload_and_get_token(page, stack, "page.theirs") == mine
    assert used == {mine, f"Bearer {mine}"}


def test_switching_to_the_access_of_a_link(page: Page, stack: Stack, orders: str) -> None:
    page.goto(stack.page_url("page.mine", stack.token(**MINE)))
    expect(page.get_by_role("heading", name="page.mine")).to_be_visible()
    other = stack.token(webhooks=[orders])
    follow(page, stack, orders, other)
    page.get_by_role("button", name="Switch").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(50)
    assert reload_and_get_token(page, stack, orders) == other


@pytest.mark.parametrize("blocked", [False, True], ids=["kept", "not kept"])
def test_a_link_in_the_open_page_asks_too(page: Page, stack: Stack, orders: str, blocked: bool) -> None:
    if blocked:
        page.add_init_script(NO_STORAGE)
    mine, other = stack.token(**MINE), stack.token(**{**MINE, "webhooks": ["evil.*"]})
    page.goto(stack.page_url(orders, mine))
    expect(page.locator("tbody tr")).to_have_count(50)
    for answer in ("Keep mine", "Switch"):
        page.evaluate("fragment => { location.hash = fragment }", urlencode({"token": other, "webhook": "page.theirs"}))
        expect(page.get_by_role("alert")).to_be_visible()
        with page.expect_request("**/executions?*") as asked:
            page.get_by_role("button", name=answer).click()
        expect(page).to_have_url(re.compile(r"/history\?hl-webhook=page.theirs$"))
    assert asked.value.headers["authorization"] == f"Bearer {other}"


def test_a_links_execution_opens_after_the_choice(page: Page, stack: Stack, orders: str) -> None:
    page.goto(stack.page_url(orders, stack.token(**MINE)))
    expect(page.locator("tbody tr")).to_have_count(50)
    page.goto("about:blank")
    execution = "20261123T173600.123456Z-9f3a2c1d"
    page.goto(stack.page_url(orders, stack.token(webhooks="*"), execution=execution))
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Keep mine").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_renewed_token_replaces_the_session(page: Page, stack: Stack, orders: str) -> None:
    page.goto(stack.page_url(orders, stack.token(**MINE)))
    expect(page.get_by_role("heading", name=orders)).to_be_visible()
    newer = stack.token(**MINE, seconds=7200)
    follow(page, stack, orders, newer)
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert reload_and_get_token(page, stack, orders) == newer


def test_the_question_fits(page: Page, stack: Stack, orders: str) -> None:
    page.goto(stack.page_url(orders, stack.token(**MINE)))
    expect(page.locator("tbody tr")).to_have_count(50)
    follow(page, stack, orders, stack.token(webhooks="*"))
    question = page.get_by_role("alert").locator(".notice")
    for width in (1100, 360):
        page.set_viewport_size({"width": width, "height": 900})
        expect(question).to_be_in_viewport(ratio=1)
        expect_like_sketch(question, f"other-access-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


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


def read_example(file: str, language: str, **values: str) -> str:
    """Return a document's first example, with its placeholders replaced."""
    example = (ROOT / file).read_text().split(f"```{language}\n")[1].split("```")[0]
    for own, value in values.items():
        assert own in example
        example = example.replace(own, value)
    return example


def read_two_lines(stack: Stack, webhook_id: str, token: str) -> str:
    places = {"https://<api>/v1": stack.outputs["ApiUrl"], "acme.orders": webhook_id, "<token>": token}
    return read_example("README.md", "html", **places)


def test_two_lines_embed_the_component_on_another_origin(
    page: Page,
    front_end_pages: dict[str, str],
    front_end_url: str,
    stack: Stack,
    receiver: Receiver,
    webhook_id: str,
) -> None:
    stack.deliver(webhook_id, url_of(receiver, 500))
    front_end_pages["/two-lines"] = read_two_lines(stack, webhook_id, stack.outputs["Token"])
    page.goto(f"{front_end_url}two-lines")
    expect(page.locator("tbody .badge")).to_have_css("border-radius", "16px")
    assert page.url == f"{front_end_url}two-lines"
    page.get_by_role("button", name=re.compile("^View ")).click()
    page.get_by_role("button", name="Erase").click()
    page.get_by_role("button", name="Erase").last.click()
    expect(page.get_by_text("The headers and bodies of this execution were erased.")).to_be_visible()


def test_renew_token_may_be_set_before_the_component_loads(
    page: Page, front_end_pages: dict[str, str], front_end_url: str, stack: Stack, orders: str
) -> None:
    html = read_two_lines(stack, orders, "").replace(' token=""', "")
    front_end_pages["/renewing"] = f"{html}<script>{read_example('docs/history-page.md', 'js')}</script>"
    tokens = [stack.token(seconds=-60), stack.token(scope="executions:read webhooks:read")]
    page.route("**/hooklog-token", lambda route: route.fulfill(body=tokens.pop(0)))
    page.goto(f"{front_end_url}renewing")
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_role("radio", name="Webhooks")).to_have_count(1)
    assert tokens == []


def test_changing_the_token_attribute_keeps_the_list(front_end: Page, stack: Stack, orders: str) -> None:
    def give(token: str) -> None:
        front_end.evaluate("token => document.querySelector('webhook-history').setAttribute('token', token)", token)

    add_element(front_end, stack, orders, stack.token(seconds=-60))
    expect(front_end.get_by_role("heading", name="Your access has expired")).to_be_visible()
    give(stack.token())
    front_end.get_by_role("button", name="Load more").click()
    expect(front_end.locator("tbody tr")).to_have_count(60)
    newer = stack.token(seconds=7200)
    give(newer)
    expect(front_end.locator("tbody tr")).to_have_count(60)
    with front_end.expect_request("**/executions?*") as asked:
        front_end.get_by_role("button", name="Refresh").click()
    assert asked.value.headers["authorization"] == f"Bearer {newer}"
    expect(front_end.locator("tbody tr")).to_have_count(60)


@pytest.mark.own_context
def test_removing_and_inserting_the_component(front_end: Page, front_end_url: str, stack: Stack, orders: str) -> None:
    front_end.clock.install()
    add_element(front_end, stack, orders, stack.token())
    front_end.get_by_role("switch", name="Live").check()
    front_end.get_by_role("button", name=re.compile("^View ")).first.click()
    expect(front_end.locator(".attempts")).to_be_visible()
    front_end.evaluate("""() => {
        globalThis.fetched = fetch;
        globalThis.asked = [];
        globalThis.fetch = (...request) => asked.push(request);
        globalThis.taken = document.querySelector("webhook-history");
        taken.remove();
    }""")
    front_end.evaluate("location.hash = 'token=theirs'")
    front_end.clock.fast_forward("05:00")
    assert front_end.url.endswith("#token=theirs")
    assert front_end.evaluate("asked") == []
    front_end.evaluate("globalThis.fetch = fetched; location.hash = ''; document.body.append(taken)")
    expect(front_end.locator("tbody tr")).to_have_count(50)
    dialog = front_end.get_by_role("dialog")
    expect(dialog.locator(".attempts")).to_be_visible()
    assert dialog.evaluate("it => it.matches(':modal')")


def test_opening_the_history_of_each_webhook(front_end: Page, stack: Stack, webhook_id: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    register(stack, f"{webhook_id}.b", "https://example.com/")
    scope = "executions:read webhooks:read"
    add_element(front_end, stack, webhook_id, stack.token(webhooks=[webhook_id, f"{webhook_id}.*"], scope=scope))
    for opened in (webhook_id, f"{webhook_id}.b"):
        front_end.get_by_role("radio", name="Webhooks").check(force=True)
        front_end.get_by_role("button", name=f"Open history of {opened}", exact=True).click()
        expect(front_end.get_by_role("heading", name=opened, exact=True)).to_be_visible()
        expect(front_end.get_by_role("heading", name="No webhooks sent yet")).to_be_visible()


def test_renewing_an_expired_token(front_end: Page, stack: Stack, orders: str) -> None:
    add_element(front_end, stack, orders, stack.token(seconds=-60))
    expect(front_end.get_by_role("heading", name="Your access has expired")).to_be_visible()
    front_end.evaluate(
        "token => { document.querySelector('webhook-history').renewToken = async () => token }", stack.token()
    )
    front_end.get_by_role("button", name="Try again").click()
    expect(front_end.locator("tbody tr")).to_have_count(50)


@pytest.mark.parametrize(
    ("scope", "heading"),
    [("executions:read webhooks:read", "Webhooks"), ("executions:read", "No webhook is selected")],
)
def test_fetching_a_token_without_a_webhook(front_end: Page, stack: Stack, scope: str, heading: str) -> None:
    front_end.evaluate(
        """([api, token]) => {
            const component = document.createElement("webhook-history");
            component.renewToken = async () => token;
            component.setAttribute("api", api);
            document.body.append(component);
        }""",
        [stack.outputs["ApiUrl"], stack.token(scope=scope)],
    )
    expect(front_end.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(front_end.locator(".skeleton")).to_have_count(0)


def test_fetching_a_missing_token(front_end: Page, stack: Stack, orders: str) -> None:
    add_element(front_end, stack, orders)
    expect(front_end.get_by_role("heading", name="Open this page from your application")).to_be_visible()
    front_end.evaluate("token => { document.querySelector('webhook-history').renewToken = () => token }", stack.token())
    expect(front_end.locator("tbody tr")).to_have_count(50)


@pytest.mark.parametrize("renewal", ["Promise.reject(new Error('signed out'))", "token", "undefined"])
def test_a_failed_renewal_is_an_expired_token(front_end: Page, stack: Stack, orders: str, renewal: str) -> None:
    add_element(front_end, stack, orders)
    renew = f"() => {{ tokensAsked += 1; return {renewal} }}"
    script = f"globalThis.tokensAsked = 0; document.querySelector('webhook-history').renewToken = {renew}"
    front_end.evaluate(f"token => {{ {script} }}", stack.token(seconds=-60))
    expect(front_end.get_by_role("heading", name="Your access has expired")).to_be_visible()
    assert front_end.evaluate("tokensAsked") <= 2


def test_changing_the_webhook_attribute(front_end: Page, stack: Stack, orders: str) -> None:
    add_element(front_end, stack, "page.nobody", stack.token())
    expect(front_end.get_by_role("heading", name="No webhooks sent yet")).to_be_visible()
    front_end.evaluate("id => document.querySelector('webhook-history').setAttribute('webhook', id)", orders)
    expect(front_end.locator("tbody tr")).to_have_count(50)
