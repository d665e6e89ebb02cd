"""The deployed local stack, and a receiver in a separate process."""

import json
import subprocess
import sys
import uuid
from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest

from local import aws, stack
from tests.conftest import STACK_CHANGING_FILES
from tests.deployment import Deployment, Receiver, lines
from tests.leaks import found_in
from tests.stack_changes import stack_lock
from tests.template import ROOT

_exclusive_lock: list[ExitStack] = []
"""The lock while tests that change the stack run, else empty."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, bool, bool]:
    """Keep the lock between files that change the stack: once others share it, they do so until the end."""
    if _changes_stack(item) and not _exclusive_lock:
        _exclusive_lock.append(ExitStack())
        _exclusive_lock[0].enter_context(stack_lock(exclusive=True))
    result = yield
    if _exclusive_lock and not _changes_stack(nextitem):
        _exclusive_lock.pop().close()
    return result


def _changes_stack(item: pytest.Item | None) -> bool:
    return item is not None and item.path.relative_to(ROOT).as_posix() in STACK_CHANGING_FILES


@pytest.fixture(scope="module", autouse=True)
def _share_stack(request: pytest.FixtureRequest) -> Iterator[None]:
    if _changes_stack(request.node):
        yield
    else:
        with stack_lock(exclusive=False):
            yield


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """After the tests, it also checks that the functions have logged no secret."""
    outputs = stack.up()
    yield Deployment(outputs, aws.client("sqs"))
    written = lines()
    assert not found_in(written)
    assert outputs["SigningKey"] not in "".join(written)


@pytest.fixture(scope="session")
def receiver_process() -> Iterator[Receiver]:
    command = [sys.executable, "-m", "tests.receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture
def webhook_id() -> str:
    """A webhook ID that no other test uses."""
    return f"e2e.{uuid.uuid4().hex[:12]}"
