"""The list of executions: order, filter, pages, live updates, chart."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from local.demo import run_demo
from tests.browser.conftest import Held, Open, Stack, url_of
from tests.receiver import Receiver


def test_executions_are_listed_newest_first(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    stack.deliver(webhook_id, {"event_type": "order.created", **url_of(receiver, 200)})
    stack.deliver(webhook_id, {"event_type": "order.paid", **url_of(receiver, 500)}, wait_for=2)
    page = opened(webhook_id)
    expect(page.locator("tbody tr")).to_have_count(2)
    newest, oldest = page.locator("tbody tr").all()
    expect(newest.locator(".badge.failure")).to_have_text("500")
    expect(newest.locator(".badge")).to_have_css("background-color", "rgb(253, 228, 228)")
    expect(newest.locator(".event")).to_contain_text("order.paid")
    expect(newest.locator(".next")).to_have_text("none")
    expect(oldest.locator(".next")).to_have_text("\N{EN DASH}")
    expect(oldest.locator(".badge.success")).to_have_text("200")
    expect(oldest.locator(".badge")).to_have_css("background-color", "rgb(220, 245, 230)")
    expect(oldest.locator(".attempt")).to_have_text("1")
    expect(oldest.locator(".duration")).to_have_text(re.compile(r"^\d+(\.\d)? m?s$"))
    expect(page.get_by_role("status")).to_have_text("2 executions")


def test_the_url_that_make_run_prints_shows_its_executions(
    page: Page, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    run_demo(stack.outputs)
    printed = re.search(r"^History page: (\S+)$", capsys.readouterr().out, re.MULTILINE)
    assert printed
    page.goto(printed[1])
    expect(page.get_by_role("heading", name="demo.orders")).to_be_visible()
    expect(page.locator("tbody tr").nth(2)).to_be_visible()
    shown = page.locator("tbody .badge").all_text_contents()[:3]
    assert sorted(shown) == ["200", "500", "Connection refused"]


def test_times_are_relative_and_exact_on_hover_in_the_viewers_zone(opened: Open, orders: str, page: Page) -> None:
    opened(orders)
    shown = page.locator("tbody time").first
    expect(shown).to_have_text(re.compile(r"just now|seconds ago|minutes? ago"))
    said = page.evaluate(
        "iso => new Intl.DateTimeFormat(undefined, {dateStyle: 'full', timeStyle: 'long'}).format(Date.parse(iso))",
        shown.get_attribute("datetime"),
    )
    expect(shown).to_have_attribute("title", said)


def test_the_list_says_what_kind_of_failure_it_is(opened: Open, orders: str, page: Page) -> None:
    kinds = {
        "dns_failure": "DNS failed",
        "connection_refused": "Connection refused",
        "connect_timeout": "Timed out",
        "tls_error": "TLS failed",
        "blocked_address": "Blocked",
        "invalid_url": "Not sent: invalid URL",
        "read_timeout": "Timed out",
        "deadline_exceeded": "Timed out",
        "connection_reset": "Connection closed",
        "protocol_error": "Invalid response",
        "transformation_error": "Not sent: transformation failed",
        "unknown_webhook": "Not sent: unknown webhook",
        "disabled_webhook": "Not sent: webhook is off",
        "a_later_type": "No response",
    }
    listed = [{"result": 0, "error_type": kind} for kind in kinds] + [{"result": 0}, {"result": 503}]

    def answer(route: Route) -> None:
        body = route.fetch().json()
        body["executions"] = [
            {name: value for name, value in body["executions"][0].items() if name != "error_type"}
            | {"execution_id": f"20261128T163000.{99 - number}", "success": False, "hard_error": result["result"] == 0}
            | result
            for number, result in enumerate(listed)
        ]
        route.fulfill(json=body)

    page.route("**/executions?*", answer)
    opened(orders)
    badges = page.locator("tbody .badge")
    expect(badges).to_have_text([*kinds.values(), "No response", "503"])
    expect(badges.first).to_have_css("background-color", "rgb(255, 236, 204)")
    expect(badges.last).to_have_css("background-color", "rgb(253, 228, 228)")
    expect(page.get_by_role("button", name=re.compile(r"^View .*, Not sent: webhook is off, "))).to_have_count(1)
    for width in (1100, 360):
        page.set_viewport_size({"width": width, "height": 900})
        cells = page.locator("tbody td.result")
        assert cells.evaluate_all("all => all.every(it => it.scrollWidth <= it.clientWidth)"), width


def test_load_more_continues_to_the_oldest(opened: Open, orders: str) -> None:
    page = opened(orders)
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_role("status")).to_have_text("50 executions, and there are more")
    page.get_by_role("button", name="Load more").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(60)
    expect(page.get_by_role("button", name="Load more")).to_be_hidden()
    expect(page.locator("tbody tr").nth(50).get_by_role("button")).to_be_focused()
    times = [time.get_attribute("datetime") or "" for time in page.locator("tbody time").all()]
    assert times == sorted(times, reverse=True)


def test_an_empty_page_that_is_not_the_last_is_skipped(opened: Open, orders: str, page: Page) -> None:
    asked: list[str] = []

    def first_page_empty(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.fulfill(json={"executions": [], "next_cursor": "made-up"})
        else:
            route.continue_(url=route.request.url.replace("&cursor=made-up", ""))

    page.route("**/executions?*", first_page_empty)
    opened(orders)
    expect(page.locator("tbody tr")).to_have_count(50)
    assert "cursor=made-up" in asked[1]


def test_the_filter_is_kept_in_the_address(opened: Open, orders: str) -> None:
    page = opened(orders)
    page.get_by_role("radio", name="Failed").check(force=True)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/history\?hl-webhook=[^&]+&hl-status=failure$"))
    page.reload()
    expect(page.get_by_role("radio", name="Failed")).to_be_checked()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("radio", name="Succeeded").check(force=True)
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("radio", name="All").check(force=True)
    expect(page).to_have_url(re.compile(r"/history\?hl-webhook=[^&]+$"))


def test_filters_by_event_type_result_and_error_can_be_combined(opened: Open, stack: Stack, orders: str) -> None:
    page = opened(orders)
    rows = page.locator("tbody tr")

    def expect_rows(count: int) -> None:
        expect(rows).to_have_count(count)

    expect_rows(50)
    page.get_by_label("Event type").fill(" order.* ")
    page.get_by_label("Event type").press("Enter")
    expect(page.get_by_label("Event type")).to_have_value("order.*")
    page.get_by_label("Result").select_option("5xx")
    expect_rows(1)
    expect(rows.locator(".badge")).to_have_text("500")
    page.get_by_label("Result").select_option("Exact code…")
    page.get_by_label("Status code").fill("500")
    page.get_by_label("Status code").press("Enter")
    expect(page).to_have_url(re.compile(r"hl-event=order\.\*&hl-result=500$"))
    page.reload()
    expect_rows(1)
    expect(page.get_by_label("Status code")).to_have_value("500")
    page.get_by_label("Result").select_option("No response")
    expect(rows.locator(".badge")).to_have_text("Connection refused")
    page.get_by_role("combobox", name="Error").select_option("Connection refused")
    expect(page).to_have_url(re.compile(r"hl-event=order\.\*&hl-result=0&hl-error=connection_refused$"))
    expect_rows(1)
    page.get_by_role("combobox", name="Error").select_option("DNS failed")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.goto(
        stack.page_url(orders, result="teapot", error="none", status="maybe", **{"from": "now", "to": "2026-99-99"})
    )
    expect_rows(50)


def test_a_long_search_says_how_far_it_looked_and_continues(opened: Open, orders: str, page: Page) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        searched_to = f"2026-01-{30 - len(asked):02}T12:00:00.000000Z"
        cursor = "more" if len(asked) < 7 else None
        route.fulfill(json={"executions": [], "next_cursor": cursor, "searched_to": searched_to})

    page.route("**/executions?event_type=nothing&*", answer)
    opened(orders, event="nothing")
    expect(page.get_by_role("heading", name="No match since Jan 25, 2026, 5:45 PM")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("No match since Jan 25, 2026, 5:45 PM")
    assert len(asked) == 5
    page.get_by_role("button", name="Continue searching").click()
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert len(asked) == 7


def test_a_range_has_presets_days_and_times_of_day_in_the_viewers_zone(opened: Open, orders: str, page: Page) -> None:
    opened(orders)
    newest = page.locator("tbody time").first.get_attribute("datetime")
    day = page.evaluate("iso => new Date(iso).toLocaleDateString('sv')", newest)
    before, after = ((datetime.fromisoformat(day) + timedelta(days=days)).date().isoformat() for days in (-1, 1))
    page.get_by_label("From").fill(f"{day}T00:00")
    page.get_by_label("From").blur()
    expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    with page.expect_request(re.compile(rf"from={before}T18%3A15.*&to={day}T18%3A15")):
        page.get_by_label("To", exact=True).fill(f"{after}T00:00")
        page.get_by_label("To", exact=True).blur()
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page).to_have_url(re.compile(rf"hl-from={before}T18%3A15Z&hl-to={day}T18%3A15Z$"))
    with page.expect_request(re.compile(r"executions\?from=")) as asked:
        page.get_by_role("radio", name="7 d").check(force=True)
    start = re.search("from=([^&]+)Z", asked.value.url.replace("%3A", ":"))
    assert start
    assert "to=" not in asked.value.url
    age = datetime.now(UTC) - datetime.fromisoformat(start[1] + "+00:00")
    assert timedelta(days=7) <= age < timedelta(days=7, minutes=5)
    expect(page).to_have_url(re.compile(r"hl-from=7d$"))
    expect(page.locator("tbody tr")).to_have_count(50)


def test_a_link_may_give_days_and_a_reversed_range_is_corrected(opened: Open, orders: str) -> None:
    page = opened(orders, **{"from": "2099-01-01", "to": "2020-01-01"})
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_label("From")).to_have_value("2020-01-01T00:00")
    expect(page.get_by_label("To", exact=True)).to_have_value("2099-01-02T00:00")
    page.get_by_label("To", exact=True).fill("2019-01-01T12:30")
    page.get_by_label("To", exact=True).blur()
    expect(page.get_by_label("From")).to_have_value("2019-01-01T12:30")


def test_both_times_of_a_clock_change_can_be_told_apart(browser: Browser, stack: Stack, webhook_id: str) -> None:
    """Clocks in Berlin go back from 3:00 to 2:00 on October 25, 2026."""
    times = [datetime.fromisoformat(f"2026-10-25T{hour:02}:30:00Z") for hour in (0, 1, 4)]
    stack.seed(webhook_id, [{"result": 200, "at": at} for at in times])
    page = browser.new_page(timezone_id="Europe/Berlin", locale="en-US")
    page.goto(stack.page_url(webhook_id, **{"from": "2026-10-25T01:00Z", "to": "2026-10-25"}))
    shown = page.locator("tbody td.time")
    expect(shown).to_have_text(["Oct 25, 2026, 5:30 AM", "Oct 25, 2026, 2:30 AM GMT+1"])
    expect(page.get_by_label("From")).to_have_value("2026-10-25T02:00")
    page.get_by_role("radio", name="Any time").check(force=True)
    expect(shown.last).to_have_text("Oct 25, 2026, 2:30 AM GMT+2")
    page.goto(stack.page_url(webhook_id, **{"from": "2026-10-24T22:00Z", "to": "2026-10-25T23:00Z"}))
    expect(page.locator(".bars button")).to_have_count(25)
    shown_bars = page.locator(".bars button:has(i:not([hidden]))")
    titles = [
        " ".join((bar.get_attribute("title") or "").split()).replace("\N{EN DASH}", "to") for bar in shown_bars.all()
    ]
    assert [title.split(": 1 succeeded")[0] for title in titles] == [
        "Oct 25, 2026, 2:00 AM GMT+2 to Oct 25, 2026, 2:00 AM GMT+1",
        "Oct 25, 2026, 2:00 AM GMT+1 to Oct 25, 2026, 3:00 AM GMT+1",
        "Oct 25, 2026, 5:00 to 6:00 AM",
    ]
    page.close()


def test_times_are_absolute_from_one_day_on(opened: Open, stack: Stack, page: Page, webhook_id: str) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(hours=23), timedelta(hours=24, minutes=1), timedelta(days=3)]
    stack.seed(webhook_id, [{"result": 200, "at": now - age} for age in ages])
    opened(webhook_id)
    shown = page.locator("tbody td.time")
    expect(shown.nth(0)).to_have_text("23 hours ago")
    for at in (1, 2):
        expect(shown.nth(at)).to_have_text(re.compile(r"^\w{3} \d+, 20\d\d, \d+:\d\d [AP]M$"))


def test_refresh_adds_new_executions(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    stack.deliver(webhook_id, url_of(receiver, 200))
    page = opened(webhook_id)
    expect(page.locator("tbody tr")).to_have_count(1)
    stack.deliver(webhook_id, url_of(receiver, 201), url_of(receiver, 202), wait_for=3)
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("tbody tr")).to_have_count(3)


@pytest.mark.own_context
@pytest.mark.parametrize("hours_ahead", [-1, 1])
def test_relative_times_ignore_a_wrong_viewers_clock(
    opened: Open, page: Page, stack: Stack, webhook_id: str, hours_ahead: int
) -> None:
    now = datetime.now(UTC)
    stack.seed(webhook_id, [{"result": 500, "at": now, "next_attempt_at": now + timedelta(minutes=30, seconds=15)}])
    page.route("**/stats?*", lambda route: route.abort())  # a late response would set the page's clock again
    page.clock.install(time=now + timedelta(hours=hours_ahead))
    opened(webhook_id)
    executed, due = page.locator("tbody td.time"), page.locator("tbody td.next")
    expect(due).to_have_text("in 30 minutes")
    expect(due.locator("time")).to_have_attribute("title", re.compile(r"\d{4}"))
    expect(executed).to_have_text(re.compile("just now|seconds ago"))
    page.get_by_role("button", name=re.compile("^View ")).click()
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^in (30 min \d+|29 min [345]\d) s$"))
    page.clock.fast_forward("02:00")
    expect(executed).to_have_text(re.compile("^[23] minutes ago$"))
    expect(due).to_have_text(re.compile("^in 2[78] minutes$"))


def test_the_filter_applies_to_the_attempts_of_a_message(opened: Open, stack: Stack, webhook_id: str) -> None:
    now = datetime.now(UTC)
    message = {"message_id": f"msg_{webhook_id}"}
    first = {"result": 500, "at": now - timedelta(minutes=1)}
    second = {"result": 200, "at": now, "attempt": 2, "trigger": "retry"}
    stack.seed(webhook_id, [first | message, second | message])
    page = opened(webhook_id, message=message["message_id"])
    expect(page.locator("tbody .badge")).to_have_text(["200", "500"])
    third = {"result": 201, "at": now + timedelta(milliseconds=1), "attempt": 3, "trigger": "resend"}
    stack.seed(webhook_id, [third | message])
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("tbody .badge")).to_have_text(["201", "200", "500"])
    page.get_by_label("To", exact=True).fill("2020-01-01T00:00")
    page.get_by_label("To", exact=True).blur()
    expect(page.get_by_text("This webhook has no execution of that message")).to_be_visible()


def test_finding_a_message_by_its_id(opened: Open, stack: Stack, receiver: Receiver, webhook_id: str) -> None:
    message = {"message_id": f"order-{webhook_id}", **url_of(receiver, 500)}
    stack.deliver(webhook_id, message, url_of(receiver, 200), url_of(receiver, 200))
    page = opened(webhook_id)
    box = page.get_by_role("searchbox", name="Message ID")
    box.fill(f" {message['message_id']} ")
    box.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody .event")).to_contain_text(message["message_id"])
    expect(page).to_have_url(re.compile(f"hl-message={message['message_id']}$"))
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("radio", name="Succeeded").check(force=True)
    expect(page.get_by_text("This webhook has no execution of that message")).to_be_visible()
    page.get_by_role("radio", name="All").check(force=True)
    box.press("Escape")
    expect(page.locator("tbody tr")).to_have_count(3)


def bars(page: Page) -> Locator:
    return page.locator(".bars button")


def answer_stats(page: Page, outage: datetime, asked: list[str]) -> None:
    """Answer with counts of every interval; those of the outage's three hours, or of its day, have failures."""

    def answer(route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        asked.append(query["interval"])
        length = timedelta(days=1) if query["interval"] == "day" else timedelta(hours=1)
        start, end = (
            datetime.fromisoformat(query[name]).replace(minute=0, second=0, microsecond=0) for name in ("from", "to")
        )
        start -= start - datetime.combine(start, datetime.min.time(), UTC) if length.days else timedelta(0)
        intervals = []
        while start < end + length:
            is_down = outage - length < start <= outage + timedelta(hours=2)
            counts = {
                "succeeded": 0 if is_down else 20,
                "failed": 9 * is_down,
                "hard_errors": 4 * is_down,
                "skipped": 1,
            }
            durations = {"p50": 12, "p95": 15_000 if is_down else 90}
            intervals.append({"start": f"{start:%Y-%m-%dT%H}:00:00Z", **counts, "duration_ms": durations})
            start += length
        route.fulfill(json={"intervals": intervals, "total": {}})

    page.route("**/stats?*", answer)


def test_the_chart_shows_an_outage_of_three_days_ago_and_filters_to_it(
    opened: Open, page: Page, orders: str, stack: Stack
) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    outage = now - timedelta(days=3)
    asked: list[str] = []
    answer_stats(page, outage, asked)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    requested_before_rows: list[str] = []

    def load_rows(route: Route) -> None:
        response = route.fetch()
        requested_before_rows.extend(url for url in requested if "/stats?" in url)
        route.fulfill(response=response)

    page.route(re.compile(r"/executions\?"), load_rows, times=1)
    opened(orders)
    expect(page.locator("tbody tr")).to_have_count(50)
    failing = page.locator(".bars button:has(.failed:not([hidden]))")
    expect(failing.first).to_have_attribute("title", re.compile(r"15\.0 s"))  # counts replace the rows' bars
    assert requested_before_rows == [], "the counts delay the rows"
    assert any("/stats?" in url for url in requested)
    titles = [bar.get_attribute("title") or "" for bar in failing.all()]
    counted = [re.search(r"(\d+) failed, (\d+) hard errors", title) for title in titles if "15.0 s" in title]
    assert [sum(int(found[group]) for found in counted if found) for group in (1, 2)] == [27, 12]
    assert all(re.search(r" [AP]M: .* succeeded, .*3 skipped, p50 ≤ 12 ms, p95 ≤ 15.0 s$", each) for each in titles[:1])

    with page.expect_request(re.compile(r"/executions\?")) as filtered:
        failing.first.click()
    start, end = (
        datetime.fromisoformat(each + "Z") for each in re.findall(r"(?:from|to)=([^&]+?)Z", unquote(filtered.value.url))
    )
    assert (start.minute, start.second, end - start) in {(0, 0, timedelta(hours=hours)) for hours in (1, 2, 3)}
    assert outage - timedelta(hours=3) < start <= outage
    expect(failing.first).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("bar="))
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    failing.first.click()
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page).not_to_have_url(re.compile("bar="))

    bars(page).last.focus()
    for key in ("ArrowLeft", "Home", "End", "Enter"):
        page.keyboard.press(key)
    expect(bars(page).last).to_have_attribute("aria-pressed", "true")
    expect(bars(page).last).to_be_focused()
    expect(page.locator(".described")).to_contain_text("p95")
    page.reload()
    expect(bars(page).last).to_have_attribute("aria-pressed", "true")
    expect(failing.first).to_have_attribute("title", re.compile(r"15\.0 s"))
    page.get_by_role("button", name=re.compile("^Show more than ")).click()
    expect(page.locator(".bars [aria-pressed=true]")).to_have_count(0)
    expect(page.locator("tbody tr")).to_have_count(50)
    assert asked == ["hour"] * 2, "a chosen bar needs no other counts"


