"""Who may see and do what: what a bearer token grants."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Self

from hooklog.errors import Forbidden, Unauthorized
from hooklog.webhooks.patterns import ALL, PATTERN_RULE, covers, find_widest_prefix, is_pattern


class Scope(StrEnum):
    """What a token may be used for."""

    EXECUTIONS_READ = "executions:read"
    EXECUTIONS_RESEND = "executions:resend"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_MANAGE = "webhooks:manage"


class Grant(NamedTuple):
    """The webhooks, scopes and topics of one token."""

    webhooks: tuple[str, ...]
    """Patterns of ids: `hooklog.webhooks.patterns` has their rule."""
    scopes: frozenset[Scope]
    topics: tuple[str, ...] = ()
    """Patterns of topics that its webhooks may have, besides those that `webhooks` covers."""

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read a verified token's claims. Raises Unauthorized where they are not of the contract's form.

        A scope that is not ours grants nothing and harms nothing: an issuer's tokens have some of their own.
        """
        webhooks, topics = _patterns(claims, "webhooks"), _patterns({"topics": [], **claims}, "topics")
        if not isinstance(scope := claims.get("scope"), str):
            raise Unauthorized("the claim scope must be a string of scopes with spaces between")
        return cls(webhooks, frozenset(one for one in Scope if one in scope.split()), topics)

    @classmethod
    def from_authorizer(cls, context: Mapping[str, Any]) -> Self:
        """Read back what `to_authorizer` made of it. Raises Unauthorized where there is none, or anything else."""
        try:
            patterns = {name: json.loads(context[name]) for name in ("webhooks", "topics") if name in context}
            return cls.from_claims({**context, **patterns})
        except (KeyError, ValueError, TypeError, RecursionError):
            raise Unauthorized("the request did not pass the authorizer") from None

    def to_authorizer(self) -> dict[str, str]:
        """As the context that API Gateway hands from the authorizer to the function: strings alone."""
        topics = {"topics": json.dumps(self.topics)} if self.topics else {}
        return {"webhooks": json.dumps(self.webhooks), "scope": " ".join(sorted(self.scopes)), **topics}

    @property
    def covers_all(self) -> bool:
        return ALL in self.webhooks

    def require(self, scope: Scope, webhook_id: str) -> None:
        """Raises Forbidden unless the token allows this, of this webhook."""
        self.require_scope(scope)
        if not self.covers(webhook_id):
            raise Forbidden("the token does not allow this webhook")

    def require_scope(self, scope: Scope) -> None:
        """Raises Forbidden unless the token allows this, of any webhook."""
        if scope not in self.scopes:
            raise Forbidden(f"this needs the scope {scope}, which the token does not have")

    def require_topic(self, topic: str) -> None:
        """Raises Forbidden unless a webhook may be given this topic."""
        if not covers(self.webhooks + self.topics, topic):
            raise Forbidden(f"topic {topic} is not covered by the token", "topic")

    def covers(self, webhook_id: str) -> bool:
        return covers(self.webhooks, webhook_id)

    def prefix(self, webhook_id: str) -> str:
        """What the widest of its prefixes begins with that covers this webhook; empty where it is `*`, or none does."""
        return find_widest_prefix(self.webhooks, webhook_id) or ""


def _patterns(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The claim of this name. Raises Unauthorized unless it is of the form that patterns have."""
    value = claims.get(name)
    patterns = [ALL] if value == ALL else value
    if not isinstance(patterns, list) or not all(isinstance(each, str) and is_pattern(each) for each in patterns):
        raise Unauthorized(f"the claim {name} must be {PATTERN_RULE}")
    return tuple(dict.fromkeys(patterns))
