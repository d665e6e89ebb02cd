"""Fixtures that more than one kind of test uses."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests import leaks
from tests.aws import MockAws, mock_aws, moto_server
from tests.receiver import Receiver

pytest_configure, pytest_runtest_makereport = leaks.pytest_configure, leaks.pytest_runtest_makereport
"""What product code writes is searched for secrets, in every test."""

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


BESIDE = ("tests/e2e/test_built_functions.py", "tests/e2e/test_documented_api.py")
"""Files that use the one local stack and change nothing of it. They run beside the browser's tests, which come first,
and are done when the faults begin."""


class OneStack(LoadScopeScheduling):  # type: ignore[misc]
    """What changes the one local stack runs in one process, test after test; each other file where there is room."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "stack" if file.startswith(("tests/e2e/", "tests/browser/")) and file not in BESIDE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneStack:
    return OneStack(config, log)
