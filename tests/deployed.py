"""Changing the deployed stack for a while, to break it or to hurry it up."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from local import aws, places
from local.ministack import running


def _function(logical_id: str) -> str:
    detail = aws.cloudformation().describe_stack_resource(StackName=places.STACK_NAME, LogicalResourceId=logical_id)
    return detail["StackResourceDetail"]["PhysicalResourceId"]


@contextmanager
def configured(logical_id: str, **variables: str) -> Iterator[None]:
    """A deployed function with some of its variables changed for a while."""
    lambdas, name = aws.lambdas(), _function(logical_id)
    before = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": {**before, **variables}})
    try:
        yield
    finally:
        lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": before})


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
    ministack = running()
    assert ministack
    killed = 0
    for worker in psutil.Process(ministack.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end, or be a zombie already
            if "SendWebhooks" in " ".join(worker.cmdline()):
                worker.kill()
                killed += 1
    return killed