WATCH_FIRST_ROW = """
const tops = window.tops = new Set();
requestAnimationFrame(function look() {
    const row = document.querySelector("webhook-history")?.shadowRoot?.querySelector("tbody tr");
    if (row) tops.add(row.getBoundingClientRect().top);
    requestAnimationFrame(look);
});
"""


@pytest.mark.parametrize("width", [1100, 360])
@pytest.mark.parametrize("filters", [{}, {"status": "failure"}, {"event": "order.*", "from": "24h"}])
def test_the_chart_does_not_move_the_rows(
    opened: Open, page: Page, orders: str, width: int, filters: dict[str, str]
) -> None:
    """What moves under the pointer is not what gets clicked."""
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(WATCH_FIRST_ROW)
    answer_stats(page, datetime.now(UTC) - timedelta(hours=5), [])
    opened(orders, **filters)
    expect(page.locator(".bars button[title*='15.0 s']").first).to_be_visible()
    assert page.evaluate("tops.size") == 1


def test_a_bar_is_chosen_although_the_counts_arrive_during_the_click(opened: Open, page: Page, orders: str) -> None:
    answer_stats(page, datetime.now(UTC) - timedelta(hours=5), [])
    held = Held(page, "**/stats?*")
    opened(orders)
    bars(page).first.hover()
    page.mouse.down()
    held.take().fallback()
    expect(page.locator(".bars button[title*='15.0 s']").first).to_be_visible()
    page.mouse.up()
    expect(bars(page).first).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("bar="))


