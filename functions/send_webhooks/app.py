"""Sends the webhooks of one SQS batch and logs their executions."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from hooklog.aws import Clients, connect
from hooklog.delivery.courier import Courier
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.executions.details import DetailsRow
from hooklog.executions.execution import DetailsOf, Execution
from hooklog.executions.log import Retention
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.trace import trace_id
from hooklog.metrics import NAMESPACE
from hooklog.queues.dead_letters import DeadLetterQueue
from hooklog.queues.repeats import RepeatQueue, RetryTimer, SchedulerTarget
from hooklog.queues.unlogged import UnloggedQueue
from hooklog.sending.archive import Archive
from hooklog.sending.attempt import Dispatcher
from hooklog.sending.batch import Outcome, Sender, WaysOn
from hooklog.sending.disabling import EventTopic, Watch
from hooklog.sending.processor import NOT_SUBSCRIBED, MessageProcessor
from hooklog.sending.samples import samples
from hooklog.sending.topics import Published, Publisher
from hooklog.settings import SenderSettings
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.registry import read
from hooklog.webhooks.rows import WebhookRow

settings = SenderSettings.from_environment()
logger = Logger(sampling_rate=settings.debug_sample_rate or None)
metrics = Metrics(namespace=NAMESPACE)


def make_sender(settings: SenderSettings) -> Sender:
    """Everything that outlives an invocation: connections, clients, threads."""
    connection, clients = connect(), Clients()
    ExecutionRow.attach(connection, settings.executions_table)
    DetailsRow.attach(connection, settings.execution_details_table)
    WebhookRow.attach(connection, settings.webhooks_table)
    adapter = EgressAdapter(Guard(settings.allowed_networks))
    courier = Courier(adapter, allow_http=settings.allow_http, capture_limit=settings.capture_limit_bytes)
    retention = Retention(settings.execution_retention_days, settings.details_retention_days)
    unlogged = UnloggedQueue(clients, settings.unlogged_queue_url)
    repeats = RepeatQueue(clients, settings.queue_url)
    target = SchedulerTarget(
        settings.queue_url, settings.dead_letter_queue_arn, settings.scheduler_role_arn, settings.schedule_group
    )
    cache = WebhookCache(read, KeyEncryption(clients, settings.webhook_key))
    details_stored = settings.details_of is not DetailsOf.NONE
    dispatcher = Dispatcher(courier, settings.retry_schedule, details_stored=details_stored)
    return Sender(
        MessageProcessor(dispatcher, cache, Publisher(clients, settings.queue_url)),
        Archive(connection, retention, settings.details_of is DetailsOf.ALL, unlogged),
        WaysOn(RetryTimer(clients, repeats, target), repeats, DeadLetterQueue(clients, settings.dead_letter_queue_url)),
        Watch(cache, EventTopic(clients, settings.events_topic_arn), settings.disable_after_days),
        settings.batch_size,
    )


sender = make_sender(settings)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch item failure is a fault of ours, or a message without time left; a receiver's failure is an execution."""
    logger.refresh_sample_rate_calculation()
    outcome = sender.send(event["Records"], lambda: context.get_remaining_time_in_millis() / 1000)
    report_published(outcome.published)
    report_switched_off(outcome)
    report(outcome, context.aws_request_id)
    count(outcome, len(event["Records"]))
    returned = [*outcome.faults, *outcome.unsent]
    return {"batchItemFailures": [{"itemIdentifier": queue_message_id} for queue_message_id in returned]}


def report(outcome: Outcome, request_id: str) -> None:
    """Log a line for the batch, one for each failed execution, dead letter and fault, and one where the log lags."""
    for execution in outcome.executions:
        if not execution.delivery.success:
            logger.info("failed execution", extra=line(execution))
        elif settings.debug_sample_rate:
            logger.debug("delivered execution", extra=line(execution))
    for queue_message_id, reason in outcome.invalid:
        logger.warning("message moved to the dead-letter queue", queue_message_id=queue_message_id, reason=reason)
    for queue_message_id, cause in outcome.faults.items():
        logger.error("message goes back to the queue", queue_message_id=queue_message_id, cause=cause)
    if outcome.unlogged:
        logger.warning("log lags behind", items=outcome.unlogged, cause=outcome.unlogged_cause)
    if outcome.stale_cause:
        logger.warning("next attempt not taken back", cause=outcome.stale_cause)
    logger.info("batch", extra={"request_id": request_id, **counts(outcome)})


def report_published(published: Sequence[Published]) -> None:
    """Log a line for each topic's message that has been copied for the last of its webhooks."""
    for each in published:
        if each.complete:
            ids = {"topic": each.topic, "message_id": each.message_id}
            logger.info("message published", extra={**ids, "webhooks": each.copies})


def report_switched_off(outcome: Outcome) -> None:
    """Log a line for each webhook that was switched off, and one where nobody could be told or it could not be kept."""
    for each in outcome.switched_off:
        logger.info("webhook switched off", extra={"webhook_id": each.webhook_id, "reason": each.reason})
        if each.untold:
            logger.error("event not published", extra={"webhook_id": each.webhook_id, "cause": each.untold})
    if outcome.unwatched_cause:
        logger.warning("failing webhooks not noted", extra={"cause": outcome.unwatched_cause})


def line(execution: Execution) -> dict[str, Any]:
    """Ids and kinds alone: what was sent and answered is in the log of executions."""
    delivery = execution.delivery
    return {
        "webhook_id": execution.webhook_id,
        "message_id": delivery.message.message_id,
        "execution_id": execution.execution_id,
        "trigger": str(execution.trigger),
        "attempt": delivery.attempt,
        "result": delivery.result,
        "status_class": f"{delivery.result // 100}xx" if delivery.result else None,
        "error_type": delivery.error and str(delivery.error.error_type),
        "duration_ms": delivery.duration_ms,
        "queue_ms": execution.queue_ms,
        "trace_id": trace_id(delivery.message.headers),
    }


def count(outcome: Outcome, messages: int) -> None:
    """Print the batch's metrics in CloudWatch's embedded metric format: a line for each trigger, and one for all."""
    for sample in samples(outcome, messages, settings.batch_size):
        for metric, values in sample.values.items():
            for value in values:
                metrics.add_metric(metric, metric.unit, value)
        if sample.trigger:
            metrics.add_dimensions(service=metrics.service, trigger=str(sample.trigger))
        metrics.flush_metrics()


def counts(outcome: Outcome) -> dict[str, int]:
    succeeded = sum(execution.delivery.success for execution in outcome.executions)
    skipped = sum(execution.delivery.skipped for execution in outcome.executions)
    return {
        "delivered": succeeded - skipped,
        "failed": len(outcome.executions) - succeeded,
        "skipped": skipped,
        "invalid": len(outcome.invalid),
        "settled": len(outcome.settled),
        "not_subscribed": outcome.settled.count(NOT_SUBSCRIBED),
        "published": len(outcome.published),
        "unmatched": sum(each.complete and not each.copies for each in outcome.published),
        "switched_off": len(outcome.switched_off),
        "deferred": outcome.deferred,
        "unsent": len(outcome.unsent),
        "faults": len(outcome.faults),
    }
