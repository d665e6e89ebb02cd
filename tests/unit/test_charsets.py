"""Bodies in every charset that Python decodes, over a real connection."""

import codecs
import contextlib
from collections.abc import Iterator
from encodings.aliases import aliases
from typing import Any

import pytest

from hooklog.delivery.client import WebhookClient
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.executions.details import build_details
from hooklog.executions.execution import Execution, Trigger
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.receiver import Receiver

MESSAGE = Message("acme.orders", "msg_1", "", b'{"order":1742}', {}, None, 30)
GREETINGS = [
    "Größe: 3 €",
    "Размер: 3",
    "μέγεθος: 3",
    "サイズ: 3",
    "크기: 3",
    "尺寸: 3",
    "גודל: 3",
    "ขนาด: 3",
    "حجم: 3",
    "Size: 3",
]


def decodes(name: str) -> bool:
    with contextlib.suppress(UnicodeError):
        try:
            b"?".decode(name)
        except LookupError:  # not a text encoding, such as hex, or not on this platform
            return False
    return True


CHARSETS = sorted({codecs.lookup(name).name for name in aliases.values() if decodes(name)})


def text_in(charset: str) -> str:
    """Return a text that the charset can encode, not only ASCII if possible."""
    for text in GREETINGS:
        with contextlib.suppress(UnicodeEncodeError):
            text.encode(charset)
            return text * 5
    raise AssertionError(charset)


@pytest.fixture(scope="module")
def adapter() -> Iterator[EgressAdapter]:
    adapter = EgressAdapter(Guard(parse_networks("127.0.0.0/8")))
    yield adapter
    adapter.close()


def deliver(adapter: EgressAdapter, receiver: Receiver, text: str, charset: str, limit: int) -> dict[str, Any]:
    url = receiver.url("/status/500", body=text.encode(charset), content_type=f"text/plain; charset={charset.upper()}")
    client = WebhookClient(adapter, allow_http=True, capture_limit=limit)
    delivery = client.deliver(Call.from_message(MESSAGE._replace(url=url)), 1)
    return build_details(Execution("", delivery, Trigger.EVENT, ""))


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_body_is_decoded_as_text(adapter: EgressAdapter, receiver: Receiver, charset: str) -> None:
    text = text_in(charset)
    details = deliver(adapter, receiver, text, charset, 65_536)
    assert details["response_body"].removeprefix("\ufeff") == text
    assert "response_body_encoding" not in details
    is_utf8 = details["response_body"].encode() == text.encode(charset)
    assert details.get("response_body_charset") == (None if is_utf8 else charset)


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_body_is_truncated_at_a_whole_character(adapter: EgressAdapter, receiver: Receiver, charset: str) -> None:
    text = text_in(charset)
    for limit in range(16, 28):
        details = deliver(adapter, receiver, text, charset, limit)
        assert details["response_body_truncated"]
        assert "response_body_encoding" not in details
        stored = details["response_body"].removeprefix("\ufeff")
        assert text.startswith(stored)
        assert len(codecs.getincrementalencoder(charset)().encode(text[: len(stored) + 1])) > limit - 4, "most of it"


@pytest.mark.parametrize("name", ["unicode_escape", "punycode", "idna", "undefined", "hex", "rot13", "klingon", ""])
def test_an_unknown_charset_leaves_the_text_unchanged(adapter: EgressAdapter, receiver: Receiver, name: str) -> None:
    url = receiver.url("/status/500", body=r"6e6f \u0041 xn--a", content_type=f"text/plain; charset={name}")
    client = WebhookClient(adapter, allow_http=True, capture_limit=65_536)
    details = build_details(
        Execution("", client.deliver(Call.from_message(MESSAGE._replace(url=url)), 1), Trigger.EVENT, "")
    )
    assert details["response_body"] == r"6e6f \u0041 xn--a"
    assert "response_body_charset" not in details
