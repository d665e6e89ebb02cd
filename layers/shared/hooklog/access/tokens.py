"""Verification of bearer tokens.

They are JWTs, signed by the deployment's signing key or by an OIDC issuer.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import jwt

from hooklog.access.grants import Grant
from hooklog.access.keys import SIGNING_ALGORITHM, KeyRing, Keys
from hooklog.errors import Unauthorized

LEEWAY_SECONDS: Final = 60
"""Tolerated difference of the signer's clock, for `exp`, `iat` and `nbf`."""


class TrustedIssuer(NamedTuple):
    """An issuer of accepted tokens: its keys and algorithms, and the required claims.

    Without an audience, tokens that have one are rejected.
    """

    ring: KeyRing
    algorithms: tuple[str, ...] = (SIGNING_ALGORITHM,)
    issuer: str | None = None
    audience: str | None = None

    def verify(self, token: str, header: dict[str, Any]) -> dict[str, Any]:
        """Return the claims of a valid token.

        Refreshes the keys if none fits. Raises PyJWT's exceptions.
        """
        try:
            return self._verify(token, header, self.ring.keys())
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            if not self.ring.refresh():
                raise
            return self._verify(token, header, self.ring.keys())

    def _verify(self, token: str, header: dict[str, Any], keys: Keys) -> dict[str, Any]:
        last_error: jwt.PyJWTError = jwt.InvalidSignatureError("no key in use has signed it")
        for key in keys:
            if key.algorithm == header["alg"] and header.get("kid", key.key_id) == key.key_id:
                try:
                    return self._decode(token, key.value)
                except (jwt.InvalidSignatureError, jwt.InvalidKeyError) as error:
                    last_error = error
        raise last_error

    def _decode(self, token: str, key: Any) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(self.algorithms),
            issuer=self.issuer,
            audience=self.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp"], "enforce_minimum_key_length": True},
        )
        return claims


def verify(authorization: str, trusted: Sequence[TrustedIssuer]) -> Grant:
    """Verify the token of an `Authorization` header.

    Raises Unauthorized, KeysUnavailable.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("send Authorization: Bearer <token>")
    try:
        return Grant.from_claims(_verify(token.strip(), trusted))
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthorized(f"the token is not valid: {error}") from None


def _verify(token: str, trusted: Sequence[TrustedIssuer]) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    for issuer in trusted:
        if header.get("alg") in issuer.algorithms:
            return issuer.verify(token, header)
    raise jwt.InvalidAlgorithmError("its algorithm is not one of those in use")
