"""API requests are parsed as documented or refused with the reason."""

import base64
import contextlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hooklog.api.cursor import make_cursor, make_webhook_cursor
from hooklog.api.request import MAX_BODY_LENGTH, MAX_LIMIT, Request
from hooklog.errors import ApiError, ErrorType, InvalidRequest
from hooklog.executions.filters import PARSERS, Status
from hooklog.executions.history import Query
from hooklog.messages.event_types import is_event_type_pattern
from hooklog.messages.fields import EXECUTION_ID, IDENTIFIER
from tests.events import api_event

TIME = re.compile(r"\d{8}T\d{6}\.\d{6}Z", re.ASCII)
NAMES = frozenset({"limit", "cursor", "from", "to", *PARSERS})

TEXTS = st.text() | st.text("0123456789-+:.TZW _", max_size=40)
IDS = st.from_regex(IDENTIFIER, fullmatch=True)
TIMES = st.datetimes(timezones=st.timezones() | st.none()).map(lambda at: at.isoformat())
EXECUTION_IDS = st.from_regex(EXECUTION_ID, fullmatch=True)


def request(parameters: Mapping[str, str], webhook_id: str = "acme.orders", body: str | None = None) -> Request:
    event = api_event({"webhook_id": webhook_id}, parameters)
    return Request.parse({**event, "body": body}, NAMES)


def refusal(body: str | None) -> str:
    with pytest.raises(InvalidRequest) as refused:
        request({}, body=body).recovery(datetime.now(UTC))
    return str(refused.value)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(NAMES), TEXTS | TIMES)), TEXTS)
def test_any_parameter_is_checked(parameters: dict[str, str], webhook_id: str) -> None:
    try:
        query, limit, after = request(parameters, webhook_id).executions_page
    except ApiError:
        return
    assert IDENTIFIER.fullmatch(query.webhook_id)
    assert 1 <= limit <= MAX_LIMIT
    assert query.filters.status in {None, *Status}
    assert all(TIME.fullmatch(at) for at in (query.since, query.until) if at is not None)
    assert after is None or EXECUTION_ID.fullmatch(after)


@given(IDS, EXECUTION_IDS)
def test_an_id_in_the_path_may_be_percent_encoded(name: str, execution_id: str) -> None:
    """It is the same path (RFC 3986, 2.3), and API Gateway does not decode it."""
    names = {"webhook_id": name, "message_id": name, "recovery_id": name, "execution_id": execution_id}
    encoded = {parameter: "".join(f"%{ord(each):02X}" for each in value) for parameter, value in names.items()}
    for path in (names, encoded):
        call = Request.parse(api_event(path))
        assert {parameter: getattr(call, parameter) for parameter in names} == names


@given(TIMES)
@example("9999-12-31T23:59:59-01:00")
@example("0001-01-01T00:00:00+01:00")
def test_any_time_of_iso_8601_is_read_as_utc(text: str) -> None:
    given_at = datetime.fromisoformat(text)
    try:
        at = given_at.astimezone(UTC) if given_at.tzinfo else given_at.replace(tzinfo=UTC)
    except OverflowError:  # beyond the year 1 or 9999
        with pytest.raises(InvalidRequest):
            _ = request({"from": text}).executions_page
        return
    since = request({"from": text}).executions_page[0].since
    assert since is not None
    assert datetime.strptime(since, "%Y%m%dT%H%M%S.%f%z") == at


CALLS = st.tuples(
    IDS,
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(Status),
            "event_type": st.sampled_from(["order.created", "order.*", "order"]),
            "result": st.sampled_from(["0", "404", "5xx"]),
            "error_type": st.sampled_from(ErrorType),
        },
    ),
)
"""A webhook ID and filters."""


