"""Changing the deployed stack for a while, to break it or to hurry it up."""

import contextlib
import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil

from local import aws, places
from local.ministack import find_running

SETTLE_SECONDS = 60


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Wait until nobody changes the deployed stack; if `alone`, until nobody uses it, and let nobody meanwhile."""
    places.STATE.mkdir(exist_ok=True)
    with (places.STATE / "turn.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def configured(logical_id: str, **variables: str) -> Iterator[None]:
    """A deployed function with some of its variables changed for a while."""
    lambdas, name = aws.lambdas(), physical_id(logical_id)
    before = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    _configure(logical_id, variables, Environment={"Variables": {**before, **variables}})
    try:
        yield
    finally:
        undone = {variable: before.get(variable) for variable in variables}
        _configure(logical_id, undone, Environment={"Variables": before})


@contextmanager
def hurried(logical_id: str, seconds: int) -> Iterator[None]:
    """A deployed function that is given only so much time for a while."""
    before = aws.lambdas().get_function_configuration(FunctionName=physical_id(logical_id))["Timeout"]
    _configure(logical_id, {"_LAMBDA_TIMEOUT": str(seconds)}, Timeout=seconds)
    try:
        yield
    finally:
        _configure(logical_id, {"_LAMBDA_TIMEOUT": str(before)}, Timeout=before)


@contextmanager
def paused(logical_id: str) -> Iterator[None]:
    """A deployed function that takes nothing from its queue for a while."""
    lambdas = aws.lambdas()
    (source,) = lambdas.list_event_source_mappings(FunctionName=physical_id(logical_id))["EventSourceMappings"]
    lambdas.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
    try:
        yield
    finally:
        lambdas.update_event_source_mapping(UUID=source["UUID"], Enabled=True)


def _configure(logical_id: str, wanted: Mapping[str, str | None], **configuration: Any) -> None:
    """Update it, until no process with other variables is left: MiniStack lets one go on that is at work meanwhile."""
    ends = time.monotonic() + SETTLE_SECONDS
    name = physical_id(logical_id)
    while True:
        aws.lambdas().update_function_configuration(FunctionName=name, **configuration)
        if all(_has(worker, wanted) for worker in _workers(logical_id)):
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


def left_on(queue_url: str) -> int:
    """How many messages a queue holds, those that are taken among them."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = aws.sqs().get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(map(int, attributes.values()))


def replace_senders() -> None:
    """Let new processes take what comes, which remember nothing."""
    with configured("SendWebhooksFunction", REPLACED="yes"):
        pass


def kill_senders() -> int:
    """SIGKILL to the processes in which our own MiniStack runs the sender; returns how many there were."""
    return sum(_kill(worker) for worker in _workers("SendWebhooksFunction"))


def _workers(logical_id: str) -> list[psutil.Process]:
    """The processes in which our own MiniStack runs a function."""
    ministack = find_running()
    assert ministack
    found, name = [], physical_id(logical_id)
    for process in psutil.Process(ministack.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may have ended, or be a zombie
            if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == name:
                found.append(process)
    return found


def _kill(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
        return True
    return False


def physical_id(logical_id: str) -> str:
    detail = aws.cloudformation().describe_stack_resource(StackName=places.STACK_NAME, LogicalResourceId=logical_id)
    return detail["StackResourceDetail"]["PhysicalResourceId"]
