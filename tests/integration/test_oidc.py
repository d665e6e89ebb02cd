"""Valid and forged tokens of an OIDC issuer."""

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import jwt
import pytest

from hooklog.access.issuer import MAX_JWKS_BYTES
from hooklog.access.keys import PAUSE_SECONDS, KeyRing
from hooklog.errors import KeysUnavailable
from tests import issuer
from tests.authorizer import Clock, accepts, authorize
from tests.authorizer import token as backend_token
from tests.aws import MockAws
from tests.issuer import Issuer, ec_jwk, ec_key, mint, rsa_jwk, rsa_key
from tests.leaks import SIGNING_KEY

RSA, EC = rsa_key("rsa-1"), ec_key("ec-1")


@pytest.fixture
def idp() -> Iterator[Issuer]:
    with Issuer() as running:
        running.publish(rsa_jwk("rsa-1", use="sig", alg="RS256"), ec_jwk("ec-1"))
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authorizer(aws: MockAws, idp: Issuer, clock: Clock) -> Iterator[ModuleType]:
    """The authorizer with this issuer configured and a clock that the test sets."""
    path = list(sys.path)
    app = aws.start("AuthorizeFunction", **idp.environment)
    backend, trust = app.trusted
    app.trusted[:] = [backend, trust._replace(ring=KeyRing(trust.ring.read, trust.ring.seconds, clock))]
    yield app
    sys.path[:] = path


@pytest.mark.parametrize(
    "bearer",
    [
        lambda: mint(RSA, "RS256", "rsa-1"),
        lambda: mint(EC, "ES256", "ec-1"),
        lambda: mint(RSA, "RS256"),
        lambda: mint(EC, "ES256"),
        lambda: mint(RSA, "RS256", "rsa-1", aud=["another", issuer.AUDIENCE]),
        lambda: mint(RSA, "RS256", "rsa-1", iat=int(time.time()) + 4, nbf=int(time.time()) + 4),
    ],
)
def test_a_token_of_the_issuer_grants_its_claims(authorizer: ModuleType, bearer: Callable[[], str]) -> None:
    context = authorize(authorizer, bearer())["context"]
    assert context == {"webhooks": '["acme.*"]', "scope": "executions:read"}


def test_the_backends_own_tokens_are_also_accepted(authorizer: ModuleType, idp: Issuer) -> None:
    assert accepts(authorizer, backend_token(SIGNING_KEY))
    assert idp.fetched == 0


def signed_with(secret: bytes, **header: Any) -> str:
    """Return a token that PyJWT refuses to make: HS256 with a public key as secret."""
    payload = mint(RSA, "RS256").split(".")[1]
    text = (
        base64.urlsafe_b64encode(json.dumps({"typ": "JWT", **header}).encode()).rstrip(b"=") + b"." + payload.encode()
    )
    signature = base64.urlsafe_b64encode(hmac.digest(secret, text, hashlib.sha256)).rstrip(b"=")
    return (text + b"." + signature).decode()


REFUSED: dict[str, Callable[[], str]] = {
    "a stranger's key": lambda: mint(rsa_key("stranger"), "RS256", "rsa-1"),
    "a stranger's key of another kid": lambda: mint(rsa_key("stranger"), "RS256", "stranger"),
    "another's curve key": lambda: mint(ec_key("stranger"), "ES256", "ec-1"),
    "the public key as a secret": lambda: signed_with(issuer.pem(RSA), alg="HS256", kid="rsa-1"),
    "the public key as a secret, without kid": lambda: signed_with(issuer.pem(RSA), alg="HS256"),
    "the public key as a secret, as RS256": lambda: signed_with(issuer.pem(RSA), alg="RS256", kid="rsa-1"),
    "the JWK as a secret": lambda: signed_with(json.dumps(rsa_jwk("rsa-1")).encode(), alg="HS256", kid="rsa-1"),
    "no algorithm": lambda: signed_with(b"", alg="none"),
    "an algorithm that is a list": lambda: signed_with(b"", alg=["RS256"]),
    "no alg at all": lambda: signed_with(b""),
    "another algorithm of the same key": lambda: mint(RSA, "RS512", "rsa-1"),
    "padding that was not agreed": lambda: mint(RSA, "PS256", "rsa-1"),
    "the other key's kid": lambda: mint(RSA, "RS256", "ec-1"),
    "a key of the token's own": lambda: jwt.encode(
        {"exp": 9e9}, rsa_key("stranger"), "RS256", headers={"jwk": rsa_jwk("stranger"), "kid": "rsa-1"}
    ),
    "another issuer": lambda: mint(RSA, "RS256", "rsa-1", iss="https://issuer.example"),
    "no issuer": lambda: mint(RSA, "RS256", "rsa-1", iss=None),
    "another audience": lambda: mint(RSA, "RS256", "rsa-1", aud="another"),
    "no audience": lambda: mint(RSA, "RS256", "rsa-1", aud=None),
    "expired": lambda: mint(RSA, "RS256", "rsa-1", exp=1),
    "issued in an hour": lambda: mint(RSA, "RS256", "rsa-1", iat=int(time.time()) + 3600),
    "without exp": lambda: mint(RSA, "RS256", "rsa-1", exp=None),
    "without webhooks": lambda: mint(RSA, "RS256", "rsa-1", webhooks=None),
    "the backend's, for the issuer": lambda: backend_token(SIGNING_KEY, iss=issuer.URL, aud=issuer.AUDIENCE),
}