@given(CALLS, CALLS, EXECUTION_IDS)
def test_a_cursor_continues_only_its_own_query(
    call: tuple[str, dict[str, str]], other: tuple[str, dict[str, str]], after: str
) -> None:
    (webhook_id, filters), (other_id, other_filters) = call, other
    cursor = make_cursor(request(filters, webhook_id).executions_page[0], after)
    assert cursor
    assert request({**filters, "cursor": cursor}, webhook_id).executions_page[2] == after
    if other != call:
        with pytest.raises(InvalidRequest, match="another query"):
            _ = request({**other_filters, "cursor": cursor}, other_id).executions_page


@given(TEXTS | st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True))
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        _ = request({"cursor": cursor}).executions_page


@given(TEXTS | EXECUTION_IDS.map(lambda after: str(make_cursor(Query("acme.orders"), after))) | IDS)
def test_a_cursor_of_webhooks_is_an_id_or_refused(cursor: str) -> None:
    try:
        _, after, _ = request({"cursor": cursor}).webhooks_page
    except InvalidRequest:
        return
    assert after is not None
    assert IDENTIFIER.fullmatch(after)
    assert make_webhook_cursor(after) == cursor.rstrip("=")


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | TIMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


RECOVERY: dict[str, st.SearchStrategy[Any]] = {
    "since": TIMES | JSON_VALUES,
    "until": TIMES | JSON_VALUES,
    "status": st.sampled_from(["failure", "success", "all", "Success", 1]) | JSON_VALUES,
    "event_type": st.sampled_from(["order.created", "order.*", "*", "order*"]) | JSON_VALUES,
    "dry_run": st.booleans() | JSON_VALUES,
    "til": JSON_VALUES,
}


@given(st.fixed_dictionaries({}, optional=RECOVERY))
@example({"since": "2026-01-01", "until": "9999-12-31", "status": "all", "event_type": "order.*", "dry_run": True})
def test_any_recovery_is_checked(body: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    try:
        selection, dry_run = request({}, body=json.dumps(body)).recovery(now)
    except InvalidRequest:
        return
    assert TIME.fullmatch(selection.since)
    assert selection.since < selection.until <= now.strftime("%Y%m%dT%H%M%S.%fZ")
    assert str(selection.status or "all") == body.get("status", "failure")
    assert selection.event_type == body.get("event_type")
    assert selection.event_type is None or is_event_type_pattern(selection.event_type)
    assert dry_run is body.get("dry_run", False)
    assert "til" not in body


@given(TEXTS | st.binary().map(lambda content: content.decode("latin-1")))
def test_any_body_is_read_or_refused(body: str) -> None:
    for encoded in (False, True):
        event = {**api_event({"webhook_id": "acme.orders"}), "body": body, "isBase64Encoded": encoded}
        with contextlib.suppress(InvalidRequest):
            assert isinstance(Request.parse(event).document, dict)


def test_a_body_may_have_128_kib() -> None:
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    body = f'{{"since": "{since}"}}'
    assert request({}, body=body.ljust(MAX_BODY_LENGTH)).recovery(datetime.now(UTC))
    assert "131,072" in refusal(body.ljust(MAX_BODY_LENGTH + 1))


@pytest.mark.parametrize("filler", [" ", "\u00a0", "\u2003", "\U0001f600"])
def test_a_body_in_base64_has_the_same_limit(filler: str) -> None:
    """API Gateway encodes every body, because the API has the binary media type */*."""

    def event(characters: int) -> dict[str, Any]:
        text = json.dumps({"a": ""}, ensure_ascii=False)
        text = text[:-2] + filler * (characters - len(text)) + text[-2:]
        body = base64.b64encode(text.encode()).decode()
        return {**api_event({"webhook_id": "acme.orders"}), "body": body, "isBase64Encoded": True}

    assert Request.parse(event(MAX_BODY_LENGTH)).document["a"].strip(filler) == ""
    with pytest.raises(InvalidRequest, match="131,072"):
        Request.parse(event(MAX_BODY_LENGTH + 1))


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 20_000, "1" * 5000, "nul", "", None, "[]", "NaN"])
def test_a_body_that_is_not_a_json_object_is_refused(body: str | None) -> None:
    assert "the body must be" in refusal(body)