def test_a_bar_is_reset_although_the_counts_arrive_during_the_click(opened: Open, page: Page, orders: str) -> None:
    now = datetime.now(UTC)
    answer_stats(page, now - timedelta(hours=5), [])
    held = Held(page, "**/stats?*")
    opened(orders, bar=f"{now - timedelta(hours=1):%Y-%m-%dT%H:00Z}/{now + timedelta(hours=1):%Y-%m-%dT%H:00Z}")
    page.get_by_role("button", name=re.compile("^Show more than ")).hover()
    page.mouse.down()
    held.take().fallback()
    expect(page.locator(".bars button[title*='15.0 s']").first).to_be_visible()
    page.mouse.up()
    expect(page).not_to_have_url(re.compile("bar="))


@pytest.mark.parametrize(
    ("chosen", "interval", "most"),
    [("24 h", "hour", 25), ("7 d", "hour", 58), ("30 d", "hour", 32), ("year", "day", 60)],
)
def test_the_chart_has_the_chosen_range(
    opened: Open, page: Page, orders: str, chosen: str, interval: str, most: int
) -> None:
    now = datetime.now(UTC)
    asked: list[str] = []
    answer_stats(page, now - timedelta(hours=5), asked)
    if chosen == "year":
        with page.expect_response("**/stats?*", timeout=60_000):
            opened(orders, **{"from": f"{now - timedelta(days=360):%Y-%m-%d}", "to": f"{now:%Y-%m-%d}"})
    else:
        opened(orders)
        expect(page.locator(".described")).to_contain_text("failed")
        page.get_by_role("radio", name=chosen, exact=True).check(force=True)
    expect(page.locator(".bars button[title*='15.0 s']").first).to_be_visible()
    assert asked[-1] == interval
    assert most - 10 < bars(page).count() <= most


