"""The view of the webhooks: add, edit, test, rotate the secret, recover, delete."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, Response, Route, expect

from tests.browser.axe import expect_accessible
from tests.browser.conftest import Held, Open, Stack, call, register
from tests.browser.hostile import ALL, expect_no_elements
from tests.deployment import until
from tests.receiver import Receiver
from tests.receiver.certificates import issue_client

SCOPES = "executions:read executions:resend webhooks:read webhooks:manage"


@pytest.fixture
def token(stack: Stack, webhook_id: str) -> str:
    """The token of a customer who has only this webhook."""
    return stack.token(webhooks=[webhook_id], scope=SCOPES)


def edit(page: Page) -> Locator:
    page.get_by_role("button", name=re.compile("^Edit ")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("URL")).to_be_visible()
    return dialog


def press(within: Locator, name: str) -> None:
    within.get_by_role("button", name=name, exact=True).click()


def expect_message(dialog: Locator, text: str | re.Pattern[str]) -> None:
    expect(dialog.locator(".panel p").first).to_have_text(text)


def test_adding_testing_and_enabling_a_webhook(opened: Open, receiver: Receiver, webhook_id: str, token: str) -> None:
    page = opened(webhook_id, token=token, view="webhooks", status="failure")
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    page.get_by_role("button", name="Add webhook").click()
    dialog = page.get_by_role("dialog", name="New webhook")
    expect(dialog.get_by_label("ID", exact=True)).to_be_focused()
    dialog.get_by_label("ID", exact=True).fill(webhook_id)
    dialog.get_by_label("Name").fill("Send orders to warehouse")
    dialog.get_by_label("Headers", exact=True).fill("X-Shop: berlin\nX-Time: 10:30")
    press(dialog, "Save")
    expect(dialog.get_by_label("URL")).to_be_focused()
    expect(dialog.get_by_label("URL")).to_have_accessible_description("Enter a value.")
    dialog.get_by_label("URL").fill("https://shop\u200b.example/")
    press(dialog, "Save")
    expect(dialog.get_by_label("URL")).to_have_accessible_description(
        re.compile(r"^Url contains U\+200B ZERO WIDTH SPACE")
    )
    dialog.get_by_label("URL").fill(f" {receiver.url(f'/sequence/{webhook_id}', codes='200')}\u00a0")
    press(dialog, "Save")
    dialog = page.get_by_role("dialog", name="Send orders to warehouse")
    expect(dialog.locator(".panel code")).to_have_text(re.compile("^whsec_"))
    expect(dialog.get_by_label("URL")).to_have_value(receiver.url(f"/sequence/{webhook_id}", codes="200"))
    dialog.get_by_label("Sample payload").fill('{"order": 7}')
    press(dialog, "Send test")
    expect(dialog.get_by_role("group", name="Request Headers")).to_contain_text("X-Time: 10:30")
    expect(dialog.get_by_role("group", name="Request Body")).to_have_text('{\n  "order": 7\n}')
    expect(dialog.locator(".facts .badge")).to_have_text("200")
    assert [request.body for request in receiver.received(f"/sequence/{webhook_id}")] == [b'{"order":7}']
    dialog.get_by_role("switch", name="Enabled").check()
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Saved"))
    expect(page).to_have_url(
        re.compile(f"hl-webhook={webhook_id}&hl-view=webhooks&hl-status=failure&hl-edit={webhook_id}$")
    )
    press(dialog, "Close")
    listed = page.get_by_role("listitem")
    expect(listed).to_contain_text("Send orders to warehouse")
    expect(listed.locator(".badge")).to_have_text("Enabled")
    expect(listed.get_by_role("button", name="Edit")).to_be_focused()
    search = page.get_by_role("searchbox", name="Search")
    search.fill(webhook_id)
    expect(page.get_by_role("status")).to_have_text(re.compile("^Matches: 1"))
    expect(search).to_be_focused()
    listed.get_by_role("button", name="Open history").click()
    expect(page.locator("td.attempt")).to_have_text("1 · test")
    expect(page).to_have_url(re.compile(rf"/history\?hl-webhook={webhook_id}$"))


def test_saving_unchanged_fields_keeps_them(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    fields: dict[str, Any] = {
        "name": "n", "headers": {"A": "b: c"}, "event_types": ["order.paid", "order.created"], "timeout_seconds": 2.5,
        "max_per_second": 50, "retry_schedule": [5, 300], "transformation": "payload", "sensitive_headers": ["A"],
        "topic": "acme", "enabled": False,
    }  # fmt: skip
    register(stack, webhook_id, "https://example.com/", **fields)
    page = opened(webhook_id, token=token, view="webhooks", edit=webhook_id)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Retry delays")).to_have_value("5 s, 5 min")
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Saved"))
    saved = call(stack, "GET", webhook_id)
    assert {name: saved[name] for name in fields} == fields
    assert saved["version"] == 2
    dialog.get_by_label("Maximum requests per second").fill("")
    with page.expect_response(lambda response: response.request.method == "PUT"):
        press(dialog, "Save")
    assert call(stack, "GET", webhook_id)["max_per_second"] is None


def test_a_client_certificate_is_uploaded_shown_and_removed(
    opened: Open, stack: Stack, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, "https://example.com/")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    group = dialog.get_by_role("group", name="Client certificate")
    identity = issue_client("hooklog")
    group.get_by_label("Certificate (PEM)").fill(identity.certificate_pem)
    press(dialog, "Save")
    key = group.get_by_label("Private key (PEM)")
    expect(key).to_have_accessible_description(re.compile("key must have one PEM block"))
    key.fill(identity.key_pem)
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Saved"))
    expect(group).to_contain_text("CN=hooklog · valid until ")
    expect(key).to_have_value("")
    group.get_by_label("Remove the client certificate").check()
    press(dialog, "Save")
    expect(group.get_by_label("Remove the client certificate")).to_be_hidden()
    assert call(stack, "GET", webhook_id)["client_certificate"] is None


def test_a_topic_outside_the_token_is_an_error_at_its_field(
    opened: Open, stack: Stack, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, "https://example.com/")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    topic = dialog.get_by_label("Topic")
    topic.fill("another.all")
    press(dialog, "Save")
    expect(topic).to_be_focused()
    expect(topic).to_have_accessible_description("Topic another.all is not covered by the token.")
    topic.fill(webhook_id)
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Saved"))
    assert call(stack, "GET", webhook_id)["topic"] == webhook_id


def test_each_invalid_field_shows_its_error(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    page = opened(webhook_id, token=token, view="webhooks")
    dialog = edit(page)
    wrong = {
        "URL": ("ftp://shop.example/", "^Url: "),
        "Sensitive headers": ("X-Shop: x", "^Sensitive_headers must hold header names"),
        "Event types": ("order.paid or*", "^Event_types: each must be"),
        "Timeout in seconds": ("99", "^Timeout_seconds must be"),
        "Maximum requests per second": ("1001", "^Enter a whole number from 1 to 1,000"),
        "Topic": ("a b", "^Topic must be"),
    }
    for label, (typed, _) in wrong.items():
        dialog.get_by_label(label).fill(typed)
    press(dialog, "Save")
    expect(dialog.get_by_label("URL")).to_be_focused()
    for label, (_, said) in wrong.items():
        expect(dialog.get_by_label(label)).to_have_accessible_description(re.compile(said))
        expect(dialog.get_by_label(label)).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("Name")).to_have_accessible_description("")
    dialog.get_by_label("Headers", exact=True).fill("X-Shop: a\nno colon\n\n: no name\nX-Shop: b")
    press(dialog, "Save")
    expect(dialog.get_by_label("Headers", exact=True)).to_have_accessible_description(
        "Line 2, “no colon”, is not “Name: value”. Line 4, “: no name”, is not “Name: value”. "
        "Line 5 repeats the header X-Shop. One per line, as Name: value."
    )
    expect(dialog.get_by_label("Topic")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_role("status").first).to_have_text("7 fields need a correction.")
    right = {"URL": "https://example.com/", "Timeout in seconds": "9"}
    for label in (*wrong, "Headers"):
        dialog.get_by_label(label, exact=True).fill(right.get(label, ""))
    elsewhere = {"code": "invalid_request", "message": "one; two", "field": "name"}
    errors = [{"field": "name", "message": "whatever it says"}, {"field": "colour", "message": "unknown field colour"}]
    refusal = {"error": {**elsewhere, "errors": errors}}
    page.route("**/webhooks/*", lambda route: route.fulfill(status=400, json=refusal), times=1)
    press(dialog, "Save")
    expect(dialog.get_by_label("Name")).to_have_accessible_description("Whatever it says.")
    expect(dialog.get_by_label("Topic")).to_have_accessible_description("")
    expect_message(dialog, "Unknown field colour.")
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Saved"))
    expect(dialog.get_by_label("Name")).to_have_accessible_description("")


def test_retry_schedules_have_presets_in_words(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, "https://example.com/", retry_schedule=[5])
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    retries, delays = dialog.get_by_label("Retries"), dialog.get_by_label("Retry delays")
    expect(retries).to_have_value("custom")
    standard, fast = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400], [5, 30, 120, 600, 1800]
    for chosen, kept, said in (
        ("None", [], "A failed webhook is not sent again automatically."),
        ("Default", None, "The schedule that applies to all webhooks without their own."),
        ("Standard: 9 retries over 3 days", standard, "Retries after 5 seconds, 5 minutes, 30 minutes,"),
        ("Fast: 5 retries over 43 minutes", fast, "Retries after 5 seconds, 30 seconds, 2 minutes,"),
    ):
        retries.select_option(chosen)
        expect(retries).to_have_accessible_description(re.compile(f"^{re.escape(said)}"))
        expect(delays).to_be_hidden()
        with page.expect_response(lambda response: response.request.method == "PUT"):
            press(dialog, "Save")
        expect_message(dialog, re.compile("^Saved"))
        expect(retries.locator("option:checked")).to_have_text(chosen)
        assert call(stack, "GET", webhook_id).get("retry_schedule") == kept
    retries.select_option("Custom")
    for typed, said in (
        ("5, soon", "“soon” is not a delay of 1 second to 24 hours, such as 30 s, 5 min or 2 h."),
        ("2 d", "“2 d” is not a delay of 1 second to 24 hours, such as 30 s, 5 min or 2 h."),
        ("5 -3", "“-3” is not a delay of 1 second to 24 hours, such as 30 s, 5 min or 2 h."),
        (" ", "Enter a value."),
        ("1 " * 21, "At most 20 delays."),
    ):
        delays.fill(typed)
        press(dialog, "Save")
        expect(delays).to_have_accessible_description(said)
        expect(delays).to_be_focused()
    delays.fill("5 90s, 10 min 2h")
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Saved"))
    expect(delays).to_have_value("5 s, 90 s, 10 min, 2 h")
    assert call(stack, "GET", webhook_id)["retry_schedule"] == [5, 90, 600, 7200]


def test_a_new_webhook_shows_all_errors_at_once_and_previews_before_it_is_saved(
    opened: Open, stack: Stack, webhook_id: str, token: str
) -> None:
    page = opened(webhook_id, token=token, view="webhooks")
    page.get_by_role("button", name="Add webhook").click()
    dialog = page.get_by_role("dialog", name="New webhook")
    identifier = dialog.get_by_label("ID", exact=True)
    expect(identifier).to_be_focused()
    dialog.get_by_label("Headers", exact=True).fill("nonsense")
    dialog.get_by_label("Transformation").fill('{"number": payload.order}')
    expect(dialog.get_by_text("Enter a valid ID to preview the transformation.")).to_be_visible()
    press(dialog, "Save")
    expect(identifier).to_be_focused()
    expect(identifier).to_have_accessible_description("Enter a value.")
    expect(dialog.get_by_label("URL")).to_have_accessible_description("Enter a value.")
    expect(dialog.get_by_label("Headers", exact=True)).to_have_accessible_description(re.compile("^Line 1, “nonsense”"))
    identifier.fill(webhook_id)
    dialog.get_by_label("Sample payload").fill('{"order": 12345678901234567890}')
    preview = dialog.get_by_role("group", name="Transformed payload")
    expect(preview).to_have_text('{\n  "number": 12345678901234567890\n}')
    expect(dialog.get_by_role("button", name="Send test")).to_have_count(0)
    expect_accessible_form(page)
    dialog.get_by_label("Headers", exact=True).fill("")
    dialog.get_by_label("URL").fill("https://example.com/")
    press(dialog, "Save")
    expect(page.get_by_role("dialog").locator(".panel code")).to_have_text(re.compile("^whsec_"))
    expect(page.get_by_role("dialog").get_by_label("Sample payload")).to_have_value('{"order": 12345678901234567890}')
    assert call(stack, "GET", webhook_id)["transformation"] == '{"number": payload.order}'


def expect_accessible_form(page: Page) -> None:
    """Assert that the dialog fits on a phone."""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.get_by_role("dialog").evaluate("it => it.scrollWidth <= it.clientWidth")
    page.set_viewport_size({"width": 1100, "height": 800})


def test_stored_credentials_are_masked_until_asked_for(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    headers = {"Authorization": "Bearer s3cr3t", "X-Shop": "berlin", "X-Own": "s3cr3t too"}
    register(stack, webhook_id, "https://example.com/", headers=headers, sensitive_headers=["X-Own"])
    answers: list[Response] = []
    page.on("response", lambda response: answers.append(response))
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    listed, read = [answer.text() for answer in answers if "/webhooks" in answer.url]
    assert "s3cr3t" not in listed + read
    shown = dialog.get_by_label("Headers", exact=True)
    expect(shown).to_have_value("Authorization: ••••\nX-Shop: berlin\nX-Own: ••••\n")
    expect(dialog.get_by_label("Sensitive headers")).to_have_value("X-Own")
    shown.fill("Authorization: ••••\nX-Shop: hamburg\nX-Own: changed\nX-New: 1")
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Saved"))
    expect(shown).to_have_value("Authorization: ••••\nX-Shop: hamburg\nX-Own: ••••\nX-New: 1\n")
    saved = {**headers, "X-Shop": "hamburg", "X-Own": "changed", "X-New": "1"}
    assert call(stack, "GET", webhook_id)["headers"] == saved
    shown.fill("Authorization: ••••\nX-Own: typed")
    press(dialog, "Show values")
    expect(shown).to_have_value("Authorization: Bearer s3cr3t\nX-Own: typed")
    expect(shown).to_be_focused()
    expect(dialog.get_by_role("button", name="Show values")).to_have_count(0)


def test_a_recent_payload_becomes_the_sample(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, receiver.url(f"/sequence/{webhook_id}", codes="200,500"))
    page = opened(webhook_id, token=token, view="webhooks")
    dialog = edit(page)
    press(dialog, "Use a recent payload")
    expect(dialog.get_by_text("No recent execution has a stored JSON payload.")).to_be_visible()
    for number in range(2):
        stack.deliver(webhook_id, {"payload": {"id": 12345678901234567890 + number}}, wait_for=number + 1)
    press(dialog, "Use a recent payload")
    expect(dialog.get_by_label("Sample payload")).to_have_value('{\n  "id": 12345678901234567891\n}')
    expect(dialog.get_by_text(re.compile("^Payload of .*\\.$"))).to_be_visible()
    dialog.get_by_label("Transformation").fill("payload.id")
    expect(dialog.get_by_role("group", name="Transformed payload")).to_have_text("12345678901234567891")
    press(dialog, "Use a recent payload")
    expect(dialog.get_by_text("It is shown as it was sent: after the transformation.")).to_be_visible()


def test_a_drag_out_of_the_dialog_does_not_close_it(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    page = opened(webhook_id, token=token, view="webhooks")
    dialog = edit(page)
    name = dialog.get_by_label("Name")
    name.fill("typed")
    box = name.bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(20, box["y"] + 10)
    page.mouse.up()
    expect(dialog).to_be_visible()
    expect(name).to_have_value("typed")
    name.fill("")
    page.mouse.click(20, 400)
    expect(dialog).to_be_hidden()


def test_the_transformed_payload_follows_the_input(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    register(stack, webhook_id, "https://example.com/", transformation='{"first": payload.order}')
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    shown = dialog.get_by_role("group", name="Transformed payload")
    expect(shown).to_have_text('{\n  "first": 1042\n}')
    dialog.get_by_label("Transformation").fill('{"text": "Order " & payload.number}')
    dialog.get_by_label("Sample payload").fill('{"number": "7"}')
    expect(shown).to_have_text('{\n  "text": "Order 7"\n}')
    dialog.get_by_label("Transformation").fill("$undefined(")
    expect(shown).to_have_count(0)
    expect(dialog.locator(".dry-run .remark")).not_to_be_empty()
    dialog.get_by_label("Transformation").fill("payload.none")
    expect(dialog.get_by_text("Nothing would be sent.")).to_be_visible()
    dialog.get_by_label("Sample payload").fill("{")
    expect(dialog.get_by_text("The payload is not valid JSON.")).to_be_visible()


def test_a_preview_that_comes_into_view_moves_nothing(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    """Otherwise a button moves while it is pressed."""
    register(stack, webhook_id, "https://example.com/", transformation='"Order " & payload.order')
    page.set_viewport_size({"width": 1100, "height": 300})
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    preview = dialog.get_by_role("group", name="Transformed payload")
    expect(preview).to_have_text('"Order 1042"')
    save = dialog.get_by_role("button", name="Save", exact=True)
    before = save.evaluate("button => button.offsetTop")
    preview.scroll_into_view_if_needed()
    expect(preview).to_be_in_viewport(ratio=1)
    assert save.evaluate("button => button.offsetTop") == before


def test_without_a_transformation_there_is_no_preview(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    """It would show the sample again, and move the button that is being pressed."""
    register(stack, webhook_id, "https://example.com/", transformation="payload.order")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    preview = dialog.locator(".dry-run")
    expect(preview).to_contain_text("1042")
    dialog.get_by_label("Transformation").fill("")
    expect(preview).to_be_empty()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sample = dialog.get_by_label("Sample payload")
    sample.fill("{")
    expect(sample).to_have_accessible_description("The payload is not valid JSON.")
    sample.fill('{"order": 7}')
    expect(sample).to_have_accessible_description("")
    expect(preview).to_be_empty()
    assert asked == []


def test_showing_and_rotating_a_secret(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    first = register(stack, webhook_id, "https://example.com/")["secret"]
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    press(dialog, "Show secret")
    secret = dialog.locator(".panel code")
    expect(secret).to_have_text(first)
    press(dialog, "Rotate secret")
    expect_message(dialog, re.compile("Replace the secret"))
    press(dialog, "Cancel")
    expect(dialog.get_by_role("button", name="Rotate secret")).to_be_focused()
    press(dialog, "Rotate secret")
    press(dialog, "Rotate")
    expect_message(dialog, re.compile("The old secret also signs until "))
    expect(secret).not_to_have_text(first)
    press(dialog, "Copy secret")
    expect(dialog.get_by_role("status")).to_have_text("Copied secret")
    assert dialog.page.evaluate("navigator.clipboard.readText()") == secret.text_content()


OWN_SECRET = "whsec_" + 16 * "ab12"


def test_rotating_to_ones_own_secret(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    press(dialog, "Rotate secret")
    own, overlap = (dialog.get_by_label(name) for name in ("Your own secret", "Overlap in hours"))
    own.fill("whsec_c2hvcnQ=")
    overlap.fill("169")
    press(dialog, "Rotate")
    expect(own).to_have_accessible_description(re.compile("24 to 64 bytes"))
    expect(overlap).to_have_accessible_description(re.compile("from 0 to 168"))
    expect(own).to_be_focused()
    own.fill(f"whsec_{'a' * 34}")  # 25 bytes without their padding, which only the API finds
    overlap.fill("0")
    press(dialog, "Rotate")
    expect(overlap).not_to_have_attribute("aria-invalid", "true")
    expect(own).to_have_attribute("aria-invalid", "true")
    own.fill(f" {OWN_SECRET} ")
    own.press("Enter")
    expect(dialog.locator(".panel code")).to_have_text(OWN_SECRET)
    expect_message(dialog, re.compile("^Receivers verify"))  # no old secret signs


LOCAL = "at => new Date(at - new Date(at).getTimezoneOffset() * 60000).toISOString().slice(0, 16)"


def to_local(dialog: Locator, at: datetime) -> str:
    return str(dialog.page.evaluate(LOCAL, at.timestamp() * 1000))


def record_starts(bodies: list[dict[str, Any]], dialog: Locator) -> None:
    """Record the bodies of the calls that start recoveries and counts."""

    def record(route: Route) -> None:
        bodies.append(route.request.post_data_json or {})
        route.fallback()

    dialog.page.route("**/recover", record)


def test_a_recovery_counts_asks_and_shows_its_progress(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, receiver.url(f"/sequence/{webhook_id}", codes="500,200"), retry_schedule=[])
    stack.deliver(webhook_id, {})
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    bodies: list[dict[str, Any]] = []
    record_starts(bodies, dialog)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    dialog.get_by_label("Start time").fill(to_local(dialog, hour_ago))
    press(dialog, "Recover")
    expect_message(dialog, "1 message would be sent again.")
    expect(dialog.locator(".panel p")).to_be_focused()
    dialog.page.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Recover", exact=True)).to_be_focused()
    expect(dialog.locator(".panel")).to_be_hidden()
    press(dialog, "Recover")
    expect(dialog.locator(".panel p")).to_be_focused()
    dialog.page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Send again")).to_be_focused()
    running = {"status": "running", "found": 3, "queued": 2}
    dialog.page.route("**/recover/*", lambda route: route.fulfill(json=running))
    dialog.page.keyboard.press("Enter")
    expect_message(dialog, "Recovery running: 3 found, 2 queued.")
    dialog.page.unroute("**/recover/*")
    expect_message(dialog, "Recovery finished: 1 found, 1 queued.")
    until(lambda: call(stack, "GET", f"{webhook_id}/executions")["executions"], lambda found: len(found) == 2)
    counted, _, sent = bodies
    assert sent["until"] > sent["since"]
    assert (counted["dry_run"], sent) == (
        True,
        {"since": counted["since"], "status": "failure", "until": sent["until"]},
    )
    press(dialog, "Recover")
    expect_message(dialog, "No message matches.")
    dialog.page.route("**/recover/*", lambda route: route.fulfill(json={**running, "status": "stopped"}), times=1)
    press(dialog, "Recover")
    expect_message(dialog, re.compile("^Someone else is counting"))
    dialog.get_by_label("End time").fill("2020-01-01T00:00")
    press(dialog, "Recover")
    end_time = dialog.get_by_label("End time")
    expect(end_time).to_have_accessible_description(re.compile("^Until must be later than since"))
    dialog.get_by_label("Event type", exact=True).fill("order*")
    press(dialog, "Recover")
    event_type = dialog.get_by_label("Event type", exact=True)
    expect(event_type).to_have_accessible_description(re.compile("^Event_type must be a type without"))
    dialog.get_by_label("Start time").fill("")
    press(dialog, "Recover")
    expect(dialog.get_by_label("Start time")).to_have_accessible_description("Enter a value.")
    expect(dialog.get_by_label("Start time")).to_be_focused()


def test_a_recovery_of_much_need_not_wait_for_the_count(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, receiver.url("/status/200"))
    stack.deliver(webhook_id, {})
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    dialog.get_by_label("Start time").fill(to_local(dialog, datetime.now(UTC) - timedelta(hours=1)))
    dialog.get_by_label("Status").select_option("Succeeded")
    press(dialog, "Recover")
    expect_message(dialog, "1 message can't be sent again: its body is not stored.")
    bodies: list[dict[str, Any]] = []
    record_starts(bodies, dialog)
    filters = {"until": "2026-11-24T05:00:00.000000Z"}
    counting = {"status": "running", "dry_run": True, "found": 1200, "queued": 0, "filters": filters}
    dialog.page.route("**/recover/*", lambda route: route.fulfill(json=counting))
    dialog.get_by_label("Event type", exact=True).fill(" order.* ")
    press(dialog, "Recover")
    expect_message(dialog, "Counting: 1,200 messages so far.")
    skip = dialog.get_by_role("button", name="Recover now, without the count")
    skip.focus()
    counting["found"] = 2400
    expect_message(dialog, "Counting: 2,400 messages so far.")
    expect(skip).to_be_focused()
    refusal = {"code": "conflict", "message": "a recovery of this webhook is running: rec_1", "recovery_id": "rec_1"}
    dialog.page.route("**/recover", lambda route: route.fulfill(status=409, json={"error": refusal}), times=1)
    dialog.page.keyboard.press("Enter")
    expect_message(dialog, "A recovery of this webhook is running: rec_1.")
    (counted,) = bodies
    assert (counted["status"], counted["event_type"], counted["dry_run"]) == ("success", "order.*", True)


@pytest.mark.parametrize(
    "answer", [{"json": {"status": "running", "found": 3, "queued": 2}}, {"status": 500, "json": {"error": {}}}]
)
def test_a_recovery_does_not_replace_a_question(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str, answer: dict[str, Any]
) -> None:
    register(stack, webhook_id, "https://example.com/")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    page.route("**/recover", lambda route: route.fulfill(status=202, json={"recovery_id": "rec_1"}))
    held = Held(page, "**/recover/*")
    dialog.get_by_label("Start time").fill(to_local(dialog, datetime.now(UTC) - timedelta(hours=1)))
    press(dialog, "Recover")
    progress = held.take()
    press(dialog, "Delete")
    expect_message(dialog, re.compile("^Delete this webhook"))
    with page.expect_event("requestfinished"):
        progress.fulfill(**answer)
    page.wait_for_timeout(100)
    expect_message(dialog, re.compile("^Delete this webhook"))


def test_each_dialog_has_the_name_of_what_it_shows(
    opened: Open, orders: str, page: Page, stack: Stack, webhook_id: str
) -> None:
    register(stack, webhook_id, "https://example.com/", name="Send orders to warehouse")
    scope = "executions:read webhooks:read webhooks:manage"
    opened(orders, token=stack.token(webhooks=[orders, webhook_id], scope=scope))
    page.get_by_role("button", name=re.compile("^View ")).first.click()
    expect(page.get_by_role("dialog", name=re.compile("^order"))).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Webhooks").check(force=True)
    page.get_by_role("button", name="Edit Send orders to warehouse").click()
    expect(page.get_by_role("dialog", name="Send orders to warehouse")).to_be_visible()


def test_someone_elses_change_is_not_overwritten(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    webhook = register(stack, webhook_id, "https://example.com/")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    register(stack, webhook_id, "https://example.com/", name="theirs", version=webhook["version"])
    dialog.get_by_label("Name").fill("ours")
    press(dialog, "Save")
    expect_message(dialog, re.compile("^Someone else changed this webhook"))
    press(dialog, "Reload")
    expect(dialog.get_by_label("Name")).to_have_value("theirs")


UNAVAILABLE = {"error": {"code": "unavailable", "message": "Try again."}}


def test_a_form_that_is_being_saved_takes_no_edits(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    """The response would replace them. Other requests of the dialog do not end the save."""
    register(stack, webhook_id, "https://example.com/")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    name, sample = dialog.get_by_label("Name"), dialog.get_by_label("Sample payload")
    save = dialog.get_by_role("button", name="Save", exact=True)
    page.route("**/test", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
    saved = Held(page, f"**/webhooks/{webhook_id}", times=1)
    name.fill("Orders")
    name.press("Enter")
    controls = (name, dialog.get_by_role("switch", name="Enabled"), dialog.get_by_label("Retries"), save)
    for control in controls:
        expect(control).to_be_disabled()
    press(dialog, "Send test")
    expect_message(dialog, re.compile("."))
    for control in controls:
        expect(control).to_be_disabled()
    sample.fill('{"order": 8}')
    saved.take().fulfill(status=503, json=UNAVAILABLE)
    expect(name).to_be_enabled()
    expect(name).to_have_value("Orders")
    expect(sample).to_be_focused()
    page.unroute_all()
    save.click()
    expect_message(dialog, re.compile("^Saved"))
    expect(dialog.get_by_label("Name")).to_be_enabled()
    expect(dialog.get_by_label("Sample payload")).to_have_value('{"order": 8}')
    assert call(stack, "GET", webhook_id)["name"] == "Orders"


def test_after_an_error_of_a_save_the_focus_is_where_it_was(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, "https://example.com/")
    dialog = edit(opened(webhook_id, token=token, view="webhooks"))
    name = dialog.get_by_label("Name")
    saved = Held(page, f"**/webhooks/{webhook_id}", times=1)
    name.fill("Orders")
    name.press("Enter")
    expect(name).to_be_disabled()
    saved.take().fulfill(status=503, json=UNAVAILABLE)
    expect(name).to_be_focused()


def test_what_was_saved_is_shown_even_if_it_cannot_be_read(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    """Saving it again would be a conflict with itself."""
    page.route("**/webhooks/*?masked=true", lambda route: route.fulfill(status=503, json=UNAVAILABLE))
    opened(webhook_id, token=token, view="webhooks")
    page.get_by_role("button", name="Add webhook").click()
    dialog = page.get_by_role("dialog", name="New webhook")
    for label, text in (("ID", webhook_id), ("URL", "https://example.com/"), ("Headers", "X-Shop: berlin")):
        dialog.get_by_label(label, exact=True).fill(text)
    press(dialog, "Save")
    dialog = page.get_by_role("dialog", name=webhook_id)
    expect(dialog.locator(".panel code")).to_have_text(re.compile("^whsec_"))
    dialog.get_by_label("Name").fill("Orders")
    press(dialog, "Save")
    dialog = page.get_by_role("dialog", name="Orders")
    expect_message(dialog, re.compile("^Saved"))
    expect(dialog.get_by_label("Headers", exact=True)).to_have_value("X-Shop: berlin\n")
    saved = call(stack, "GET", webhook_id)
    assert (saved["version"], saved["headers"]) == (2, {"X-Shop": "berlin"})


def test_deleting_asks_for_confirmation(opened: Open, stack: Stack, webhook_id: str, token: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    page = opened(webhook_id, token=token, view="webhooks")
    dialog = edit(page)
    press(dialog, "Delete")
    dialog.locator(".panel").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    expect(dialog).to_be_hidden()


def test_only_allowed_views_and_buttons_are_shown(opened: Open, stack: Stack, webhook_id: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    reader = stack.token(webhooks=[webhook_id], scope="executions:read webhooks:read")
    page = opened(webhook_id, token=reader, view="webhooks", edit=webhook_id)
    expect(page.get_by_role("listitem")).to_contain_text("https://example.com/")
    expect(page.get_by_role("button", name=re.compile("Edit|Add"))).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto("about:blank")
    opened(webhook_id, token=stack.token(), view="webhooks")
    page.get_by_role("button", name="Switch").click()
    expect(page.get_by_role("heading", name="No webhooks sent yet")).to_be_visible()
    expect(page.get_by_role("radio", name="Webhooks")).to_have_count(0)
    page.goto("about:blank")
    manager = stack.token(webhooks=[webhook_id], scope="webhooks:read webhooks:manage")
    opened(webhook_id, token=manager, view="webhooks")
    page.get_by_role("button", name="Switch").click()
    dialog = edit(page)
    expect(dialog.get_by_role("button", name="Send test")).to_be_visible()
    expect(dialog.get_by_role("button", name="Recover")).to_have_count(0)


def test_webhooks_load_page_by_page(opened: Open, page: Page, webhook_id: str, token: str) -> None:
    first, second = ({"webhook_id": name, "url": "", "event_types": [], "enabled": False} for name in "ab")
    page.route(
        "**/webhooks?seen=true&masked=true",
        lambda route: route.fulfill(json={"webhooks": [first], "next_cursor": "a&b"}),
    )
    page.route(
        "**/webhooks?seen=true&masked=true&cursor=a%26b",
        lambda route: route.fulfill(json={"webhooks": [second], "next_cursor": None}),
    )
    opened(webhook_id, token=token, view="webhooks")
    expect(page.get_by_role("status")).to_have_text("1 webhook, and there are more")
    page.get_by_role("button", name="Load more").click()
    expect(page.locator("li .name")).to_have_text(["a", "b"])
    expect(page.get_by_role("button", name="Load more")).to_be_hidden()


def test_a_webhook_is_edited_although_the_list_is_refreshed_during_the_click(
    opened: Open, page: Page, stack: Stack, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, "https://example.com/")
    opened(webhook_id, token=token, view="webhooks")
    button = page.get_by_role("button", name=f"Edit {webhook_id}")
    expect(button).to_be_visible()
    held = Held(page, re.compile(r"/webhooks\?"))
    page.get_by_role("button", name="Refresh").click()
    button.hover()
    page.mouse.down()
    held.take().continue_()
    expect(page.get_by_role("status")).to_have_text("1 webhook")
    page.mouse.up()
    expect(page.get_by_role("dialog").get_by_label("URL")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")


def test_without_a_webhook_there_is_a_list_to_search(opened: Open, page: Page, stack: Stack) -> None:
    names = [f"shop{number:04}.orders" for number in range(620)]
    webhooks: list[dict[str, Any]] = [
        {"webhook_id": name, "name": "Lager" if name == "shop0033.orders" else "", "url": f"https://{name}.example/",
         "event_types": [], "enabled": True, "registered": True}
        for name in names
    ]  # fmt: skip

    def answer(route: Route) -> None:
        query = parse_qs(urlparse(route.request.url).query)
        limit, start = int(query.get("limit", ["50"])[0]), int(query.get("cursor", ["0"])[0])
        end = start + limit
        route.fulfill(json={"webhooks": webhooks[start:end], "next_cursor": str(end) if end < len(names) else None})

    page.route(re.compile(r"/webhooks\?"), answer)
    page.goto(f"{stack.outputs['ApiUrl']}/history#token={stack.token(scope='executions:read webhooks:read')}")
    expect(page.get_by_role("heading", name="Webhooks")).to_be_visible()
    expect(page.get_by_role("radio", name="History")).to_have_count(0)
    expect(page.get_by_role("button", name="Add webhook")).to_have_count(0)
    expect(page.get_by_role("listitem")).to_have_count(50)
    search, status = page.get_by_role("searchbox", name="Search"), page.get_by_role("status")
    for typed, found in (("LAGER", "shop0033.orders"), ("p0499", "shop0499.orders"), ("//shop0034", "shop0034.orders")):
        search.fill(typed)
        expect(page.locator("li .id").first).to_have_text(found)
        expect(page.get_by_role("listitem")).to_have_count(1)
        expect(status).to_have_text("Matches: 1. Webhooks searched: 500, up to shop0499.orders.")
    search.fill("shop0619")
    expect(page.get_by_role("heading", name="No match up to shop0499.orders")).to_be_visible()
    page.get_by_role("button", name="Continue searching").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    expect(status).to_have_text("Matches: 1. Webhooks searched: 620.")
    search.fill("nobody")
    page.get_by_role("button", name="Continue searching").click()
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    search.fill("shop0033")
    page.get_by_role("button", name="Open history of Lager").click()
    expect(page.get_by_role("heading", name="shop0033.orders")).to_be_visible()
    expect(page.get_by_role("radio", name="History")).to_be_focused()


def wait_until_counted(stack: Stack, token: str, **counts: int) -> None:
    """Wait until the token's only webhook is listed with these counts."""
    url, headers = f"{stack.outputs['ApiUrl']}/webhooks?seen=true", {"Authorization": f"Bearer {token}"}
    until(
        lambda: requests.get(url, headers=headers, timeout=60).json()["webhooks"],
        lambda listed: [counts.items() <= each["last_24_hours"].items() for each in listed] == [True],
    )


