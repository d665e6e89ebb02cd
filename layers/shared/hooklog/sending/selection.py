"""The messages that a recovery sends again: pages of them, and the execution of each that its task names.

A message is a delivery: the executions of one original queue message. The last one in the recovery's period decides, so
that each delivery has one task.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from hooklog.executions import details
from hooklog.executions.attempts import list_attempts
from hooklog.executions.execution import Trigger, compact_time
from hooklog.executions.filters import Selection, Status
from hooklog.executions.rows import Attempt, ExecutionRow, get_queue_message_id
from hooklog.queues.retry_tasks import RetryTask

PAGE_SIZE: Final = 100
"""Executions per page. The state is saved after each page, so a crash repeats at most one."""

MAX_LAG: Final = timedelta(days=1)
"""How much later than its summary an execution's details may be written, after an outage."""


class Search(NamedTuple):
    """The executions of a webhook that a recovery selects."""

    webhook_id: str
    selection: Selection
    started_at: str
    """When the recovery started, in the format of `compact_time`."""


class Page(NamedTuple):
    """A page of executions."""

    last_read: str | None
    """The ID of the last execution that was processed; None if there are no more."""
    found: Sequence[RetryTask]
    """Tasks for the selected messages whose last execution in the period is on this page."""
    sendable: Sequence[RetryTask]
    """Those of `found` whose request bodies are stored."""
    is_last: bool


class _Selected(NamedTuple):
    """A selected message."""

    task: RetryTask
    succeeded: bool
    """Whether the execution that the task names is a success."""


def read_page(search: Search, after: str | None, time_left: Callable[[], bool]) -> Page:
    """Process executions after this ID, oldest first, while time is left; at least one.

    A selected one takes one or two reads.
    """
    rows, last_read, processed = list(_read_executions(search, after)), None, 0
    found: list[RetryTask] = []
    sendable: list[RetryTask] = []
    for row in rows:
        last_read, processed = row.execution_id, processed + 1
        if selected := _select(search, row):
            found.append(selected.task)
            if _is_sendable(selected):
                sendable.append(selected.task)
        if not time_left():
            break
    return Page(last_read, found, sendable, is_last=processed == len(rows) < PAGE_SIZE)


def _read_executions(search: Search, after: str | None) -> Iterator[ExecutionRow]:
    """Read the next executions, oldest first: failures from their index, or all."""
    (since, until), only_failures = search.selection[:2], search.selection.status is Status.FAILURE
    source = ExecutionRow.failures if only_failures else ExecutionRow
    sort_key = ExecutionRow.failed_id if only_failures else ExecutionRow.execution_id
    names = ("executed_at", "failed_at") if only_failures else ("executed_at",)
    start = after and {"webhook_id": {"S": search.webhook_id}, **{name: {"S": after} for name in names}}
    bounds = sort_key.between(since, until)
    return iter(source.query(search.webhook_id, bounds, limit=PAGE_SIZE, last_evaluated_key=start or None))


def _select(search: Search, row: ExecutionRow) -> _Selected | None:
    """Select the execution's message.

    None if it is not selected, if a later execution in the period decides, or for a test.
    """
    selection = search.selection
    if row.trigger == Trigger.TEST or not selection.accepts(row.event_type):
        return None
    if selection.status is Status.SUCCESS and row.failed_id:
        return None
    queue_message_id = get_queue_message_id(row)
    attempts = list_attempts(row.webhook_id, row.message_id, since=row.execution_id)
    later = {each.execution_id: each for each in attempts if each.is_of(queue_message_id)}
    later.pop(row.execution_id, None)
    if any(_decides(selection, each) for each in later.values()):
        return None
    last = _find_last(search, row, later)
    if row.failed_id and last in later and later[last].success:
        return None
    task = RetryTask(row.webhook_id, row.message_id, last, Trigger.RESEND, skip_if_resent=True)
    succeeded = later[last].success if last in later else not row.failed_id
    return _Selected(task._replace(queue_message_id=queue_message_id), succeeded)


def _decides(selection: Selection, later: Attempt) -> bool:
    """Return whether a later execution of the message is in the period and of the selected kind."""
    is_selected = selection.status is not Status.FAILURE or not later.success
    return later.execution_id < selection.until and is_selected


def _find_last(search: Search, row: ExecutionRow, later: Mapping[str, Attempt]) -> str:
    """Return the ID of the message's last execution, which its task names.

    The sender ignores the task if the message has been sent since that. After a success, it is the last one before the
    recovery started: a page that is processed again after a crash must not find what it has sent.
    """
    known = [each for each in later if row.failed_id or each < search.started_at]
    return max(known, default=row.execution_id)


def _is_sendable(selected: _Selected) -> bool:
    """Return whether its details are stored, or those of a failure may still be pending log writes.

    The sender waits for pending log writes.
    """
    task = selected.task
    if selected.succeeded or task.execution_id <= compact_time(datetime.now(UTC) - MAX_LAG):
        return details.are_stored(task.webhook_id, task.execution_id)
    row = ExecutionRow.get(task.webhook_id, task.execution_id, consistent_read=True)
    return not row.erased and not row.details_not_stored
