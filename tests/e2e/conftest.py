"""The deployed local stack, and a receiver in a separate process."""

import json
import subprocess
import sys
import uuid
from collections.abc import Generator, Iterator
from contextlib import ExitStack, nullcontext

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
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Hold the lock across consecutive files that change the stack.

    Otherwise a browser test takes it between two files, and the tests share it until the last has ended.
    """
    if _changes_stack(item) and not _exclusive_lock:
        lock = ExitStack()
        lock.enter_context(stack_lock(exclusive=True))
        _exclusive_lock.append(lock)
    try:
        return (yield)
    finally:
        if _exclusive_lock and not (nextitem and _changes_stack(nextitem)):
            _exclusive_lock.pop().close()


def _changes_stack(node: pytest.Item | pytest.Module) -> bool:
    return node.path.relative_to(ROOT).as_posix() in STACK_CHANGING_FILES


@pytest.fixture(scope="module", autouse=True)
def _share_stack(request: pytest.FixtureRequest) -> Iterator[None]:
    with nullcontext() if _changes_stack(request.node) else stack_lock(exclusive=False):
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