def test_a_webhook_that_is_not_registered_is_listed_with_its_last_day(
    opened: Open, stack: Stack, receiver: Receiver, webhook_id: str, token: str
) -> None:
    url = receiver.url(f"/sequence/{webhook_id}", codes="200,410,410")
    stack.deliver(webhook_id, *({"url": url, "payload": number} for number in range(3)), wait_for=3)
    wait_until_counted(stack, token, succeeded=1, failed=2)
    page = opened(webhook_id, token=token, view="webhooks")
    listed = page.get_by_role("listitem")
    expect(listed.locator(".badge")).to_have_text("Not registered")
    expect(listed).to_contain_text("24 hours: 1 succeeded, 2 failed")
    expect(listed.locator(".activity")).to_contain_text(re.compile("Last execution (just now|.* ago): (200|410)"))
    expect(listed.get_by_role("button", name=re.compile("^Edit"))).to_have_count(0)
    listed.get_by_role("button", name="Open history").click()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_without_the_scope_to_read_executions_there_is_no_activity(opened: Open, stack: Stack, webhook_id: str) -> None:
    register(stack, webhook_id, "https://example.com/")
    reader = stack.token(webhooks=[webhook_id], scope="webhooks:read")
    page = opened(webhook_id, token=reader, view="webhooks")
    expect(page.get_by_role("listitem")).to_contain_text("https://example.com/")
    expect(page.locator(".activity")).to_have_count(0)


