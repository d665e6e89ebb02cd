"""The authorizer: which tokens are accepted and what they allow."""

import base64
import time
from typing import Any

import jwt
import pytest

from hooklog.access.grants import Grant, Scope
from hooklog.access.keys import SIGNING_ALGORITHM, Key, KeyRing
from hooklog.access.tokens import LEEWAY_SECONDS, TrustedIssuer, verify
from hooklog.errors import Forbidden, Unauthorized

KEY = "k" * 64
TRUSTED = [TrustedIssuer(KeyRing(lambda: (Key("v1", SIGNING_ALGORITHM, KEY),), 60))]
READ = "executions:read"


CLAIMS: dict[str, Any] = {"exp": time.time() + 3600, "webhooks": ["acme.orders"], "scope": READ}


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    claims = {**CLAIMS, **claims}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def token_at(claims: dict[str, int]) -> str:
    """Mint a token whose time claims are given in seconds from now."""
    times: dict[str, Any] = {name: time.time() + seconds for name, seconds in claims.items()}
    return token(**times)


def test_a_valid_token_grants_its_claims() -> None:
    grant = verify(f"Bearer {token(webhooks=['wh_1', 'acme.*'], scope='executions:read webhooks:read')}", TRUSTED)
    assert grant == Grant(("wh_1", "acme.*"), frozenset({Scope.EXECUTIONS_READ, Scope.WEBHOOKS_READ}))
    assert Grant.from_authorizer(grant.to_authorizer()) == grant


@pytest.mark.parametrize(
    ("topics", "granted"),
    [(["acme", "news.*"], ("acme", "news.*")), ("*", ("*",)), ([], ()), (None, ()), (["a", "a"], ("a",))],
)
def test_a_token_may_name_topics(topics: Any, granted: tuple[str, ...]) -> None:
    grant = verify(f"Bearer {token(topics=topics)}", TRUSTED)
    assert grant.topics == granted
    assert Grant.from_authorizer(grant.to_authorizer()) == grant


@pytest.mark.parametrize(
    "claims",
    [{"iat": 4}, {"nbf": 2}, {"iat": 45, "nbf": 45}, {"exp": -45}, {"iat": -3600, "nbf": -3600}],
    ids=str,
)
def test_clocks_may_differ_by_a_minute(claims: dict[str, int]) -> None:
    verify(f"Bearer {token_at(claims)}", TRUSTED)


@pytest.mark.parametrize("claims", [{"iat": 120}, {"nbf": 120}, {"exp": -61}, {"iat": 3600, "exp": 7200}], ids=str)
def test_clocks_may_not_differ_by_more(claims: dict[str, int]) -> None:
    with pytest.raises(Unauthorized):
        verify(f"Bearer {token_at(claims)}", TRUSTED)


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    verify(f"{scheme} {token()}", TRUSTED)


REFUSED = {
    "nothing": "",
    "no scheme": token(),
    "another scheme": f"Basic {token()}",
    "no token": "Bearer ",
    "not a token": "Bearer x.y.z",
    "another key": f"Bearer {token(key='j' * 64)}",
    "expired": f"Bearer {token(exp=time.time() - LEEWAY_SECONDS - 1)}",
    "without exp": f"Bearer {token(exp=None)}",
    "not yet valid": f"Bearer {token(nbf=time.time() + 3600)}",
    "issued in an hour": f"Bearer {token(iat=time.time() + 3600)}",
    "issued never": f"Bearer {token(iat='x')}",
    "unsigned": f"Bearer {token(key='', algorithm='none')}",
    "another algorithm": f"Bearer {token(algorithm='HS512')}",
    "no webhooks": f"Bearer {token(webhooks=None)}",
    "webhooks as text": f"Bearer {token(webhooks='acme.orders')}",
    "webhooks as numbers": f"Bearer {token(webhooks=[1])}",
    "an empty webhook": f"Bearer {token(webhooks=[''])}",
    "no scope": f"Bearer {token(scope=None)}",
    "scope as a list": f"Bearer {token(scope=[READ])}",
    "a * in the middle": f"Bearer {token(webhooks=['acme.*.orders'])}",
    "two *": f"Bearer {token(webhooks=['acme.**'])}",
    "a * after half a name": f"Bearer {token(webhooks=['acm*'])}",
    "a * after a whole name": f"Bearer {token(webhooks=['acme*'])}",
    "a * after a hyphen": f"Bearer {token(webhooks=['acme-*'])}",
    "a * at the beginning": f"Bearer {token(webhooks=['*.orders'])}",
    "a * for a name between": f"Bearer {token(webhooks=['*.*'])}",
    "a prefix that is no name": f"Bearer {token(webhooks=['.*'])}",
    "a prefix of dots": f"Bearer {token(webhooks=['..*'])}",
    "a prefix of more dots": f"Bearer {token(webhooks=['...*'])}",
    "a webhook of dots": f"Bearer {token(webhooks=['..'])}",
    "a prefix that ends its line": f"Bearer {token(webhooks=['acme.*' + chr(10)])}",
    "a prefix in other letters": f"Bearer {token(webhooks=['äcme.*'])}",
    "a prefix of 128 characters": f"Bearer {token(webhooks=['w' * 128 + '.*'])}",
    "one bad pattern among good ones": f"Bearer {token(webhooks=['acme.*', '*', 'acm*'])}",
    "topics as text": f"Bearer {token(topics='acme.all')}",
    "topics as an object": f"Bearer {token(topics={'acme.all': 1})}",
    "topics as null": f"Bearer {jwt.encode({**CLAIMS, 'topics': None}, KEY)}",
    "a topic that is a number": f"Bearer {token(topics=[1])}",
    "a topic with a *": f"Bearer {token(topics=['acm*'])}",
    "an empty topic": f"Bearer {token(topics=[''])}",
    "a path as a webhook": f"Bearer {token(webhooks=['acme/../*'])}",
    "a policy's other wildcard": f"Bearer {token(webhooks=['acme.?'])}",
    "a webhook that ends its line": f"Bearer {token(webhooks=['acme.orders' + chr(10)])}",
    "a webhook of 129 characters": f"Bearer {token(webhooks=['w' * 129])}",
    "an end beyond numbers": f"Bearer {token(exp=float('inf'))}",
    "an end that is none": f"Bearer {token(exp=[])}",
    "another kid": f"Bearer {jwt.encode(CLAIMS, KEY, headers={'kid': 'v2'})}",
    "an audience": f"Bearer {token(aud='hooklog')}",
    "not ASCII": "Bearer \ud800.ü.x",
    "a header without end": f"Bearer {base64.urlsafe_b64encode(b'[' * 6000).decode()}.e30.x",
}