def test_a_token_not_signed_by_the_issuer_for_us_is_a_401(authorizer: ModuleType) -> None:
    for name, bearer in REFUSED.items():
        assert not accepts(authorizer, bearer()), name


UNFIT: dict[str, Callable[[], dict[str, Any]]] = {
    "for encryption": lambda: rsa_jwk("rsa-1", use="enc"),
    "for another algorithm": lambda: rsa_jwk("rsa-1", alg="RS512"),
    "too short": lambda: rsa_jwk("rsa-1", 1024),
    "of an algorithm that is none": lambda: rsa_jwk("rsa-1", alg=["RS256"]),
    "a shared secret": lambda: {"kty": "oct", "kid": "rsa-1", "k": base64.urlsafe_b64encode(b"k" * 64).decode()},
}


@pytest.mark.parametrize("key", UNFIT.values(), ids=UNFIT.keys())
def test_a_key_of_another_kind_or_use_verifies_nothing(
    authorizer: ModuleType, idp: Issuer, key: Callable[[], dict[str, Any]]
) -> None:
    idp.publish(key(), ec_jwk("ec-1"))
    bits = 1024 if len(key().get("n", "")) < 200 else 2048
    with pytest.warns(jwt.InsecureKeyLengthWarning) if bits == 1024 else nullcontext():
        bearer = mint(rsa_key("rsa-1", bits), "RS256", "rsa-1")
    assert not accepts(authorizer, bearer)
    assert not accepts(authorizer, signed_with(b"k" * 64, alg="HS256", kid="rsa-1"))
    assert accepts(authorizer, mint(EC, "ES256", "ec-1"))


def test_a_new_key_is_fetched_when_a_token_names_it(authorizer: ModuleType, idp: Issuer, clock: Clock) -> None:
    assert accepts(authorizer, mint(RSA, "RS256", "rsa-1"))
    idp.publish(rsa_jwk("rsa-1"), rsa_jwk("rsa-2"))
    token_of_new_key = mint(rsa_key("rsa-2"), "RS256", "rsa-2")
    assert not accepts(authorizer, token_of_new_key)
    clock.now += PAUSE_SECONDS
    assert accepts(authorizer, token_of_new_key)
    assert idp.fetched == 2


def test_unsigned_tokens_do_not_cause_repeated_key_fetches(authorizer: ModuleType, idp: Issuer, clock: Clock) -> None:
    for _ in range(5):
        assert not accepts(authorizer, mint(rsa_key("stranger"), "RS256", "stranger"))
    assert idp.fetched == 1
    clock.now += PAUSE_SECONDS
    assert not accepts(authorizer, mint(rsa_key("stranger"), "RS256", "stranger"))
    assert idp.fetched == 2


def test_a_removed_key_is_refused_once_the_cached_keys_expire(
    authorizer: ModuleType, idp: Issuer, clock: Clock
) -> None:
    assert accepts(authorizer, mint(RSA, "RS256", "rsa-1"))
    idp.publish(ec_jwk("ec-1"))
    clock.now += 300
    assert not accepts(authorizer, mint(RSA, "RS256", "rsa-1"))


def not_json(idp: Issuer) -> None:
    idp.body = b"<html>"


def not_a_key_set(idp: Issuer) -> None:
    idp.body = b"[]"


def too_deep(idp: Issuer) -> None:
    idp.body = b"[" * 100_000


def too_large(idp: Issuer) -> None:
    idp.body += b" " * MAX_JWKS_BYTES


def keys_of_wrong_types(idp: Issuer) -> None:
    idp.publish(1, "x")


def failing(idp: Issuer) -> None:
    idp.status = 503


def redirecting(idp: Issuer) -> None:
    idp.status = 302


def unreachable(idp: Issuer) -> None:
    idp.server.shutdown()
    idp.server.server_close()


FAULTS = [
    not_json,
    not_a_key_set,
    too_deep,
    too_large,
    keys_of_wrong_types,
    Issuer.publish,
    failing,
    redirecting,
    unreachable,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_tokens_with_a_cached_key_are_valid_while_the_issuer_is_unreachable(
    authorizer: ModuleType, idp: Issuer, clock: Clock, fault: Callable[[Issuer], None]
) -> None:
    assert accepts(authorizer, mint(RSA, "RS256", "rsa-1"))
    fault(idp)
    clock.now += 300
    assert accepts(authorizer, mint(RSA, "RS256", "rsa-1"))
    assert authorizer.trusted[1].ring.failure


def test_an_issuer_that_never_responded_is_a_500(authorizer: ModuleType, idp: Issuer) -> None:
    failing(idp)
    with pytest.raises(KeysUnavailable, match="503"):
        authorize(authorizer, mint(RSA, "RS256", "rsa-1"))
    assert accepts(authorizer, backend_token(SIGNING_KEY))
