"""The command redrive, which moves dead letters back to their queue.

It moves them one by one or with SQS's own redrive.
"""

import argparse
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import ClientError

from cli.failure import CliFailure
from cli.output import Output
from cli.queues import ORDERED_QUEUE, QUEUES
from cli.stack import Stack
from hooklog.messages.fields import IDENTIFIER
from hooklog.queues.dead_letters import (
    ID_ATTRIBUTE,
    MAX_ATTRIBUTES,
    MAX_MESSAGE_BYTES,
    ORDERED,
    QUEUE_ATTRIBUTE,
    TRACE_ATTRIBUTE,
    WEBHOOKS,
)
from hooklog.queues.sqs import FIFO, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, send_all

_POLL_SECONDS: Final = 1.0
_RECEIVE_SECONDS: Final = 2

Letter = Mapping[str, Any]


def redrive(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Move the dead letters back to their queue."""
    queue, *names = QUEUES[arguments.queue]
    if missing := [name for name in names if name not in stack.outputs]:
        raise CliFailure(f"The stack {stack.name!r} has no output {missing[0]}. It is older than this hooklog.")
    source, destination = (stack.outputs[name] for name in names)
    if arguments.queue in (WEBHOOKS, ORDERED):
        moved = move_dead_letters(stack.client("sqs"), source, destination, stack.outputs.get(ORDERED_QUEUE, ""))
    else:
        moved = start_sqs_redrive(stack.client("sqs"), source, destination)
    letters = "dead letter" if moved == 1 else "dead letters"
    sentence = f"Moved about {moved} {letters} to the {queue}." if moved else "There are no dead letters."
    output.print_result(sentence, {"moved": moved})


def move_dead_letters(sqs: Any, source: str, destination: str, ordered_queue: str = "") -> int:
    """Move every dead letter between these queue URLs, and return how many.

    Those that belong on the ordered queue go there. Those that still fail will come back.

    Adds the identity of the original queue message, so that the sender recognises what it has already sent: SQS's own
    redrive creates new messages, and SQS adds no identity when it moves a message to the dead-letter queue. Sends each
    letter before deleting it: a crash may duplicate a letter but never loses one. Raises NotQueued, and CliFailure
    if there is no ordered queue.
    """
    left, moved = _count(sqs, source), 0
    while moved < left and (letters := _receive(sqs, source, left - moved)):
        for batch in _batches(letters):
            for queue_url, entries in _address(batch, destination, ordered_queue).items():
                send_all(sqs, queue_url, entries)
            done = [{"Id": str(n), "ReceiptHandle": letter["ReceiptHandle"]} for n, letter in enumerate(batch)]
            sqs.delete_message_batch(QueueUrl=source, Entries=done)
            moved += len(batch)
    return moved


def start_sqs_redrive(sqs: Any, source: str, destination: str) -> int:
    """Let SQS move every dead letter, wait, and return roughly how many.

    Raises CliFailure if SQS stops early.
    """
    if not (waiting := _count(sqs, source)):
        return 0
    try:
        sqs.start_message_move_task(SourceArn=_arn(sqs, source), DestinationArn=_arn(sqs, destination))
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidAction":
            raise
        return move_dead_letters(sqs, source, destination)  # MiniStack has no move tasks
    _await_move(sqs, _arn(sqs, source))
    return waiting


def _address(batch: Sequence[Letter], destination: str, ordered_queue: str) -> Mapping[str, list[dict[str, Any]]]:
    """Return the entries to send to each queue URL."""
    addressed: dict[str, list[dict[str, Any]]] = {}
    for letter in batch:
        is_ordered = letter.get("MessageAttributes", {}).get(QUEUE_ATTRIBUTE, {}).get("StringValue") == ORDERED
        if is_ordered and not ordered_queue:
            raise CliFailure("A dead letter belongs on the ordered queue: deploy with OrderedDelivery=enabled")
        queue_url = ordered_queue if is_ordered else destination
        entry = _entry(letter)
        if queue_url.endswith(FIFO):
            entry |= {"MessageGroupId": _find_group(letter), "MessageDeduplicationId": uuid.uuid4().hex}
        addressed.setdefault(queue_url, []).append(entry)
    return addressed


def _find_group(letter: Letter) -> str:
    """Return the webhook ID of the body, which is the message group on the ordered queue, or else its own group.

    SQS rejects most groups that are no webhook ID.
    """
    with suppress(ValueError, TypeError, KeyError):
        webhook_id = json.loads(letter["Body"])["webhook_id"]
        if IDENTIFIER.fullmatch(webhook_id):
            return str(webhook_id)
    return str(letter.get("Attributes", {}).get("MessageGroupId", "unknown"))


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
    """Yield all letters as one batch, or each alone if they are too large.

    The limit is the size of a request.
    """
    if sum(map(_size, letters)) <= MAX_BATCH_BYTES:
        yield letters
    else:
        yield from ([letter] for letter in letters)


def _entry(letter: Letter) -> dict[str, Any]:
    system, own = letter.get("Attributes", {}), letter.get("MessageAttributes", {})
    original = (
        {ID_ATTRIBUTE: letter["MessageId"], TRACE_ATTRIBUTE: system.get("AWSTraceHeader")}
        if ID_ATTRIBUTE not in own
        else {}
    )
    added = {name: {"DataType": "String", "StringValue": value} for name, value in original.items() if value}
    if len(own) + len(added) > MAX_ATTRIBUTES or _size(letter) + _attributes_size(added) > MAX_MESSAGE_BYTES:
        added = {}  # no room: move the letter unchanged
    group = {name: value for name, value in system.items() if name == "MessageGroupId"}
    return {"MessageBody": letter["Body"], "MessageAttributes": {**own, **added}, **group}


def _size(letter: Letter) -> int:
    return len(letter["Body"].encode()) + _attributes_size(letter.get("MessageAttributes", {}))


def _attributes_size(attributes: Mapping[str, Any]) -> int:
    """Return the size in bytes by SQS's rules: names, types and values."""
    values = (value.get("BinaryValue") or value.get("StringValue", "").encode() for value in attributes.values())
    return sum(map(len, values)) + sum(len(n.encode()) + len(each["DataType"]) for n, each in attributes.items())


def _arn(sqs: Any, queue_url: str) -> str:
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    return str(attributes["QueueArn"])


def _count(sqs: Any, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages"]
    return int(sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"][names[0]])


def _await_move(sqs: Any, source_arn: str) -> None:
    while (task := _last_task(sqs, source_arn))["Status"] == "RUNNING":
        time.sleep(_POLL_SECONDS)
    if task["Status"] != "COMPLETED":
        raise CliFailure(
            f"The redrive ended with status {task['Status']}: {task.get('FailureReason', 'SQS gave no reason')}"
        )


def _last_task(sqs: Any, source_arn: str) -> Any:
    return sqs.list_message_move_tasks(SourceArn=source_arn, MaxResults=1)["Results"][0]
