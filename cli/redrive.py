"""Puts the dead letters back on the webhook queue: SQS's own redrive."""

import time
from typing import Any

from botocore.exceptions import ClientError

from cli.failure import CliFailure

_POLL_SECONDS = 1.0


def redrive(sqs: Any, source: str, destination: str) -> int:
    """Move every dead letter between these queue URLs; about how many there were. What still cannot be sent comes back.

    Raises CliFailure when SQS gives up.
    """
    waiting = _count(sqs, source)
    if not waiting:
        return 0
    try:
        sqs.start_message_move_task(SourceArn=_arn(sqs, source), DestinationArn=_arn(sqs, destination))
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidAction":
            raise
        _move_by_hand(sqs, source, destination)  # MiniStack has no such task
    else:
        _await(sqs, _arn(sqs, source))
    return waiting


def _move_by_hand(sqs: Any, source: str, destination: str) -> None:
    """Each is sent before it is deleted: a crash leaves one too many, never one too few."""
    for _ in range(_count(sqs, source)):
        received = sqs.receive_message(QueueUrl=source, AttributeNames=["All"], MessageAttributeNames=["All"])
        for letter in received.get("Messages", []):
            group = {name: value for name, value in letter.get("Attributes", {}).items() if name == "MessageGroupId"}
            own = letter.get("MessageAttributes", {})
            sqs.send_message(QueueUrl=destination, MessageBody=letter["Body"], MessageAttributes=own, **group)
            sqs.delete_message(QueueUrl=source, ReceiptHandle=letter["ReceiptHandle"])


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
        raise CliFailure(f"The redrive ended as {task['Status']}: {task.get('FailureReason', 'no reason given')}")


def _last_task(sqs: Any, source_arn: str) -> Any:
    return sqs.list_message_move_tasks(SourceArn=source_arn, MaxResults=1)["Results"][0]
