"""The row of an execution: the one place that writes it and reads it.

An execution becomes a row. A row becomes a summary, which the API shows, or an attempt, which the sender looks for.
A row leaves out what is usual (trigger event, no hard error), because there are millions of them.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NotRequired, TypedDict

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection

from hooklog.executions.execution import Execution, Trigger, compact_time, iso_time
from hooklog.tables import AttachedTable, try_write

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

_BETWEEN = "/"  # in no id


class Summary(TypedDict):
    """An execution as a line of the history. What is not required is shown if its row has it."""

    execution_id: str
    webhook_id: str
    message_id: str
    event_type: NotRequired[str]
    attempt: int
    trigger: str
    executed_at: str
    duration_ms: int
    result: int
    success: bool
    hard_error: bool
    next_attempt_at: NotRequired[str]
    """When its retry is due."""
    skipped: NotRequired[bool]
    """True if its webhook's transformation said that nothing is to be sent: a success, with the result 0."""
    exhausted: NotRequired[bool]
    """True for a failure that is not retried automatically any more."""
    erased: NotRequired[bool]
    """True if its headers and bodies were erased on request."""
    redelivered: NotRequired[bool]
    """True if the queue delivered the message again and the log did not know whether it had been sent before."""
    resent_on_new_connection: NotRequired[bool]
    """True if a kept connection ended before any response, and the request was sent again on a new one."""


_OPTIONAL: Final = sorted(Summary.__optional_keys__)


class Attempt(NamedTuple):
    """An execution as one attempt of its message: what the index `by_message` holds of it."""

    webhook_id: str
    execution_id: str
    attempt: int
    result: int
    queue_message_id: str
    """Of the message that was accepted; empty if the row, of an earlier release, does not say."""
    task_id: str = ""
    """Of the queue message that asked for this retry or resend; empty for a first attempt."""
    skipped: bool = False

    @property
    def success(self) -> bool:
        return self.skipped or 200 <= self.result <= 299

    @property
    def asked_by(self) -> str:
        """The id of the queue message that led to this very execution."""
        return self.task_id or self.queue_message_id

    def follows(self, queue_message_id: str) -> bool:
        """Whether it is an attempt of that queue message; if one of the two is unknown, of its message id."""
        return not self.queue_message_id or not queue_message_id or self.queue_message_id == queue_message_id


class FailuresIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """Failed executions only: a row is in it if it has `failed_at`."""

    class Meta:
        index_name = "failures"
        projection = AllProjection()

    webhook_id = UnicodeAttribute(hash_key=True)
    failed_at = UnicodeAttribute(range_key=True)


class MessageIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """The attempts of one message."""

    class Meta:
        index_name = "by_message"
        projection = IncludeProjection(["attempt", "result", "skipped", "queue_message_id"])

    message_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)


class ExecutionRow(AttachedTable):
    """A row of the table `Executions`, always under 1 KB: one write unit, however large the bodies are."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)
    """The execution's id, which begins with the time."""
    failed_at = UnicodeAttribute(null=True)
    """Of a failure: the execution's id once more."""
    message_id = UnicodeAttribute()
    event_type = UnicodeAttribute(null=True)
    attempt = NumberAttribute()
    trigger = UnicodeAttribute(null=True)
    duration_ms = NumberAttribute()
    result = NumberAttribute()
    hard_error = BooleanAttribute(null=True)
    skipped = BooleanAttribute(null=True)
    redelivered = BooleanAttribute(null=True)
    resent_on_new_connection = BooleanAttribute(null=True)
    queue_message_id = UnicodeAttribute(null=True)
    """Of the queue message that was accepted, and of the one that asked for this attempt: see `_joined`."""
    retries_used = NumberAttribute(null=True)
    """How many delays of the retry schedule came before it; left out if none."""
    next_attempt_at = UnicodeAttribute(null=True)
    exhausted = BooleanAttribute(null=True)
    erased = BooleanAttribute(null=True)
    details_not_stored = BooleanAttribute(null=True, attr_name="unkept")
    """Of a failure: the deployment stores no details."""
    error_type = UnicodeAttribute(null=True)
    """Of a hard error; rows of earlier releases have it only with `error_message`."""
    error_message = UnicodeAttribute(null=True)
    """Only if no details are stored, which hold it otherwise."""
    expires_at = NumberAttribute()

    failures = FailuresIndex()
    by_message = MessageIndex()


