"""What an execution's dialog says first, for every outcome, and what it compares."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from hooklog.errors import ErrorType
from tests.browser.conftest import Open, Stack, url_of
from tests.receiver import Receiver

AT = "2026-11-28T17:36:0{}.123456Z"


def execution(attempt: int = 1, **fields: Any) -> dict[str, Any]:
    """Return an execution as the API does: a 503 without another attempt."""
    return {
        "execution_id": f"20261128T17360{attempt}.123456Z-0000000{attempt}",
        "webhook_id": "demo.orders",
        "message_id": "msg_1",
        "event_type": "order.paid",
        "attempt": attempt,
        "trigger": "event",
        "executed_at": AT.format(attempt),
        "duration_ms": 87,
        "result": 503,
        "success": False,
        "hard_error": False,
        "details_of": "failures",
        **fields,
    }


def details(body: str, **fields: Any) -> dict[str, Any]:
    return {
        "url": "https://shop.example/hooks",
        "method": "POST",
        "request_headers": {"Content-Type": "application/json"},
        "request_body": '{"order":1042}',
        "response_headers": {"Content-Type": "application/json", "X-Trace": body[-4:]},
        "response_body": body,
        "response_body_truncated": False,
        "response_body_bytes": len(body),
        **fields,
    }


def hard(error_type: str, **fields: Any) -> dict[str, Any]:
    return {"result": 0, "hard_error": True, "error": {"type": error_type, "message": "Why."}, **fields}


SUCCESS = {"result": 200, "success": True}
NO_MORE = " Not delivered. No more automatic retries."


def show(page: Page, opened: Open, *executions: dict[str, Any]) -> Locator:
    """Open the first of a message's executions, which the API answers with."""

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/executions/")[2]
        one = next((each for each in executions if each["execution_id"] == name), None)
        route.fulfill(json=one or {"executions": list(executions), "next_cursor": None})

    page.unroute_all()
    page.route(re.compile("/executions"), answer)
    dialog, component, shown = (
        page.get_by_role("dialog"),
        page.locator("webhook-history"),
        executions[0]["execution_id"],
    )
    if component.count():
        component.evaluate("component => { component.execution = ''; }")
        expect(dialog).to_be_hidden()
        component.evaluate("(component, id) => { component.execution = id; }", shown)
    else:
        opened("demo.orders", execution=shown)
    expect(dialog.locator(".attempts li").nth(len(executions) - 1)).to_be_visible()
    return dialog


SENTENCES: list[tuple[dict[str, Any], str]] = [
    (SUCCESS, "Your server answered 200 after 87 ms. Delivered on the first attempt."),
    ({}, "Your server answered 503 after 87 ms." + NO_MORE),
    ({"result": 302}, "Your server answered 302 after 87 ms. Redirects are not followed." + NO_MORE),
    ({"result": 410}, "Your server answered 410 after 87 ms, which asks for no more attempts." + NO_MORE),
    (
        SUCCESS | details("{", response_incomplete=True, duration_ms=15_004),
        "Your server answered 200, but its response was still incomplete after 15.0 s. Delivered on the first attempt.",
    ),
    (
        hard("read_timeout", duration_ms=15_003),
        "Timed out: your server accepted the connection but did not answer within 15 s." + NO_MORE,
    ),
    (hard("disabled_webhook"), "Not sent: the webhook is disabled." + NO_MORE),
    (hard("one_of_a_later_release"), "Your server did not answer." + NO_MORE),
    ({"trigger": "test"}, "Your server answered 503 after 87 ms. This was a test."),
    ({"next_attempt_at": "2026-11-28T17:36:06Z"}, "Your server answered 503 after 87 ms. The next attempt is due now."),
]


def test_the_outcome_is_a_sentence(page: Page, opened: Open) -> None:
    for fields, sentence in SENTENCES:
        expect(show(page, opened, execution(**fields)).locator(".outcome")).to_have_text(sentence)
    later = [execution(1), execution(3, **SUCCESS)]
    shown = show(page, opened, *later).locator(".outcome")
    expect(shown).to_have_text("Your server answered 503 after 87 ms. Delivered on attempt 3, 2 s after the first.")


