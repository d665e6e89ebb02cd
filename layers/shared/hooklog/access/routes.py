"""Which scope each route needs, and what API Gateway is told of a token: the policy that it keeps for it."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from hooklog.access.grants import Grant, Scope
from hooklog.webhooks.patterns import EVERY

MAX_ANSWER_BYTES: Final = 8_192
"""Of an authorizer's answer. API Gateway documents that limit for WebSocket APIs and none for REST APIs."""

WEBHOOK: Final = "{webhook_id}"
_PARAMETER: Final = re.compile(r"\{\w+\}")


class Route(NamedTuple):
    """A method and a path of template.yaml, and the scope that it needs."""

    method: str
    path: str
    scope: Scope

    def resources(self, webhooks: Iterable[str]) -> Iterator[str]:
        """The paths of these webhooks' calls, as an IAM policy spells them; `*` takes in any text, with `/` in it."""
        for webhook in webhooks if WEBHOOK in self.path else (EVERY,):
            yield self.method + _PARAMETER.sub("*", self.path.replace(WEBHOOK, webhook))


_EXECUTIONS: Final = f"/webhooks/{WEBHOOK}/executions"

ROUTES: Final = (
    Route("GET", _EXECUTIONS, Scope.EXECUTIONS_READ),
    Route("GET", f"{_EXECUTIONS}/{{execution_id}}", Scope.EXECUTIONS_READ),
    Route("POST", f"{_EXECUTIONS}/{{execution_id}}/resend", Scope.EXECUTIONS_RESEND),
    Route("DELETE", f"{_EXECUTIONS}/{{execution_id}}/details", Scope.WEBHOOKS_MANAGE),
    Route("POST", f"/webhooks/{WEBHOOK}/recover", Scope.EXECUTIONS_RESEND),
    Route("GET", f"/webhooks/{WEBHOOK}/recover/{{recovery_id}}", Scope.EXECUTIONS_READ),
    Route("GET", "/messages/{message_id}/executions", Scope.EXECUTIONS_READ),
    Route("DELETE", "/messages/{message_id}/details", Scope.WEBHOOKS_MANAGE),
    Route("GET", "/webhooks", Scope.WEBHOOKS_READ),
    Route("GET", f"/webhooks/{WEBHOOK}", Scope.WEBHOOKS_READ),
    Route("PUT", f"/webhooks/{WEBHOOK}", Scope.WEBHOOKS_MANAGE),
    Route("DELETE", f"/webhooks/{WEBHOOK}", Scope.WEBHOOKS_MANAGE),
    Route("POST", f"/webhooks/{WEBHOOK}/test", Scope.WEBHOOKS_MANAGE),
    Route("GET", f"/webhooks/{WEBHOOK}/secret", Scope.WEBHOOKS_MANAGE),
    Route("POST", f"/webhooks/{WEBHOOK}/secret", Scope.WEBHOOKS_MANAGE),
)
"""Every route but the History page's; what is not here, no token opens."""


def authorization(grant: Grant, method_arn: str) -> dict[str, Any]:
    """What the authorizer answers for a token, whichever call it came with: API Gateway keeps it for others.

    It names the token's webhooks and methods alone. Where these are too many for one answer, it names the methods, of
    every webhook; the functions check again which webhook it is.
    """
    stage = "/".join(method_arn.split("/")[:2])
    answer = _answer(grant, stage, grant.webhooks)
    if len(json.dumps(answer)) > MAX_ANSWER_BYTES:
        return _answer(grant, stage, (EVERY,))
    return answer


def _answer(grant: Grant, stage: str, webhooks: Iterable[str]) -> dict[str, Any]:
    allowed = (route.resources(webhooks) for route in ROUTES if route.scope in grant.scopes)
    resources = [f"{stage}/{resource}" for route in allowed for resource in route]
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}
    if not resources:
        statement |= {"Effect": "Deny", "Resource": [f"{stage}/*"]}
    return {
        "principalId": "token",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": grant.to_authorizer(),
    }
