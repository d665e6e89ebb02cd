"""Resend one logged execution."""

from hooklog.errors import Conflict
from hooklog.executions.details import are_kept
from hooklog.executions.execution import Trigger
from hooklog.executions.history import find
from hooklog.executions.rows import accepted_id
from hooklog.queues.retry_tasks import RetryQueue, RetryTask


def resend(webhook_id: str, execution_id: str, retries: RetryQueue) -> str:
    """Put it on the queue; returns its message's id. Raises NotFound, Conflict, NotQueued."""
    row = find(webhook_id, execution_id)
    if row.trigger == Trigger.TEST:
        raise Conflict("a test is not sent again: test the webhook once more")
    if row.erased or not are_kept(webhook_id, execution_id):
        raise Conflict("there is nothing to send: no request body is kept for this execution")
    task = RetryTask(webhook_id, row.message_id, execution_id, Trigger.RESEND, once=False)
    retries.put({task._replace(queue_message_id=accepted_id(row)): 0})
    return str(row.message_id)
