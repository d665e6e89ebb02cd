"""Messages of producers: which are accepted, and why others are refused."""

import contextlib
import json
import re
import unicodedata
from string import ascii_letters, digits
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.errors import InvalidMessage
from hooklog.messages.fields import parse_object
from hooklog.messages.message import Message
from tests.hostile_inputs import ALIASES, INVISIBLE, WHITE_SPACE

QUEUE_ID = "059f36b4-87a3-44ab-83d2-661975830a7d"

MINIMAL: dict[str, Any] = {"webhook_id": "acme.orders", "url": "https://example.com/", "payload": {"order": 1742}}


def parse(**fields: Any) -> Message:
    return Message.parse(parse_object(json.dumps({**MINIMAL, **fields})), QUEUE_ID)


def refusal(body: str) -> str:
    with pytest.raises(InvalidMessage) as refused:
        Message.parse(parse_object(body), QUEUE_ID)
    return str(refused.value)


def test_the_required_fields_are_sufficient() -> None:
    assert parse() == Message(
        webhook_id="acme.orders",
        message_id=QUEUE_ID,
        url="https://example.com/",
        body=b'{"order":1742}',
        headers={},
        event_type=None,
        timeout_seconds=None,
    )


def test_every_given_field_is_used() -> None:
    message = parse(message_id="msg_1", headers={"X-Shop": "berlin"}, event_type="order.created", timeout_seconds=30)
    assert (message.message_id, message.headers) == ("msg_1", {"X-Shop": "berlin"})
    assert (message.event_type, message.timeout_seconds) == ("order.created", 30)


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ("null", b"null"),
        ("true", b"true"),
        ('"text"', b'"text"'),
        ("[ 1, 2 ]", b"[1,2]"),
        ('{ "z" : 1, "a" : { "y" : [ ] , "b" : 2.50 } }', b'{"z":1,"a":{"y":[],"b":2.5}}'),
        ('"M\\u00fcller \\u20ac \\ud83d\\ude00"', '"Müller € 😀"'.encode()),
        ('"\\ud800"', b'"\\ud800"'),
        ("123456789012345678901234567890", b"123456789012345678901234567890"),
    ],
)
def test_the_payload_is_sent_as_compact_utf8_json_in_its_order(payload: str, body: bytes) -> None:
    text = f'{{"webhook_id": "w", "url": "https://example.com/", "payload": {payload}}}'
    assert Message.parse(parse_object(text), QUEUE_ID).body == body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not JSON"),
        ("not json", "not JSON"),
        ("{'webhook_id': 'w'}", "not JSON"),
        ("[]", "JSON object"),
        ('"text"', "JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"payload": NaN}', "NaN is not a JSON value"),
        ('{"payload": -Infinity}', "-Infinity is not a JSON value"),
        ('{"payload": ' + "9" * 5000 + "}", "4,300 digits"),
        ('{"webhook_id": "w", "url": "https://x/", "payload": 1e999}', "beyond the range"),
        ('{"webhook_id": "w", "url": "https://x/"}', "payload is missing"),
        ('{"webhook_id": "w", "url": null, "payload": 1}', "url must be"),
        ('{"url": "https://x/", "payload": 1}', "webhook_id must be 1-128 characters"),
    ],
)
def test_an_invalid_message_is_refused_with_the_reason(body: str, reason: str) -> None:
    assert reason in refusal(body)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("webhook_id", ["", "a b", "a/b", "ä", "w" * 129, 1, None, ["w"], "w\n", ".", ".."]),
        ("message_id", ["", "a b", "m" * 129, 1, None, ".", ".."]),
        ("url", ["", 1, None, "https://example.com/" + "x" * 2048, "https://example.com/\ud800"]),
        ("headers", [None, [], "X: y", {"X": 1}, {"X": None}, {"X": "a\r\nb"}, {"X": "ü"}, {"X": " a"}, {"": "a"}]),
        ("headers", [{"X Y": "a"}, {"X:": "a"}, {"X": "a", "x": "b"}, {"X": "a" * 20_000}]),
        ("headers", [{n: "1"} for n in ("Host", "content-length", "Transfer-Encoding", "CONNECTION", "Upgrade")]),
        ("headers", [{n: "1"} for n in ("webhook-id", "Webhook-Signature", "webhook-anything", "TE", "Keep-Alive")]),
        ("event_type", ["", "a b", "e" * 129, 1, None, "ü"]),
        ("timeout_seconds", [0, 0.5, 30.1, 31, -1, "15", None, True]),
        ("timeout", [15]),
    ],
)
def test_a_field_out_of_range_is_named(field: str, values: list[Any]) -> None:
    for value in values:
        reason = refusal(json.dumps({**MINIMAL, field: value}))
        assert field.removesuffix("s") in reason, value
        assert len(reason) < 400


@pytest.mark.parametrize("space", WHITE_SPACE)
def test_white_space_around_a_url_is_stripped(space: str) -> None:
    url = MINIMAL["url"]
    for around in (f"{url}{space}", f"{space}{url}", f"{space} {url}{space}\n"):
        assert parse(url=around).url == url
    assert "url must be" in refusal(json.dumps({**MINIMAL, "url": space * 3}))
    longest = url + "x" * (2048 - len(url))
    assert parse(url=f"{space}{longest}{space}").url == longest


@pytest.mark.parametrize(("character", "shown"), INVISIBLE.items())
def test_an_invisible_character_in_a_url_is_refused_by_name(character: str, shown: str) -> None:
    for url, position in (
        (f"https://exam{character}ple.com/hooks", 13),
        (f"https://example.com/ho{character}oks\u200b", 23),
        (f"\t https://example.com/?a=1{character}&b=2", 27),
    ):
        reason = refusal(json.dumps({**MINIMAL, "url": url}))
        assert f"url contains {shown}" in reason
        assert f" at position {position};" in reason
    if character not in "".join(WHITE_SPACE):
        assert f"{shown}" in refusal(json.dumps({**MINIMAL, "url": f"{MINIMAL['url']}{character}"}))
        assert f"{shown}" in refusal(json.dumps({**MINIMAL, "url": f"{character}{MINIMAL['url']}"}))


