"""Keeping what was sent: in the log, or on the queue of what DynamoDB did not take."""

from collections.abc import Sequence
from typing import NamedTuple

from pynamodb.connection import Connection

from hooklog.errors import NotQueued
from hooklog.executions.execution import Execution
from hooklog.executions.log import Put, Refused, Retention, puts_of, summary_put, write
from hooklog.queues.unlogged import UnloggedQueue


class Archive(NamedTuple):
    """Where executions are logged, and where they wait if that cannot be done now."""

    connection: Connection
    retention: Retention
    details_of_all: bool
    unlogged: UnloggedQueue

    def keep(self, executions: Sequence[Execution]) -> Refused | None:
        """Write them; gives what waits on the queue instead. Raises NotQueued where that did not take it either."""
        refused = write(self.connection, self._puts(executions))
        if refused:
            try:
                self.unlogged.put(refused.puts)
            except NotQueued as error:
                raise NotQueued(f"{refused.cause}, nor queued: {error}") from error
        return refused

    def _puts(self, executions: Sequence[Execution]) -> list[Put]:
        """Their items, as this deployment keeps them; no details where those cannot be made."""
        try:
            return puts_of(executions, self.retention, details_of_all=self.details_of_all)
        except Exception:  # noqa: BLE001 - they have been sent: that is what must be in the log, if nothing else
            return [summary_put(execution, self.retention) for execution in executions]
