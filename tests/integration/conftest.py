"""Handlers, attached to the mock AWS's tables."""

from types import ModuleType

import pytest

from tests.aws import Endpoint, MockAws
from tests.receiver import Receiver
from tests.webhooks import Api


@pytest.fixture
def listing(aws: MockAws) -> Endpoint:
    return aws.endpoint("list_executions")


@pytest.fixture
def getting(aws: MockAws) -> Endpoint:
    return aws.endpoint("get_execution")


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
