"""Fixtures that more than one kind of test uses."""

from collections.abc import Iterator

import pytest
import requests

from tests import template
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share the one local stack run one after another, beside all others."""
    for item in items:
        if item.path.relative_to(template.ROOT / "tests").parts[0] in {"e2e", "browser"}:
            item.add_marker(pytest.mark.xdist_group("stack"))
