"""The keys of an OIDC issuer, from its JWKS. PyJWT uses them if `cryptography` could be imported before it was."""

import json
from typing import Any, Final

import certifi
import jwt
import urllib3

from hooklog.access.keys import Key, Keys
from hooklog.errors import KeysUnavailable

ALGORITHMS: Final = ("RS256", "ES256")
ISSUER_KEYS_SECONDS: Final = 300
"""How long they are kept; a token with a `kid` that is not among them has them read before."""

MAX_JWKS_BYTES: Final = 150_000
"""What API Gateway's own JWT authorizers take."""

_TIMEOUT: Final = urllib3.Timeout(connect=2, read=3)


def make_http() -> urllib3.PoolManager:
    """Verifies certificates; knows no proxy and follows no redirect: the address is the one that is configured."""
    return urllib3.PoolManager(ca_certs=certifi.where(), timeout=_TIMEOUT, retries=False)


def read_issuer_keys(http: urllib3.PoolManager, jwks_url: str) -> Keys:
    """Those that sign, with our algorithms. Raises KeysUnavailable where there are none, or no JWKS to read."""
    try:
        members = json.loads(_read(http, jwks_url))["keys"]
        keys = tuple(key for member in members if (key := _key(member)) is not None)
    except urllib3.exceptions.HTTPError as error:
        raise KeysUnavailable(f"the issuer's JWKS: {type(error).__name__}") from error
    except (ValueError, TypeError, LookupError, RecursionError):
        raise KeysUnavailable("the issuer's JWKS is not of the form of RFC 7517") from None
    if not keys:
        raise KeysUnavailable(f"the issuer's JWKS has no key for {' or '.join(ALGORITHMS)}")
    return keys


def _read(http: urllib3.PoolManager, jwks_url: str) -> bytes:
    answer = http.request("GET", jwks_url, headers={"Accept": "application/json"}, preload_content=False)
    with answer:
        if answer.status != 200:
            raise KeysUnavailable(f"the issuer's JWKS: status {answer.status}")
        content = answer.read(MAX_JWKS_BYTES + 1)
    if len(content) > MAX_JWKS_BYTES:
        raise KeysUnavailable(f"the issuer's JWKS is larger than {MAX_JWKS_BYTES} bytes")
    return content


def _key(member: Any) -> Key | None:
    """A key that is not ours to use, or of a kind that we do not know, is passed over as RFC 7517 section 5 asks."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(member)
    except (jwt.PyJWTError, TypeError, ValueError):
        return None
    return Key(key.key_id, key.algorithm_name, key) if key.algorithm_name in ALGORITHMS else None