@pytest.mark.parametrize(
    "url", ["https://müller.example/ä", "https://x.example/日本?q=😀", "https://x.example/e\u0301"]
)
def test_a_visible_character_of_any_script_is_accepted(url: str) -> None:
    assert parse(url=url).url == url


@given(st.characters(codec="utf-8"))
def test_no_url_contains_unicode_spaces_controls_or_formats(character: str) -> None:
    with contextlib.suppress(InvalidMessage):
        url = f"https://x.example/a{character}b"
        assert parse(url=url).url == url
        assert unicodedata.category(character)[0] not in "CZ" or unicodedata.category(character) in ("Cn", "Co")


@pytest.mark.parametrize("name", ALIASES)
def test_a_header_that_receivers_mistake_for_ours_is_refused_by_name(name: str) -> None:
    reason = refusal(json.dumps({**MINIMAL, "headers": {name: "1"}}))
    assert f"header {name} is not allowed: receivers may read it as {re.sub(r'[^a-z]', '-', name.lower())}," in reason


@pytest.mark.parametrize("names", [("X-Shop", "X_Shop"), ("x_shop", "X.Shop"), ("A-B-C", "a-b_c")])
def test_two_headers_that_receivers_merge_are_refused(names: tuple[str, str]) -> None:
    reason = refusal(json.dumps({**MINIMAL, "headers": dict.fromkeys(names, "1")}))
    assert "headers has the same name twice" in reason


@pytest.mark.parametrize(
    "name", ["X_Shop", "x.shop", "Content_Id", "hosts", "X-Host", "Expect-CT", "Content-Type", "_"]
)
def test_a_header_with_punctuation_is_accepted(name: str) -> None:
    assert parse(headers={name: "1"}).headers == {name: "1"}


@pytest.mark.parametrize("webhook_id", ["...", ".a", "a.", "-", "w" * 128])
def test_an_id_may_contain_dots_where_a_path_can(webhook_id: str) -> None:
    assert parse(webhook_id=webhook_id, message_id=webhook_id).message_id == webhook_id


SECRET = "s3cr3t-t0ken"


@pytest.mark.parametrize(
    "fields",
    [
        {"url": [SECRET]},
        {"url": f"https://example.com/?token={SECRET}" + "x" * 2048},
        {"webhook_id": f"{SECRET}!"},
        {"message_id": {SECRET: 1}},
        {"event_type": f"{SECRET} {SECRET}"},
        {"timeout_seconds": SECRET},
        {"headers": [f"Authorization: {SECRET}"]},
        {"headers": f"Authorization: {SECRET}"},
        {"headers": {f"Authorization: {SECRET}": ""}},
        {"headers": {"Authorization": f"{SECRET}\n"}},
        {"headers": {SECRET: 1}},
        {SECRET: 1},
        {f"{SECRET}@example.com": 1},
    ],
)
def test_a_reason_contains_nothing_of_a_producers_input(fields: dict[str, Any]) -> None:
    assert SECRET not in refusal(json.dumps({**MINIMAL, **fields}))


def test_a_reason_contains_only_plausible_field_names() -> None:
    assert "unknown field heders;" in refusal(json.dumps({**MINIMAL, "heders": {}}))
    assert "header Content-Length is not allowed" in refusal(
        json.dumps({**MINIMAL, "headers": {"Content-Length": "1"}})
    )
    assert refusal(json.dumps({**MINIMAL, "timeout_seconds": 99})).endswith("from 1 to 30, not 99")
    assert refusal(json.dumps({**MINIMAL, "url": "x" * 3000})).endswith("not a string of 3000 characters")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_any_json_value_is_delivered_unchanged(payload: Any) -> None:
    body = parse(payload=payload).body
    assert json.loads(body) == payload
    assert body == json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


FIELDS = st.sampled_from(["webhook_id", "message_id", "url", "headers", "event_type", "timeout_seconds", "payload"])


@given(st.text() | st.dictionaries(FIELDS, JSON_VALUES).map(json.dumps))
def test_any_input_is_parsed_or_refused(body: str) -> None:
    with contextlib.suppress(InvalidMessage):
        message = Message.parse(parse_object(body), QUEUE_ID)
        assert json.loads(body)["webhook_id"] == message.webhook_id


NAMES = st.text("aHX-_:. \r\n\0\t\u212a\u017f", max_size=6) | st.sampled_from(
    [
        "host",
        "Host",
        "CONTENT-LENGTH",
        "transfer-encoding",
        "Webhook-Signature",
        "webhook-x",
        "Connection",
        "te",
        "X-Shop",
        *ALIASES,
    ]
)
VALUES = st.text("a \t\r\n\0\x7f\x85\u00e9\u2028", max_size=6) | JSON_VALUES


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_an_accepted_header_is_exactly_one_harmless_header(headers: dict[str, Any]) -> None:
    """It adds no other header or request and replaces no product header."""
    with contextlib.suppress(InvalidMessage):
        for name, value in parse(headers=headers).headers.items():
            assert set(name) <= set(ascii_letters + digits + "!#$%&'*+-.^_`|~")
            assert name
            assert name not in ALIASES
            assert not name.lower().startswith("webhook-")
            assert name.lower() not in {"host", "content-length", "transfer-encoding", "connection", "te"}
            assert all(" " <= character <= "~" or character == "\t" for character in value)
            assert value == value.strip()
