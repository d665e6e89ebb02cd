"""The deployed local stack, and a receiver in a separate process."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from local import aws, stack
from tests.deployment import Deployment, Receiver, lines
from tests.leaks import found_in
from tests.template import ROOT


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
