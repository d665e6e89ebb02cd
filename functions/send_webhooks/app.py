"""Sends the webhooks of one SQS batch and logs their executions."""

from typing import Any

from aws_lambda_powertools import Logger

from hooklog.dead_letters import DeadLetterQueue
from hooklog.delivery import Courier
from hooklog.egress import EgressAdapter
from hooklog.log import ExecutionLog, connect
from hooklog.sending import Outcome, Sender
from hooklog.settings import SenderSettings

logger = Logger()
settings = SenderSettings.from_environment()
sender = Sender(
    Courier(EgressAdapter(), allow_http=settings.allow_http, capture_limit=settings.capture_limit_bytes),
    ExecutionLog(
        connect(),
        executions_table=settings.executions_table,
        details_table=settings.execution_details_table,
        execution_retention_days=settings.execution_retention_days,
        details_retention_days=settings.details_retention_days,
        details_of_all=settings.details_of_all,
    ),
    DeadLetterQueue(settings.dead_letter_queue_url).bury,
)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What comes back as a batch item failure is a fault of ours; a receiver's failure is an execution."""
    outcome = sender.send(event["Records"])
    report(outcome, context)
    return {"batchItemFailures": [{"itemIdentifier": queue_id} for queue_id in outcome.faults]}


def report(outcome: Outcome, context: Any) -> None:
    """Log one line for the batch, one for each failed execution, and one for each message that was not sent."""
    for execution in outcome.executions:
        if not (delivery := execution.delivery).success:
            logger.info(
                "failed execution",
                webhook_id=execution.webhook_id,
                message_id=delivery.message.message_id,
                execution_id=execution.execution_id,
                result=delivery.result,
                error_type=delivery.error and str(delivery.error.error_type),
            )
    for queue_id, reason in outcome.invalid:
        logger.warning("message moved to the dead-letter queue", queue_message_id=queue_id, reason=reason)
    for queue_id, cause in outcome.faults.items():
        logger.error("message goes back to the queue", queue_message_id=queue_id, cause=cause)
    logger.info(
        "batch",
        request_id=getattr(context, "aws_request_id", None),
        delivered=sum(execution.delivery.success for execution in outcome.executions),
        failed=sum(not execution.delivery.success for execution in outcome.executions),
        invalid=len(outcome.invalid),
        faults=len(outcome.faults),
    )
