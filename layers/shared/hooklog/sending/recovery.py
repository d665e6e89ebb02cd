"""Recovery of a webhook: selected messages are sent again, by default everything that failed in a period.

This happens page by page, so that a recovery survives a crash. A webhook has one running recovery at a time. A new one
takes the webhook's lock from the last one, if that has ended. A dry run only counts. It has its own lock, which a new
dry run takes from a running one: nothing is lost if a count is not finished.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage, NotFound, NotQueued, RecoveryRunning
from hooklog.executions.execution import compact_time, iso_time
from hooklog.executions.filters import ALL, Selection, Status, parse_selected_status
from hooklog.messages.fields import describe_actual, parse_object, read_identifier
from hooklog.queues.retry_tasks import RetryQueue
from hooklog.queues.sqs import send_all
from hooklog.sending import locks
from hooklog.sending.locks import Lock
from hooklog.sending.selection import Page, Search, read_page
from hooklog.tables import AttachedTable, try_write

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.update import Action

MAX_RUNS: Final = 10_000
"""Runs of a recovery before it becomes a dead letter. Each run processes executions for 40 s, so that 10,000 suffice
for millions; more is a loop."""

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
    """Those of `found` whose request bodies are stored; a dry run does not queue them."""
    selected_status = UnicodeAttribute(null=True)
    """`success` or `all`; null for failures."""
    event_type = UnicodeAttribute(null=True)
    dry_run = BooleanAttribute(null=True)
    started_at = UnicodeAttribute(null=True)
    """In the format of `compact_time`; null for recoveries that an earlier release started, which are of failures."""
    after = UnicodeAttribute(null=True)
    """The last execution that was processed."""
    save_id = UnicodeAttribute(null=True)
    """The ID of the last `_save_progress`; null before the first, and in rows of earlier releases."""
    advanced_at = NumberAttribute(null=True)
    """When the state was last saved, in Unix seconds; null for recoveries that an earlier release started."""
    expires_at = NumberAttribute()

    @property
    def selection(self) -> Selection:
        status = parse_selected_status(self.selected_status) if self.selected_status else Status.FAILURE
        return Selection(self.since, self.until, status, self.event_type)


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


class Run(NamedTuple):
    """A run of a recovery, and the state after it."""

    ended: bool
    progress: Mapping[str, Any]


def start(queue: RecoveryQueue, webhook_id: str, selection: Selection, *, dry_run: bool = False) -> str:
    """Start a recovery of what is selected, or a dry run, and return its ID.

    A dry run stops the webhook's running one. Raises NotQueued, and RecoveryRunning if the webhook has another
    recovery.
    """
    lock = Lock.DRY_RUN if dry_run else Lock.RECOVERY
    recovery_id, now = f"rec_{secrets.token_hex(12)}", datetime.now(UTC)
    while not locks.take(lock, webhook_id, recovery_id, RETENTION_SECONDS, instead_of=_find_ended(lock, webhook_id)):
        pass  # another call took the lock first; the next `_find_ended` finds its recovery
    seconds = int(now.timestamp())
    row = RecoveryRow(
        webhook_id=webhook_id,
        recovery_id=recovery_id,
        since=selection.since,
        until=selection.until,
        status="running",
        found=0,
        queued=0,
        selected_status=None if selection.status is Status.FAILURE else str(selection.status or ALL),
        event_type=selection.event_type,
        dry_run=dry_run or None,
        started_at=compact_time(now),
        advanced_at=seconds,
        expires_at=seconds + RETENTION_SECONDS,
    )
    try_write(partial(row.save, RecoveryRow.recovery_id.does_not_exist()))  # it exists if DynamoDB's response was lost
    try:
        queue.put(RecoveryTask(webhook_id, recovery_id))
    except NotQueued:
        if _stop(row):
            raise
        # It is running, or has ended: SQS accepted the task, but its response was lost.
    return recovery_id


def _find_ended(lock_name: Lock, webhook_id: str) -> str | None:
    """Return the ended recovery that still holds the webhook's lock, if there is one.

    Stops a stalled recovery, and any dry run. Raises RecoveryRunning if the recovery has not ended.
    """
    lock = locks.read(lock_name, webhook_id)
    if lock is None:
        return None
    try:
        row = RecoveryRow.get(webhook_id, lock.holder, consistent_read=True)
    except DoesNotExist:  # it is starting, or failed to start
        if time.time() - lock.taken_at < STARTING_SECONDS:
            raise RecoveryRunning("a recovery of this webhook is starting", lock.holder) from None
        return lock.holder
    if not _make_end(row):
        so_far = f"{int(row.found)} found and {int(row.queued)} queued so far"
        text = f"a recovery of this webhook is running: {row.recovery_id}, {_describe(row.selection)}, {so_far}"
        raise RecoveryRunning(f"{text}; wait until it is done", row.recovery_id)
    return lock.holder


def _make_end(row: RecoveryRow) -> bool:
    """Stop a dry run, or a stalled recovery; return whether it has ended."""
    if row.status == "running" and row.dry_run:
        _mark_stopped(row)
        return True
    return row.status != "running" or (_is_stalled(row.advanced_at) and _stop(row))


def _describe(selection: Selection) -> str:
    """Describe what a recovery selects: `of what failed from … to …`."""
    verb = {Status.FAILURE: "failed", Status.SUCCESS: "succeeded", None: "was executed"}[selection.status]
    event_type = f" as {selection.event_type}" if selection.event_type else ""
    return f"of what {verb}{event_type} from {iso_time(selection.since)} to {iso_time(selection.until)}"


def _is_stalled(since: float | None) -> bool:
    return since is None or time.time() - since >= STALLED_SECONDS


def _stop(row: RecoveryRow) -> bool:
    """Stop a recovery; return False if it has just advanced or is done."""
    advanced_at = RecoveryRow.advanced_at
    unchanged = advanced_at.does_not_exist() if row.advanced_at is None else advanced_at == row.advanced_at
    save_id = RecoveryRow.save_id
    unchanged &= save_id.does_not_exist() if row.save_id is None else save_id == row.save_id
    return _mark_stopped(row, unchanged)


def _mark_stopped(row: RecoveryRow, unchanged: "Condition | None" = None) -> bool:
    """Stop a recovery if it is running; return whether it is stopped then.

    Idempotent, because DynamoDB's response may be lost.
    """
    is_running = RecoveryRow.status == "running"
    condition = is_running if unchanged is None else unchanged & is_running
    actions: list[Action] = [RecoveryRow.status.set("stopped")]
    return try_write(partial(row.update, actions, condition=condition | (RecoveryRow.status == "stopped")))


def get_progress(webhook_id: str, recovery_id: str) -> Mapping[str, Any]:
    """Return the progress of a recovery, and what it selects. Raises NotFound."""
    try:
        row = RecoveryRow.get(webhook_id, recovery_id, consistent_read=True)
    except DoesNotExist:
        raise NotFound("there is no such recovery of this webhook, or it is more than 30 days old") from None
    since, until, status, event_type = row.selection
    filters = {"since": iso_time(since), "until": iso_time(until), "status": str(status or ALL)}
    return {**_count(row), "filters": {**filters, **({"event_type": event_type} if event_type else {})}}


def _count(row: RecoveryRow) -> Mapping[str, Any]:
    return {
        "status": row.status,
        "dry_run": bool(row.dry_run),
        "found": int(row.found),
        "queued": 0 if row.dry_run else int(row.queued),
        "not_kept": int(row.found) - int(row.queued),
    }


def run(webhook_id: str, recovery_id: str, retries: RetryQueue, time_left: Callable[[], bool]) -> Run:
    """Continue a recovery while time is left.

    Processes at least one execution. It has also ended if another run has taken over, or if it expired or was stopped.
    After a crash, a page is repeated, but a task that is queued twice is sent only once.
    """
    try:
        row = RecoveryRow.get(webhook_id, recovery_id, consistent_read=True)
    except DoesNotExist:
        return Run(True, {})
    search = Search(webhook_id, row.selection, row.started_at or row.until)
    while row.status == "running" and time_left():
        page = read_page(search, row.after, time_left)
        if page.sendable and not row.dry_run:
            retries.put(dict.fromkeys(page.sendable, 0))
        if not _save_progress(row, page):
            return Run(True, _count(row))
    return Run(row.status != "running", _count(row))


def _save_progress(row: RecoveryRow, page: Page) -> bool:
    """Save the progress; return False if another run was first or the recovery was stopped.

    Idempotent, because DynamoDB's response may be lost. A request that arrives late does nothing.
    """
    save_id = secrets.token_hex(8)
    unchanged = RecoveryRow.after.does_not_exist() if row.after is None else RecoveryRow.after == row.after
    is_saved = (RecoveryRow.save_id == save_id) & (RecoveryRow.status != "stopped")
    actions: list[Action] = [
        RecoveryRow.found.set(int(row.found) + len(page.found)),
        RecoveryRow.queued.set(int(row.queued) + len(page.sendable)),
        RecoveryRow.status.set("done" if page.is_last else "running"),
        RecoveryRow.save_id.set(save_id),
        RecoveryRow.advanced_at.set(int(time.time())),
    ]
    if page.last_read:
        actions.append(RecoveryRow.after.set(page.last_read))
    condition = (unchanged & (RecoveryRow.status == "running")) | is_saved
    return try_write(partial(row.update, actions, condition=condition))
