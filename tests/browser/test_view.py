"""The dialog of one execution: its facts, headers, bodies, attempts and actions."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import ORDER, OUT_OF_STOCK, Held, Open, Stack, call, register, url_of
from tests.deployment import until
from tests.receiver import Receiver


def view(page: Page) -> Locator:
    page.get_by_role("button", name=re.compile("^View ")).first.click()
    return page.get_by_role("dialog")


def fact(dialog: Locator, name: str) -> Locator:
    return dialog.locator("dt", has_text=re.compile(f"^{name}$")).locator("xpath=following-sibling::dd[1]/span")


def outcome(dialog: Locator) -> Locator:
    return dialog.locator(".outcome")


def block(dialog: Locator, name: str) -> Locator:
    return dialog.get_by_role("group", name=name, exact=True)


def test_a_success_shows_its_result(opened: Open, orders: str) -> None:
    dialog = view(opened(orders, status="success"))
    expect(fact(dialog, "Result")).to_have_text("200")
    expect(dialog.get_by_text("This deployment stores bodies of failures only")).to_be_visible()
    expect(dialog.get_by_text("The response body had 0 bytes.")).to_be_visible()
    expect(outcome(dialog)).to_have_text(
        re.compile(r"^Your server answered 200 after \S+ m?s\. Delivered on the first")
    )
    expect(dialog.locator("pre")).to_have_count(0)
    expect(fact(dialog, "Hard Error")).to_have_count(0)


def test_a_failure_shows_its_details(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    message = {"event_type": "order.paid", "headers": {"X-Shop": "berlin"}, "message_id": "msg_1"}
    stack.deliver(webhook_id, message | url_of(receiver, 500, body='{"id":12345678901234567890,"no":[]}'))
    dialog = view(opened(webhook_id))
    expect(dialog.get_by_role("heading", name="order.paid")).to_be_visible()
    expect(fact(dialog, "Result")).to_have_text("500")
    expect(fact(dialog, "Hard Error")).to_have_text("no")
    expect(fact(dialog, "Message ID")).to_have_text("msg_1")
    expect(block(dialog, "Request Headers")).to_contain_text("X-Shop: berlin")
    expect(block(dialog, "Response Headers")).to_contain_text("Content-Length: ")
    expect(dialog.get_by_role("heading", level=3)).to_have_text(
        ["Response Body", "Response Headers", "Request Body", "Request Headers", "Attempts"]
    )
    sections = dialog.get_by_role("navigation", name="Sections").get_by_role("button")
    expect(sections).to_have_text(["Response", "Request", "Attempts"])
    sections.nth(1).click()
    expect(dialog.get_by_role("region", name="Request")).to_be_focused()
    expect(block(dialog, "Request Body")).to_be_in_viewport()
    expect(block(dialog, "Request Body")).to_have_text(json.dumps(ORDER, indent=2))
    expect(block(dialog, "Response Body")).to_have_text('{\n  "id": 12345678901234567890,\n  "no": []\n}')


def test_a_hard_error_shows_its_error(opened: Open, orders: str, stack: Stack) -> None:
    page = opened(orders, status="failure")
    page.locator("tr", has=page.locator(".unreached")).get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(fact(dialog, "Result")).to_have_text("0 · Connection refused")
    expect(fact(dialog, "Hard Error")).to_have_text("yes")
    expect(fact(dialog, "Error")).to_have_text("connection_refused")
    expect(fact(dialog, "Error Message")).not_to_be_empty()
    expect(block(dialog, "Request Body")).to_be_visible()
    expect(block(dialog, "Response Body")).to_have_count(0)


def copied(page: Page, name: str) -> str:
    page.get_by_role("button", name=f"Copy {name}", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text(f"Copied {name}")
    return str(page.evaluate("navigator.clipboard.readText()"))


def view_failure(page: Page, kind: str = "failure") -> Locator:
    page.locator("tr", has=page.locator(f".badge.{kind}")).first.get_by_role("button").click()
    expect(page.get_by_role("group", name="Request Body")).to_be_visible()
    return page.get_by_role("dialog")


def test_skipped_and_possibly_duplicate_executions(opened: Open, stack: Stack, webhook_id: str) -> None:
    register(stack, webhook_id, "https://example.com/", transformation="payload.none")
    now = datetime.now(UTC)
    twice = {"redelivered": True, "resent_on_new_connection": True}
    stack.seed(webhook_id, [{"result": 204, "at": now - timedelta(minutes=1), **twice}])
    stack.deliver(webhook_id, {}, wait_for=2)
    page = opened(webhook_id)
    expect(page.locator("tbody .badge")).to_have_text(["Skipped", "204"])
    page.get_by_role("button", name=re.compile("^View .*, Skipped, ")).click()
    dialog = page.get_by_role("dialog")
    expect(outcome(dialog)).to_have_text("Not sent: the transformation returned nothing. ")
    expect(fact(dialog, "Result")).to_have_text("Skipped")
    expect(fact(dialog, "Possible duplicate")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name=re.compile("^View .*, 204, ")).click()
    expect(fact(dialog, "Possible duplicate")).to_have_text(
        [re.compile("^This message was processed again"), re.compile("sent again on a new one")]
    )
    expect(dialog.get_by_text("Delivered on the first attempt.")).to_be_visible()


def test_a_failed_transformation_shows_its_error(opened: Open, stack: Stack, webhook_id: str) -> None:
    register(stack, webhook_id, "https://example.com/", transformation='1 + "a"')
    stack.deliver(webhook_id, {})
    dialog = view_failure(opened(webhook_id), "unreached")
    expect(fact(dialog, "Error")).to_have_text("transformation_error")
    expect(fact(dialog, "Error Message")).not_to_be_empty()
    expect(dialog.get_by_role("button", name="Resend")).to_be_visible()


def test_a_webhook_test_cannot_be_resent(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    register(stack, webhook_id, receiver.url("/status/500"))
    call(stack, "POST", f"{webhook_id}/test", {})
    page = opened(webhook_id)
    expect(page.locator("td.attempt")).to_have_text("1 · test")
    dialog = view_failure(page)
    expect(dialog.get_by_role("button", name="Copy as cURL")).to_be_visible()
    expect(dialog.get_by_role("button", name="Resend")).to_have_count(0)


def test_copying_each_fact(opened: Open, orders: str) -> None:
    page = opened(orders, status="failure")
    view_failure(page, "unreached")
    assert copied(page, "Result") == "0"
    assert copied(page, "Hard Error") == "yes"
    assert copied(page, "Error") == "connection_refused"
    assert copied(page, "Error Message").startswith("The receiver refused the connection")
    assert copied(page, "URL").startswith("http://127.0.0.1:")
    assert datetime.fromisoformat(copied(page, "Time")).date() <= datetime.now(UTC).date()


@pytest.mark.parametrize("name", ["Request Headers", "Request Body", "Response Body"])
def test_copying_headers_and_bodies_unchanged(opened: Open, orders: str, name: str) -> None:
    page = opened(orders, status="failure")
    view_failure(page)
    text = copied(page, name)
    if name == "Request Headers":
        assert "Content-Type: application/json\n" in text
    else:
        sent = json.dumps(ORDER, separators=(",", ":"))
        assert text == (sent if name == "Request Body" else OUT_OF_STOCK)


def test_collapsing_and_expanding_json(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    body = json.dumps({"rows": [{"n": number, "deep": {"a": [1, 2]}} for number in range(20)], "total": 20})
    stack.deliver(webhook_id, url_of(receiver, 500, body='{"error":{"code":"x"}}') | {"payload": json.loads(body)})
    page = opened(webhook_id)
    dialog = view_failure(page)
    long, short = block(dialog, "Request Body"), block(dialog, "Response Body")
    expect(short.get_by_role("button", name='"error" 1 item')).to_have_attribute("aria-expanded", "true")
    rows = long.get_by_role("button", name='"rows" 20 items')
    expect(rows).to_have_attribute("aria-expanded", "false")
    expect(long.get_by_text('"deep"').first).to_be_hidden()
    expect(long).to_have_text(json.dumps(json.loads(body), indent=2))
    rows.press("Enter")
    expect(long.get_by_role("button", name="2 items").first).to_be_visible()
    dialog.get_by_role("button", name="Expand").click()
    expect(long.get_by_text('"deep"').first).to_be_visible()
    dialog.locator("section.request").get_by_role("button", name="Collapse", exact=True).click()
    expect(long.get_by_text('"deep"').first).to_be_hidden()


BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "not UTF-8": ({"path": "/latin1", "query": {"status": 500}}, "Not UTF-8 text: shown as base64."),
    "truncated": ({"path": "/big", "query": {"status": 500, "bytes": 1_200_000}}, "the first 65.5 kB of 1.2 MB"),
    "in a charset": ({"path": "/response/500-latin-1", "query": {}}, "Decoded from iso-8859-1."),
    "incomplete": ({"path": "/short-body", "query": {"status": 500}}, "the connection closed early, or time ran out"),
    "not compressed": ({"path": "/bad-gzip", "query": {"status": 500}}, "that the body is gzip, but it is not"),
    "more headers": (
        {"path": "/huge-headers", "query": {"status": 500, "bytes": 90_000}},
        "the response had more headers",
    ),
    "empty": ({"path": "/status/500", "query": {}}, "empty"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_remarks_on_bodies(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, kind: str) -> None:
    target, said = BODIES[kind]
    stack.deliver(webhook_id, {"url": receiver.url(target["path"], **target["query"])})
    expect(view(opened(webhook_id)).get_by_text(said)).to_be_visible()


@pytest.mark.parametrize("body", ["[" * 60_000, "[" * 9000 + "]" * 9000, '{"a":' * 4000 + "1" + "}" * 4000])
def test_deeply_nested_json_is_shown(opened: Open, orders: str, page: Page, body: str) -> None:
    def answer_deeply(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"response_body": body})

    page.route("**/executions/*", answer_deeply)
    page = opened(orders, status="failure")
    dialog = view(page)
    shown = block(dialog, "Response Body")
    expect(shown).to_be_visible()
    show_all = dialog.get_by_role("button", name="Show all")
    if show_all.count():
        show_all.click()
        expect(show_all).to_have_count(0)
    text = shown.text_content() or ""
    assert "".join(text.split()) == body
    assert len(text) < 1_000_000
    expect(shown.get_by_role("button")).to_have_count(0)


def test_an_execution_has_its_own_address(opened: Open, orders: str) -> None:
    page = opened(orders, status="failure")
    view(page)
    expect(page).to_have_url(re.compile(r"&hl-execution=\d{8}T"))
    page.reload()
    dialog = page.get_by_role("dialog")
    expect(block(dialog, "Request Body")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("hl-execution="))


def test_a_click_on_close_counts_although_the_details_arrive_meanwhile(opened: Open, orders: str, page: Page) -> None:
    held = Held(page, re.compile(r"/executions/[^/?]+$"), times=1)
    opened(orders).get_by_role("button", name=re.compile("^View ")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Close").hover()
    page.mouse.down()
    held.take().continue_()
    expect(fact(dialog, "Attempt")).to_be_visible()
    page.mouse.up()
    expect(dialog).to_be_hidden()


def test_an_expired_execution_is_not_found(opened: Open, orders: str) -> None:
    page = opened(orders, execution="20200101T000000.000000Z-00000000")
    expect(page.get_by_role("dialog").get_by_role("heading", name="Execution not found")).to_be_visible()


def test_loading_details_can_be_retried(opened: Open, orders: str, page: Page) -> None:
    page.route("**/executions/*", lambda route: route.abort(), times=1)
    dialog = view(opened(orders, status="failure"))
    dialog.get_by_role("button", name="Try again").click()
    expect(block(dialog, "Request Body")).to_be_visible()


def attempts(dialog: Locator) -> Locator:
    return dialog.locator(".attempts li")


DATELESS = """
    const get = Headers.prototype.get;
    Headers.prototype.get = function (name) { return name === "Date" ? null : get.call(this, name); };