@pytest.mark.parametrize(
    ("status", "remark"), [(404, "This deployment does not count executions"), (503, "The counts could not be loaded")]
)
def test_without_counts_the_chart_shows_the_loaded_executions(
    opened: Open, page: Page, orders: str, status: int, remark: str
) -> None:
    page.route("**/stats?*", lambda route: route.fulfill(status=status, json={"error": {"code": "x", "message": "y"}}))
    opened(orders)
    expect(page.get_by_text(remark)).to_be_visible()
    expect(page.locator(".described")).to_have_text("48 succeeded, 2 failed")
    assert bars(page).count() <= 60


def test_executions_that_are_not_counted_yet_are_in_the_chart(
    opened: Open, stack: Stack, page: Page, webhook_id: str
) -> None:
    page.route("**/stats?*", lambda route: route.fulfill(json={"intervals": [], "total": {}}))
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    broken = range(20, 24)
    stack.seed(
        webhook_id,
        ({"result": 503 if number in broken else 200, "at": first + timedelta(hours=number)} for number in range(45)),
    )
    opened(webhook_id)
    expect(page.locator(".described")).to_have_text("41 succeeded, 4 failed")
    failing = page.locator(".bars button:has(.failed:not([hidden]))")
    assert failing.count() in (2, 3)
    colours = "bars => [...bars[0].children].map(part => getComputedStyle(part).backgroundColor)"
    assert len(set(failing.evaluate_all(colours))) == 3
    expect(page.get_by_role("toolbar", name=re.compile("failures, .* at .*; .* at "))).to_be_visible()
    page.get_by_role("radio", name="Succeeded").check(force=True)
    expect(page.get_by_role("toolbar", name="no failures")).to_be_visible()


