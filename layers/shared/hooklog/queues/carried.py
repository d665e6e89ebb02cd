"""A message inside its own retry, where the deployment keeps no bodies in the log."""

import base64
import gzip
import json
import zlib
from typing import Final

from hooklog.errors import InvalidMessage
from hooklog.messages.fields import parse_object, read_event_type, read_headers, read_timeout, read_url
from hooklog.messages.message import Message

MAX_CARRIED_LENGTH: Final = 1_047_000
"""Of a packed message, in characters: under SQS's 1 MiB with what a repeat says beside it. Only a body of more than
about 1,000,000 bytes can be longer, and only one that does not compress."""

MAX_DOCUMENT_BYTES: Final = 8_388_608
"""Of a message before it is packed. A body may be four times as long as SQS takes (`1e15` is sent as
`1000000000000000.0`); what inflates to more than twice that, nobody has packed."""

_GZIP: Final = zlib.MAX_WBITS | 16  # RFC 1952's frame, as zlib spells it


def pack(message: Message) -> str:
    """As text that JSON need not escape. Of a registered webhook it holds nothing but what the message adds."""
    document = {
        "url": message.url,
        "headers": message.headers,
        "body": message.body.decode("utf-8", "surrogateescape"),
        "event_type": message.event_type,
        "timeout": message.timeout_seconds,
        "as_sent": message.as_sent,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return base64.b85encode(gzip.compress(text.encode("utf-8", "surrogateescape"), compresslevel=6, mtime=0)).decode()


def unpack(carried: str, webhook_id: str, message_id: str) -> Message:
    """Read as strictly as a producer's message: it comes from a queue as well. Raises InvalidMessage."""
    fields = {name: value for name, value in parse_object(_inflated(carried)).items() if value is not None}
    body = fields.get("body")
    if not isinstance(body, str):
        raise InvalidMessage("carried holds no body")
    return Message(
        webhook_id=webhook_id,
        message_id=message_id,
        url=read_url(fields) if "url" in fields else None,
        body=_bytes(body),
        headers=read_headers(fields),
        event_type=read_event_type(fields),
        timeout_seconds=read_timeout({"timeout_seconds": fields["timeout"]}) if "timeout" in fields else None,
        as_sent=fields.get("as_sent") is True,
    )


def _inflated(carried: str) -> str:
    inflater = zlib.decompressobj(wbits=_GZIP)
    try:
        content = inflater.decompress(base64.b85decode(carried), MAX_DOCUMENT_BYTES)
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
