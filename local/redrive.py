"""Puts the dead letters back on the webhook queue: SQS's own redrive, for the local stack or a deployed one."""

import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local import aws
from local.failure import LocalFailure
from local.outputs import read_outputs
from local.progress import console

_POLL_SECONDS = 1.0


def redrive(stack_name: str | None) -> None:
    """Move every dead letter, and say how many there were. Those that still cannot be sent come back."""
    sqs, source, destination = _deployed(stack_name) if stack_name else _local()
    waiting = _count(sqs, source)
    if not waiting:
        console.print("There are no dead letters.")
        return
    try:
        sqs.start_message_move_task(SourceArn=_arn(sqs, source), DestinationArn=_arn(sqs, destination))
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidAction":
            raise
        _move_by_hand(sqs, source, destination)  # MiniStack has no such task
    else:
        _await(sqs, _arn(sqs, source))
    console.print(f"About {waiting} dead letters are back on the webhook queue.")


def _move_by_hand(sqs: Any, source: str, destination: str) -> None:
    """Each is sent before it is deleted: a crash leaves one too many, never one too few."""
    for _ in range(_count(sqs, source)):
        received = sqs.receive_message(QueueUrl=source, AttributeNames=["All"], MessageAttributeNames=["All"])
        for letter in received.get("Messages", []):
            group = {name: value for name, value in letter.get("Attributes", {}).items() if name == "MessageGroupId"}
            own = letter.get("MessageAttributes", {})
            sqs.send_message(QueueUrl=destination, MessageBody=letter["Body"], MessageAttributes=own, **group)
            sqs.delete_message(QueueUrl=source, ReceiptHandle=letter["ReceiptHandle"])


def _local() -> tuple[Any, str, str]:
    outputs = read_outputs()
    return aws.client("sqs"), outputs["DeadLetterQueueUrl"], outputs["QueueUrl"]


def _deployed(stack_name: str) -> tuple[Any, str, str]:
    stacks = boto3.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    return boto3.client("sqs"), outputs["DeadLetterQueueUrl"], outputs["QueueUrl"]


def _arn(sqs: Any, queue_url: str) -> str:
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    return str(attributes["QueueArn"])


def _count(sqs: Any, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages"]
    return int(sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"][names[0]])


def _await(sqs: Any, source_arn: str) -> None:
    while (task := _last_task(sqs, source_arn))["Status"] == "RUNNING":
        time.sleep(_POLL_SECONDS)
    if task["Status"] != "COMPLETED":
        raise LocalFailure(f"The redrive ended as {task['Status']}: {task.get('FailureReason', 'no reason given')}")


def _last_task(sqs: Any, source_arn: str) -> Any:
    return sqs.list_message_move_tasks(SourceArn=source_arn, MaxResults=1)["Results"][0]
