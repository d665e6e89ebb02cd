"""Signatures of Standard Webhooks 1.0.

A signature is the HMAC-SHA256 of the message ID, the timestamp and the body.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from hooklog.errors import InvalidRequest

SECRET_BYTES: Final = 32
"""The length of a generated key."""

MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64
"""The lengths that Standard Webhooks allows."""

PREFIX: Final = "whsec_"


def generate_key() -> bytes:
    """Generate a random signing key."""
    return secrets.token_bytes(SECRET_BYTES)


def format_secret(key: bytes) -> str:
    """Format a key as customers see it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(key).decode()


def parse_secret(value: object) -> bytes:
    """Parse a secret to its key.

    Raises InvalidRequest, whose text does not contain the value.
    """
    if not isinstance(value, str) or not value.startswith(PREFIX):
        raise InvalidRequest(f"secret must be a string that begins with {PREFIX}")
    try:
        key = base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if format_secret(key) != value:
        rule = "standard base64 with its padding, without spaces or line breaks"
        raise InvalidRequest(f"secret must continue with {rule} after {PREFIX}")
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        limits = f"{MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes"
        raise InvalidRequest(f"secret must be the base64 of {limits}, not of {len(key)}")
    return key


def sign(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> str:
    """Compute `webhook-signature`: `v1,<base64>` for each key, separated by spaces.

    Empty without keys.
    """
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digests = (hmac.digest(key, content, "sha256") for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
