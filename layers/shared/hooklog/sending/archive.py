"""Keeping what was sent: in the log, or on the queue of what DynamoDB did not take."""

from collections.abc import Sequence
from typing import NamedTuple

from pynamodb.connection import Connection

from hooklog.errors import NotQueued
from hooklog.executions.execution import Execution
from hooklog.executions.log import Put, Refused, Retention, puts_of, write
from hooklog.queues.unlogged import UnloggedQueue


class Archive(NamedTuple):
    """Where executions are logged, and where they wait if that cannot be done now."""

    connection: Connection
    retention: Retention
    details_of_all: bool
    unlogged: UnloggedQueue

    def puts_of(self, executions: Sequence[Execution]) -> list[Put]:
        """The items of these executions, as this deployment keeps them."""
        return puts_of(executions, self.retention, details_of_all=self.details_of_all)

    def keep(self, puts: Sequence[Put]) -> Refused | None:
        """Write them; gives what waits on the queue instead. Raises NotQueued where that did not take it either."""
        refused = write(self.connection, puts)
        if refused:
            try:
                self.unlogged.put(refused.puts)
            except NotQueued as error:
                raise NotQueued(f"{refused.cause}, nor queued: {error}") from error
        return refused
