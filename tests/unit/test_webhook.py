"""Webhooks: which are valid, and that they are stored and returned unchanged."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.errors import InvalidRequest
from hooklog.executions.masking import MASK, SensitiveHeaders
from hooklog.messages.message import Message
from hooklog.webhooks.webhook import Webhook
from tests.hostile_inputs import ALIASES, INVISIBLE, WHITE_SPACE

MINIMAL = {"url": "https://shop.example/hooks"}


def parse(stored: Webhook | None = None, /, **fields: Any) -> Webhook:
    return Webhook.parse({**MINIMAL, **fields}, "acme.orders", stored)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("url", ["", 1, None, "https://example.com/" + "x" * 2048]),
        ("name", [1, None, "n" * 257, "a\nb", "\ud800"]),
        (
            "headers",
            [
                None,
                [],
                {"X": 1},
                {"X": "a\r\nb"},
                {"Host": "x"},
                {"webhook-id": "x"},
                {"X": "a", "x": "b"},
                {"X-Hooklog-Event": "x"},
            ],
        ),
        ("event_types", [None, "a", [1], ["a b"], [""], ["a"] * 101, ["order.created", "ord*"], ["*"], [".*"]]),
        ("event_types", [[wrong] for wrong in ("order.*.x", "*.x", "order.**", "order.*.*", "**", "a*b", "ö.*")]),
        ("enabled", [None, 1, "true"]),
        ("timeout_seconds", [0, 31, "15", None, True]),
        ("retry_schedule", [5, "5", [0], [86_401], [1.5], [True], [5] * 21]),
        ("transformation", [1, "", "x" * 32_769, "'\ud800'"]),
        ("sensitive_headers", [None, "X", [1], ["X Y"], ["X"] * 51]),
        ("topic", ["", "a b", 1, "t" * 129]),
        ("version", [None, -1, "1", 1.5, True]),
        ("webhook_id", ["acme.other", None]),
        ("secret", ["whsec_x"]),
    ],
)
def test_a_field_out_of_range_is_named(field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidRequest) as refusal:
            parse(**{field: value})
        assert field.removesuffix("s") in str(refusal.value), value


@pytest.mark.parametrize("space", WHITE_SPACE)
def test_white_space_around_a_url_is_stripped(space: str) -> None:
    assert parse(url=f"{space}{MINIMAL['url']}{space}").url == MINIMAL["url"]


@pytest.mark.parametrize(("character", "shown"), INVISIBLE.items())
def test_an_invisible_character_in_a_url_is_refused_by_name(character: str, shown: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"url contains {re.escape(shown)}.* at position 21"):
        parse(url=f"https://shop.example{character}/hooks")


@pytest.mark.parametrize("name", ALIASES)
def test_a_header_that_receivers_mistake_for_ours_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"header {re.escape(name)} is not allowed"):
        parse(headers={name: "1"})


def test_a_messages_header_wins_in_any_spelling() -> None:
    message = Message.parse({"webhook_id": "w", "payload": 1, "headers": {"x_shop": "message"}}, "m1")
    assert parse(headers={"X-Shop": "webhook"}).make_call(message, []).headers == {"x_shop": "message"}


def test_a_field_without_effect_is_refused_with_advice() -> None:
    with pytest.raises(
        InvalidRequest, match=r"prefix that ends in \.\* such as order\.\*.*, not 'ord\*'; leave the list"
    ):
        parse(event_types=["order.*", "ord*"])
    for name in ("x-hooklog-attempt", "X-HOOKLOG-Attempt", "X_Hooklog_Attempt", "x-hooklog_new", "x-hooklog-"):
        with pytest.raises(InvalidRequest, match=f"{name} is not allowed: .*(Hooklog sets|set by Hooklog)"):
            parse(headers={name: "7"})


HEADER_VALUES = st.from_regex(r"[!-~]{0,20}", fullmatch=True)
FIELDS = st.fixed_dictionaries(
    {"url": st.just("https://shop.example/hooks")},
    optional={
        "name": st.text(st.characters(categories=["L", "N", "P"]), max_size=20),
        "headers": st.dictionaries(st.sampled_from(["X-Shop", "Authorization", "Accept"]), HEADER_VALUES),
        "event_types": st.lists(st.from_regex(r"[!-)+-~]{1,20}(\.\*)?", fullmatch=True), max_size=5),
        "enabled": st.booleans(),
        "timeout_seconds": st.integers(1, 30) | st.floats(1, 30),
        "retry_schedule": st.none() | st.lists(st.integers(1, 86_400), max_size=20),
        "sensitive_headers": st.lists(st.sampled_from(["X-Shop", "x-own"]), max_size=2),
        "topic": st.none() | st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
        "version": st.integers(1, 9),
    },
)


@given(FIELDS)
def test_a_webhook_as_shown_is_parsed_unchanged(fields: dict[str, Any]) -> None:
    webhook = parse(**fields)
    assert Webhook.parse(webhook.to_response(None), "acme.orders", None) == webhook
    masked = webhook.to_response(SensitiveHeaders())
    assert MASK not in str({**masked, "headers": {}})
    assert Webhook.parse(masked, "acme.orders", webhook) == webhook


def test_a_mask_keeps_the_value_of_the_same_name_in_any_case() -> None:
    stored = parse(headers={"Authorization": "s3cr3t"})
    assert parse(stored, headers={"authorization": MASK}).headers == {"authorization": "s3cr3t"}


def test_a_messages_own_fields_override_the_webhooks() -> None:
    webhook = parse(headers={"X-Shop": "webhook", "x-own": "webhook"}, timeout_seconds=3)
    bare = Message("acme.orders", "m", None, b"1", {}, None, None)
    assert webhook.make_call(bare, ()).timeout_seconds == 3
    call = webhook.make_call(Message("acme.orders", "m", None, b"1", {"X-Own": "message"}, None, 7), [b"key"])
    assert (call.headers, call.timeout_seconds) == ({"X-Shop": "webhook", "X-Own": "message"}, 7)
    assert (call.url, call.keys) == (MINIMAL["url"], (b"key",))


@pytest.mark.parametrize(
    ("event_types", "event_type", "accepted"),
    [
        ([], None, True),
        ([], "a", True),
        (["a"], "a", True),
        (["a"], "b", False),
        (["a"], None, False),
        *((["x", "order.*"], one, True) for one in ("order.created", "order.item.added", "order..", "order.*", "x")),
        *((["order.*"], one, False) for one in ("order", "orders.x", "Order.created", "a.order.x", "order*", None)),
        (["order.item.*"], "order.item.added", True),
        (["order.item.*"], "order.items", False),
        (["o(.)+.*"], "order.x", False),
    ],
)
def test_a_webhook_receives_the_event_types_that_it_lists(
    event_types: list[str], event_type: str | None, accepted: bool
) -> None:
    assert parse(event_types=event_types).accepts(event_type) is accepted
