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


CHANGING = tuple(f"tests/e2e/test_{name}.py" for name in ("access", "webhooks", "faults", "roles"))
"""Files that change the one local stack for a while, in the order in which they run: last what starts every function
anew. No other test uses the stack meanwhile, see tests/e2e/conftest.py; the page's tests do then, in one process."""


def _order(file: str) -> int:
    """First what takes longest: what mostly waits, while the others have the processors, then the page's.

    Of the rest, last what uses the stack, which is then nobody's alone.
    """
    if file in CHANGING:
        return CHANGING.index(file)
    if _uses_the_page(file):
        return 10
    return {"tests/unit": 11, "tests/integration": 12}.get(file.rpartition("/")[0], 13)


def _uses_the_page(file: str) -> bool:
    return file.startswith("tests/browser/") and not file.startswith("tests/browser/parallel/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _order(item.nodeid.partition("::")[0]))


class OneStack(LoadScopeScheduling):  # type: ignore[misc]
    """What changes the one local stack runs in one process, test after test; each other file where there is room."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # but as they are collected: see _order

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "stack" if _uses_the_page(file) or file in CHANGING else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneStack:
    return OneStack(config, log)
