"""A message that its retry carries."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.errors import InvalidMessage
from hooklog.messages.message import Message
from hooklog.queues.carried import MAX_DOCUMENT_BYTES, pack, unpack

REGISTERED = Message("acme.orders", "msg_1", None, b'{"order":1742}', {}, None, None)
FULL = Message(
    "acme.orders", "msg_1", "https://example.com/?ü", b'"x"', {"X-Shop": "berlin"}, "order.created", 2.5, as_sent=True
)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_message_comes_out_as_it_went_in(body: bytes) -> None:
    for message in (REGISTERED, FULL):
        one = message._replace(body=body)
        packed = pack(one)
        assert unpack(packed, "acme.orders", "msg_1") == one
        assert json.dumps(packed) == f'"{packed}"', "JSON escapes nothing of it"


CARRIED: dict[str, Any] = {"url": None, "headers": {}, "body": "1", "event_type": None, "timeout": None}


def carrying(content: bytes) -> str:
    return base64.b85encode(gzip.compress(content, mtime=0)).decode()  # which names a test: the same in each process


@pytest.mark.parametrize(
    "document",
    [
        {}, [], None, "x", {**CARRIED, "body": 1}, {**CARRIED, "body": "\ud800"}, {**CARRIED, "url": 1},
        {**CARRIED, "url": ""}, {**CARRIED, "headers": []}, {**CARRIED, "headers": {"Host": "localhost"}},
        {**CARRIED, "headers": {"Transfer-Encoding": "chunked"}}, {**CARRIED, "headers": {"X-Shop": "a\r\nHost: b"}},
        {**CARRIED, "event_type": "a\nb"}, {**CARRIED, "timeout": 31}, {**CARRIED, "timeout": "1"},
    ],
)  # fmt: skip
def test_what_is_carried_is_read_as_strictly_as_a_producers_message(document: Any) -> None:
    with pytest.raises(InvalidMessage):
        unpack(carrying(json.dumps(document).encode()), "acme.orders", "msg_1")


def test_what_is_carried_may_be_nested_no_deeper_than_can_be_read() -> None:
    with pytest.raises(InvalidMessage):
        unpack(carrying(b"[" * 100_000), "acme.orders", "msg_1")


@pytest.mark.parametrize("packed", ["x", "\ud800", "~~~~~", carrying(b"{}")[:-5], carrying(b"\xff"), carrying(b"")])
def test_what_was_never_packed_is_refused(packed: str) -> None:
    with pytest.raises(InvalidMessage):
        unpack(packed, "acme.orders", "msg_1")


def test_a_bomb_is_not_inflated() -> None:
    """SQS would take one of a hundred times this size, and nothing of the batch would be left."""
    for size, refused in ((MAX_DOCUMENT_BYTES, False), (MAX_DOCUMENT_BYTES + 1, True)):
        text = json.dumps({**CARRIED, "body": ""})
        packed = carrying(text.replace('"body": ""', f'"body": "{"1" * (size - len(text))}"').encode())
        if refused:
            with pytest.raises(InvalidMessage):
                unpack(packed, "acme.orders", "msg_1")
        else:
            assert unpack(packed, "acme.orders", "msg_1").body
