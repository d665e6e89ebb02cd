"""The rows of executions: the only module that writes and reads them.

A row is read as a summary, which the API shows, or as an attempt, which the sender looks for. Rows omit default values
(trigger `event`, no hard error), because there are millions of them.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NotRequired, TypedDict

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection

from hooklog.errors import ErrorType
from hooklog.executions.execution import Execution, Trigger, compact_time, iso_time
from hooklog.tables import AttachedTable, Item, try_write

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

_SEPARATOR = "/"  # IDs do not contain it
_UNINDEXED: Final = "unindexed_message_id"
_EVENT: Final = str(Trigger.EVENT)


class Summary(TypedDict):
    """An execution in the history. Optional fields are shown if the row has them."""

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
    error_type: NotRequired[str]
    """The type of a hard error."""
    next_attempt_at: NotRequired[str]
    """When its retry is due."""
    skipped: NotRequired[bool]
    """True if its webhook's transformation returned nothing to send: a success with the result 0."""
    exhausted: NotRequired[bool]
    """True for a failure that is not retried automatically any more."""
    erased: NotRequired[bool]
    """True if its headers and bodies were erased on request."""
    redelivered: NotRequired[bool]
    """True if the queue delivered the message again, and the log could not say whether it had been sent before."""
    response_body_bytes: NotRequired[int]
    """The length of the whole response body, if known."""
    resent_on_new_connection: NotRequired[bool]
    """True if a reused connection ended before any response, and the request was sent again on a new one."""


class Attempt(NamedTuple):
    """An execution as an attempt of its message.

    It has the fields that the index `by_message` contains.
    """

    webhook_id: str
    execution_id: str
    attempt: int
    result: int
    queue_message_id: str
    """The ID of the original queue message; empty if an earlier release did not log it."""
    task_id: str = ""
    """The ID of the queue message or request that led to this retry or resend; empty for a first attempt."""
    skipped: bool = False

    @property
    def success(self) -> bool:
        return self.skipped or 200 <= self.result <= 299

    @property
    def requested_by(self) -> str:
        """The ID of the queue message or request that led to this execution."""
        return self.task_id or self.queue_message_id

    def is_of(self, queue_message_id: str) -> bool:
        """Return whether it is an attempt of this original queue message.

        True if either ID is unknown.
        """
        return not self.queue_message_id or not queue_message_id or self.queue_message_id == queue_message_id


class StreamedExecution(NamedTuple):
    """An execution as the table's stream has it: its outcome."""

    webhook_id: str
    execution_id: str
    message_id: str
    event_type: str | None
    attempt: int
    trigger: str
    """A value of Trigger, or of a later release's."""
    duration_ms: int
    result: int
    success: bool
    skipped: bool
    hard_error: bool
    error_type: str | None
    """None also for a hard error of an earlier release."""
    exhausted: bool

    @property
    def was_attempted(self) -> bool:
        """Whether the receiver was contacted, if this release knows the error type."""
        return not self.skipped and self.error_type not in _NOT_ATTEMPTED


_NOT_ATTEMPTED: Final = frozenset(str(each) for each in ErrorType if not each.was_attempted)


class FailuresIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """Failed executions: the rows that have `failed_at`."""

    class Meta:
        index_name = "failures"
        projection = AllProjection()

    webhook_id = UnicodeAttribute(hash_key=True)
    failed_id = UnicodeAttribute(range_key=True, attr_name="failed_at")


class MessageIndex(GlobalSecondaryIndex["ExecutionRow"]):  # type: ignore[no-untyped-call]
    """The attempts of one message."""

    class Meta:
        index_name = "by_message"
        projection = IncludeProjection(["attempt", "result", "skipped", "queue_message_id"])

    message_id = UnicodeAttribute(hash_key=True)
    execution_id = UnicodeAttribute(range_key=True, attr_name="executed_at")


