"""The function that publishes events that SNS refused or that were deferred, and those of client certificates."""

from hooklog.startup import end_startup

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from hooklog.aws import CONCURRENT_CALLS, Clients, connect_dynamodb
from hooklog.events import certificates
from hooklog.events.publisher import EventPublisher
from hooklog.events.topic import EventTopic
from hooklog.metrics import NAMESPACE, Metric
from hooklog.settings import PublishEventsSettings
from hooklog.statistics.seen import SeenRow
from hooklog.webhooks.certificate_rows import CertificateRow

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
settings = PublishEventsSettings.from_environment()
connection = connect_dynamodb()
SeenRow.attach(connection, settings.seen_webhooks_table)
CertificateRow.attach(connection, settings.webhooks_table)
topic = EventTopic(Clients(), settings.events_topic_arn)

RESERVE_SECONDS = 10.0
"""Enough to remove a page of published events from the outbox."""
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Scheduler passes it
    """Publish the events that are due. What is left waits for the next run."""

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)

    now = datetime.now(UTC)
    with ThreadPoolExecutor(CONCURRENT_CALLS) as pool:
        result = EventPublisher(topic, pool).publish_due(now, seconds_left)
    if not result.has_stopped:
        result = result.add(certificates.publish_due(topic, now, seconds_left))
    if result.published:
        logger.info("events published", event="events_published", extra={"published": result.published})
    if result.cause:
        logger.warning("events are pending", event="events_pending", pending=result.pending, cause=result.cause)
    if result.waiting_since:
        age = (now - datetime.fromisoformat(result.waiting_since)).total_seconds()
        metrics.add_metric(Metric.EVENT_AGE, Metric.EVENT_AGE.unit, age)
        metrics.flush_metrics()