@pytest.mark.parametrize(
    ("last", "counts", "text"),
    [
        (None, (0, 0, 0), "No executions"),
        ({"result": 200, "success": True}, (1_234_567, 0, 0), "200 24 hours: 1,234,567 succeeded, 0 failed"),
        (
            {"result": 0, "success": True, "skipped": True},
            (1, 2, 3),
            "Skipped 24 hours: 1 succeeded, 2 failed, 3 skipped",
        ),
        ({"result": 0, "success": False, "error_type": "dns_failure"}, (0, 0, 0), "DNS failed 24 hours: none"),
    ],
)
def test_the_last_execution_and_the_counts_are_in_words(
    opened: Open,
    page: Page,
    webhook_id: str,
    token: str,
    last: dict[str, Any] | None,
    counts: tuple[int, int, int],
    text: str,
) -> None:
    day = {**dict(zip(("succeeded", "failed", "skipped"), counts, strict=True)), "hard_errors": 0}
    execution = last and {"executed_at": "2026-11-24T01:52:55.842910Z", **last}
    webhook = {"webhook_id": webhook_id, "registered": False, "last_execution": execution, "last_24_hours": day}
    page.route(
        "**/webhooks?seen=true&masked=true",
        lambda route: route.fulfill(json={"webhooks": [webhook], "next_cursor": None}),
    )
    opened(webhook_id, token=token, view="webhooks")
    expect(page.locator(".activity")).to_have_text(re.compile(f"{re.escape(text).replace(' 24', '.*24')}$"))


