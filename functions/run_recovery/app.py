"""The function that runs recoveries, a page at a time."""

from hooklog.startup import end_startup

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.aws import Clients, connect_dynamodb
from hooklog.errors import InvalidMessage
from hooklog.executions.details import DetailsRow
from hooklog.executions.rows import ExecutionRow
from hooklog.queues.dead_letters import DeadLetterQueue
from hooklog.queues.retry_tasks import RetryQueue
from hooklog.sending import recovery
from hooklog.settings import RunRecoverySettings

logger = Logger()
settings = RunRecoverySettings.from_environment()
connection, clients = connect_dynamodb(), Clients()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
recovery.RecoveryRow.attach(connection, settings.recoveries_table)
retries = RetryQueue(clients, settings.queue_url)
queue = recovery.RecoveryQueue(clients, settings.recovery_queue_url)
dead_letters = DeadLetterQueue(clients, settings.dead_letter_queue_url)

RESERVE_MILLISECONDS = 20_000
"""Enough to process one more execution, to queue and save its page, and to queue the continuation."""
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Run a recovery.

    If it fails, the queue redelivers it and it continues from its last saved state.
    """
    for record in event["Records"]:
        try:
            task = recovery.RecoveryTask.parse(record["body"])
        except InvalidMessage as invalid:
            send_to_dlq(record, str(invalid))
            continue
        ids = task.webhook_id, task.recovery_id
        run = recovery.run(*ids, retries, lambda: context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS)
        if not run.ended:
            queue_continuation(record, task._replace(runs=task.runs + 1))
        fields = {"webhook_id": ids[0], "recovery_id": ids[1], "ended": run.ended, **run.progress}
        logger.info("recovery", event="recovery_run", **fields)


def queue_continuation(record: Mapping[str, Any], task: recovery.RecoveryTask) -> None:
    """Queue another run, or a dead letter after MAX_RUNS. A redrive resets the count."""
    if task.runs < recovery.MAX_RUNS:
        queue.put(task)
    else:
        reason = f"the recovery has not ended after {task.runs:,} runs. Redrive it to continue"
        send_to_dlq({**record, "body": task._replace(runs=0).to_body()}, reason)


def send_to_dlq(record: Mapping[str, Any], reason: str) -> None:
    dead_letters.send(record, reason)
    logger.error(
        "recovery moved to the dead-letter queue",
        event="recovery_dead_lettered",
        queue_message_id=record["messageId"],
        reason=reason,
    )
