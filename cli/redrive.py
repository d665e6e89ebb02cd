"""Puts dead letters back on their queue: one by one, or by SQS's own redrive."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from cli.failure import CliFailure
from hooklog.queues.dead_letters import IDENTITY, MAX_ATTRIBUTES, MAX_MESSAGE_BYTES, TRACE
from hooklog.queues.sqs import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, send_all

_POLL_SECONDS = 1.0
_RECEIVE_SECONDS: Final = 2

Letter = Mapping[str, Any]


def redrive(sqs: Any, source: str, destination: str) -> int:
    """Move every dead letter between these queue URLs; how many. What still cannot be sent comes back.

    Each says which queue message it was, so that the sender knows what it has sent before. SQS's own redrive makes new
    messages of them, and a letter that SQS itself has moved to the queue does not say it. Each is sent before it is
    deleted: a crash leaves one too many, never one too few. Raises NotQueued.
    """
    left, moved = _count(sqs, source), 0
    while moved < left and (letters := _receive(sqs, source, left - moved)):
        for batch in _batches(letters):
            send_all(sqs, destination, [_entry(letter) for letter in batch])
            done = [{"Id": str(n), "ReceiptHandle": letter["ReceiptHandle"]} for n, letter in enumerate(batch)]
            sqs.delete_message_batch(QueueUrl=source, Entries=done)
            moved += len(batch)
    return moved


def redrive_all(sqs: Any, source: str, destination: str) -> int:
    """Have SQS move every dead letter; about how many there were. Raises CliFailure when SQS gives up."""
    if not (waiting := _count(sqs, source)):
        return 0
    try:
        sqs.start_message_move_task(SourceArn=_arn(sqs, source), DestinationArn=_arn(sqs, destination))
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidAction":
            raise
        return redrive(sqs, source, destination)  # MiniStack has no such task
    _await(sqs, _arn(sqs, source))
    return waiting


def _receive(sqs: Any, queue_url: str, at_most: int) -> Sequence[Letter]:
    received: Mapping[str, Sequence[Letter]] = sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=min(at_most, MAX_BATCH_ENTRIES),
        WaitTimeSeconds=_RECEIVE_SECONDS,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return received.get("Messages", ())


def _batches(letters: Sequence[Letter]) -> Iterator[Sequence[Letter]]:
    """All in one request, or each in its own where they are too long for that."""
    if sum(map(_size, letters)) <= MAX_BATCH_BYTES:
        yield letters
    else:
        yield from ([letter] for letter in letters)


def _entry(letter: Letter) -> dict[str, Any]:
    system, own = letter.get("Attributes", {}), letter.get("MessageAttributes", {})
    before = {IDENTITY: letter["MessageId"], TRACE: system.get("AWSTraceHeader")} if IDENTITY not in own else {}
    added = {name: {"DataType": "String", "StringValue": value} for name, value in before.items() if value}
    if len(own) + len(added) > MAX_ATTRIBUTES or _size(letter) + _length(added) > MAX_MESSAGE_BYTES:
        added = {}  # such a letter goes back as it is
    group = {name: value for name, value in system.items() if name == "MessageGroupId"}
    return {"MessageBody": letter["Body"], "MessageAttributes": {**own, **added}, **group}


def _size(letter: Letter) -> int:
    return len(letter["Body"].encode()) + _length(letter.get("MessageAttributes", {}))


def _length(attributes: Mapping[str, Any]) -> int:
    """By SQS's rules: names, types and values."""
    values = (value.get("BinaryValue") or value.get("StringValue", "").encode() for value in attributes.values())
    return sum(map(len, values)) + sum(len(n.encode()) + len(each["DataType"]) for n, each in attributes.items())


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
