"""The permissions that a bearer token grants."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Self

from hooklog.errors import Forbidden, Unauthorized
from hooklog.webhooks.patterns import ALL, PATTERN_RULE, covers, find_widest_prefix, is_pattern


class Scope(StrEnum):
    """A permission of a token."""

    EXECUTIONS_READ = "executions:read"
    EXECUTIONS_RESEND = "executions:resend"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_MANAGE = "webhooks:manage"


class Grant(NamedTuple):
    """The webhooks, scopes and topics of one token."""

    webhooks: tuple[str, ...]
    """Patterns of webhook IDs; see `hooklog.webhooks.patterns`."""
    scopes: frozenset[Scope]
    topics: tuple[str, ...] = ()
    """Patterns of topics that its webhooks may have, in addition to those that `webhooks` covers."""

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read a verified token's claims. Raises Unauthorized if they are malformed.

        Ignores unknown scopes, because an issuer's tokens may have others.
        """
        webhooks, topics = _read_patterns(claims, "webhooks"), _read_patterns({"topics": [], **claims}, "topics")
        if not isinstance(scope := claims.get("scope"), str):
            raise Unauthorized("the claim scope must be a string of scopes separated by spaces")
        return cls(webhooks, frozenset(one for one in Scope if one in scope.split()), topics)

    @classmethod
    def from_authorizer(cls, context: Mapping[str, Any]) -> Self:
        """Read what `to_authorizer` returned.

        Raises Unauthorized if it is missing or malformed.
        """
        try:
            patterns = {name: json.loads(context[name]) for name in ("webhooks", "topics") if name in context}
            return cls.from_claims({**context, **patterns})
        except (KeyError, ValueError, TypeError, RecursionError):
            raise Unauthorized("the request did not pass the authorizer") from None

    def to_authorizer(self) -> dict[str, str]:
        """Convert it to the authorizer's context, which API Gateway passes to functions.

        A context can only contain strings.
        """
        topics = {"topics": json.dumps(self.topics)} if self.topics else {}
        return {"webhooks": json.dumps(self.webhooks), "scope": " ".join(sorted(self.scopes)), **topics}

    @property
    def covers_all(self) -> bool:
        return ALL in self.webhooks

    def require(self, scope: Scope, webhook_id: str) -> None:
        """Raise Forbidden unless the token has this scope for this webhook."""
        self.require_scope(scope)
        if not self.covers(webhook_id):
            raise Forbidden("the token does not cover this webhook")

    def require_scope(self, scope: Scope) -> None:
        """Raise Forbidden unless the token has this scope."""
        if scope not in self.scopes:
            raise Forbidden(f"the token does not have the scope {scope}")

    def require_topic(self, topic: str) -> None:
        """Raise Forbidden unless the token may set this topic."""
        if not covers(self.webhooks + self.topics, topic):
            raise Forbidden(f"topic {topic} is not covered by the token", "topic")

    def covers(self, webhook_id: str) -> bool:
        return covers(self.webhooks, webhook_id)

    def get_prefix(self, webhook_id: str) -> str:
        """Return the widest prefix that covers this webhook.

        Empty for `*`, or if only a whole ID covers it.
        """
        return find_widest_prefix(self.webhooks, webhook_id) or ""


def _read_patterns(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read a claim with patterns. Raises Unauthorized if it is malformed."""
    value = claims.get(name)
    patterns = [ALL] if value == ALL else value
    if not isinstance(patterns, list) or not all(isinstance(each, str) and is_pattern(each) for each in patterns):
        raise Unauthorized(f"the claim {name} must be {PATTERN_RULE}")
    return tuple(dict.fromkeys(patterns))
