"""The function that counts the executions of the log's stream and raises events."""

from hooklog.startup import end_startup

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from hooklog.aws import CONCURRENT_CALLS, Clients, connect_dynamodb
from hooklog.errors import NotCounted
from hooklog.events.publisher import EventPublisher, Observed, Published
from hooklog.events.topic import EventTopic
from hooklog.settings import CountExecutionsSettings
from hooklog.statistics.counts import CountsRow
from hooklog.statistics.seen import SeenRow
from hooklog.statistics.stream import Batch, Recorded, parse, record

logger = Logger()
settings = CountExecutionsSettings.from_environment()
connection = connect_dynamodb()
CountsRow.attach(connection, settings.execution_counts_table)
SeenRow.attach(connection, settings.seen_webhooks_table)

topic = EventTopic(Clients(), settings.events_topic_arn)

RESERVE_SECONDS = 20.0
"""Enough for the calls that are running to time out, and to log the batch."""
end_startup()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count the executions of a batch.

    Raises NotCounted if some could not be counted. Lambda then delivers the batch again, and those that were counted
    are not counted again. The state is only returned because a tumbling window requires one.
    """

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)

    batch = parse(event)
    recorded = record(batch, settings.execution_retention_days, lambda: seconds_left() > 0)
    now = datetime.now(UTC)
    with ThreadPoolExecutor(CONCURRENT_CALLS) as pool:
        publisher = EventPublisher(topic, pool)
        observed = publisher.observe(recorded.hours, recorded.rows, now, seconds_left)
        published = publisher.publish(observed.webhooks, now, seconds_left)
    report(batch, recorded)
    report_events(observed, published)
    if recorded.causes or observed.must_come_again:
        raise NotCounted(f"{recorded.causes.total() + observed.causes.total()} calls of DynamoDB failed")
    return {"state": {}}


def report(batch: Batch, recorded: Recorded) -> None:
    """Log the batch, its invalid records, and why calls failed."""
    if batch.invalid:
        event_id, cause = next(iter(batch.invalid.items()))
        logger.error(
            "stream records that are no executions",
            event="stream_records_invalid",
            extra={"records": len(batch.invalid), "event_id": event_id, "cause": cause},
        )
    for cause, calls in recorded.causes.items():
        logger.error("executions not counted", event="executions_not_counted", extra={"calls": calls, "cause": cause})
    logger.info("batch", event="batch_counted", extra=count_records(batch, recorded))


def report_events(observed: Observed, published: Published) -> None:
    """Log what could not be raised or published, and how many events were published."""
    for cause, webhooks in observed.causes.items():
        logger.error("events not raised", event="events_not_raised", extra={"webhooks": webhooks, "cause": cause})
    if published.pending:
        logger.warning("events are pending", event="events_pending", pending=published.pending, cause=published.cause)
    if published.published:
        logger.info("events published", event="events_published", extra={"published": published.published})


def count_records(batch: Batch, recorded: Recorded) -> dict[str, int]:
    executions = sum(map(len, batch.hours.values()))
    written = sum(len(batch.hours[each.webhook_id, each.hour]) for each in recorded.hours)
    added = sum(each.added for each in recorded.hours)
    return {
        "executions": executions,
        "counted": added,
        "already_counted": written - added,
        "not_counted": executions - written,
        "hours": len(batch.hours),
        "webhooks_listed": recorded.listed,
        "invalid": len(batch.invalid),
        "ignored": batch.ignored,
    }
