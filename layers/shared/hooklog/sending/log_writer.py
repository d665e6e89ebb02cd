"""The writer of the log, which queues what DynamoDB does not accept."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pynamodb.connection import Connection

from hooklog.errors import NotQueued
from hooklog.executions.execution import Execution
from hooklog.executions.log import Put, Retention, Unwritten, build_puts, build_summary_put, write
from hooklog.queues.pending import PendingLogWrites

SENDER_WRITE_SECONDS: Final = 0.5
"""How long a batch resends items that DynamoDB throttles, before they become pending log writes.

A longer wait would occupy a sender that other webhooks need, and costs more than the queue."""


class LogWriter(NamedTuple):
    """A writer of executions to the log."""

    connection: Connection
    retention: Retention
    details_of_all: bool
    pending: PendingLogWrites

    def write(self, executions: Sequence[Execution]) -> Unwritten | None:
        """Write executions; return the items that were queued instead.

        Raises NotQueued if SQS rejects them, too.
        """
        unwritten = write(self.connection, self._build_puts(executions), SENDER_WRITE_SECONDS)
        if unwritten:
            try:
                self.pending.put(unwritten.puts)
            except NotQueued as error:
                raise NotQueued(f"{unwritten.cause}, nor queued: {error}") from error
        return unwritten

    def _build_puts(self, executions: Sequence[Execution]) -> list[Put]:
        """Build the items to store, without details if they cannot be built."""
        try:
            return build_puts(executions, self.retention, details_of_all=self.details_of_all)
        except Exception:  # noqa: BLE001 - they were sent, so at least their summaries must be logged
            return [build_summary_put(execution, self.retention) for execution in executions]
