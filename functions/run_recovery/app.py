"""Carries recoveries out, a stretch at a time."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.api import recovery
from hooklog.executions.tables import DetailsRow, ExecutionRow, connect
from hooklog.queues.clients import Clients
from hooklog.queues.repeats import RepeatQueue
from hooklog.settings import RunRecoverySettings

logger = Logger()
settings = RunRecoverySettings.from_environment()
connection, clients = connect(), Clients()
ExecutionRow.attach(connection, settings.executions_table)
DetailsRow.attach(connection, settings.execution_details_table)
recovery.RecoveryRow.attach(connection, settings.recoveries_table)
repeats = RepeatQueue(clients, settings.queue_url)
queue = recovery.RecoveryQueue(clients, settings.recovery_queue_url)

RESERVE_MILLISECONDS = 20_000
"""Enough for one more failure, for what was looked at to be queued and saved, and for the message that goes on."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """One recovery an invocation. Whatever fails is delivered again and goes on where its state was last saved."""
    for record in event["Records"]:
        order = json.loads(record["body"])
        ids = order["webhook_id"], order["recovery_id"]
        ended = recovery.run(*ids, repeats, lambda: context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS)
        if not ended:
            queue.put(*ids)
        logger.info("recovery", webhook_id=ids[0], recovery_id=ids[1], ended=ended)
