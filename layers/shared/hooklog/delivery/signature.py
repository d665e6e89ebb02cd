"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over the message's id, its time and its body."""

import base64
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

SECRET_BYTES: Final = 32
"""Within the 24 to 64 that Standard Webhooks asks for."""

_PREFIX = "whsec_"


def new_key() -> bytes:
    """The random bytes of a new secret."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_of(key: bytes) -> str:
    """A key as its owner gets it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(key).decode()


def sign(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> str:
    """The `webhook-signature` of one attempt: `v1,<base64>` for each key, with spaces between; empty without a key."""
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digests = (hmac.digest(key, content, "sha256") for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