def row_of(execution: Execution, days: int) -> ExecutionRow:
    """Write an execution's row, which expires that many days after it."""
    delivery, execution_id = execution.delivery, execution.execution_id
    message, error, next_attempt = delivery.message, delivery.error, execution.next_attempt_at
    return ExecutionRow(
        webhook_id=execution.webhook_id,
        executed_at=execution_id,
        failed_at=None if delivery.success else execution_id,
        message_id=message.message_id,
        event_type=message.event_type,
        attempt=delivery.attempt,
        trigger=None if execution.trigger is Trigger.EVENT else str(execution.trigger),
        duration_ms=delivery.duration_ms,
        result=delivery.result,
        hard_error=True if error else None,
        skipped=delivery.skipped or None,
        redelivered=execution.redelivered or None,
        resent_on_new_connection=delivery.resent or None,
        queue_message_id=_joined(message.message_id, execution.queue_message_id, execution.task_id),
        retries_used=execution.retries_used or None,
        next_attempt_at=iso_time(compact_time(next_attempt)) if next_attempt else None,
        exhausted=execution.exhausted or None,
        details_not_stored=execution.details_not_stored or None,
        error_type=str(error.error_type) if error else None,
        error_message=error.message if error and execution.details_not_stored else None,
        expires_at=execution.expires_at(days),
    )


def summary_of(row: ExecutionRow) -> Summary:
    """Read a row as the API shows it."""
    summary = Summary(
        execution_id=row.executed_at,
        webhook_id=row.webhook_id,
        message_id=row.message_id,
        attempt=int(row.attempt),
        trigger=row.trigger or str(Trigger.EVENT),
        executed_at=iso_time(row.executed_at),
        duration_ms=int(row.duration_ms),
        result=int(row.result),
        success=not row.failed_at,
        hard_error=bool(row.hard_error),
    )
    for name in _OPTIONAL:
        if value := getattr(row, name):
            summary[name] = value  # type: ignore[literal-required]
    return summary


def attempt_of(item: Mapping[str, Any]) -> Attempt:
    """Read an item as DynamoDB spells it: to make a row of it first takes as long as to read it."""
    attempt, stored = int(item["attempt"]["N"]), item.get("queue_message_id")
    queue_message_id, task_id = _parted(item["message_id"]["S"], attempt, stored and stored["S"])
    return Attempt(
        webhook_id=item["webhook_id"]["S"],
        execution_id=item["executed_at"]["S"],
        attempt=attempt,
        result=int(item["result"]["N"]),
        queue_message_id=queue_message_id,
        task_id=task_id,
        skipped="skipped" in item,
    )


def error_of(row: ExecutionRow) -> dict[str, str] | None:
    """Why no status came, if there are no details to say so."""
    return {"type": str(row.error_type), "message": row.error_message} if row.error_message else None


def accepted_id(row: ExecutionRow) -> str:
    """The id of the queue message that was accepted; empty if the row, of an earlier release, does not say."""
    return _parted(row.message_id, int(row.attempt), row.queue_message_id)[0]


def mark_erased(webhook_id: str, execution_id: str) -> None:
    """Say that its details are erased, so that no retry is due; nothing if it has expired or is not logged yet."""
    changes: list[Action] = [ExecutionRow.erased.set(True), ExecutionRow.next_attempt_at.remove()]
    _update(webhook_id, execution_id, changes, if_there_is=ExecutionRow.webhook_id)


def remove_next_attempt(webhook_id: str, execution_id: str) -> None:
    """Say that no retry is due, because another attempt has followed; nothing if none was. Raises UpdateError."""
    planned = ExecutionRow.next_attempt_at
    _update(webhook_id, execution_id, [planned.remove()], if_there_is=planned)


def _update(webhook_id: str, execution_id: str, changes: "list[Action]", if_there_is: UnicodeAttribute) -> None:
    row = ExecutionRow(webhook_id=webhook_id, executed_at=execution_id)
    try_write(partial(row.update, changes, condition=if_there_is.exists()))


def _joined(message_id: str, queue_message_id: str, task_id: str) -> str | None:
    """Both ids in one attribute, the only one that `by_message` has room for: an index cannot be widened.

    `accepted`, `accepted/task`, or `/task` if the accepted id is the message id; None if that is all. If the accepted
    id is unknown, `task`, as earlier releases wrote it.
    """
    accepted = "" if queue_message_id == message_id else queue_message_id
    if not task_id:
        return accepted or None
    return f"{accepted}{_BETWEEN}{task_id}" if queue_message_id else task_id


def _parted(message_id: str, attempt: int, stored: str | None) -> tuple[str, str]:
    """The accepted id and the task's, which `_joined` has joined."""
    first, between, task_id = (stored or "").partition(_BETWEEN)
    if attempt > 1 and not between:
        return "", first
    return first or message_id, task_id