def test_a_deployment_that_does_not_count_lists_registered_webhooks(
    opened: Open, page: Page, webhook_id: str, token: str
) -> None:
    error = {"error": {"code": "not_found", "message": "this deployment does not count executions"}}
    webhook = {"webhook_id": webhook_id, "url": "https://example.com/", "event_types": [], "enabled": True}
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url.rpartition("?")[2])
        has_seen = "seen" in asked[-1]
        route.fulfill(
            status=404 if has_seen else 200, json=error if has_seen else {"webhooks": [webhook], "next_cursor": None}
        )

    page.route(re.compile(r"/webhooks\?"), answer)
    opened(webhook_id, token=token, view="webhooks")
    expect(page.get_by_role("listitem")).to_contain_text("https://example.com/")
    expect(page.locator(".activity")).to_have_count(0)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("status")).to_have_text("1 webhook")
    assert asked == ["seen=true&masked=true", "masked=true", "masked=true"]


def test_loading_webhooks_can_be_retried(opened: Open, page: Page, stack: Stack, webhook_id: str, token: str) -> None:
    page.route(re.compile(r"/webhooks\?"), lambda route: route.abort(), times=1)
    opened(webhook_id, token=token, view="webhooks")
    expect(page.get_by_role("heading", name="The API cannot be reached")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    page.goto("about:blank")
    opened(webhook_id, token=stack.token(scope="webhooks:manage"), view="webhooks")
    page.get_by_role("button", name="Switch").click()
    expect(page.get_by_text("with the scope webhooks:read.")).to_be_visible()


def test_fields_of_a_webhook_are_shown_as_text(opened: Open, page: Page, webhook_id: str, token: str) -> None:
    webhook = dict.fromkeys(("name", "url", "transformation", "topic", "disabled_reason"), ALL) | {
        "webhook_id": webhook_id, "headers": {ALL: ALL}, "event_types": [ALL], "enabled": True, "timeout_seconds": ALL,
        "retry_schedule": [ALL], "version": 1, "next_cursor": None, "request_body": ALL,
    }  # fmt: skip
    refusals = {"PUT": f"url {ALL}", "DELETE": ALL}

    def answer(route: Route) -> None:
        asked = route.request
        if asked.method in refusals:
            message = refusals[asked.method]
            errors = [{"field": field, "message": message} for field in ("url", ALL) if asked.method == "PUT"]
            route.fulfill(status=400, json={"error": {"code": ALL, "message": message, "errors": errors}})
        elif "/webhooks?" in asked.url:
            route.fulfill(json={"webhooks": [webhook], "next_cursor": None})
        elif asked.url.endswith("/secret"):
            route.fulfill(json={"secret": ALL})
        else:
            route.fulfill(json=webhook)

    page.route(re.compile("/webhooks[?/]"), answer)
    opened(webhook_id, token=token, view="webhooks")
    expect(page.locator(".name")).to_have_text(ALL)
    expect(page.locator("li .wrong")).to_have_text(f"Disabled: {ALL}")
    dialog = edit(page)
    expect(dialog.get_by_role("heading", level=2)).to_have_text(ALL)
    expect(dialog.get_by_role("group", name="Transformed payload")).to_have_text(ALL)
    dialog.get_by_label("Timeout").fill("15")
    press(dialog, "Save")
    expect(dialog.get_by_label("URL")).to_have_accessible_description(re.compile("^Url <script>alert"))
    press(dialog, "Show secret")
    expect(dialog.locator(".panel code")).to_have_text(ALL)
    press(dialog, "Delete")
    dialog.locator(".panel").get_by_role("button", name="Delete").click()
    expect_message(dialog, f"Request failed. {ALL}.")
    expect_no_elements(page)


def test_no_axe_violations_and_no_sideways_scrolling(
    browser: Browser, stack: Stack, webhook_id: str, token: str
) -> None:
    register(stack, webhook_id, f"https://example.com/{'long' * 60}", name="n" * 200, transformation="payload")
    page = browser.new_page(bypass_csp=True, reduced_motion="reduce")
    page.goto(stack.page_url(webhook_id, token, view="webhooks"))
    expect(page.get_by_role("listitem")).to_be_visible()
    expect_accessible(page)
    dialog = edit(page)
    expect(dialog.get_by_role("group", name="Transformed payload")).to_be_visible()
    dialog.get_by_label("Retries").select_option("Custom")
    dialog.get_by_label("Headers", exact=True).fill("nonsense" * 30)
    press(dialog, "Save")
    expect(dialog.get_by_label("Retry delays")).to_have_accessible_description("Enter a value.")
    expect_accessible(page)
    page.close()