def expect_after_updates(shown: Locator, count: int) -> None:
    """Advance the browser's clock until that many executions are shown.

    It moves from one update to the next.
    """
    for _ in range(40):
        shown.page.clock.fast_forward(3_000)
        with suppress(AssertionError):
            return expect(shown).to_have_count(count, timeout=250)
    return expect(shown).to_have_count(count)


@pytest.mark.own_context
def test_live_updates_add_new_executions(
    opened: Open, page: Page, stack: Stack, receiver: Receiver, webhook_id: str
) -> None:
    page.clock.install()
    now = datetime.now(UTC)
    stack.seed(webhook_id, ({"result": 200, "at": now - timedelta(minutes=1 + number)} for number in range(60)))
    opened(webhook_id)
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("switch", name="Live").check()
    delivered, *_ = stack.deliver(webhook_id, url_of(receiver, 500), wait_for=61)
    expect_after_updates(page.locator("tbody tr"), 51)
    expect(page.locator("tbody tr").first.locator(".badge")).to_have_text("500")
    page.get_by_role("button", name="Load more").click()
    expect(page.locator("tbody tr")).to_have_count(61)
    late = {"result": 201, "at": datetime.fromisoformat(delivered["executed_at"]) - timedelta(seconds=20)}
    stack.seed(webhook_id, [late])
    expect_after_updates(page.locator("tbody tr"), 62)
    expect(page.locator("tbody tr").nth(1).locator(".badge")).to_have_text("201")
    page.get_by_role("switch", name="Live").uncheck()
    times = [time.get_attribute("datetime") or "" for time in page.locator("td.time time").all()]
    assert len(set(times)) == 62
    assert all(newer > older for newer, older in pairwise(times))


