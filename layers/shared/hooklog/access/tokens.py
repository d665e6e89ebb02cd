"""Bearer tokens: JWTs of the deployment's signing key, or of an OIDC issuer."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import jwt

from hooklog.access.grants import Grant
from hooklog.access.keys import SIGNING_ALGORITHM, KeyRing, Keys
from hooklog.errors import Unauthorized

LEEWAY_SECONDS: Final = 60
"""How far the signer's clock may be off: `exp` may be that long ago, `iat` and `nbf` that far ahead."""


class TrustedIssuer(NamedTuple):
    """An issuer of accepted tokens: its keys and algorithms, and the claims that a token must have.

    Without an audience, a token that has one is refused.
    """

    ring: KeyRing
    algorithms: tuple[str, ...] = (SIGNING_ALGORITHM,)
    issuer: str | None = None
    audience: str | None = None

    def claims(self, token: str, header: dict[str, Any]) -> dict[str, Any]:
        """Raises what PyJWT raises, if the token is not valid now. If no known key fits, the keys are read again."""
        try:
            return self._claims(token, header, self.ring.keys())
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            if not self.ring.read_again():
                raise
            return self._claims(token, header, self.ring.keys())

    def _claims(self, token: str, header: dict[str, Any], keys: Keys) -> dict[str, Any]:
        refusal: jwt.PyJWTError = jwt.InvalidSignatureError("no key in use has signed it")
        for key in keys:
            if key.algorithm == header["alg"] and header.get("kid", key.key_id) == key.key_id:
                try:
                    return self._decode(token, key.value)
                except (jwt.InvalidSignatureError, jwt.InvalidKeyError) as error:
                    refusal = error
        raise refusal

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
    """What the token of an `Authorization` header grants.

    Raises Unauthorized where it is not valid now, and KeysUnavailable where there is nothing to verify it with.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("send Authorization: Bearer <token>")
    try:
        return Grant.from_claims(_claims(token.strip(), trusted))
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthorized(f"the token is not valid: {error}") from None


def _claims(token: str, trusted: Sequence[TrustedIssuer]) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    for issuer in trusted:
        if header.get("alg") in issuer.algorithms:
            return issuer.claims(token, header)
    raise jwt.InvalidAlgorithmError("its algorithm is not one of those in use")
