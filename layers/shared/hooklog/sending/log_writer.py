"""Writing executions to the log, or to the queue of pending log writes if DynamoDB does not take them."""

from collections.abc import Sequence
from typing import NamedTuple

from pynamodb.connection import Connection

from hooklog.errors import NotQueued
from hooklog.executions.execution import Execution
from hooklog.executions.log import Put, Retention, Unwritten, build_puts, build_summary_put, write
from hooklog.queues.pending import PendingLogWrites


class LogWriter(NamedTuple):
    """Writes executions."""

    connection: Connection
    retention: Retention
    details_of_all: bool
    pending: PendingLogWrites

    def write(self, executions: Sequence[Execution]) -> Unwritten | None:
        """Returns what waits on the queue instead. Raises NotQueued if the queue did not take it either."""
        refused = write(self.connection, self._puts(executions))
        if refused:
            try:
                self.pending.put(refused.puts)
            except NotQueued as error:
                raise NotQueued(f"{refused.cause}, nor queued: {error}") from error
        return refused

    def _puts(self, executions: Sequence[Execution]) -> list[Put]:
        """Their items, as this deployment keeps them; no details where those cannot be made."""
        try:
            return build_puts(executions, self.retention, details_of_all=self.details_of_all)
        except Exception:  # noqa: BLE001 - they have been sent: that is what must be in the log, if nothing else
            return [build_summary_put(execution, self.retention) for execution in executions]
