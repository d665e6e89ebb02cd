"""The deployed local stack, and a receiver in a process of its own."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import jwt
import pytest
import requests

from local import aws, stack
from local.outputs import Outputs
from tests.conftest import CHANGING
from tests.deployed import turn
from tests.events import planted
from tests.leaks import found_in
from tests.template import ROOT

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SECONDS = 60

SCOPES = "executions:read executions:resend webhooks:read webhooks:manage"

T = TypeVar("T")

Receiver = dict[str, str]
"""The addresses of the receiver in its own process."""


@dataclass(frozen=True)
class Deployment:
    """The stack as a user has it: a queue to put messages on, and an API to ask."""

    outputs: Outputs
    sqs: "SQSClient"

    def enqueue(self, webhook_id: str, *bodies: object) -> None:
        """One message each, in batches; text as it is, anything else as JSON."""
        entries: list[Any] = [
            {
                "Id": str(number),
                "MessageBody": body if isinstance(body, str) else json.dumps(planted(body)),
                "MessageGroupId": webhook_id,
            }
            for number, body in enumerate(bodies)
        ]
        for start in range(0, len(entries), 10):
            answer = self.sqs.send_message_batch(QueueUrl=self.outputs["QueueUrl"], Entries=entries[start : start + 10])
            assert not answer.get("Failed"), answer

    def get(self, path: str, token: str | None = None, **parameters: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.outputs['Token']}"}
        return requests.get(f"{self.outputs['ApiUrl']}{path}", parameters, headers=headers, timeout=30)

    def history(self, webhook_id: str, **parameters: Any) -> list[dict[str, Any]]:
        response = self.get(f"/webhooks/{webhook_id}/executions", **{"limit": 200, **parameters})
        assert response.status_code == 200, response.text
        executions: list[dict[str, Any]] = response.json()["executions"]
        return executions

    def wait_for_history(self, webhook_id: str, count: int, seconds: float = SECONDS) -> list[dict[str, Any]]:
        """The history once it holds `count` executions."""
        return until(lambda: self.history(webhook_id), lambda found: len(found) >= count, seconds)

    def execution(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        response = self.get(f"/webhooks/{summary['webhook_id']}/executions/{summary['execution_id']}")
        assert response.status_code == 200, response.text
        execution: dict[str, Any] = response.json()
        return execution

    def dead_letter(self, body: str, seconds: float = SECONDS) -> dict[str, Any]:
        """The dead letter with this body, taken off its queue; others' are left there."""
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
    """What `read` gives once it holds."""
    ends = time.monotonic() + seconds
    while not holds(value := read()):
        assert time.monotonic() < ends, f"not within {seconds} s: {value!r:.2000}"
        time.sleep(0.05)
    return value


def lines() -> list[str]:
    """All that all functions have written since the local AWS is up."""
    logs = aws.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    return [
        event["message"]
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]


@pytest.fixture(scope="module", autouse=True)
def _turn(request: pytest.FixtureRequest) -> Iterator[None]:
    with turn(alone=request.path.relative_to(ROOT).as_posix() in CHANGING):
        yield


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """What its functions have written meanwhile must hold no secret, whichever test it was."""
    outputs = stack.up()
    yield Deployment(outputs, aws.client("sqs"))
    written = lines()
    assert not found_in(written)
    assert outputs["SigningKey"] not in "".join(written)


def mint(key: str, kid: str | None = None, **claims: Any) -> str:
    """A token that API Gateway has not seen yet."""
    unique = {"jti": uuid.uuid4().hex}
    claims = {"exp": int(time.time()) + 300, "webhooks": "*", "scope": SCOPES, **unique, **claims}
    return jwt.encode(claims, key, "HS256", headers={"kid": kid} if kid else None)


def received(receiver: Receiver, path: str | None = None) -> list[dict[str, Any]]:
    """What it has got, on one path or on all."""
    requests_received: list[dict[str, Any]] = requests.get(
        f"{receiver['http_url']}/_received", {"path": path}, timeout=30
    ).json()
    return requests_received


def headers_of(request: Mapping[str, Any]) -> dict[str, str]:
    """Their names in small letters."""
    return {name.lower(): value for name, value in request["headers"]}


@pytest.fixture(scope="session")
def receiver_process() -> Iterator[Receiver]:
    command = [sys.executable, "-m", "tests.receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture
def webhook_id() -> str:
    """A webhook that no other test knows."""
    return f"e2e.{uuid.uuid4().hex[:12]}"
