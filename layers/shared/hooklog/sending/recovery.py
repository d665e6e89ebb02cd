"""Recovery of a webhook: everything that failed in a period is resent.

This happens page by page, so that a recovery survives a crash. A webhook has one running recovery at a time. A new one
takes the webhook's lock from the last one, if that has ended.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage, NotFound, NotQueued, RecoveryRunning
from hooklog.executions import details
from hooklog.executions.attempts import list_attempts
from hooklog.executions.execution import Trigger, compact_time, iso_time
from hooklog.executions.rows import ExecutionRow, get_queue_message_id
from hooklog.messages.fields import describe_actual, parse_object, read_identifier
from hooklog.queues.retry_tasks import RetryQueue, RetryTask
from hooklog.queues.sqs import send_all
from hooklog.sending import locks
from hooklog.sending.locks import Lock
from hooklog.tables import AttachedTable, try_write

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

PAGE_SIZE: Final = 100
"""Failed executions per page. The state is saved after each page, so a crash repeats at most one."""

MAX_LAG: Final = timedelta(days=1)
"""How much later than its summary an execution's details may be written, after an outage."""

MAX_RUNS: Final = 10_000
"""Runs of a recovery before it becomes a dead letter. Each run processes failures for 40 s, so that 10,000 suffice for
millions; more is a loop."""

RETENTION_SECONDS: Final = 30 * 86_400
"""30 days, which the API's texts also say."""

STALLED_SECONDS: Final = 3600
"""Without progress for so long, a recovery may be replaced. A failed run is redelivered after 6 minutes."""

STARTING_SECONDS: Final = 60
"""The longest time between taking the lock and writing the recovery's row."""


