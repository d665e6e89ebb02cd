"""Sending to SQS in batches."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.errors import NotQueued, get_error_code

FIFO: Final = ".fifo"
"""The end of a FIFO queue's name and URL."""

MAX_BATCH_ENTRIES: Final = 10
MAX_BATCH_BYTES: Final = 1_000_000
"""Below SQS's limit of 1 MiB, which applies to a message and to a batch."""

MAX_DELAY_SECONDS: Final = 900
"""SQS's longest delay."""


def send_all(sqs: Any, queue_url: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Send entries of SendMessageBatch, without their `Id`.

    On a FIFO queue, a group's messages keep their order. Raises NotQueued unless all were accepted.
    """
    for batch in _batches(entries, is_fifo=queue_url.endswith(FIFO)):
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(batch)]
        if rejected := _send_batch(sqs, queue_url, numbered):  # retry: SQS may fail for single entries
            still_rejected = _send_batch(sqs, queue_url, [entry for entry in numbered if entry["Id"] in rejected])
            if still_rejected:
                raise NotQueued(next(iter(still_rejected.values())))


def _send_batch(sqs: Any, queue_url: str, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return the error codes of rejected entries by `Id`.

    Raises NotQueued if the request fails.
    """
    try:
        response = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        raise NotQueued(get_error_code(error)) from error
    return {each["Id"]: str(each.get("Code")) for each in response.get("Failed", ())}


def _batches(entries: Sequence[Mapping[str, Any]], *, is_fifo: bool) -> Iterator[list[Mapping[str, Any]]]:
    """Split entries into requests.

    One for a FIFO queue has at most one message of each group: SQS may reject an entry and accept later ones, which
    would overtake it.
    """
    batch: list[Mapping[str, Any]] = []
    groups: set[str] = set()
    size = 0
    for entry in entries:
        entry_size = len(entry["MessageBody"].encode())
        group = entry["MessageGroupId"] if is_fifo else None
        is_full = len(batch) == MAX_BATCH_ENTRIES or size + entry_size > MAX_BATCH_BYTES or group in groups
        if batch and is_full:
            yield batch
            batch, groups, size = [], set(), 0
        batch.append(entry)
        groups |= {group} if group else set()
        size += entry_size
    if batch:
        yield batch
