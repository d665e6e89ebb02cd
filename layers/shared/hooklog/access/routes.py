"""The API's routes, and the policy that the authorizer returns for a token."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from hooklog.access.grants import Grant, Scope
from hooklog.webhooks.patterns import ALL

MAX_RESPONSE_BYTES: Final = 8_192
"""Of an authorizer's response. API Gateway documents this limit for WebSocket APIs, and none for REST APIs."""

WEBHOOK: Final = "{webhook_id}"
_PARAMETER: Final = re.compile(r"\{\w+\}")


class Route(NamedTuple):
    """A method and a resource of template.yaml, with the scope that they require."""

    method: str
    resource: str
    scope: Scope
    function: str
    """A folder of `functions`."""
    handler: str
    """A function of that folder's app.py; docs/openapi.yaml has it as `operationId`, in camel case."""
    parameters: frozenset[str] = frozenset()
    """The allowed query parameters."""

    def patterns(self, webhooks: Iterable[str]) -> Iterator[str]:
        """Iterate over IAM patterns of calls for these webhooks.

        `*` matches any text, including `/`.
        """
        for webhook in webhooks if WEBHOOK in self.resource else (ALL,):
            yield self.method + _PARAMETER.sub("*", self.resource.replace(WEBHOOK, webhook))


_OWN: Final = f"/webhooks/{WEBHOOK}"
_EXECUTIONS: Final = f"{_OWN}/executions"
_EXECUTION: Final = f"{_EXECUTIONS}/{{execution_id}}"
_LIST: Final = frozenset({"limit", "cursor"})
_PERIOD: Final = frozenset({"from", "to"})
_SELECTION: Final = _PERIOD | {"status", "event_type", "result", "error_type"}

ROUTES: Final = (
    Route("GET", _EXECUTIONS, Scope.EXECUTIONS_READ, "read_api", "list_executions", _LIST | _SELECTION),
    Route("GET", _EXECUTION, Scope.EXECUTIONS_READ, "read_api", "get_execution"),
    Route("GET", "/messages/{message_id}/executions", Scope.EXECUTIONS_READ, "read_api", "list_message_executions"),
    Route("GET", f"{_OWN}/recover/{{recovery_id}}", Scope.EXECUTIONS_READ, "read_api", "get_recovery"),
    Route("GET", f"{_OWN}/stats", Scope.EXECUTIONS_READ, "read_api", "get_stats", _PERIOD | {"interval"}),
    Route("GET", "/webhooks", Scope.WEBHOOKS_READ, "read_api", "list_webhooks", _LIST | {"seen", "masked"}),
    Route("GET", _OWN, Scope.WEBHOOKS_READ, "read_api", "get_webhook", frozenset({"masked"})),
    Route("POST", f"{_EXECUTION}/resend", Scope.EXECUTIONS_RESEND, "resend_api", "resend_execution"),
    Route("POST", f"{_OWN}/recover", Scope.EXECUTIONS_RESEND, "resend_api", "start_recovery"),
    Route("PUT", _OWN, Scope.WEBHOOKS_MANAGE, "manage_api", "put_webhook"),
    Route("DELETE", _OWN, Scope.WEBHOOKS_MANAGE, "manage_api", "delete_webhook"),
    Route("GET", f"{_OWN}/secret", Scope.WEBHOOKS_MANAGE, "manage_api", "get_webhook_secret"),
    Route("POST", f"{_OWN}/secret", Scope.WEBHOOKS_MANAGE, "manage_api", "rotate_webhook_secret"),
    Route("DELETE", f"{_EXECUTION}/details", Scope.WEBHOOKS_MANAGE, "manage_api", "erase_execution_details"),
    Route("DELETE", "/messages/{message_id}/details", Scope.WEBHOOKS_MANAGE, "manage_api", "erase_message_details"),
    Route("POST", f"{_OWN}/test", Scope.WEBHOOKS_MANAGE, "test_webhook", "test_webhook"),
)
"""All routes that need a token. The History page does not."""


def build_authorization(grant: Grant, method_arn: str) -> dict[str, Any]:
    """Build the authorizer's response for a token.

    API Gateway caches it, so it must not depend on the call.

    It allows the token's methods for the token's webhooks. If these are too many for a response, it allows the methods
    for all webhooks; the functions check the webhook again.
    """
    stage = "/".join(method_arn.split("/")[:2])
    response = _build_response(grant, stage, grant.webhooks)
    if len(json.dumps(response)) > MAX_RESPONSE_BYTES:
        return _build_response(grant, stage, (ALL,))
    return response


def _build_response(grant: Grant, stage: str, webhooks: Iterable[str]) -> dict[str, Any]:
    allowed = (route.patterns(webhooks) for route in ROUTES if route.scope in grant.scopes)
    resources = [f"{stage}/{pattern}" for patterns in allowed for pattern in patterns]
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}
    if not resources:
        statement |= {"Effect": "Deny", "Resource": [f"{stage}/*"]}
    return {
        "principalId": "token",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": grant.to_authorizer(),
    }
