"""Encoding of a message inside its retry task."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.errors import InvalidMessage
from hooklog.messages.codec import MAX_DOCUMENT_BYTES, from_details, from_inline, to_details, to_fan_out_copy, to_inline
from hooklog.messages.fields import parse_object
from hooklog.messages.message import OPTIONAL, Message

REGISTERED = Message("acme.orders", "msg_1", None, b'{"order":1742}', {}, None, None)
FULL = Message(
    "acme.orders",
    "msg_1",
    "https://example.com/?ü",
    b'"x"',
    {"X-Shop": "berlin"},
    "order.created",
    2.5,
    is_transformed=True,
)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_decoded_message_equals_the_encoded_one(body: bytes) -> None:
    for message in (REGISTERED, FULL):
        original = message._replace(body=body)
        encoded = to_inline(original)
        assert from_inline(encoded, "acme.orders", "msg_1") == original
        assert json.dumps(encoded) == f'"{encoded}"', "JSON escapes nothing of it"


def test_every_field_survives_every_form() -> None:
    """A field added to `Message` needs only a value in FULL to be covered."""
    assert all(getattr(FULL, name) not in (None, {}) for name in OPTIONAL)
    ids = {"webhook_id": FULL.webhook_id, "message_id": FULL.message_id}
    shown = {"url": FULL.url, "request_body": FULL.body.decode()}
    fields = {name: getattr(FULL, name) for name, field in OPTIONAL.items() if not field.in_details and name != "url"}
    assert from_details(to_details(FULL), shown, **ids, **fields) == FULL
    assert from_inline(to_inline(FULL), **ids) == FULL
    copy = parse_object(to_fan_out_copy(FULL, {"webhook_id": FULL.webhook_id}))
    assert Message.parse(copy, "059f36b4") == FULL._replace(is_transformed=False)


INLINE: dict[str, Any] = {"url": None, "headers": {}, "body": "1", "event_type": None, "timeout": None}


def encode(content: bytes) -> str:
    return base64.b85encode(gzip.compress(content, mtime=0)).decode()  # mtime: test IDs must not vary


@pytest.mark.parametrize(
    "document",
    [
        {}, [], None, "x", {**INLINE, "body": 1}, {**INLINE, "body": "\ud800"}, {**INLINE, "url": 1},
        {**INLINE, "url": ""}, {**INLINE, "headers": []}, {**INLINE, "headers": {"Host": "localhost"}},
        {**INLINE, "headers": {"Transfer-Encoding": "chunked"}}, {**INLINE, "headers": {"X-Shop": "a\r\nHost: b"}},
        {**INLINE, "event_type": "a\nb"}, {**INLINE, "timeout": 31}, {**INLINE, "timeout": "1"},
    ],
)  # fmt: skip
def test_an_inline_payload_is_validated_like_a_producers_message(document: Any) -> None:
    with pytest.raises(InvalidMessage):
        from_inline(encode(json.dumps(document).encode()), "acme.orders", "msg_1")


def test_an_inline_payload_nested_too_deeply_is_refused() -> None:
    with pytest.raises(InvalidMessage):
        from_inline(encode(b"[" * 100_000), "acme.orders", "msg_1")


@pytest.mark.parametrize("encoded", ["x", "\ud800", "~~~~~", encode(b"{}")[:-5], encode(b"\xff"), encode(b"")])
def test_an_invalid_inline_payload_is_refused(encoded: str) -> None:
    with pytest.raises(InvalidMessage):
        from_inline(encoded, "acme.orders", "msg_1")


def test_a_gzip_bomb_is_not_decompressed() -> None:
    """SQS accepts bombs a hundred times larger, which would exhaust the memory."""
    for size, refused in ((MAX_DOCUMENT_BYTES, False), (MAX_DOCUMENT_BYTES + 1, True)):
        text = json.dumps({**INLINE, "body": ""})
        encoded = encode(text.replace('"body": ""', f'"body": "{"1" * (size - len(text))}"').encode())
        if refused:
            with pytest.raises(InvalidMessage):
                from_inline(encoded, "acme.orders", "msg_1")
        else:
            assert from_inline(encoded, "acme.orders", "msg_1").body
