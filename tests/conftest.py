"""Fixtures that more than one kind of test uses."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.aws import MockAws, mock_aws, moto_server
from tests.receiver import Receiver

settings.register_profile("hooklog", deadline=None)  # a machine at work elsewhere is no failure
settings.load_profile("hooklog")


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def aws(aws_endpoint: str) -> MockAws:
    return mock_aws(aws_endpoint)


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class OneStack(LoadScopeScheduling):  # type: ignore[misc]
    """What shares the one local stack runs in one process, test after test; each other file where there is room."""

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith(("tests/e2e/", "tests/browser/")) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneStack:
    return OneStack(config, log)