class ExecutionRow(AttachedTable):
    """A row of the table `Executions`.

    It is under 1 KB and takes one write unit, however large the bodies are.
    """

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    execution_id = UnicodeAttribute(range_key=True, attr_name="executed_at")
    failed_id = UnicodeAttribute(null=True, attr_name="failed_at")
    """The execution ID again, for failures only."""
    message_id = UnicodeAttribute(null=True)
    unindexed_message_id = UnicodeAttribute(null=True)
    """The message ID of an execution that `by_message` leaves out; such a row has no `message_id`."""
    event_type = UnicodeAttribute(null=True)
    attempt = NumberAttribute()
    trigger = UnicodeAttribute(null=True)
    duration_ms = NumberAttribute()
    result = NumberAttribute()
    hard_error = BooleanAttribute(null=True)
    skipped = BooleanAttribute(null=True)
    redelivered = BooleanAttribute(null=True)
    resent_on_new_connection = BooleanAttribute(null=True)
    response_body_bytes = NumberAttribute(null=True, attr_name="body_bytes")
    queue_message_id = UnicodeAttribute(null=True)
    """The IDs of the original queue message, and of the queue message or request that led to this attempt: see
    `_join_ids`."""
    retries_used = NumberAttribute(null=True)
    """How many delays of the retry schedule came before it."""
    receive_count = NumberAttribute(null=True)
    """How often the ordered queue had delivered its message; only for those of that queue."""
    next_attempt_at = UnicodeAttribute(null=True)
    exhausted = BooleanAttribute(null=True)
    erased = BooleanAttribute(null=True)
    details_not_stored = BooleanAttribute(null=True, attr_name="unkept")
    """True for a failure whose details the deployment does not store."""
    error_type = UnicodeAttribute(null=True)
    """The type of a hard error; earlier releases wrote it only with `error_message`."""
    error_message = UnicodeAttribute(null=True)
    """Only if the details, which also contain it, are not stored."""
    expires_at = NumberAttribute()

    failures = FailuresIndex()
    by_message = MessageIndex()


_OPTIONAL: Final = [(name, getattr(ExecutionRow, name).attr_name) for name in sorted(Summary.__optional_keys__)]
"""The optional fields of a summary with their attributes."""


def to_item(execution: Execution, days: int, *, is_indexed: bool = True) -> dict[str, dict[str, Any]]:
    """Create an execution's row in DynamoDB's format, which expires after so many days.

    `is_indexed` is whether `by_message` contains it.

    An ExecutionRow would take six times as long or more.
    """
    delivery, execution_id = execution.delivery, execution.execution_id
    message, error, next_attempt = delivery.message, delivery.error, execution.next_attempt_at
    texts = {
        "webhook_id": execution.webhook_id,
        "executed_at": execution_id,
        "failed_at": None if delivery.success else execution_id,
        "message_id" if is_indexed else _UNINDEXED: message.message_id,
        "event_type": message.event_type,
        "trigger": None if execution.trigger is Trigger.EVENT else str(execution.trigger),
        "queue_message_id": _join_ids(message.message_id, execution.queue_message_id, execution.task_id),
        "next_attempt_at": iso_time(compact_time(next_attempt)) if next_attempt else None,
        "error_type": str(error.error_type) if error else None,
        "error_message": error.message if error and execution.details_not_stored else None,
    }
    numbers = {
        "attempt": delivery.attempt,
        "duration_ms": delivery.duration_ms,
        "result": delivery.result,
        "body_bytes": delivery.response.length if delivery.response else None,
        "retries_used": execution.retries_used or None,
        "receive_count": execution.receive_count or None,
        "expires_at": execution.expires_at(days),
    }
    flags = {
        "hard_error": error is not None,
        "skipped": delivery.skipped,
        "redelivered": execution.redelivered,
        "resent_on_new_connection": delivery.resent,
        "exhausted": execution.exhausted,
        "unkept": execution.details_not_stored,
    }
    return {
        **{name: {"S": text} for name, text in texts.items() if text is not None},
        **{name: {"N": str(number)} for name, number in numbers.items() if number is not None},
        **{name: {"BOOL": True} for name, is_set in flags.items() if is_set},
    }


def to_summary(item: Item) -> Summary:
    """Convert an item to the summary that the API shows."""
    execution_id: str = item["executed_at"]["S"]
    summary = Summary(
        execution_id=execution_id,
        webhook_id=item["webhook_id"]["S"],
        message_id=_get_message_id(item),
        attempt=int(item["attempt"]["N"]),
        trigger=_get_text(item, "trigger") or _EVENT,
        executed_at=iso_time(execution_id),
        duration_ms=int(item["duration_ms"]["N"]),
        result=int(item["result"]["N"]),
        success="failed_at" not in item,
        hard_error="hard_error" in item,
    )
    for name, attribute in _OPTIONAL:
        if stored := item.get(attribute):
            ((kind, value),) = stored.items()
            summary[name] = int(value) if kind == "N" else value  # type: ignore[literal-required]
    return summary


