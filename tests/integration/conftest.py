"""Handlers, attached to the mock AWS's tables."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from unittest.mock import patch

import pytest

from hooklog.webhooks import transformation
from hooklog.webhooks.child_process import EvaluatorClient
from tests.aws import Endpoint, MockAws
from tests.faults import FaultyService
from tests.history import Write, get_writer
from tests.receiver import Receiver
from tests.webhooks import Api

HOUR_TEST_SECONDS = 20
"""More than a test takes that must not see the hour turn."""


class SharedEvaluator:
    """A client of one evaluator for all functions, each of which would start a process of its own."""

    def __init__(self) -> None:
        self._client = EvaluatorClient()
        self._lock = threading.Lock()

    def send(self, request: bytes) -> bytes:
        with self._lock:
            return self._client.send(request)


@pytest.fixture(scope="package", autouse=True)
def _share_evaluator() -> Iterator[None]:
    evaluator = SharedEvaluator()
    with patch.object(transformation, "EvaluatorClient", lambda: evaluator):
        yield


@pytest.fixture
def listing(aws: MockAws) -> Endpoint:
    return aws.endpoint("list_executions")


@pytest.fixture
def getting(aws: MockAws) -> Endpoint:
    return aws.endpoint("get_execution")


@pytest.fixture
def write(aws: MockAws) -> Write:
    return get_writer(aws)


@pytest.fixture
def api(aws: MockAws) -> Api:
    return Api(aws)


@pytest.fixture
def sender(aws: MockAws, receiver: Receiver) -> ModuleType:
    receiver.reset()
    return aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="5")


@pytest.fixture
def reset_receiver(receiver: Receiver) -> None:
    receiver.reset()


@pytest.fixture
def dynamodb(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyService]:
    """A DynamoDB for functions that tests can break."""
    yield from _break("DYNAMODB", aws_endpoint, monkeypatch)


@pytest.fixture
def sqs(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyService]:
    """An SQS for functions that tests can break."""
    yield from _break("SQS", aws_endpoint, monkeypatch)


@pytest.fixture
def sns(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyService]:
    """An SNS for functions that tests can break."""
    yield from _break("SNS", aws_endpoint, monkeypatch)


def _break(service: str, aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyService]:
    with FaultyService(aws_endpoint) as faulty:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", faulty.url)
        yield faulty


@pytest.fixture
def within_an_hour() -> None:
    """Wait for the next hour in the last seconds of one, so that it does not turn during the test."""
    now = datetime.now(UTC)
    left = 3600 - (now.minute * 60 + now.second)
    if left <= HOUR_TEST_SECONDS:
        time.sleep(left)
