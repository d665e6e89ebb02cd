"""The ordered queue: an SQS FIFO queue with a message group for each ordered webhook.

While a message of a group is in flight, SQS delivers no other message of the group. So a message that waits stays in
flight, and its visibility timeout is the wait.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from hooklog.aws import Clients
from hooklog.errors import get_error_code
from hooklog.queues.sqs import MAX_BATCH_ENTRIES

MAX_HOLD_SECONDS: Final = 42_900
"""The longest wait at a time. SQS delivers a message again after at most twelve hours, of which the invocation has used
up to two minutes."""

Record = Mapping[str, Any]


class OrderedQueue:
    """The ordered queue."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def hold(self, first: Sequence[Record], behind: Sequence[Record], seconds: int) -> str:
        """Deliver the first record of a group again after so many seconds, with those behind it.

        Those behind become available at once, but SQS delivers them only together with the first or after it. Without
        this, they would block the group until their visibility timeout ends. Returns an error code if SQS rejects a
        change; then the queue's visibility timeout is the wait, and the order still holds.
        """
        timeouts = [*((each, seconds) for each in first), *((each, 0) for each in behind)]
        try:
            return next(filter(None, map(self._change, _batches(timeouts))), "")
        except (BotoCoreError, ClientError) as error:
            return get_error_code(error)

    def delete(self, records: Sequence[Record]) -> None:
        """Delete records that are done before their batch is, so that SQS delivers the next ones of their groups.

        Ignores a failure: Lambda deletes them again after the batch.
        """
        for start in range(0, len(records), MAX_BATCH_ENTRIES):
            batch = records[start : start + MAX_BATCH_ENTRIES]
            entries = [{"Id": str(number), "ReceiptHandle": each["receiptHandle"]} for number, each in enumerate(batch)]
            with suppress(BotoCoreError, ClientError):
                self._clients.sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

    def _change(self, timeouts: Sequence[tuple[Record, int]]) -> str:
        entries = [
            {"Id": str(number), "ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": seconds}
            for number, (record, seconds) in enumerate(timeouts)
        ]
        response = self._clients.sqs.change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)
        return next((str(each.get("Code")) for each in response.get("Failed", ())), "")


def _batches(timeouts: Sequence[tuple[Record, int]]) -> Iterator[Sequence[tuple[Record, int]]]:
    for start in range(0, len(timeouts), MAX_BATCH_ENTRIES):
        yield timeouts[start : start + MAX_BATCH_ENTRIES]
