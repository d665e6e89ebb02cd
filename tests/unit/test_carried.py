"""A message that its retry carries."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hooklog.carried import pack, unpack
from hooklog.message import Message

REGISTERED = Message("acme.orders", "msg_1", None, b'{"order":1742}', {}, None, None)
FULL = Message("acme.orders", "msg_1", "https://example.com/?ü", b'"x"', {"X-Shop": "berlin"}, "order.created", 2.5)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_message_comes_out_as_it_went_in(body: bytes) -> None:
    for message in (REGISTERED, FULL):
        one = Message(**{name: getattr(message, name) for name in Message.__slots__} | {"body": body})
        packed = pack(one)
        assert unpack(packed, "acme.orders", "msg_1") == one
        assert json.dumps(packed) == f'"{packed}"', "JSON escapes nothing of it"
