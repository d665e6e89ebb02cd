"""The keys of an OIDC issuer, from its JWKS.

`cryptography` must be importable before PyJWT is imported.
"""

import json
from typing import Any, Final

import certifi
import jwt
import urllib3

from hooklog.access.keys import Key, Keys
from hooklog.errors import KeysUnavailable

ALGORITHMS: Final = ("RS256", "ES256")
ISSUER_KEYS_SECONDS: Final = 300
"""How long the keys are cached. A token with an unknown `kid` refreshes them earlier."""

MAX_JWKS_BYTES: Final = 150_000
"""The limit of API Gateway's own JWT authorizers."""

_TIMEOUT: Final = urllib3.Timeout(connect=2, read=3)


def make_http() -> urllib3.PoolManager:
    """Create an HTTP client that uses no proxies, redirects or retries.

    It verifies certificates.
    """
    return urllib3.PoolManager(ca_certs=certifi.where(), timeout=_TIMEOUT, retries=False)


def read_issuer_keys(http: urllib3.PoolManager, jwks_url: str) -> Keys:
    """Read the signing keys with a supported algorithm.

    Raises KeysUnavailable if there are none.
    """
    try:
        members = json.loads(_read(http, jwks_url))["keys"]
        keys = tuple(key for member in members if (key := _parse_key(member)) is not None)
    except urllib3.exceptions.HTTPError as error:
        raise KeysUnavailable(f"the issuer's JWKS: {type(error).__name__}") from error
    except (ValueError, TypeError, LookupError, RecursionError):
        raise KeysUnavailable("the issuer's JWKS does not conform to RFC 7517") from None
    if not keys:
        raise KeysUnavailable(f"the issuer's JWKS has no key for {' or '.join(ALGORITHMS)}")
    return keys


def _read(http: urllib3.PoolManager, jwks_url: str) -> bytes:
    response = http.request("GET", jwks_url, headers={"Accept": "application/json"}, preload_content=False)
    with response:
        if response.status != 200:
            raise KeysUnavailable(f"the issuer's JWKS: status {response.status}")
        content = response.read(MAX_JWKS_BYTES + 1)
    if len(content) > MAX_JWKS_BYTES:
        raise KeysUnavailable(f"the issuer's JWKS is larger than {MAX_JWKS_BYTES} bytes")
    return content


def _parse_key(member: Any) -> Key | None:
    """Parse a key; return None if it is of another use or an unknown type.

    RFC 7517 section 5 says to ignore those.
    """
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(member)
    except (jwt.PyJWTError, TypeError, ValueError):
        return None
    return Key(key.key_id, key.algorithm_name, key) if key.algorithm_name in ALGORITHMS else None