def test_every_error_type_has_a_sentence_in_every_language(page: Page, opened: Open) -> None:
    opened("demo.orders")
    for module, name in (("texts-on-demand.js", "TEXTS_ON_DEMAND"), ("texts-de.js", "TEXTS")):
        texts = page.evaluate(
            "async ([module, name]) => (await import(new URL(`history/${module}`, document.baseURI)))[name]",
            [module, name],
        )
        assert {f"outcome.{each}" for each in ErrorType} <= texts.keys()


MISSING: list[tuple[dict[str, Any], str]] = [
    (
        SUCCESS | {"response_body_bytes": 1234},
        "This deployment stores bodies of failures only; the same goes for headers. The response body had 1.2 kB.",
    ),
    (SUCCESS | {"details_of": "none"}, "This deployment stores no headers and bodies."),
    (SUCCESS | {"details_of": "all"}, "The headers and bodies of this execution are no longer stored."),
    ({}, "The headers and bodies of this execution are no longer stored."),
    ({"erased": True}, "The headers and bodies of this execution were erased."),
]


def test_what_is_not_stored_is_explained(page: Page, opened: Open) -> None:
    for fields, said in MISSING:
        dialog = show(page, opened, execution(**fields))
        expect(dialog.locator(".details > .remark")).to_have_text(said)
        expect(dialog.locator("pre")).to_have_count(0)
        expect(dialog.get_by_role("button", name="Resend")).to_have_count(0)


def test_a_success_whose_details_are_stored_can_be_resent(page: Page, opened: Open) -> None:
    dialog = show(page, opened, execution(**SUCCESS, **details("{}"), details_of="all"))
    page.route("**/resend", lambda route: route.fulfill(status=202, json={"message_id": "msg_1"}))
    dialog.get_by_role("button", name="Resend").click()
    dialog.locator(".panel").get_by_role("button", name="Resend").click()
    expect(dialog.locator(".panel p")).to_have_text(re.compile("^The message will be sent again"))


def test_two_attempts_are_compared(page: Page, opened: Open) -> None:
    body = {"error": "busy", "same": list(range(20)), "at": 1}
    first = execution(1, **details(json.dumps(body)), next_attempt_at=None)
    second = execution(2, **details(json.dumps(body | {"error": "down"})), result=500, duration_ms=12)
    third = execution(3, **SUCCESS)
    dialog = show(page, opened, first, second, third)
    choice = dialog.get_by_label("Compare with")
    expect(choice.locator("option")).to_have_text(["-", "Attempt 2: 500", "Attempt 3: 200"])
    choice.select_option("Attempt 2: 500")
    rows = dialog.get_by_role("table", name="Comparison").get_by_role("row")
    expect(rows).to_have_text(["Attempt 1Attempt 2", "Result503500", "Duration87 ms12 ms"])
    changed = dialog.get_by_role("group", name="Differences of the response bodies")
    expect(changed).to_have_text(
        '  {\n-   "error": "busy",\n+   "error": "down",\n    "same": [\n      0,\n…\n', use_inner_text=True
    )
    choice.select_option("Attempt 3: 200")
    expect(dialog.get_by_text("Only one of the response bodies is stored.")).to_be_visible()
    expect(rows).to_have_text(["Attempt 1Attempt 3", "Result503200", "Duration87 ms87 ms"])


def test_another_attempt_leaves_the_focus_where_it_is(page: Page, opened: Open) -> None:
    due = datetime.now(UTC).isoformat()
    attempts = [execution(1), execution(2, next_attempt_at=due)]
    dialog = show(page, opened, *attempts)
    choice = dialog.get_by_label("Compare with")
    page.route(re.compile("/messages/"), lambda route: route.fulfill(json={"executions": attempts}))
    for number, focused in enumerate((dialog.get_by_role("button", name="Attempt 2"), choice), 3):
        focused.focus()
        attempts.append(execution(number, next_attempt_at=due))
        expect(choice.locator("option")).to_have_count(number)
        expect(focused).to_be_focused()
    expect(dialog.locator(".attempts li")).to_have_text([re.compile(f"^Attempt {number}") for number in range(1, 6)])