"""
"""Hides the API's clock, so that the page uses the viewer's."""


@pytest.mark.own_context
def test_the_next_attempt_counts_down_and_appears(opened: Open, page: Page, stack: Stack, webhook_id: str) -> None:
    message = {"message_id": f"msg_{webhook_id}"}
    now = datetime.now(UTC)
    stack.seed(webhook_id, [{"result": 500, "at": now, "next_attempt_at": now + timedelta(minutes=2), **message}])
    page.clock.install()
    page.add_init_script(DATELESS)
    dialog = view(opened(webhook_id))
    expect(outcome(dialog)).to_have_text(
        re.compile(r"^Your server answered 500 after 87 ms\. Next attempt in 1 min \d+ s\.$")
    )
    expect(dialog.get_by_text("The headers and bodies of this execution are no longer stored.")).to_be_visible()
    expect(dialog.get_by_role("timer")).to_have_text(re.compile(r"^in 1 min \d+ s$"))
    expect(attempts(dialog)).to_have_text([re.compile("^Attempt 1500"), re.compile("^Attempt 2in")])
    page.clock.fast_forward("02:00")
    expect(dialog.get_by_role("timer")).to_have_text("due now")
    expect(outcome(dialog)).to_contain_text("The next attempt is due now.")
    retried = {"result": 200, "at": now + timedelta(seconds=125), "attempt": 2, "trigger": "retry"}
    stack.seed(webhook_id, [retried | message])
    expect(dialog.get_by_text("Delivered on attempt 2, 2 min 5 s after the first.")).to_be_visible()
    expect(attempts(dialog)).to_have_text([re.compile("^Attempt 1500"), re.compile("^Attempt 2200retry")])
    expect(dialog.get_by_role("timer")).to_have_count(0)
    expect(dialog.get_by_role("status")).to_have_text("Attempt 2: 200")
    expect(page.locator("tbody tr")).to_have_count(2)
    dialog.get_by_role("button", name="Attempt 2").click()
    expect(fact(dialog, "Result")).to_have_text("200")
    expect(attempts(dialog).nth(1)).to_have_attribute("aria-current", "true")


def test_resending_asks_for_confirmation_and_shows_the_attempt(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str
) -> None:
    stack.deliver(webhook_id, {"url": receiver.url(f"/sequence/{webhook_id}", codes="500,200")})
    page = opened(webhook_id)
    dialog = view_failure(page)
    expect(dialog.get_by_text("Not delivered. No more automatic retries.")).to_be_visible()
    again = dialog.locator(".actions").get_by_role("button", name="Resend")
    again.click()
    question = dialog.locator(".panel p")
    expect(question).to_contain_text(f"Resend this message to {receiver.http_url}")
    expect(question).to_be_focused()
    dialog.get_by_role("button", name="Cancel").click()
    expect(again).to_be_focused()
    expect(dialog.locator(".panel").get_by_role("button", name="Resend")).to_be_hidden()
    again.click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    dialog.locator(".panel").get_by_role("button", name="Resend").dblclick()
    expect(dialog.get_by_role("status")).to_have_text("Attempt 2: 200")
    expect(attempts(dialog)).to_have_count(2)
    assert asked.count("POST") == 1
    expect(page.locator("tbody tr")).to_have_count(2)
    dialog.get_by_role("button", name="View attempt").click()
    expect(fact(dialog, "Attempt")).to_have_text("2 · resend")
    expect(dialog.get_by_role("button", name="Resend")).to_have_count(0)


def test_a_resend_is_announced_if_the_attempts_load_slowly(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, page: Page
) -> None:
    stack.deliver(webhook_id, {"url": receiver.url(f"/sequence/{webhook_id}", codes="500,200")})
    held = Held(page, "**/messages/**", times=1)
    dialog = view_failure(opened(webhook_id))
    dialog.get_by_role("button", name="Resend").click()
    dialog.locator(".panel").get_by_role("button", name="Resend").click()
    expect(dialog.get_by_role("status")).to_have_text(re.compile("^The message will be sent again"))
    until(lambda: call(stack, "GET", f"{webhook_id}/executions")["executions"], lambda found: len(found) == 2)
    held.take().continue_()
    expect(dialog.get_by_role("status")).to_have_text("Attempt 2: 200")


def test_a_resend_does_not_replace_a_question(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, page: Page
) -> None:
    stack.deliver(webhook_id, {"url": receiver.url(f"/sequence/{webhook_id}", codes="500,200")})
    held = Held(page, "**/messages/**")
    dialog = view_failure(opened(webhook_id))
    dialog.get_by_role("button", name="Resend").click()
    dialog.locator(".panel").get_by_role("button", name="Resend").click()
    expect(dialog.get_by_role("status")).to_have_text(re.compile("^The message will be sent again"))
    dialog.get_by_role("button", name="Erase").click()
    until(lambda: call(stack, "GET", f"{webhook_id}/executions")["executions"], lambda found: len(found) == 2)
    held.take().continue_()
    expect(dialog.get_by_role("status")).to_have_text("Attempt 2: 200")
    expect(attempts(dialog)).to_have_count(2)
    expect(dialog.locator(".panel p")).to_have_text(re.compile("^Erase the headers and bodies permanently"))
    page.unroute_all(behavior="ignoreErrors")


def test_a_refused_resend_shows_the_error(opened: Open, orders: str, page: Page) -> None:
    error = {"error": {"code": "conflict", "message": "there is nothing to send"}}
    page.route("**/resend", lambda route: route.fulfill(status=409, json=error))
    dialog = view_failure(opened(orders, status="failure"))
    dialog.get_by_role("button", name="Resend").click()
    dialog.locator(".panel").get_by_role("button", name="Resend").click()
    expect(dialog.get_by_role("status")).to_have_text("Request failed. There is nothing to send.")


@pytest.mark.own_context
def test_a_resend_that_waits_for_a_minute(opened: Open, orders: str, page: Page) -> None:
    page.clock.install()
    page.add_init_script(DATELESS)
    page.route("**/resend", lambda route: route.fulfill(status=202, json={"message_id": "msg_1"}))
    dialog = view_failure(opened(orders, status="failure"))
    expect(attempts(dialog)).to_have_count(1)
    dialog.get_by_role("button", name="Resend").click()
    dialog.locator(".panel").get_by_role("button", name="Resend").click()
    expect(dialog.get_by_role("status")).to_have_text(re.compile("^The message will be sent again"))
    page.clock.fast_forward("01:05")
    expect(dialog.get_by_role("status")).to_have_text(
        "Still not sent after a minute. It will appear in the list once it is sent."
    )


@pytest.mark.parametrize(
    ("scope", "offered"), [("", []), ("executions:resend", ["Resend"]), ("webhooks:manage", ["Erase"])]
)
def test_only_allowed_actions_are_offered(
    opened: Open, stack: Stack, orders: str, scope: str, offered: list[str]
) -> None:
    token = stack.token(scope=f"executions:read {scope}")
    dialog = view_failure(opened(orders, token=token, status="failure"))
    expect(dialog.get_by_role("button", name="Copy as cURL")).to_be_visible()
    buttons = dialog.get_by_role("button", name=re.compile("^(Resend|Erase)$"))
    expect(buttons).to_have_text(offered)


def test_a_failed_copy(opened: Open, orders: str, page: Page) -> None:
    page.add_init_script("delete Navigator.prototype.clipboard")
    dialog = view_failure(opened(orders, status="failure"))
    copy = dialog.get_by_role("button", name="Copy Request Headers", exact=True)
    copy.click()
    expect(copy).to_have_text("Copy failed")
    expect(dialog.get_by_role("status")).to_have_text("Copy failed")


def test_erasing_asks_for_confirmation_and_keeps_the_summary(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str
) -> None:
    stack.deliver(webhook_id, url_of(receiver, 500))
    page = opened(webhook_id)
    dialog = view_failure(page)
    erase = dialog.get_by_role("button", name="Erase")
    erase.click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(erase).to_have_count(1)
    erase.click()
    erase.last.click()
    expect(dialog.get_by_text("The headers and bodies of this execution were erased.")).to_be_visible()
    expect(fact(dialog, "Result")).to_have_text("500")
    expect(dialog.locator("pre")).to_have_count(0)
    page.reload()
    expect(dialog.get_by_text("The headers and bodies of this execution were erased.")).to_be_visible()


def test_loading_attempts_can_be_retried(opened: Open, orders: str, page: Page) -> None:
    page.route("**/messages/**", lambda route: route.abort(), times=1)
    dialog = view_failure(opened(orders, status="failure"))
    expect(dialog.get_by_text("The attempts of this message could not be loaded.")).to_be_visible()
    dialog.get_by_role("button", name="Try again").click()
    expect(attempts(dialog)).to_have_count(1)