class RecoveryRow(AttachedTable):
    """A recovery and its progress."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    recovery_id = UnicodeAttribute(range_key=True)
    since = UnicodeAttribute()
    until = UnicodeAttribute()
    status = UnicodeAttribute()
    found = NumberAttribute()
    queued = NumberAttribute()
    after = UnicodeAttribute(null=True)
    """The last failed execution that was processed."""
    advanced_at = NumberAttribute(null=True)
    """When the state was last saved, in Unix seconds; null for recoveries that an earlier release started."""
    expires_at = NumberAttribute()


class RecoveryTask(NamedTuple):
    """A recovery to start or continue."""

    webhook_id: str
    recovery_id: str
    runs: int = 0
    """How many runs it had before."""

    @classmethod
    def parse(cls, body: str) -> "RecoveryTask":
        """Parse what `to_body` wrote. Raises InvalidMessage."""
        fields = parse_object(body)
        if type(runs := fields.get("runs", 0)) is not int or runs < 0:
            raise InvalidMessage(f"runs must be a whole number{describe_actual(fields, 'runs')}")
        return cls(read_identifier(fields, "webhook_id"), read_identifier(fields, "recovery_id"), runs)

    def to_body(self) -> str:
        runs = {"runs": self.runs} if self.runs else {}
        return json.dumps({"webhook_id": self.webhook_id, "recovery_id": self.recovery_id, **runs})


class RecoveryQueue(NamedTuple):
    """The queue of recoveries, with one message for each that is not done."""

    clients: Clients
    queue_url: str

    def put(self, task: RecoveryTask) -> None:
        """Queue a task. Raises NotQueued."""
        entry = {"MessageBody": task.to_body(), "MessageGroupId": task.webhook_id}
        send_all(self.clients.sqs, self.queue_url, [entry])


class _Page(NamedTuple):
    """A page of failures."""

    processed: list[ExecutionRow]
    found: list[RetryTask]
    """Tasks for messages that have not succeeded since."""
    sendable: list[RetryTask]
    """Those of `found` whose request bodies are stored."""
    is_last: bool


def start(queue: RecoveryQueue, webhook_id: str, since: str, until: str) -> str:
    """Start a recovery of a webhook's failures and return its ID.

    The failures are those at or after `since` and before `until`. Both times are in the format of `compact_time`.
    Raises RecoveryRunning if the webhook has another, and NotQueued.
    """
    recovery_id, now = f"rec_{secrets.token_hex(12)}", int(time.time())
    while not locks.take(Lock.RECOVERY, webhook_id, recovery_id, RETENTION_SECONDS, instead_of=_find_ended(webhook_id)):
        pass  # another call took the lock first; the next `_find_ended` finds its recovery
    row = RecoveryRow(
        webhook_id=webhook_id,
        recovery_id=recovery_id,
        since=since,
        until=until,
        status="running",
        found=0,
        queued=0,
        advanced_at=now,
        expires_at=now + RETENTION_SECONDS,
    )
    row.save()
    try:
        queue.put(RecoveryTask(webhook_id, recovery_id))
    except NotQueued:
        _stop(row)
        raise
    return recovery_id


def _find_ended(webhook_id: str) -> str | None:
    """Return the ended recovery that still holds the webhook's lock, if there is one.

    Stops a stalled recovery. Raises RecoveryRunning if the recovery has not ended.
    """
    lock = locks.read(Lock.RECOVERY, webhook_id)
    if lock is None:
        return None
    try:
        row = RecoveryRow.get(webhook_id, lock.holder, consistent_read=True)
    except DoesNotExist:  # it is starting, or failed to start
        if time.time() - lock.taken_at < STARTING_SECONDS:
            raise RecoveryRunning("a recovery of this webhook is starting", lock.holder) from None
        return lock.holder
    if row.status == "running" and not (_is_stalled(row.advanced_at) and _stop(row)):
        period = f"of what failed from {iso_time(row.since)} to {iso_time(row.until)}"
        so_far = f"{int(row.found)} found and {int(row.queued)} queued so far"
        text = f"a recovery of this webhook is running: {row.recovery_id}, {period}, {so_far}; wait until it is done"
        raise RecoveryRunning(text, row.recovery_id)
    return lock.holder


def _is_stalled(since: float | None) -> bool:
    return since is None or time.time() - since >= STALLED_SECONDS


def _stop(row: RecoveryRow) -> bool:
    """Stop a recovery; return False if it has just advanced or has ended."""
    advanced_at = RecoveryRow.advanced_at
    unchanged = advanced_at.does_not_exist() if row.advanced_at is None else advanced_at == row.advanced_at
    stopped: list[Action] = [RecoveryRow.status.set("stopped")]
    return try_write(partial(row.update, stopped, condition=unchanged & (RecoveryRow.status == "running")))


def get_progress(webhook_id: str, recovery_id: str) -> Mapping[str, Any]:
    """Return the progress of a recovery. Raises NotFound."""
    try:
        row = RecoveryRow.get(webhook_id, recovery_id, consistent_read=True)
    except DoesNotExist:
        raise NotFound("there is no such recovery of this webhook, or it is more than 30 days old") from None
    return {"status": row.status, "found": int(row.found), "queued": int(row.queued)}


def run(webhook_id: str, recovery_id: str, retries: RetryQueue, time_left: Callable[[], bool]) -> bool:
    """Continue a recovery while time is left; return whether it has ended.

    Processes at least one failure. It also returns True if another run has taken over, or if the recovery expired or
    was stopped. After a crash, a page is repeated, but a task that is queued twice is sent only once.
    """
    try:
        row = RecoveryRow.get(webhook_id, recovery_id, consistent_read=True)
    except DoesNotExist:
        return True
    while row.status == "running" and time_left():
        page = _process(list(_read_failures(row)), row, time_left)
        if page.sendable:
            retries.put(dict.fromkeys(page.sendable, 0))
        if not _save_progress(row, page):
            return True
    return row.status != "running"


def _process(failures: Sequence[ExecutionRow], row: RecoveryRow, time_left: Callable[[], bool]) -> _Page:
    """Process failures while time is left, at least one. Each takes one or two reads."""
    processed: list[ExecutionRow] = []
    found: list[RetryTask] = []
    sendable: list[RetryTask] = []
    for failure in failures:
        processed.append(failure)
        if task := _make_task(row, failure):
            found.append(task)
            if _is_sendable(task):
                sendable.append(task)
        if not time_left():
            break
    return _Page(processed, found, sendable, is_last=len(processed) == len(failures) < PAGE_SIZE)


def _is_sendable(task: RetryTask) -> bool:
    """Return whether its details are stored, or may still be pending log writes.

    The sender waits for pending log writes.
    """
    if task.execution_id <= compact_time(datetime.now(UTC) - MAX_LAG):
        return details.are_stored(task.webhook_id, task.execution_id)
    row = ExecutionRow.get(task.webhook_id, task.execution_id, consistent_read=True)
    return not row.erased and not row.details_not_stored


def _read_failures(row: RecoveryRow) -> Iterator[ExecutionRow]:
    """Read the next page of failures, oldest first."""
    start = row.after and {name: {"S": row.after} for name in ("executed_at", "failed_at")}
    return iter(
        ExecutionRow.failures.query(
            row.webhook_id,
            ExecutionRow.failed_id.between(row.since, row.until),
            limit=PAGE_SIZE,
            last_evaluated_key={"webhook_id": {"S": row.webhook_id}, **start} if start else None,
        )
    )


def _make_task(row: RecoveryRow, failure: ExecutionRow) -> RetryTask | None:
    """Make a task for the last execution of an original queue message.

    None if that succeeded, if a later failure in the period makes the task, or for a test.
    """
    if failure.trigger == Trigger.TEST:
        return None
    queue_message_id = get_queue_message_id(failure)
    attempts = list_attempts(failure.webhook_id, failure.message_id, since=failure.execution_id)
    ids = {attempt.execution_id: attempt for attempt in attempts if attempt.is_of(queue_message_id)}
    last = max([*ids, failure.execution_id])
    if last in ids and ids[last].success:
        return None
    if any(failure.execution_id < other < row.until and not ids[other].success for other in ids):
        return None
    task = RetryTask(failure.webhook_id, failure.message_id, last, Trigger.RESEND, skip_if_resent=True)
    return task._replace(queue_message_id=queue_message_id)


def _save_progress(row: RecoveryRow, page: _Page) -> bool:
    """Save the progress; return False if another run was first."""
    unchanged = RecoveryRow.after.does_not_exist() if row.after is None else RecoveryRow.after == row.after
    actions: list[Action] = [
        RecoveryRow.found.set(int(row.found) + len(page.found)),
        RecoveryRow.queued.set(int(row.queued) + len(page.sendable)),
        RecoveryRow.status.set("done" if page.is_last else "running"),
        RecoveryRow.advanced_at.set(int(time.time())),
    ]
    if page.processed:
        actions.append(RecoveryRow.after.set(page.processed[-1].execution_id))
    return try_write(partial(row.update, actions, condition=unchanged & (RecoveryRow.status == "running")))
