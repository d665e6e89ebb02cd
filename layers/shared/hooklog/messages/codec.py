"""A message as Hooklog writes it itself and reads it back: a fan-out copy, an inline payload, and in the log's details.

Retries wait for 29 hours and details are kept for months, so what an earlier release wrote is read, and no name on the
wire changes. `tests/wire_forms.json` holds samples.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

from hooklog.errors import InvalidMessage
from hooklog.messages.fields import MAX_TIMEOUT_SECONDS, parse_object
from hooklog.messages.message import OPTIONAL, Message

MAX_DOCUMENT_BYTES: Final = 8_388_608
"""Of an inline payload before it is packed. A body may be four times as long as SQS takes (`1e15` is sent as
`1000000000000000.0`); what inflates to more than twice that, nobody has packed."""

_KEPT_AS: Final = {field.kept_as or name: name for name, field in OPTIONAL.items()}
_IN_DETAILS: Final = {key: name for key, name in _KEPT_AS.items() if OPTIONAL[name].in_details}

_REFUSED_BY_SQS = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}  # and other control characters, which JSON escapes itself
_GZIP: Final = zlib.MAX_WBITS | 16  # RFC 1952's frame, as zlib spells it


def to_copy(message: Message, own: Mapping[str, Any]) -> str:
    """A queue message that `Message.parse` reads, but for `own`, which says whose copy it is.

    The payload comes last, in the very bytes that are sent.
    """
    given = {name: value for name in OPTIONAL if (value := getattr(message, name)) not in (None, {})}
    head = json.dumps({**own, "message_id": message.message_id, **given})
    return f'{head[:-1]}, "payload": {message.body.decode().translate(_REFUSED_BY_SQS)}}}'


def to_inline(message: Message) -> str:
    """The message without its ids, as text that JSON need not escape; nothing of its registered webhook."""
    document = {
        **{key: getattr(message, name) for key, name in _KEPT_AS.items()},
        "body": message.body.decode("utf-8", "surrogateescape"),
        "as_sent": message.as_sent,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return base64.b85encode(gzip.compress(text.encode("utf-8", "surrogateescape"), compresslevel=6, mtime=0)).decode()


def from_inline(text: str, webhook_id: str, message_id: str) -> Message:
    """Read what `to_inline` wrote, as strictly as a producer's message. Raises InvalidMessage."""
    document = {key: value for key, value in parse_object(_inflated(text)).items() if value is not None}
    if not isinstance(body := document.get("body"), str):
        raise InvalidMessage("carried holds no body")
    fields = {name: document[key] for key, name in _KEPT_AS.items() if key in document}
    return Message(
        webhook_id=webhook_id,
        message_id=message_id,
        body=_bytes(body),
        as_sent=document.get("as_sent") is True,
        **{name: field.read(fields) for name, field in OPTIONAL.items()},
    )


def to_details(message: Message) -> dict[str, Any]:
    """What the log's details hold of it besides its URL and body, which View shows."""
    return {
        **{key: getattr(message, name) for key, name in _IN_DETAILS.items()},
        **({"registered": True} if message.url is None else {}),
        **({"as_sent": True} if message.as_sent else {}),
    }


def from_details(kept: Mapping[str, Any], shown: Mapping[str, Any], **logged: Any) -> Message:
    """Read what `to_details` wrote, the URL and the body that View shows, and the fields that the log has elsewhere.

    Nothing is refused: it was accepted when it was sent first.
    """
    fields = {name: field.read({}) for name, field in OPTIONAL.items()}
    fields |= {name: kept[key] for key, name in _IN_DETAILS.items() if kept.get(key) is not None}
    if fields["timeout_seconds"] is not None:
        fields["timeout_seconds"] = min(float(fields["timeout_seconds"]), MAX_TIMEOUT_SECONDS)
    fields["url"] = None if kept.get("registered") else shown["url"].strip()
    text = shown["request_body"]
    body = base64.b64decode(text) if shown.get("request_body_encoding") == "base64" else text.encode()
    return Message(body=body, as_sent=kept.get("as_sent", False), **(fields | logged))


def _inflated(text: str) -> str:
    inflater = zlib.decompressobj(wbits=_GZIP)
    try:
        content = inflater.decompress(base64.b85decode(text), MAX_DOCUMENT_BYTES)
    except (ValueError, zlib.error):
        raise InvalidMessage("carried holds no message") from None
    if not inflater.eof:
        raise InvalidMessage(f"carried holds no whole message, or one of more than {MAX_DOCUMENT_BYTES} bytes")
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidMessage("carried holds an unpaired surrogate") from None
