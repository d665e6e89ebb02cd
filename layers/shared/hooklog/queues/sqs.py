"""Sending to SQS in batches."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.errors import NotQueued

MAX_BATCH_ENTRIES: Final = 10
MAX_BATCH_BYTES: Final = 1_000_000
"""Under the 1 MiB that SQS takes, whether of one message or of a batch."""

MAX_DELAY_SECONDS: Final = 900
"""The longest that SQS holds a message back."""


def send_all(sqs: Any, queue_url: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Send these, of SendMessageBatch's form but for their `Id`. Raises NotQueued unless all were taken."""
    for batch in _batches(entries):
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(batch)]
        try:
            answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=numbered)
        except (BotoCoreError, ClientError) as error:
            raise NotQueued(type(error).__name__) from error
        if failed := answer.get("Failed"):
            _send_again(sqs, queue_url, [entry for entry in numbered if entry["Id"] in {each["Id"] for each in failed}])


def _send_again(sqs: Any, queue_url: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Once more, what SQS refused of a batch: one entry's passing fault is not its neighbours'."""
    try:
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        raise NotQueued(type(error).__name__) from error
    if failed := answer.get("Failed"):
        raise NotQueued(str(failed[0].get("Code")))


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
