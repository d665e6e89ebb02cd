"""Fixtures shared by several kinds of tests, and the order of test files."""

import hooklog.startup

import gc
import importlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import certifi
import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests import leaks
from tests.aws import MockAws, mock_aws
from tests.moto_server import calls_in_process, moto_server
from tests.receiver import Receiver

pytest_configure, pytest_runtest_makereport = leaks.pytest_configure, leaks.pytest_runtest_makereport
"""Every test checks that product code writes no secret."""

hooklog.startup.end_startup()

HAS_OWN_STACK = os.environ.get("PYTEST_XDIST_WORKER") == "gw0" and os.environ["PYTEST_XDIST_WORKER_COUNT"] != "1"
"""Whether this process has a local stack of its own, which its tests may change while others use theirs."""

if HAS_OWN_STACK:  # before any hook: conftest files of folders import `local`, which reads these
    os.environ["HOOKLOG_SECOND_AWS"] = "1"
    os.environ["HOOKLOG_PORT"] = str(int(os.environ.get("HOOKLOG_PORT") or 4566) + 1)


@pytest.fixture(scope="session", autouse=True)
def _own_stack_only_for_a_run() -> Iterator[None]:
    """Stop the own stack before the tests, too: a run that was killed may have left it changed."""
    if not HAS_OWN_STACK:
        yield
        return
    stack = importlib.import_module("local.stack")  # imported only where tests use a stack: it takes 0.1 s
    stack.down()
    yield
    stack.down()


settings.register_profile("hooklog", deadline=None)  # a busy machine must not fail a test
settings.load_profile("hooklog")


@pytest.fixture(scope="session", autouse=True)
def _one_public_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust only the first of certifi's authorities.

    Loading all of them takes longer than most tests, and every sender and every client of a test does it.
    """
    bundle = tmp_path_factory.mktemp("certifi") / "cacert.pem"
    end = "-----END CERTIFICATE-----\n"
    bundle.write_text("".join(Path(certifi.where()).read_text().partition(end)[:2]))
    with patch.object(certifi, "where", lambda: str(bundle)):
        yield


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    with moto_server() as endpoint, calls_in_process(endpoint):
        yield endpoint


@pytest.fixture
def aws(aws_endpoint: str) -> MockAws:
    return mock_aws(aws_endpoint)


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


STACK_CHANGING_FILES = tuple(f"tests/e2e/test_{name}.py" for name in ("access", "webhooks", "faults", "iam", "roles"))
"""Files that change the local stack temporarily, in the order in which they run; the last restarts every function.

They mostly wait, so they run first, in the process that has a stack of its own.
"""

TRANSFORMING_FILES = ("tests/unit/test_deploys.py", "tests/unit/test_updates.py")
"""Files that share the process that transforms templates."""

LONG_E2E_FILES = tuple(f"tests/e2e/test_{name}.py" for name in ("cli", "built_functions", "documented_api"))
LONG_BROWSER_FILES = tuple(
    f"tests/browser/test_{name}.py"
    for name in ("webhooks", "list", "outcome", "view", "examples", "token", "accessibility", "address", "embedding")
)
"""The longest files of each folder, in the order in which they run: the shortest are left for the end.

What opens a browser comes last, all together: it disables retries, which restarts the sender.
"""

STAGES = (
    *STACK_CHANGING_FILES,
    "tests/unit",
    "tests/integration",
    *LONG_E2E_FILES,
    "tests/e2e",
    *LONG_BROWSER_FILES,
    "tests/browser",
)
"""The order of files and folders."""


def _order(file: str) -> int:
    """Return the position of a file in the test run."""
    stage = file if file in STAGES else file.rpartition("/")[0]
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _order(item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from the 270,000 objects of imported modules and collected tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class StackScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Run the files that change the stack in the first process, and files that share a slow fixture in one process."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # keep the order of collection: see _order

    def schedule(self) -> None:
        """Assign the first files to the first process: by default, to the one that was ready first."""
        by_name = sorted(self.assigned_work.items(), key=lambda assigned: assigned[0].gateway.id)  # type: ignore[has-type]
        self.assigned_work = OrderedDict(by_name)
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in STACK_CHANGING_FILES:
            return "stack"
        return "transforms" if file in TRANSFORMING_FILES else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> StackScheduling:
    return StackScheduling(config, log)
