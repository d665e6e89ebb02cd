"""The deployed local stack as a user has it.

The receiver runs in a separate process.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import jwt
import requests

from local import aws
from local.outputs import Outputs
from tests.events import planted

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SECONDS = 60

SCOPES = "executions:read executions:resend webhooks:read webhooks:manage"

T = TypeVar("T")

Receiver = dict[str, str]
"""The addresses of the receiver, which runs in a separate process."""


@dataclass(frozen=True)
class Deployment:
    """The stack as a user sees it: a queue for messages and an API."""

    outputs: Outputs
    sqs: "SQSClient"

    def enqueue(self, webhook_id: str, *bodies: object) -> None:
        """Send each body as a message, in batches: text unchanged, anything else as JSON."""
        entries: list[Any] = [
            {
                "Id": str(number),
                "MessageBody": body if isinstance(body, str) else json.dumps(planted(body)),
                "MessageGroupId": webhook_id,
            }
            for number, body in enumerate(bodies)
        ]
        for start in range(0, len(entries), 10):
            response = self.sqs.send_message_batch(
                QueueUrl=self.outputs["QueueUrl"], Entries=entries[start : start + 10]
            )
            assert not response.get("Failed"), response

    def enqueue_ordered(self, webhook_id: str, *message_ids: str) -> None:
        """Send messages of an ordered webhook."""
        for message_id in message_ids:
            body = {"webhook_id": webhook_id, "message_id": message_id, "payload": {"n": message_id}}
            self.sqs.send_message(
                QueueUrl=self.outputs["OrderedQueueUrl"],
                MessageBody=json.dumps(planted(body)),
                MessageGroupId=webhook_id,
                MessageDeduplicationId=message_id,
            )

    def get(self, path: str, token: str | None = None, **parameters: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.outputs['Token']}"}
        return requests.get(f"{self.outputs['ApiUrl']}{path}", parameters, headers=headers, timeout=60)

    def history(self, webhook_id: str, **parameters: Any) -> list[dict[str, Any]]:
        response = self.get(f"/webhooks/{webhook_id}/executions", **{"limit": 200, **parameters})
        assert response.status_code == 200, response.text
        executions: list[dict[str, Any]] = response.json()["executions"]
        return executions

    def wait_for_history(self, webhook_id: str, count: int, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """Wait until the history has `count` executions, and return it."""
        return until(lambda: self.history(webhook_id), lambda found: len(found) >= count, seconds)

    def execution(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        response = self.get(f"/webhooks/{summary['webhook_id']}/executions/{summary['execution_id']}")
        assert response.status_code == 200, response.text
        execution: dict[str, Any] = response.json()
        return execution

    def dead_letter(self, body: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for the dead letter with this body, delete it and return it.

        Leaves other tests' letters.
        """
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            received = self.sqs.receive_message(
                QueueUrl=self.outputs["DeadLetterQueueUrl"],
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                VisibilityTimeout=2,
                WaitTimeSeconds=1,
            )
            for letter in received.get("Messages", []):
                if letter["Body"] == body:
                    self.sqs.delete_message(
                        QueueUrl=self.outputs["DeadLetterQueueUrl"], ReceiptHandle=letter["ReceiptHandle"]
                    )
                    return dict(letter)
        raise AssertionError(f"no dead letter {body!r:.100}")


def until(read: Callable[[], T], holds: Callable[[T], bool], seconds: float = SECONDS) -> T:
    """Call `read` until its result holds, and return that.

    The pauses grow with the wait, up to half a second: each call costs CPU, mostly in MiniStack and functions.
    """
    started = time.monotonic()
    while not holds(value := read()):
        waited = time.monotonic() - started
        assert waited < seconds, f"not within {seconds} s: {value!r:.2000}"
        time.sleep(min(0.05 + waited / 10, 0.5))
    return value


def lines() -> list[str]:
    """Return every log line of every function since the local AWS started."""
    logs = aws.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    return [
        event["message"]
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]


def mint(key: str, kid: str | None = None, **claims: Any) -> str:
    """Mint a token that API Gateway has not cached."""
    unique = {"jti": uuid.uuid4().hex}
    claims = {"exp": int(time.time()) + 300, "webhooks": "*", "scope": SCOPES, **unique, **claims}
    return jwt.encode(claims, key, "HS256", headers={"kid": kid} if kid else None)


def received(receiver: Receiver, path: str) -> list[dict[str, Any]]:
    """Return the receiver's requests of one path."""
    return _read_received(receiver, path=path)


def received_headers(receiver: Receiver) -> list[dict[str, Any]]:
    """Return all of the receiver's requests, without their bodies."""
    return _read_received(receiver, bodies="0")


def _read_received(receiver: Receiver, **parameters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{receiver['http_url']}/_received", parameters, timeout=60).json()
    return found


def headers_of(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers with lower-case names."""
    return {name.lower(): value for name, value in request["headers"]}
