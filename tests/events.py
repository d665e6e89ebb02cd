"""Events for Lambda functions, made from the real ones in events/."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from hooklog.access.grants import Grant
from tests.leaks import HEADER
from tests.template import ROOT

_SQS = json.loads((ROOT / "events/sqs_batch.json").read_text())
_API = json.loads((ROOT / "events/list_executions.json").read_text())


def sqs_event(*bodies: object, receive_count: int = 1) -> dict[str, Any]:
    """Make an SQS batch with these bodies: text unchanged, anything else as JSON."""
    records = []
    for number, body in enumerate(bodies):
        record = copy.deepcopy(_SQS["Records"][0])
        record["messageId"] = f"059f36b4-87a3-44ab-83d2-{number:012d}"
        record["body"] = body if isinstance(body, str) else json.dumps(planted(body))
        record["attributes"]["ApproximateReceiveCount"] = str(receive_count)
        records.append(record)
    return {"Records": records}


def planted(message: object) -> object:
    """Add a header that must not be logged to a webhook's message."""
    if not (isinstance(message, dict) and "payload" in message and isinstance(message.get("headers", {}), dict)):
        return message
    return {**message, "headers": {**HEADER, **message.get("headers", {})}}


def api_event(
    path: Mapping[str, str],
    parameters: Mapping[str, str] | None = None,
    *,
    webhooks: list[str] | None = None,
    topics: list[str] | str | None = None,
    scope: str = "executions:read",
    body: object = None,
) -> dict[str, Any]:
    """Make an event of API Gateway with the authorizer's context."""
    claims = {"webhooks": webhooks or ["*"], "scope": scope} | ({"topics": topics} if topics else {})
    event: dict[str, Any] = copy.deepcopy(_API)
    event["pathParameters"] = dict(path)
    event["queryStringParameters"] = dict(parameters) if parameters else None
    event["multiValueQueryStringParameters"] = (
        {name: [value] for name, value in parameters.items()} if parameters else None
    )
    event["requestContext"]["authorizer"] = {"principalId": "token", **Grant.from_claims(claims).to_authorizer()}
    event["body"] = None if body is None else json.dumps(body)
    return event
