"""Changing the deployed stack for a while, to break it or to hurry it up."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psutil

from local import aws, places
from local.ministack import running

SETTLE_SECONDS = 60


@contextmanager
def configured(logical_id: str, **variables: str) -> Iterator[None]:
    """A deployed function with some of its variables changed for a while."""
    lambdas, name = aws.lambdas(), _function(logical_id)
    before = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    _configure(logical_id, {**before, **variables}, variables)
    try:
        yield
    finally:
        _configure(logical_id, before, {variable: before.get(variable) for variable in variables})


def _configure(logical_id: str, variables: Mapping[str, str], changed: Mapping[str, str | None]) -> None:
    """Set them, until no process with others is left: MiniStack lets one go on that is at work meanwhile."""
    ends = time.monotonic() + SETTLE_SECONDS
    name = _function(logical_id)
    while True:
        aws.lambdas().update_function_configuration(FunctionName=name, Environment={"Variables": dict(variables)})
        if all(_has(worker, changed) for worker in _workers(logical_id)):
            return
        assert time.monotonic() < ends, f"{logical_id} is at work for more than {SETTLE_SECONDS} s"
        time.sleep(0.2)


def _has(worker: psutil.Process, wanted: Mapping[str, str | None]) -> bool:
    try:
        environment = worker.environ()
    except psutil.Error:
        return True  # it has ended
    return all(environment.get(name) == value for name, value in wanted.items())


@contextmanager
def visibility(queue_url: str, seconds: int) -> Iterator[None]:
    """A queue that delivers again sooner than it is deployed to, so that a test need not wait for minutes."""
    sqs = aws.sqs()
    before = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=before)


def kill_senders() -> int:
    """SIGKILL to the processes in which our own MiniStack runs the sender; returns how many there were."""
    return sum(_kill(worker) for worker in _workers("SendWebhooksFunction"))


def _workers(logical_id: str) -> list[psutil.Process]:
    """The processes in which our own MiniStack runs a function."""
    ministack = running()
    assert ministack
    found = []
    for process in psutil.Process(ministack.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may have ended, or be a zombie
            if logical_id.removesuffix("Function") in " ".join(process.cmdline()):
                found.append(process)
    return found


def _kill(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
        return True
    return False


def _function(logical_id: str) -> str:
    detail = aws.cloudformation().describe_stack_resource(StackName=places.STACK_NAME, LogicalResourceId=logical_id)
    return detail["StackResourceDetail"]["PhysicalResourceId"]