@pytest.mark.parametrize("authorization", REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_token_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthorized):
        verify(authorization, TRUSTED)


@pytest.mark.parametrize(
    ("webhooks", "webhook_id", "allowed"),
    [
        (["wh_a"], "wh_a", True),
        (["wh_a"], "wh_ab", False),
        (["wh_ab"], "wh_a", False),
        (["wh_a"], "WH_A", False),
        (["acme.*"], "acme.orders", True),
        (["acme.*"], "acme", False),
        (["acme.*"], "acmeXorders", False),
        (["acme.*"], "acme-orders", False),
        (["acme.*"], "acme.orders.eu", True),
        (["acme.orders.*"], "acme.orders", False),
        (["acme.orders.*"], "acme.ordersX", False),
        (["x", "acme.*"], "acme.", True),
        (["*"], "anything", True),
        ([], "wh_a", False),
    ],
)
def test_a_grant_covers_ids_and_prefixes(webhooks: list[str], webhook_id: str, allowed: bool) -> None:
    grant = Grant(tuple(webhooks), frozenset({Scope.EXECUTIONS_READ}))
    if allowed:
        grant.require(Scope.EXECUTIONS_READ, webhook_id)
    else:
        with pytest.raises(Forbidden):
            grant.require(Scope.EXECUTIONS_READ, webhook_id)


@pytest.mark.parametrize(
    ("webhooks", "topics", "topic", "allowed"),
    [
        (["acme.*"], [], "acme.all", True),
        (["acme.*"], [], "acme", False),
        (["acme.*"], [], "acmeX", False),
        (["acme.orders"], [], "acme.orders", True),
        (["acme.orders"], [], "acme.all", False),
        (["acme.*"], ["acme"], "acme", True),
        (["acme.*"], ["news.*"], "news.berlin", True),
        (["acme.*"], ["news.*"], "news", False),
        (["acme.*"], ["*"], "anything", True),
        (["*"], [], "anything", True),
        ([], [], "acme.all", False),
    ],
)
def test_a_topic_is_covered_like_an_id(webhooks: list[str], topics: list[str], topic: str, allowed: bool) -> None:
    grant = Grant(tuple(webhooks), frozenset(Scope), tuple(topics))
    if allowed:
        grant.require_topic(topic)
    else:
        with pytest.raises(Forbidden, match=topic):
            grant.require_topic(topic)


def test_a_topic_grants_no_access_to_a_webhook() -> None:
    assert not Grant(("acme.*",), frozenset(Scope), ("globex.*", "*")).covers("globex.orders")


def test_a_grant_without_the_scope_is_refused() -> None:
    with pytest.raises(Forbidden, match="executions:resend"):
        Grant(("*",), frozenset({Scope.EXECUTIONS_READ})).require(Scope.EXECUTIONS_RESEND, "wh_a")


def test_unknown_scopes_grant_nothing() -> None:
    grant = verify(f"Bearer {token(scope='openid executions:read executions:* webhooks')}", TRUSTED)
    assert grant.scopes == {Scope.EXECUTIONS_READ}


def test_a_key_may_be_named() -> None:
    verify(f"Bearer {jwt.encode(CLAIMS, KEY, headers={'kid': 'v1'})}", TRUSTED)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"webhooks": "x", "scope": READ},
        {"webhooks": "[]"},
        {"scope": READ},
        {"webhooks": '"wh_a"', "scope": READ},
        {"webhooks": '["wh_a", 1]', "scope": READ},
        {"webhooks": '["*.wh_a"]', "scope": READ},
        {"webhooks": "[" * 6000, "scope": READ},
        {"webhooks": None, "scope": READ},
        {"webhooks": '["wh_*"]', "scope": READ},
        {"webhooks": '["wh_a"]', "scope": READ, "topics": '["a", "b*"]'},
        {"webhooks": '["wh_a"]', "scope": READ, "topics": "x"},
        {"webhooks": '["wh_a"]', "scope": READ, "topics": None},
    ],
)
def test_a_request_without_the_authorizers_context_is_refused(context: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        Grant.from_authorizer(context)