def to_attempt(item: Item) -> Attempt:
    """Convert an item to an attempt."""
    attempt, stored = int(item["attempt"]["N"]), _get_text(item, "queue_message_id")
    queue_message_id, task_id = _split_ids(_get_message_id(item), attempt, stored)
    return Attempt(
        webhook_id=item["webhook_id"]["S"],
        execution_id=item["executed_at"]["S"],
        attempt=attempt,
        result=int(item["result"]["N"]),
        queue_message_id=queue_message_id,
        task_id=task_id,
        skipped="skipped" in item,
    )


def from_stream(image: Item) -> StreamedExecution:
    """Convert an item.

    Raises KeyError, TypeError or ValueError if it is not an execution.
    """
    event_type, trigger, error_type = (_get_text(image, name) for name in ("event_type", "trigger", "error_type"))
    return StreamedExecution(
        webhook_id=image["webhook_id"]["S"],
        execution_id=image["executed_at"]["S"],
        message_id=_get_message_id(image),
        event_type=event_type,
        attempt=int(image["attempt"]["N"]),
        trigger=trigger or _EVENT,
        duration_ms=int(image["duration_ms"]["N"]),
        result=int(image["result"]["N"]),
        success="failed_at" not in image,
        skipped="skipped" in image,
        hard_error="hard_error" in image,
        error_type=error_type,
        exhausted="exhausted" in image,
    )


def is_of_message(message_id: str) -> Condition:
    """Return the condition that an execution belongs to this message."""
    condition: Condition = (ExecutionRow.message_id == message_id) | (ExecutionRow.unindexed_message_id == message_id)
    return condition


def _get_message_id(item: Item) -> str:
    message_id: str = (item.get("message_id") or item[_UNINDEXED])["S"]
    return message_id


def _get_text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def get_error(item: Item) -> dict[str, str] | None:
    """Return the hard error from the item, where it is if the details are not stored."""
    message = _get_text(item, "error_message")
    return {"type": item["error_type"]["S"], "message": message} if message else None


def get_queue_message_id(row: ExecutionRow) -> str:
    """Return the ID of the original queue message.

    Empty if an earlier release did not log it.
    """
    return _split_ids(row.message_id, int(row.attempt), row.queue_message_id)[0]


def mark_erased(webhook_id: str, execution_id: str) -> None:
    """Mark the details as erased, so that no retry is due.

    Does nothing without a row.
    """
    changes: list[Action] = [ExecutionRow.erased.set(True), ExecutionRow.next_attempt_at.remove()]
    _update_if_exists(webhook_id, execution_id, changes, ExecutionRow.webhook_id)


def remove_next_attempt(webhook_id: str, execution_id: str) -> None:
    """Remove `next_attempt_at`, because another attempt has followed.

    Raises UpdateError.
    """
    next_attempt_at = ExecutionRow.next_attempt_at
    _update_if_exists(webhook_id, execution_id, [next_attempt_at.remove()], next_attempt_at)


def _update_if_exists(webhook_id: str, execution_id: str, changes: "list[Action]", attribute: UnicodeAttribute) -> None:
    row = ExecutionRow(webhook_id=webhook_id, execution_id=execution_id)
    try_write(partial(row.update, changes, condition=attribute.exists()))


def _join_ids(message_id: str, queue_message_id: str, task_id: str) -> str | None:
    """Join both IDs into one attribute.

    The projection of `by_message` cannot be extended by another attribute. The result is `original`, `original/task`,
    or `/task` if the original ID equals the message ID; None if there is neither. If the original ID is unknown, it is
    `task`, as earlier releases wrote it.
    """
    original = "" if queue_message_id == message_id else queue_message_id
    if not task_id:
        return original or None
    return f"{original}{_SEPARATOR}{task_id}" if queue_message_id else task_id


def _split_ids(message_id: str, attempt: int, stored: str | None) -> tuple[str, str]:
    """Split what `_join_ids` joined: the original queue message's ID and the task's."""
    first, separator, task_id = (stored or "").partition(_SEPARATOR)
    if attempt > 1 and not separator:
        return "", first
    return first or message_id, task_id