def test_different_headers_and_long_bodies_are_compared(page: Page, opened: Open) -> None:
    one, other = ("\n".join(f"{number} {end}" for number in range(5_000)) for end in "ab")
    attempts = [
        execution(1, **details(one, response_headers={"X-Same": "1", "X-Trace": "a1", "Retry-After": "5"})),
        execution(2, **details(other, response_headers={"x-same": "1", "x-trace": "b2"})),
    ]
    dialog = show(page, opened, *attempts)
    dialog.get_by_label("Compare with").select_option(index=1)
    rows = dialog.get_by_role("table", name="Comparison").get_by_role("row")
    expect(rows).to_have_count(5)
    expect(rows.nth(3)).to_have_text("X-Tracea1b2")
    expect(rows.nth(4)).to_have_text("Retry-After5-")
    expect(dialog.get_by_text("The response bodies differ.")).to_be_visible()


def test_a_link_opens_the_execution_without_the_token(page: Page, opened: Open) -> None:
    dialog = show(page, opened, execution())
    dialog.get_by_role("button", name="Copy link").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied link")
    link = str(page.evaluate("navigator.clipboard.readText()"))
    assert "token" not in link
    assert "eyJ" not in link
    page.goto("about:blank")
    page.goto(link)
    expect(dialog.locator(".outcome")).to_contain_text("Your server answered 503")


def test_a_host_that_routes_itself_gets_no_link(page: Page, opened: Open, stack: Stack) -> None:
    dialog = show(page, opened, execution())
    page.locator("webhook-history").evaluate(
        "(component, token) => Object.assign(component, { webhook: 'demo.orders', token, routing: 'off' })",
        stack.token(),
    )
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name=re.compile("^View ")).click()
    expect(dialog.locator(".outcome")).to_be_visible()
    expect(dialog.get_by_role("button", name="Copy link")).to_have_count(0)


LONG = {
    "lines": "\n".join(f"line {number}" for number in range(100_000)),
    "one line": "é" * 1_000_000,
    "JSON": json.dumps([{"id": number, "tags": ["a", {}]} for number in range(30_000)], separators=(",", ":")),
    "deep JSON": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a string": json.dumps(["x" * 1_000_000]),
    "JSON that breaks off": json.dumps([{"id": number} for number in range(60_000)], separators=(",", ":"))[:-3],
}


def test_a_short_body_that_comes_into_view_moves_nothing(
    opened: Open, page: Page, stack: Stack, receiver: Receiver, webhook_id: str
) -> None:
    stack.deliver(webhook_id, url_of(receiver, 500, body="out of stock"))
    page.set_viewport_size({"width": 1100, "height": 300})
    opened(webhook_id).get_by_role("button", name=re.compile("^View")).first.click()
    response, request = (page.get_by_role("group", name=f"{side} Body") for side in ("Response", "Request"))
    expect(response).to_have_text("out of stock")
    before = request.evaluate("block => block.offsetTop")
    response.scroll_into_view_if_needed()
    expect(response).to_be_in_viewport(ratio=1)
    assert request.evaluate("block => block.offsetTop") == before


@pytest.mark.parametrize("kind", LONG)
def test_a_long_body_is_cut_and_shown_whole_on_request(page: Page, opened: Open, kind: str) -> None:
    body = LONG[kind]
    dialog = show(page, opened, execution(**details(body)))
    shown = dialog.get_by_role("group", name="Response Body")
    assert len(shown.text_content() or "") <= 20_000
    assert shown.locator("*").count() < 10
    dialog.get_by_role("button", name="Copy Response Body").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied Response Body")
    assert page.evaluate("navigator.clipboard.readText()") == body
    expect(dialog.locator(".cut")).to_contain_text(f"Only the beginning of {len(body):,} characters is shown.")
    show_all = dialog.get_by_role("button", name="Show all")
    show_all.click()
    expect(show_all).to_have_count(0)
    text = shown.text_content() or ""
    assert "".join(text.split()) == "".join(body.split())
    assert len(text) < 4 * len(body)
    if kind == "JSON":
        assert text == json.dumps(json.loads(body), indent=2)
