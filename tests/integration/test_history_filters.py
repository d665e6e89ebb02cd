"""The filters of the history: what they select, how much they read and how far."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle
from random import Random
from typing import Any

import pytest

from hooklog.errors import ErrorType
from hooklog.executions.execution import Execution, iso_time
from hooklog.executions.history import MAX_READ
from hooklog.executions.log import Retention, build_summary_put
from tests import dynalite
from tests.aws import Endpoint, MockAws
from tests.events import api_event
from tests.history import START, Outcome, Write, execution, page, page_bodies, pages

OUTCOMES: list[Outcome] = [
    200, 204, None, 42, 101, 301, 404, 410, 500, 503, 999,
    ErrorType.DNS_FAILURE, ErrorType.READ_TIMEOUT, ErrorType.UNKNOWN_WEBHOOK,
]  # fmt: skip
EVENT_TYPES = ["order.created", "order.item.added", "order", "orders.created", "order.", "Order.created", "!", None]

Matches = Callable[[Execution], bool]


def has_result(lowest: int, highest: int | None = None) -> Matches:
    return lambda one: lowest <= one.delivery.result <= (lowest if highest is None else highest)


def has_event_type(event_type: str) -> Matches:
    return lambda one: one.delivery.message.event_type == event_type


def begins_with(prefix: str) -> Matches:
    return lambda one: (one.delivery.message.event_type or "").startswith(prefix)


def has_error(error_type: str) -> Matches:
    return lambda one: one.delivery.error is not None and one.delivery.error.error_type == error_type


def is_since(second: int) -> Matches:
    return lambda one: one.delivery.started_at >= START + timedelta(seconds=second)


def is_before(second: int) -> Matches:
    return lambda one: one.delivery.started_at < START + timedelta(seconds=second)


CHOICES: dict[str, dict[str, Matches]] = {
    "status": {"success": lambda one: one.delivery.success, "failure": lambda one: not one.delivery.success},
    "event_type": {
        "order.created": has_event_type("order.created"),
        "order": has_event_type("order"),
        "!": has_event_type("!"),
        "order.*": begins_with("order."),
        "order.item.*": begins_with("order.item."),
        "invoice.*": begins_with("invoice."),
    },
    "result": {
        "0": has_result(0),
        "042": has_result(42),
        "200": has_result(200),
        "404": has_result(404),
        "599": has_result(599),
        "1xx": has_result(100, 199),
        "2xx": has_result(200, 299),
        "5xx": has_result(500, 599),
        "9xx": has_result(900, 999),
    },
    "error_type": {each: has_error(each) for each in ("dns_failure", "read_timeout", "tls_error")},
    "from": {"2026-11-23T17:36:10.123456Z": is_since(10), "2026-11-23T17:36:25.123456Z": is_since(25)},
    "to": {"2026-11-23T17:36:40.123456Z": is_before(40), "2026-11-23T17:36:20.123456Z": is_before(20)},
}
"""Values of each parameter, and which executions each selects."""

SINGLE: list[dict[str, str]] = [{name: value} for name, values in CHOICES.items() for value in values]


def draw_combinations(random: Random, count: int) -> list[dict[str, str]]:
    """Draw combinations of two parameters or more."""
    names = [random.sample(list(CHOICES), random.randint(2, len(CHOICES))) for _ in range(count)]
    return [{name: random.choice(list(CHOICES[name])) for name in chosen} for chosen in names]


def is_match(one: Execution, parameters: dict[str, str]) -> bool:
    return all(CHOICES[name][value](one) for name, value in parameters.items())


def make_log(random: Random, seconds: int) -> list[Execution]:
    """Return 45 seconds of executions, one every `seconds`, newest last, with random outcomes and event types.

    Five more share two microseconds.
    """
    log = [execution(n, random.choice(OUTCOMES), event_type=random.choice(EVENT_TYPES)) for n in range(0, 45, seconds)]
    log += [execution(n, random.choice(OUTCOMES), event_type="order.created") for n in (15, 15, 15, 30, 30)]
    return sorted(log, key=lambda one: one.execution_id)


@pytest.mark.parametrize(("limit", "seconds"), [(1, 2), (4, 1), (30, 1)])
def test_all_pages_together_are_the_filtered_history(write: Write, listing: Endpoint, limit: int, seconds: int) -> None:
    """A new execution arrives after the first page of each query."""
    random = Random(limit)
    log = make_log(random, seconds)
    write(log)
    write([execution(n, 500, webhook_id="acme.orderz") for n in range(3)])
    for number, parameters in enumerate([*SINGLE, *draw_combinations(random, 20)]):
        wanted = [one for one in reversed(log) if is_match(one, parameters)]
        arriving = execution(1000 + number, random.choice(OUTCOMES), event_type=random.choice(EVENT_TYPES))
        shown: list[str] = []
        for body in page_bodies(listing, limit=str(limit), **parameters):
            if log[-1] is not arriving:
                log.append(arriving)
                write([arriving])
            shown += [each["execution_id"] for each in body["executions"]]
            assert len(body["executions"]) <= limit
            check_searched_to(body, parameters, shown, wanted)
        assert shown == [one.execution_id for one in wanted], parameters


def check_searched_to(
    body: dict[str, Any], parameters: dict[str, str], shown: list[str], wanted: list[Execution]
) -> None:
    """Check that no match is missing that is later than `searched_to`."""
    if parameters.keys() <= {"from", "to"}:
        assert "searched_to" not in body
    elif body["next_cursor"] is None:
        assert body["searched_to"] == parameters.get("from")
    else:
        later = [one.execution_id for one in wanted if iso_time(one.execution_id) > body["searched_to"]]
        assert shown[: len(later)] == later, parameters


@contextmanager
def count_reads(app: Endpoint) -> Iterator[list[int]]:
    """Collect how many items each request of the handler reads."""
    counts: list[int] = []

    def count(response_dict: dict[str, Any], **_: Any) -> None:
        counts.append(json.loads(response_dict["body"])["ScannedCount"])

    events = app.app.connection.client.meta.events
    events.register("before-parse.dynamodb", count)
    yield counts
    events.unregister("before-parse.dynamodb", count)


def write_many(aws: MockAws, executions: list[Execution], padding: int = 0) -> None:
    """Write summaries only, each with an attribute of `padding` bytes that a later release may add."""
    puts = [build_summary_put(one, Retention(90, 30)) for one in executions]
    items: list[Any] = [{"PutRequest": {"Item": {**put.item, "later": {"S": "x" * padding}}}} for put in puts]
    for start in range(0, len(items), 25):
        written = aws.dynamodb.batch_write_item(RequestItems={aws.refs["Executions"]: items[start : start + 25]})
        assert not written["UnprocessedItems"]


COMMON: list[tuple[Outcome, str | None]] = [(500, "order.created"), (500, "order.paid"), (ErrorType.TLS_ERROR, None)]
RARE: list[tuple[dict[str, str], Outcome, str | None]] = [
    ({"event_type": "order.paid.late"}, 500, "order.paid.late"),
    ({"event_type": "order.paid.*"}, 200, "order.paid.late"),
    ({"error_type": "dns_failure"}, ErrorType.DNS_FAILURE, None),
    ({"result": "404"}, 404, "a"),
    ({"result": "2xx"}, 204, "a"),
    ({"status": "success"}, None, "a"),
]
"""Parameters that select none of the common executions, and what they select."""


def test_a_page_reads_a_limited_number_of_executions(aws: MockAws, listing: Endpoint) -> None:
    """The only match is the oldest execution; it is on the second page."""
    log = [
        execution(1 + n, outcome, event_type=kind) for n, (outcome, kind) in zip(range(MAX_READ + 49), cycle(COMMON))
    ]
    write_many(aws, log)
    for parameters, outcome, event_type in RARE:
        oldest = execution(0, outcome, event_type=event_type)
        write_many(aws, [oldest])
        with count_reads(listing) as counts:
            status, first = page(listing, limit="5", **parameters)
        assert (status, first["executions"], sum(counts)) == (200, [], MAX_READ), parameters
        assert len(counts) <= 6, parameters
        assert first["searched_to"] == iso_time(log[49].execution_id), parameters
        with count_reads(listing) as counts:
            _, second = page(listing, limit="5", cursor=first["next_cursor"], **parameters)
        assert [one["execution_id"] for one in second["executions"]] == [oldest.execution_id], parameters
        assert (second["next_cursor"], second["searched_to"], sum(counts)) == (None, None, 50), parameters
        key: Any = {"webhook_id": {"S": "acme.orders"}, "executed_at": {"S": oldest.execution_id}}
        aws.dynamodb.delete_item(TableName=aws.refs["Executions"], Key=key)


def test_successes_between_failures_are_not_read(write: Write, listing: Endpoint) -> None:
    """Filters that only failures match read the index of failures."""
    write([execution(n, 404 if n % 20 == 0 else 200) for n in range(100)])
    for parameters in (
        {"result": "4xx"},
        {"result": "404"},
        {"result": "0", "status": "failure"},
        {"error_type": "dns_failure"},
    ):
        with count_reads(listing) as counts:
            assert page(listing, **parameters)[1]["next_cursor"] is None
        assert sum(counts) == 5, parameters


def test_a_page_does_not_read_much_more_than_it_needs(write: Write, listing: Endpoint) -> None:
    write([execution(n, event_type="order.paid" if n % 2 else "order.created") for n in range(400)])
    with count_reads(listing) as counts:
        assert len(page(listing, event_type="order.paid")[1]["executions"]) == 50
    assert sum(counts) <= 200


@pytest.mark.skipif(dynalite.IS_WANTED, reason="dynalite applies its limit of 1 MB to what the filter leaves")
@pytest.mark.parametrize("limit", ["1", "5", "200"])
def test_pages_that_dynamodb_ends_at_1_mb_are_continued(aws: MockAws, listing: Endpoint, limit: str) -> None:
    log = [execution(n, 200, event_type="order.paid" if n % 7 == 0 else "order.created") for n in range(60)]
    write_many(aws, log, padding=90_000)
    paid = [one.execution_id for one in reversed(log) if one.delivery.message.event_type == "order.paid"]
    with count_reads(listing) as counts:
        shown = [each for ids in pages(listing, limit=limit, event_type="order.paid") for each in ids]
    assert shown == paid
    assert max(counts) < 12, "DynamoDB did not end a response at 1 MB"
    assert [each for ids in pages(listing, limit=limit) for each in ids] == [one.execution_id for one in reversed(log)]


def test_short_responses_of_dynamodb_do_not_shorten_a_page(aws: MockAws, listing: Endpoint) -> None:
    """What counts towards the maximum is what was read, not what was asked for."""
    write_many(aws, [execution(n) for n in range(80)], padding=90_000)
    with count_reads(listing) as counts:
        body = page(listing, event_type="order.paid")[1]
    assert (body["executions"], body["next_cursor"], sum(counts)) == ([], None, 80)


@pytest.mark.parametrize(
    "parameters",
    [
        {"status": "success", "error_type": "dns_failure"},
        {"status": "success", "result": "404"},
        {"status": "success", "result": "3xx"},
        {"status": "failure", "result": "200"},
        {"status": "failure", "result": "2xx"},
        {"error_type": "dns_failure", "result": "500"},
        {"error_type": "dns_failure", "result": "2xx"},
    ],
)
def test_filters_that_exclude_each_other_get_an_empty_page(
    write: Write, listing: Endpoint, parameters: dict[str, str]
) -> None:
    write([execution(n, outcome) for n, outcome in enumerate(OUTCOMES)])
    with count_reads(listing) as counts:
        answer = page(listing, from_="2026-11-01", **parameters)
    empty: dict[str, Any] = {"executions": [], "next_cursor": None, "searched_to": "2026-11-01T00:00:00.000000Z"}
    assert (answer, counts) == ((200, empty), [])


def test_a_skipped_execution_has_the_result_0_and_is_a_success(write: Write, listing: Endpoint) -> None:
    skipped, failed = execution(0, None), execution(1, ErrorType.READ_TIMEOUT)
    write([skipped, failed])
    for parameters, shown in (
        ({"result": "0"}, [failed, skipped]),
        ({"result": "0", "status": "success"}, [skipped]),
        ({"result": "0", "status": "failure"}, [failed]),
    ):
        assert list(pages(listing, **parameters)) == [[one.execution_id for one in shown]]


@pytest.mark.parametrize(
    ("name", "rule", "values"),
    [
        (
            "result",
            "result must be a status of three digits such as 404, a class such as 5xx, or 0 for no response",
            ["", "5XX", "99", "000", "00", "-1", "+200", "2000", "5x", "x5x", "0xx", "xx", "*", "4**", "404 ", "404\n",
             "5xx,4xx", "4.4", "\u0664\u0660\u0664", "success"],
        ),
        (
            "event_type",
            "event_type must be a type without * such as order.created, or a prefix that ends in .* such as order.*, "
            "of 1-128 visible ASCII characters",
            ["", "*", ".*", "order*", "*.created", "order.*.x", "order.**", "*.*", "order.*.*", "order created",
             "order.created ", "ordér", "e" * 129, "e" * 129 + ".*", "a\n"],
        ),
        (
            "error_type",
            f"error_type must be one of {', '.join(ErrorType)}",
            ["", "*", "timeout", "DNS_FAILURE", "dns_failure,tls_error", "dns_*", "0", " dns_failure"],
        ),
        ("status", "status must be success or failure", ["", "*", "failed", "Success", "success,failure"]),
    ],
)  # fmt: skip
def test_a_wrong_filter_is_refused_with_what_is_allowed(
    listing: Endpoint, name: str, rule: str, values: list[str]
) -> None:
    for value in values:
        status, body = page(listing, **{name: value})
        assert (status, body["error"]["code"], body["error"]["field"]) == (400, "invalid_request", name), value
        assert body["error"]["message"] == f"{rule}, not {value!r:.80}"


def test_all_wrong_filters_are_named(listing: Endpoint) -> None:
    wrong = {"limit": "0", "status": "x", "event_type": "*", "result": "x", "error_type": "x", "from": "x", "to": "x"}
    body = page(listing, **wrong)[1]
    assert [each["field"] for each in body["error"]["errors"]] == list(wrong)


def test_a_cursor_belongs_to_its_filters(write: Write, listing: Endpoint) -> None:
    write([execution(n, ErrorType.DNS_FAILURE) for n in range(3)])
    queries: list[dict[str, str]] = [
        {},
        {"status": "failure"},
        {"event_type": "order.created"},
        {"event_type": "order.*"},
        {"event_type": "order.created", "result": "0"},
        {"result": "0"},
        {"error_type": "dns_failure"},
        {"error_type": "dns_failure", "status": "failure"},
        {"error_type": "dns_failure", "from": "2026-11-01"},
    ]
    cursors = [page(listing, limit="1", **query)[1]["next_cursor"] for query in queries]
    for made_for, cursor in zip(queries, cursors, strict=True):
        for query in queries:
            status, body = page(listing, cursor=cursor, limit="2", **query)
            if query == made_for:
                assert (status, len(body["executions"])) == (200, 2)
            else:
                assert (status, body["error"]["field"]) == (400, "cursor")
                assert "cursor belongs to another query" in body["error"]["message"]


def test_a_cursor_of_the_previous_release_stays_valid(write: Write, listing: Endpoint) -> None:
    log = [execution(n, 500) for n in range(3)]
    write(log)
    for parameters in ({}, {"status": "failure"}):
        parts = json.dumps(["acme.orders", parameters.get("status"), None, None])
        fingerprint = hashlib.sha256(parts.encode()).hexdigest()[:16]
        cursor = base64.urlsafe_b64encode(f"{fingerprint}{log[1].execution_id}".encode()).decode().rstrip("=")
        body = page(listing, cursor=cursor, **parameters)[1]
        assert [one["execution_id"] for one in body["executions"]] == [log[0].execution_id]


def test_a_hard_errors_summary_has_its_type(write: Write, listing: Endpoint, getting: Endpoint) -> None:
    outcomes: list[Outcome] = [200, 404, None, *ErrorType]
    log = [execution(n, outcome) for n, outcome in enumerate(outcomes)]
    write(log)
    shown = page(listing)[1]["executions"]
    assert [one.get("error_type") for one in reversed(shown)] == [None, None, None, *ErrorType]
    path = {"webhook_id": "acme.orders", "execution_id": log[-1].execution_id}
    one = json.loads(getting.lambda_handler(api_event(path), None)["body"])
    assert (one["error_type"], one["error"]["type"]) == (ErrorType.DISABLED_WEBHOOK, "disabled_webhook")