@pytest.mark.own_context
def test_live_updates_wait_for_an_unavailable_api(
    opened: Open, page: Page, stack: Stack, receiver: Receiver, webhook_id: str
) -> None:
    page.clock.install()
    stack.deliver(webhook_id, url_of(receiver, 200))
    opened(webhook_id)
    expect(page.locator("tbody tr")).to_have_count(1)
    page.route("**/executions?*", lambda route: route.fulfill(status=429, json={}))
    page.get_by_role("switch", name="Live").check()
    expect(page.get_by_text("Live updates: no response. Retrying…")).to_be_visible()
    page.unroute("**/executions?*")
    stack.deliver(webhook_id, *[url_of(receiver, 200)] * 2)
    expect_after_updates(page.locator("tbody tr"), 3)
    expired = {"error": {"code": "unauthorized", "message": "expired"}}
    page.route("**/executions?*", lambda route: route.fulfill(status=401, json=expired))
    expect_after_updates(page.get_by_role("heading", name="Your access has expired"), 1)
    expect(page.get_by_role("switch", name="Live")).not_to_be_checked()
    expect(page.locator("tbody tr")).to_have_count(3)


@pytest.mark.own_context
def test_live_updates_leave_the_notice_of_an_empty_list_alone(opened: Open, page: Page, webhook_id: str) -> None:
    """Otherwise its button loses the focus every three seconds."""
    page.clock.install()
    opened(webhook_id)
    test = page.get_by_role("button", name="Send test")
    expect(test).to_be_visible()
    with page.expect_event("requestfinished", lambda request: "/executions?" in request.url):
        page.get_by_role("switch", name="Live").check()
    test.focus()
    for _ in range(2):
        with page.expect_event("requestfinished", lambda request: "/executions?" in request.url):
            page.clock.fast_forward(3_000)
    expect(page.get_by_role("status")).to_have_text("No executions")
    expect(test).to_be_focused()
