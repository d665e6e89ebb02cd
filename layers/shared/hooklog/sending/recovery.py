"""Recover a webhook: send everything again that failed on it in a period, in steps that survive a crash.

One recovery of a webhook runs at a time: it takes the webhook's lock from the one before, if that has ended.
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

PAGE: Final = 100
"""Failed executions between one saved state and the next, at most: what a crash may have to look at again."""

MAX_LAG: Final = timedelta(days=1)
"""How far the details of an execution may be behind its summary, after an outage."""

MAX_RUNS: Final = 10_000
"""How many runs a recovery may take before it is a dead letter: each looks at one failure at least, and for 40 s at
others as well, so that 10,000 take some days and go through millions. One that still has not ended goes in circles."""

KEPT_SECONDS: Final = 30 * 86_400
"""30 days, which the texts of the API say as well."""

STALLED_SECONDS: Final = 3600
"""Without progress, after which another recovery may stop it: its message comes back 6 minutes after its function has
failed, and is a dead letter after a day of that."""

STARTING_SECONDS: Final = 60
"""More than it may take from when a recovery takes the lock to when its row is there."""


class RecoveryRow(AttachedTable):
    """How far a recovery has come."""

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
    """The last failed execution that was looked at."""
    advanced_at = NumberAttribute(null=True)
    """When that was saved, in Unix seconds; null for one that an older version started."""
    expires_at = NumberAttribute()


class RecoveryTask(NamedTuple):
    """A recovery to be run, or to go on."""

    webhook_id: str
    recovery_id: str
    runs: int = 0
    """How many it has had."""

    @classmethod
    def parse(cls, body: str) -> "RecoveryTask":
        """Read what `to_body` wrote. Raises InvalidMessage."""
        fields = parse_object(body)
        if type(runs := fields.get("runs", 0)) is not int or runs < 0:
            raise InvalidMessage(f"runs must be a whole number{describe_actual(fields, 'runs')}")
        return cls(read_identifier(fields, "webhook_id"), read_identifier(fields, "recovery_id"), runs)

    def to_body(self) -> str:
        runs = {"runs": self.runs} if self.runs else {}
        return json.dumps({"webhook_id": self.webhook_id, "recovery_id": self.recovery_id, **runs})


class RecoveryQueue(NamedTuple):
    """Holds one message for each recovery that is not done."""

    clients: Clients
    queue_url: str

    def put(self, task: RecoveryTask) -> None:
        """Raises NotQueued."""
        entry = {"MessageBody": task.to_body(), "MessageGroupId": task.webhook_id}
        send_all(self.clients.sqs, self.queue_url, [entry])


class _Page(NamedTuple):
    """Failures that were looked at, with the tasks of those to be sent again, and of those that can be."""

    looked_at: list[ExecutionRow]
    found: list[RetryTask]
    stored: list[RetryTask]
    is_last: bool


def start(queue: RecoveryQueue, webhook_id: str, since: str, until: str) -> str:
    """Begin to recover what failed at or after `since` and before `until`, both as execution ids begin; returns its id.

    Raises RecoveryRunning while another recovery of the webhook does, NotQueued.
    """
    recovery_id, now = f"rec_{secrets.token_hex(12)}", int(time.time())
    while not locks.take(Lock.RECOVERY, webhook_id, recovery_id, KEPT_SECONDS, instead_of=_ended(webhook_id)):
        pass  # another call was first: the next look finds its recovery, or that it has ended
    row = RecoveryRow(
        webhook_id=webhook_id,
        recovery_id=recovery_id,
        since=since,
        until=until,
        status="running",
        found=0,
        queued=0,
        advanced_at=now,
        expires_at=now + KEPT_SECONDS,
    )
    row.save()
    try:
        queue.put(RecoveryTask(webhook_id, recovery_id))
    except NotQueued:
        _stop(row)
        raise
    return recovery_id


def _ended(webhook_id: str) -> str | None:
    """The recovery that holds the webhook's lock and has ended; None if no recovery holds it.

    Raises RecoveryRunning if it has not. One without progress is stopped: it cannot go on any more.
    """
    lock = locks.read(Lock.RECOVERY, webhook_id)
    if lock is None:
        return None
    try:
        row = RecoveryRow.get(webhook_id, lock.holder, consistent_read=True)
    except DoesNotExist:  # it is being started, or that failed
        if time.time() - lock.taken_at < STARTING_SECONDS:
            raise RecoveryRunning("a recovery of this webhook is just being started", lock.holder) from None
        return lock.holder
    if row.status == "running" and not (_is_stalled(row.advanced_at) and _stop(row)):
        period = f"of what failed from {iso_time(row.since)} to {iso_time(row.until)}"
        so_far = f"{int(row.found)} found and {int(row.queued)} queued so far"
        said = f"a recovery of this webhook is running: {row.recovery_id}, {period}, {so_far}; wait until it is done"
        raise RecoveryRunning(said, row.recovery_id)
    return lock.holder


def _is_stalled(since: float | None) -> bool:
    return since is None or time.time() - since >= STALLED_SECONDS


def _stop(row: RecoveryRow) -> bool:
    """Stop a recovery; False if it has just advanced, or has ended."""
    advanced_at = RecoveryRow.advanced_at
    unchanged = advanced_at.does_not_exist() if row.advanced_at is None else advanced_at == row.advanced_at
    stopped: list[Action] = [RecoveryRow.status.set("stopped")]
    return try_write(partial(row.update, stopped, condition=unchanged & (RecoveryRow.status == "running")))


def progress(webhook_id: str, recovery_id: str) -> Mapping[str, Any]:
    """How far it has come. Raises NotFound."""
    try:
        row = RecoveryRow.get(webhook_id, recovery_id, consistent_read=True)
    except DoesNotExist:
        raise NotFound("there is no such recovery of this webhook, or it is more than 30 days old") from None
    return {"status": row.status, "found": int(row.found), "queued": int(row.queued)}


def run(webhook_id: str, recovery_id: str, retries: RetryQueue, time_left: Callable[[], bool]) -> bool:
    """Go on until it is done or no time is left, by one failure at least. False if the rest is still to be queued.

    True as well if another run has taken over, or the recovery has expired or was stopped. After a crash, the page is
    looked at again: a task that was put on the queue twice is sent once.
    """
    try:
        row = RecoveryRow.get(webhook_id, recovery_id, consistent_read=True)
    except DoesNotExist:
        return True
    while row.status == "running" and time_left():
        page = _look_at(row, list(_failures(row)), time_left)
        if page.stored:
            retries.put(dict.fromkeys(page.stored, 0))
        if not _advance(row, page):
            return True
    return row.status != "running"


def _look_at(row: RecoveryRow, failures: Sequence[ExecutionRow], time_left: Callable[[], bool]) -> _Page:
    """As many of the failures as there is time for, one at least: a read or two for each."""
    looked_at: list[ExecutionRow] = []
    found: list[RetryTask] = []
    stored: list[RetryTask] = []
    for failure in failures:
        looked_at.append(failure)
        if task := _task(row, failure):
            found.append(task)
            if _can_be_sent(task):
                stored.append(task)
        if not time_left():
            break
    return _Page(looked_at, found, stored, is_last=len(looked_at) == len(failures) < PAGE)


def _can_be_sent(task: RetryTask) -> bool:
    """Whether its details are kept, or may still be on their way to the log: then the sender waits for them."""
    if task.execution_id <= compact_time(datetime.now(UTC) - MAX_LAG):
        return details.are_stored(task.webhook_id, task.execution_id)
    row = ExecutionRow.get(task.webhook_id, task.execution_id, consistent_read=True)
    return not row.erased and not row.details_not_stored


def _failures(row: RecoveryRow) -> Iterator[ExecutionRow]:
    """The next page of failures, oldest first."""
    start = row.after and {name: {"S": row.after} for name in ("executed_at", "failed_at")}
    return iter(
        ExecutionRow.failures.query(
            row.webhook_id,
            ExecutionRow.failed_id.between(row.since, row.until),
            limit=PAGE,
            last_evaluated_key={"webhook_id": {"S": row.webhook_id}, **start} if start else None,
        )
    )


def _task(row: RecoveryRow, failure: ExecutionRow) -> RetryTask | None:
    """The task of the last execution of a queue message; None if that succeeded, comes up later, or was a test."""
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


def _advance(row: RecoveryRow, page: _Page) -> bool:
    """Save how far it has come; whether it was this run that brought it there."""
    unchanged = RecoveryRow.after.does_not_exist() if row.after is None else RecoveryRow.after == row.after
    actions: list[Action] = [
        RecoveryRow.found.set(int(row.found) + len(page.found)),
        RecoveryRow.queued.set(int(row.queued) + len(page.stored)),
        RecoveryRow.status.set("done" if page.is_last else "running"),
        RecoveryRow.advanced_at.set(int(time.time())),
    ]
    if page.looked_at:
        actions.append(RecoveryRow.after.set(page.looked_at[-1].execution_id))
    return try_write(partial(row.update, actions, condition=unchanged & (RecoveryRow.status == "running")))
