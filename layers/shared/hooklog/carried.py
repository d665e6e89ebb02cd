"""A message inside its own retry, where the deployment keeps no bodies in the log."""

import base64
import gzip
import json
from typing import Any, Final

from hooklog.message import Message

MAX_CARRIED_LENGTH: Final = 1_047_000
"""Of a packed message, in characters: under SQS's 1 MiB with what a repeat says beside it. Only a body of more than
about 1,000,000 bytes can be longer, and only one that does not compress."""


def pack(message: Message) -> str:
    """As text that JSON need not escape. Of a registered webhook it holds nothing but what the message adds."""
    document = {
        "url": message.url,
        "headers": message.headers,
        "body": message.body.decode("utf-8", "surrogateescape"),
        "event_type": message.event_type,
        "timeout": message.timeout_seconds,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return base64.b85encode(gzip.compress(text.encode("utf-8", "surrogateescape"), compresslevel=6, mtime=0)).decode()


def unpack(carried: str, webhook_id: str, message_id: str) -> Message:
    """Raises ValueError where `pack` did not make it."""
    text = gzip.decompress(base64.b85decode(carried)).decode("utf-8", "surrogateescape")
    document: dict[str, Any] = json.loads(text)
    return Message(
        webhook_id=webhook_id,
        message_id=message_id,
        url=document["url"],
        body=document["body"].encode("utf-8", "surrogateescape"),
        headers=document["headers"],
        event_type=document["event_type"],
        timeout_seconds=document["timeout"],
    )
