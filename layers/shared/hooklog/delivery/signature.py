"""Signatures of Standard Webhooks 1.0.

A signature is the HMAC-SHA256 of the message ID, the timestamp and the body.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

SECRET_BYTES: Final = 32
"""Within the 24 to 64 that Standard Webhooks requires."""

_PREFIX = "whsec_"


def generate_key() -> bytes:
    """Generate a random signing key."""
    return secrets.token_bytes(SECRET_BYTES)


def format_secret(key: bytes) -> str:
    """Format a key as customers see it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(key).decode()


def sign(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> str:
    """Compute `webhook-signature`: `v1,<base64>` for each key, separated by spaces.

    Empty without keys.
    """
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digests = (hmac.digest(key, content, "sha256") for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
