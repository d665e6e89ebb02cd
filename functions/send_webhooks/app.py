"""The function that sends the webhooks of an SQS batch and logs their executions."""

from hooklog.startup import end_startup

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from hooklog.aws import Clients, connect_dynamodb
from hooklog.delivery.client import WebhookClient
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.executions.details import DetailsRow
from hooklog.executions.execution import DetailsOf, Execution
from hooklog.executions.log import Retention
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.trace import get_trace_id
from hooklog.metrics import NAMESPACE
from hooklog.queues.dead_letters import DeadLetterQueue, is_from_ordered_queue
from hooklog.queues.pending import PendingLogWrites
from hooklog.queues.retry_tasks import RetryQueue, RetryScheduler, SchedulerTarget
from hooklog.queues.waiting import WaitingMessages
from hooklog.sending.attempt import Dispatcher
from hooklog.sending.batch import Destinations, Sender
from hooklog.sending.failure_monitor import EventDestination, FailureMonitor
from hooklog.sending.fan_out import FannedOut, FanOut
from hooklog.sending.log_writer import LogWriter
from hooklog.sending.outcome import Outcome
from hooklog.sending.processor import NOT_SUBSCRIBED, MessageProcessor
from hooklog.sending.samples import compute_samples
from hooklog.settings import SenderSettings
from hooklog.webhooks.cache import WebhookCache
from hooklog.webhooks.encryption import KeyEncryption
from hooklog.webhooks.registry import read
from hooklog.webhooks.rows import WebhookRow

if TYPE_CHECKING:
    from hooklog.limits.limiter import RateLimiter
    from hooklog.sending.ordered_batch import OrderedSender

settings = SenderSettings.from_environment()
logger = Logger(sampling_rate=settings.debug_sample_rate or None)
metrics = Metrics(namespace=NAMESPACE)


def make_sender(settings: SenderSettings) -> Sender:
    """Create what outlives an invocation: connections, clients, threads."""
    connection, clients = connect_dynamodb(), Clients()
    ExecutionRow.attach(connection, settings.executions_table)
    DetailsRow.attach(connection, settings.execution_details_table)
    WebhookRow.attach(connection, settings.webhooks_table)
    adapter = EgressAdapter(Guard(settings.allowed_networks))
    client = WebhookClient(adapter, allow_http=settings.allow_http, capture_limit=settings.capture_limit_bytes)
    retention = Retention(settings.execution_retention_days, settings.details_retention_days, settings.message_index)
    pending = PendingLogWrites(clients, settings.unlogged_queue_url)
    retries = RetryQueue(clients, settings.queue_url)
    target = SchedulerTarget(
        settings.queue_url, settings.dead_letter_queue_arn, settings.scheduler_role_arn, settings.schedule_group
    )
    cache = WebhookCache(read, KeyEncryption(clients, settings.webhook_key))
    details_stored = settings.details_of is not DetailsOf.NONE
    dispatcher = Dispatcher(client, settings.retry_schedule, details_stored=details_stored)
    dead_letters = DeadLetterQueue(clients, settings.dead_letter_queue_url)
    waiting = WaitingMessages(clients, settings.queue_url)

    def make_limiter() -> "RateLimiter":
        from hooklog.limits.limiter import RateLimiter  # late: few webhooks have a rate limit
        from hooklog.limits.reservations import RateLimitRow, Reservations

        RateLimitRow.attach(connection, settings.recoveries_table)
        return RateLimiter(Reservations().reserve)

    topic, outbox = settings.events_topic_arn, settings.seen_webhooks_table
    events = EventDestination(clients, topic, connection, outbox, settings.execution_retention_days)
    return Sender(
        MessageProcessor(
            dispatcher,
            cache,
            FanOut(clients, settings.queue_url),
            make_limiter,
            message_index=settings.message_index,
        ),
        LogWriter(connection, retention, settings.details_of is DetailsOf.ALL, pending),
        Destinations(RetryScheduler(clients, retries, target), retries, dead_letters, waiting),
        FailureMonitor(cache, events, settings.disable_after_days),
        settings.batch_size,
    )


sender = make_sender(settings)
end_startup()


