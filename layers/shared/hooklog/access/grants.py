"""Who may see and do what: what a bearer token grants."""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from hooklog.errors import Forbidden, Unauthorized

EVERY_WEBHOOK: Final = "*"
_PATTERN: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}|[A-Za-z0-9_.-]{0,128}\*")
"""A webhook id, or a prefix of some with `*` at its end: nothing that means more in a policy."""


class Scope(StrEnum):
    """What a token may be used for."""

    EXECUTIONS_READ = "executions:read"
    EXECUTIONS_RESEND = "executions:resend"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_MANAGE = "webhooks:manage"


class Grant(NamedTuple):
    """The webhooks and scopes of one token."""

    webhooks: tuple[str, ...]
    """Ids, and prefixes that end with `*`; `*` alone is every webhook."""
    scopes: frozenset[Scope]

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read a verified token's claims. Raises Unauthorized where they are not of the contract's form.

        A scope that is not ours grants nothing and harms nothing: an issuer's tokens have some of their own.
        """
        webhooks, scope = claims.get("webhooks"), claims.get("scope")
        if webhooks == EVERY_WEBHOOK:
            webhooks = [EVERY_WEBHOOK]
        if not isinstance(webhooks, list) or not all(isinstance(w, str) and _PATTERN.fullmatch(w) for w in webhooks):
            raise Unauthorized('the claim webhooks must be a list of ids and prefixes such as "acme.*", or "*"')
        if not isinstance(scope, str):
            raise Unauthorized("the claim scope must be a string of scopes with spaces between")
        return cls(tuple(dict.fromkeys(webhooks)), frozenset(one for one in Scope if one in scope.split()))

    @classmethod
    def from_authorizer(cls, context: Mapping[str, Any]) -> Self:
        """Read back what `to_authorizer` made of it. Raises Unauthorized where there is none, or anything else."""
        try:
            return cls.from_claims({**context, "webhooks": json.loads(context["webhooks"])})
        except (KeyError, ValueError, TypeError, RecursionError):
            raise Unauthorized("the request did not pass the authorizer") from None

    def to_authorizer(self) -> dict[str, str]:
        """As the context that API Gateway hands from the authorizer to the function: strings alone."""
        return {"webhooks": json.dumps(self.webhooks), "scope": " ".join(sorted(self.scopes))}

    @property
    def covers_all(self) -> bool:
        return EVERY_WEBHOOK in self.webhooks

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
