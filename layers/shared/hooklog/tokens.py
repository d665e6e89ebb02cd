"""Bearer tokens: JWTs that the SaaS backend mints with the deployment's signing key."""

from typing import Any, Final

import jwt

from hooklog.access import Grant
from hooklog.errors import Unauthorized

ALGORITHM: Final = "HS256"


def verify(authorization: str, signing_key: str) -> Grant:
    """What the token of an `Authorization` header grants. Raises Unauthorized where it is not valid now."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("send Authorization: Bearer <token>")
    try:
        claims: dict[str, Any] = jwt.decode(
            token.strip(), signing_key, algorithms=[ALGORITHM], options={"require": ["exp"]}
        )
    except jwt.InvalidTokenError as error:
        raise Unauthorized(f"the token is not valid: {error}") from None
    return Grant.from_claims(claims)
