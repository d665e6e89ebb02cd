"""Sending to SQS in batches."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.errors import NotQueued, get_error_code

MAX_BATCH_ENTRIES: Final = 10
MAX_BATCH_BYTES: Final = 1_000_000
"""Under the 1 MiB that SQS takes, whether of one message or of a batch."""

MAX_DELAY_SECONDS: Final = 900
"""The longest that SQS holds a message back."""


def send_all(sqs: Any, queue_url: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Send these, of SendMessageBatch's form but for their `Id`. Raises NotQueued unless all were taken."""
    for batch in _batches(entries):
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(batch)]
        if refused := _send(sqs, queue_url, numbered):  # once more: one entry's passing fault is not its neighbours'
            again = _send(sqs, queue_url, [entry for entry in numbered if entry["Id"] in refused])
            if again:
                raise NotQueued(next(iter(again.values())))


def _send(sqs: Any, queue_url: str, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """The ids of those that SQS refused, each with the error's code. Raises NotQueued where it took none."""
    try:
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        raise NotQueued(get_error_code(error)) from error
    return {each["Id"]: str(each.get("Code")) for each in answer.get("Failed", ())}


def _batches(entries: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    batch: list[Mapping[str, Any]] = []
    size = 0
    for entry in entries:
        bytes_long = len(entry["MessageBody"].encode())
        if batch and (len(batch) == MAX_BATCH_ENTRIES or size + bytes_long > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += bytes_long
    if batch:
        yield batch
