"""Temporary changes to the deployed stack, to break it or to speed it up."""

import contextlib
import fcntl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import IO, Any, Final

import psutil

from local import aws, places
from local.ministack import find_running

SETTLE_SECONDS = 60
SENDER: Final = "SendWebhooksFunction"


@contextmanager
def changed_environment(logical_id: str, **variables: str) -> Iterator[None]:
    """Change some environment variables of a deployed function within the context."""
    before = _get_environment(logical_id)
    _configure(logical_id, variables, Environment={"Variables": {**before, **variables}})
    try:
        yield
    finally:
        undone = {variable: before.get(variable) for variable in variables}
        _configure(logical_id, undone, Environment={"Variables": before})


@contextmanager
def disabled_retries() -> Iterator[None]:
    """Disable the stack's retries within the context.

    Several processes may do so at the same time: the first disables them, and the last enables them again.
    """
    with (places.STATE / "retries.lock").open("a+") as users:
        with _mutex():
            if _try_lock(users):
                users.truncate(0)
                users.write(_get_environment(SENDER)["RETRY_SCHEDULE"])
                users.flush()
                _set_retry_schedule("")
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with _mutex():
                if _try_lock(users):
                    users.seek(0)
                    _set_retry_schedule(users.read())


def _set_retry_schedule(seconds: str) -> None:
    variables = {**_get_environment(SENDER), "RETRY_SCHEDULE": seconds}
    _configure(SENDER, {"RETRY_SCHEDULE": seconds}, Environment={"Variables": variables})


def _get_environment(logical_id: str) -> dict[str, str]:
    configuration = aws.lambdas().get_function_configuration(FunctionName=physical_id(logical_id))
    return configuration["Environment"]["Variables"]


@contextmanager
def _mutex() -> Iterator[None]:
    with (places.STATE / "retries.mutex").open("wb") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        yield


def _try_lock(file: IO[str]) -> bool:
    """Lock a file exclusively unless another process has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def shortened_timeout(logical_id: str, seconds: int) -> Iterator[None]:
    """Shorten the timeout of a deployed function within the context."""
    before = aws.lambdas().get_function_configuration(FunctionName=physical_id(logical_id))["Timeout"]
    _configure(logical_id, {"_LAMBDA_TIMEOUT": str(seconds)}, Timeout=seconds)
    try:
        yield
    finally:
        _configure(logical_id, {"_LAMBDA_TIMEOUT": str(before)}, Timeout=before)


@contextmanager
def paused(logical_id: str) -> Iterator[None]:
    """Stop a deployed function from receiving from its queue within the context."""
    lambdas = aws.lambdas()
    sources = lambdas.list_event_source_mappings(FunctionName=physical_id(logical_id))["EventSourceMappings"]
    _enable(sources, is_enabled=False)
    try:
        yield
    finally:
        _enable(sources, is_enabled=True)


def _enable(sources: Iterable[Mapping[str, Any]], *, is_enabled: bool) -> None:
    for source in sources:
        aws.lambdas().update_event_source_mapping(UUID=source["UUID"], Enabled=is_enabled)


def _configure(logical_id: str, wanted: Mapping[str, str | None], **configuration: Any) -> None:
    """Update a function, and wait until every process has the variables: busy ones finish first."""
    ends = time.monotonic() + SETTLE_SECONDS
    aws.lambdas().update_function_configuration(FunctionName=physical_id(logical_id), **configuration)
    while not all(_has(worker, wanted) for worker in _workers(logical_id)):
        assert time.monotonic() < ends, f"{logical_id} was busy for more than {SETTLE_SECONDS} s"
        time.sleep(0.2)


def _has(worker: psutil.Process, wanted: Mapping[str, str | None]) -> bool:
    try:
        environment = worker.environ()
    except psutil.Error:
        return True  # it has exited
    return all(environment.get(name) == value for name, value in wanted.items())


@contextmanager
def changed_visibility_timeout(queue_url: str, seconds: int) -> Iterator[None]:
    """Change the visibility timeout of a queue within the context.

    Otherwise a test would wait for minutes.
    """
    sqs = aws.sqs()
    before = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=before)


def count_messages(queue_url: str) -> int:
    """Return the number of messages on a queue, including those in flight."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = aws.sqs().get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(map(int, attributes.values()))


def restart_senders() -> None:
    """Replace the sender's processes by new ones, whose caches are empty."""
    with changed_environment(SENDER, REPLACED="yes"):
        pass


def kill_senders() -> int:
    """Kill the sender's processes in our own MiniStack. Returns how many there were."""
    return sum(_kill(worker) for worker in _workers(SENDER))


def _workers(logical_id: str) -> list[psutil.Process]:
    """Return the processes in which our own MiniStack runs a function."""
    ministack = find_running()
    assert ministack
    found, name = [], physical_id(logical_id)
    for process in psutil.Process(ministack.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may have exited or be a zombie
            if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == name:
                found.append(process)
    return found


def _kill(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
        return True
    return False


@cache
def physical_id(logical_id: str) -> str:
    """Return the name or address of a resource, which stays the same while tests run."""
    detail = aws.cloudformation().describe_stack_resource(StackName=places.STACK_NAME, LogicalResourceId=logical_id)
    return detail["StackResourceDetail"]["PhysicalResourceId"]
