"""Resending of one logged execution."""

import secrets

from hooklog.errors import Conflict
from hooklog.executions.details import are_stored
from hooklog.executions.execution import Trigger
from hooklog.executions.history import get_row
from hooklog.executions.rows import get_queue_message_id
from hooklog.queues.retry_tasks import RetryQueue, RetryTask


def resend(webhook_id: str, execution_id: str, retries: RetryQueue) -> str:
    """Queue a resend; return the message ID. Raises NotFound, Conflict, NotQueued."""
    row = get_row(webhook_id, execution_id)
    if row.trigger == Trigger.TEST:
        raise Conflict("a test cannot be resent; test the webhook again")
    if row.erased or not are_stored(webhook_id, execution_id):
        raise Conflict("this execution cannot be resent, because its request body is not stored")
    task = RetryTask(
        webhook_id,
        row.message_id,
        execution_id,
        Trigger.RESEND,
        skip_if_resent=False,
        queue_message_id=get_queue_message_id(row),
        request_id=f"resend_{secrets.token_hex(12)}",
    )
    retries.put({task: 0})
    return str(row.message_id)
