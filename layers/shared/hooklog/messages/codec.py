"""The formats in which Hooklog itself writes and reads messages.

They are fan-out copies, inline payloads and stored details. Retries wait up to 29 hours and details are stored for
months. Therefore this reads what earlier releases wrote, and names on the wire never change.
`tests/message_formats.json` has samples.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

from hooklog.errors import InvalidMessage
from hooklog.messages.fields import parse_object
from hooklog.messages.message import OPTIONAL, Message

MAX_DOCUMENT_BYTES: Final = 8_388_608
"""Of an inline payload before compression. A body may be four times as long as SQS's limit, because `1e15` is sent as
`1000000000000000.0`. Twice that is a safe limit against decompression bombs."""

_STORED_AS: Final = {field.stored_as or name: name for name, field in OPTIONAL.items()}
_IN_DETAILS: Final = {key: name for key, name in _STORED_AS.items() if OPTIONAL[name].in_details}

_REJECTED_BY_SQS = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}  # JSON escapes the control characters that SQS also rejects
_GZIP_WBITS: Final = zlib.MAX_WBITS | 16  # RFC 1952's frame


def to_fan_out_copy(message: Message, extra_fields: Mapping[str, Any]) -> str:
    """Write a queue message that `Message.parse` can read, apart from `extra_fields`.

    The payload comes last, as exactly the bytes that are sent.
    """
    optional = {name: value for name in OPTIONAL if (value := getattr(message, name)) not in (None, {})}
    head = json.dumps({**extra_fields, "message_id": message.message_id, **optional})
    return f'{head[:-1]}, "payload": {message.body.decode().translate(_REJECTED_BY_SQS)}}}'


def to_inline(message: Message) -> str:
    """Compress the message, without its IDs, to text that needs no JSON escapes."""
    document = {
        **{key: getattr(message, name) for key, name in _STORED_AS.items()},
        "body": message.body.decode("utf-8", "surrogateescape"),
        "as_sent": message.is_transformed,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return base64.b85encode(gzip.compress(text.encode("utf-8", "surrogateescape"), compresslevel=6, mtime=0)).decode()


def from_inline(text: str, webhook_id: str, message_id: str) -> Message:
    """Read what `to_inline` wrote, as strictly as a producer's message.

    Raises InvalidMessage.
    """
    document = {key: value for key, value in parse_object(_decompress(text)).items() if value is not None}
    if not isinstance(body := document.get("body"), str):
        raise InvalidMessage("carried contains no body")
    fields = {name: document[key] for key, name in _STORED_AS.items() if key in document}
    return Message(
        webhook_id=webhook_id,
        message_id=message_id,
        body=_encode_body(body),
        is_transformed=document.get("as_sent") is True,
        **{name: field.read(fields) for name, field in OPTIONAL.items()},
    )


def to_details(message: Message) -> dict[str, Any]:
    """Return what the log's details contain of it, in addition to its URL and body."""
    return {
        **{key: getattr(message, name) for key, name in _IN_DETAILS.items()},
        **({"registered": True} if message.url is None else {}),
        **({"as_sent": True} if message.is_transformed else {}),
    }


def from_details(stored: Mapping[str, Any], details: Mapping[str, Any], **row_fields: Any) -> Message:
    """Read a message from what `to_details` wrote and other stored fields.

    Those are the details that the API shows, and fields of its row. Does not validate: the message was accepted when it
    was first sent.
    """
    fields = {name: field.read({}) for name, field in OPTIONAL.items()}
    fields |= {name: stored[key] for key, name in _IN_DETAILS.items() if stored.get(key) is not None}
    fields["url"] = None if stored.get("registered") else details["url"].strip()
    text = details["request_body"]
    body = base64.b64decode(text) if details.get("request_body_encoding") == "base64" else text.encode()
    return Message(body=body, is_transformed=stored.get("as_sent", False), **(fields | row_fields))


def _decompress(text: str) -> str:
    decompressor = zlib.decompressobj(wbits=_GZIP_WBITS)
    try:
        content = decompressor.decompress(base64.b85decode(text), MAX_DOCUMENT_BYTES)
    except (ValueError, zlib.error):
        raise InvalidMessage("carried is not a compressed message") from None
    if not decompressor.eof:
        raise InvalidMessage(f"carried is incomplete, or longer than {MAX_DOCUMENT_BYTES} bytes")
    return content.decode("utf-8", "surrogateescape")


def _encode_body(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidMessage("carried contains an unpaired surrogate") from None
