"""Fixtures that more than one kind of test uses."""

from collections.abc import Iterator

import pytest
import requests

from tests.aws import MockAws, mock_aws, moto_server
from tests.receiver import Receiver


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def aws(aws_endpoint: str) -> MockAws:
    requests.post(f"{aws_endpoint}/moto-api/reset", timeout=10).raise_for_status()
    return mock_aws(aws_endpoint)


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
