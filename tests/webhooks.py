"""Helpers for registered webhooks: call the API, send messages and read the log."""

import json
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.aws import Endpoint, MockAws
from tests.events import api_event, sqs_event
from tests.openapi import check, operation_id, operations, resolved

CONTEXT = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 60_000)
BOTH = "webhooks:read webhooks:manage"
ID = "acme.orders"


class Api:
    """The functions of the API, each started at its first call."""

    def __init__(self, aws: MockAws, **put_settings: str) -> None:
        self._aws = aws
        self._endpoints: dict[str, Endpoint] = {}
        self._put_settings = {"ALLOW_HTTP": "true", "ORDERED_DELIVERY": "enabled", **put_settings}

    def call(self, handler: str, path: dict[str, str], **change: Any) -> tuple[int, dict[str, Any]]:
        if handler not in self._endpoints:
            overrides = self._put_settings if handler == "put_webhook" else {}
            self._endpoints[handler] = self._aws.endpoint(handler, **overrides)
        response = self._endpoints[handler].lambda_handler(api_event(path, **{"scope": BOTH, **change}), None)
        body = json.loads(response["body"] or "{}")
        check_documented(handler, response["statusCode"], body)
        return response["statusCode"], body

    def put(self, webhook_id: str = ID, /, **fields: Any) -> tuple[int, dict[str, Any]]:
        return self.put_as({}, webhook_id, **fields)

    def put_as(self, claims: Mapping[str, Any], webhook_id: str = ID, /, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Put a webhook with a token of these claims."""
        return self.call("put_webhook", {"webhook_id": webhook_id}, body=fields, **claims)

    def get(self, webhook_id: str = ID, **change: Any) -> tuple[int, dict[str, Any]]:
        return self.call("get_webhook", {"webhook_id": webhook_id}, **change)

    def list(self, webhooks: list[str], **parameters: str) -> tuple[list[str], str | None]:
        status, body = self.call("list_webhooks", {}, webhooks=webhooks, parameters=parameters or None)
        assert status == 200, body
        return [webhook["webhook_id"] for webhook in body["webhooks"]], body["next_cursor"]

    def delete(self, webhook_id: str = ID) -> int:
        return self.call("delete_webhook", {"webhook_id": webhook_id})[0]

    def secret(self, **change: Any) -> tuple[int, dict[str, Any]]:
        return self.call("get_webhook_secret", {"webhook_id": ID}, **change)

    def rotate(self, body: Any = None, **change: Any) -> tuple[int, dict[str, Any]]:
        return self.call("rotate_webhook_secret", {"webhook_id": ID}, **{"body": body, **change})


def check_documented(handler: str, status: int, body: dict[str, Any]) -> None:
    """Validate a response against docs/openapi.yaml.

    Its operations are named like the handlers.
    """
    (operation,) = (each for each in operations().values() if each["operationId"] == operation_id(handler))
    content = resolved(operation["responses"][str(status)]).get("content")
    if content:
        check(body, content["application/json"]["schema"])
    else:
        assert body == {}


def send(sender: ModuleType, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Send messages without a URL and return the batch item failures."""
    event = sqs_event(*({"webhook_id": ID, "payload": {"order": 1742}, **message} for message in messages))
    failures: list[dict[str, Any]] = sender.lambda_handler(event, CONTEXT)["batchItemFailures"]
    return failures


def history(aws: MockAws) -> list[dict[str, Any]]:
    return sorted(aws.rows("Executions"), key=lambda row: str(row["executed_at"]["S"]))


def resend(aws: MockAws, row: dict[str, Any]) -> int:
    path = {"webhook_id": row["webhook_id"]["S"], "execution_id": row["executed_at"]["S"]}
    event = api_event(path, scope="executions:resend")
    return int(aws.endpoint("resend_execution").lambda_handler(event, None)["statusCode"])


def recover(aws: MockAws, **until: str) -> tuple[int, int]:
    """Run a recovery and return how many messages it found and queued."""
    start = aws.endpoint("start_recovery")
    body = {"since": "2026-01-01T00:00:00Z", **until}
    event = api_event({"webhook_id": ID}, scope="executions:resend", body=body)
    assert start.lambda_handler(event, None)["statusCode"] == 202
    aws.start("RunRecoveryFunction").lambda_handler(aws.take("RecoveryQueue"), CONTEXT)
    (row,) = (row for row in aws.rows("Recoveries") if row["recovery_id"]["S"] != "#running")
    return int(row["found"]["N"]), int(row["queued"]["N"])
