"""Who may see and do what: what a bearer token grants."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from hooklog.errors import Forbidden, Unauthorized


class Scope(StrEnum):
    """What a token may be used for."""

    EXECUTIONS_READ = "executions:read"
    EXECUTIONS_RESEND = "executions:resend"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_MANAGE = "webhooks:manage"


@dataclass(frozen=True, slots=True)
class Grant:
    """The webhooks and scopes of one token."""

    webhooks: tuple[str, ...]
    """Ids, and prefixes that end with `*`; `*` alone is every webhook."""
    scopes: frozenset[str]

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read a verified token's claims. Raises Unauthorized where they are not of the contract's form."""
        webhooks, scope = claims.get("webhooks"), claims.get("scope")
        if webhooks == "*":
            webhooks = ["*"]
        if not isinstance(webhooks, list) or not all(isinstance(item, str) and item for item in webhooks):
            raise Unauthorized('the claim webhooks must be a list of ids and prefixes, or "*"')
        if not isinstance(scope, str):
            raise Unauthorized("the claim scope must be a string of scopes with spaces between")
        return cls(tuple(webhooks), frozenset(scope.split()))

    @classmethod
    def from_authorizer(cls, context: Mapping[str, Any]) -> Self:
        """Read back what `to_authorizer` made of it. Raises Unauthorized where there is none."""
        try:
            return cls(tuple(json.loads(context["webhooks"])), frozenset(context["scope"].split()))
        except (KeyError, ValueError, AttributeError):
            raise Unauthorized("the request did not pass the authorizer") from None

    def to_authorizer(self) -> dict[str, str]:
        """As the context that API Gateway hands from the authorizer to the function: strings alone."""
        return {"webhooks": json.dumps(self.webhooks), "scope": " ".join(sorted(self.scopes))}

    def require(self, scope: Scope, webhook_id: str) -> None:
        """Raises Forbidden unless the token allows this, of this webhook."""
        self.require_scope(scope)
        if not self.covers(webhook_id):
            raise Forbidden("the token does not allow this webhook")

    def require_scope(self, scope: Scope) -> None:
        """Raises Forbidden unless the token allows this, of any webhook."""
        if scope not in self.scopes:
            raise Forbidden(f"this needs the scope {scope}, which the token does not have")

    def covers(self, webhook_id: str) -> bool:
        return any(self._covers(pattern, webhook_id) for pattern in self.webhooks)

    @staticmethod
    def _covers(pattern: str, webhook_id: str) -> bool:
        if pattern.endswith("*"):
            return webhook_id.startswith(pattern[:-1])
        return webhook_id == pattern
