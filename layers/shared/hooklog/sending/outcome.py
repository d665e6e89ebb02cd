"""The outcome of a batch of queue messages."""

from dataclasses import dataclass, field, fields

from hooklog.executions.execution import Execution
from hooklog.sending.failure_monitor import Disabled
from hooklog.sending.fan_out import FannedOut


@dataclass(slots=True)
class Outcome:
    """What a batch led to: executions, and what became of messages without one."""

    executions: list[Execution] = field(default_factory=list)
    pending: int = 0
    """How many items went to the queue of pending log writes."""
    pending_cause: str = ""
    unlogged: set[tuple[str, str]] = field(default_factory=set)
    """Webhook and execution IDs of the executions that those items belong to."""
    invalid: list[tuple[str, str]] = field(default_factory=list)
    """Queue message IDs and reasons of messages that went to the dead-letter queue."""
    ignored: list[str] = field(default_factory=list)
    """The reasons of ignored messages."""
    fanned_out: list[FannedOut] = field(default_factory=list)
    """Topics' messages that were copied for a page of webhooks."""
    disabled: list[Disabled] = field(default_factory=list)
    stale_cause: str = ""
    """Why a failure that was retried may still have its `next_attempt_at`."""
    monitor_cause: str = ""
    """Why the failure monitor failed."""
    postponed: int = 0
    """How many retries and resends were queued again, because they are not due or the log could not be read."""
    postponed_cause: str = ""
    """Why the log could not be read for a retry or resend."""
    throttled: int = 0
    """How many messages waited for the rate limit of their webhook, here or, for the first time, on the queue."""
    waiting: int = 0
    """How many messages went to the queue again to wait for the rate limit of their webhook."""
    unsent: list[str] = field(default_factory=list)
    """IDs of queue messages that return to the queue because too little time was left."""
    held: list[str] = field(default_factory=list)
    """IDs of ordered messages that return to the queue until the first of their webhook may be sent."""
    hold_cause: str = ""
    """Why they may return later than planned."""
    faults: dict[str, str] = field(default_factory=dict)
    """IDs and causes of queue messages that return to the queue because of a fault in Hooklog or AWS."""

    @property
    def returned(self) -> list[str]:
        """The IDs of all queue messages that return to the queue."""
        return [*self.faults, *self.unsent, *self.held]

    @property
    def logged(self) -> list[Execution]:
        """The executions that are in the log, not only in the queue of pending log writes."""
        return [each for each in self.executions if (each.webhook_id, each.execution_id) not in self.unlogged]

    def add(self, other: "Outcome") -> None:
        """Add the outcome of another part of the batch."""
        for each in fields(self):
            mine, added = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, str):
                total = added or mine
            else:
                total = mine | added if isinstance(mine, dict | set) else mine + added
            setattr(self, each.name, total)
