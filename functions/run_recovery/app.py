"""Carries recoveries out, a stretch at a time."""

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
"""Enough for one more failure, for what was looked at to be queued and saved, and for the message that goes on."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """One recovery an invocation. Whatever fails is delivered again and goes on where its state was last saved."""
    for record in event["Records"]:
        try:
            task = recovery.RecoveryTask.parse(record["body"])
        except InvalidMessage as invalid:
            bury(record, str(invalid))
            continue
        ids = task.webhook_id, task.recovery_id
        ended = recovery.run(*ids, retries, lambda: context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS)
        if not ended:
            let_it_go_on(record, task._replace(runs=task.runs + 1))
        logger.info("recovery", event="recovery_run", webhook_id=ids[0], recovery_id=ids[1], ended=ended)


def let_it_go_on(record: Mapping[str, Any], task: recovery.RecoveryTask) -> None:
    """By another run, unless it has had all that it may have; a redrive lets it begin to count again."""
    if task.runs < recovery.MAX_RUNS:
        queue.put(task)
    else:
        reason = f"the recovery has not ended after {task.runs:,} runs: redrive it to let it go on"
        bury({**record, "body": task._replace(runs=0).to_body()}, reason)


def bury(record: Mapping[str, Any], reason: str) -> None:
    dead_letters.send(record, reason)
    logger.error(
        "recovery moved to the dead-letter queue",
        event="recovery_dead_lettered",
        queue_message_id=record["messageId"],
        reason=reason,
    )