@cache
def get_ordered_sender() -> "OrderedSender":
    """Create the sender of the ordered queue at its first batch, because few deployments have ordered webhooks."""
    from hooklog.queues.ordered_queue import OrderedQueue
    from hooklog.sending.ordered import OrderedProcessor
    from hooklog.sending.ordered_batch import OrderedSender

    queue = OrderedQueue(Clients(), settings.ordered_queue_url)
    return OrderedSender(sender, OrderedProcessor(sender.processor), queue)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send a batch.

    Returns faults and messages without time left as batch item failures; receivers' are executions.
    """
    logger.refresh_sample_rate_calculation()
    records = event["Records"]
    is_ordered = is_from_ordered_queue(records[0])
    send = get_ordered_sender().send if is_ordered else sender.send
    outcome = send(records, lambda: context.get_remaining_time_in_millis() / 1000)
    report_fanned_out(outcome.fanned_out)
    report_disabled(outcome)
    report(outcome, context.aws_request_id)
    emit_metrics(outcome, 0 if is_ordered else len(records))
    return {"batchItemFailures": [{"itemIdentifier": queue_message_id} for queue_message_id in outcome.returned]}


def report(outcome: Outcome, request_id: str) -> None:
    """Log the batch, its delays, and each failure, dead letter and fault."""
    for execution in outcome.executions:
        if not execution.delivery.success:
            logger.info("failed execution", event="execution_failed", extra=build_log_fields(execution))
        elif settings.debug_sample_rate:
            logger.debug("delivered execution", event="execution_delivered", extra=build_log_fields(execution))
    for queue_message_id, reason in outcome.invalid:
        logger.warning(
            "message moved to the dead-letter queue",
            event="message_dead_lettered",
            queue_message_id=queue_message_id,
            reason=reason,
        )
    for queue_message_id, cause in outcome.faults.items():
        logger.error(
            "message returned to the queue", event="message_returned", queue_message_id=queue_message_id, cause=cause
        )
    report_delays(outcome)
    logger.info("batch", event="batch_processed", extra={"request_id": request_id, **count_outcome(outcome)})


def report_delays(outcome: Outcome) -> None:
    """Log what waits for DynamoDB, and why."""
    if outcome.pending:
        logger.warning(
            "log writes are pending", event="log_writes_pending", items=outcome.pending, cause=outcome.pending_cause
        )
    if outcome.postponed_cause:
        logger.warning("retries or resends wait for the log", event="tasks_postponed", cause=outcome.postponed_cause)
    if outcome.hold_cause:
        logger.warning("ordered messages may return late", event="messages_held_too_long", cause=outcome.hold_cause)
    if outcome.stale_cause:
        logger.warning("next attempt not cleared", event="next_attempt_not_cleared", cause=outcome.stale_cause)


def report_fanned_out(fanned_out: Sequence[FannedOut]) -> None:
    """Log each topic's message whose fan-out is complete."""
    for each in fanned_out:
        if each.complete:
            ids = {"topic": each.topic, "message_id": each.message_id}
            logger.info("message fanned out", event="message_fanned_out", extra={**ids, "webhooks": each.copies})


def report_disabled(outcome: Outcome) -> None:
    """Log disabled webhooks, unpublished events and any failure of the monitor."""
    for each in outcome.disabled:
        logger.info(
            "webhook disabled", event="webhook_disabled", extra={"webhook_id": each.webhook_id, "reason": each.reason}
        )
        if each.is_pending:
            logger.warning("event is pending", event="events_pending", pending=1, cause=each.unpublished)
        elif each.unpublished:
            logger.error(
                "event not published",
                event="event_not_published",
                extra={"webhook_id": each.webhook_id, "cause": each.unpublished},
            )
    if outcome.monitor_cause:
        logger.warning(
            "failing webhooks not noted", event="failing_webhooks_not_noted", extra={"cause": outcome.monitor_cause}
        )


def build_log_fields(execution: Execution) -> dict[str, Any]:
    """Build the fields of a log line: only IDs and types.

    Payloads belong in the log of executions, which masks and erases them.
    """
    delivery = execution.delivery
    return {
        "webhook_id": execution.webhook_id,
        "message_id": delivery.message.message_id,
        "event_type": delivery.message.event_type,
        "execution_id": execution.execution_id,
        "trigger": str(execution.trigger),
        "attempt": delivery.attempt,
        "result": delivery.result,
        "status_class": f"{delivery.result // 100}xx" if delivery.result else None,
        "error_type": delivery.error and str(delivery.error.error_type),
        "duration_ms": delivery.duration_ms,
        "queue_ms": execution.queue_ms,
        "trace_id": get_trace_id(delivery.message.headers),
    }


def emit_metrics(outcome: Outcome, messages: int) -> None:
    """Print the batch's metrics in CloudWatch's embedded metric format.

    Prints a line for each trigger, and one for all. `messages` is the number of messages of a batch of the webhook
    queue, of which BatchUtilisation is the share; 0 for one of the ordered queue.
    """
    for sample in compute_samples(outcome, messages, settings.batch_size):
        for metric, (first, *others) in sample.values.items():
            metrics.add_metric(metric, metric.unit, first)
            metrics.metric_set[metric]["Value"] += map(float, others)  # without checks of each value
        if sample.trigger:
            metrics.add_dimensions(service=metrics.service, trigger=str(sample.trigger))
        metrics.flush_metrics()


def count_outcome(outcome: Outcome) -> dict[str, int]:
    succeeded = sum(execution.delivery.success for execution in outcome.executions)
    skipped = sum(execution.delivery.skipped for execution in outcome.executions)
    return {
        "delivered": succeeded - skipped,
        "failed": len(outcome.executions) - succeeded,
        "skipped": skipped,
        "invalid": len(outcome.invalid),
        "ignored": len(outcome.ignored),
        "not_subscribed": outcome.ignored.count(NOT_SUBSCRIBED),
        "fanned_out": len(outcome.fanned_out),
        "unmatched": sum(each.complete and not each.copies for each in outcome.fanned_out),
        "disabled": len(outcome.disabled),
        "postponed": outcome.postponed,
        "waiting": outcome.waiting,
        "held": len(outcome.held),
        "unsent": len(outcome.unsent),
        "faults": len(outcome.faults),
    }
