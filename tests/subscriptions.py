"""Queues that are subscribed to the deployed stack's events."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from hooklog.events.event import Event, build_disabled
from local import aws
from local.deployment import read_stack_outputs
from tests.event_schemas import check_event
from tests.stack_changes import physical_id


@contextmanager
def event_queue(webhook_id: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Yield a function that returns this webhook's events that it has not returned before, and checks them.

    They come from a queue whose subscription filters by the webhook's ID. Like any subscriber, it ignores an event that
    arrives again, with the same `event_id`.
    """
    sqs, sns = aws.client("sqs"), aws.client("sns")
    url = sqs.create_queue(QueueName=webhook_id.replace(".", "-"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = read_stack_outputs()["WebhookEventsTopicArn"]
    sns_puts = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Statement": [{**sns_puts, "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    attributes = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"webhook_id": [webhook_id]})}
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes, ReturnSubscriptionArn=True
    )

    seen: set[str] = set()

    def read_events() -> list[dict[str, Any]]:
        waiting = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        events = [json.loads(message["Body"]) for message in waiting]
        for message, event in zip(waiting, events, strict=True):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            check_event(event)
            assert event["webhook_id"] == webhook_id
        new = {event["event_id"]: event for event in events if event["event_id"] not in seen}
        seen.update(new)
        return list(new.values())

    yield read_events
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


def add_pending_event(webhook_id: str) -> Event:
    """Add a pending event of a webhook that has no row yet."""
    event = build_disabled(webhook_id, "gone", datetime.now(UTC))
    texts = {"webhook_id": webhook_id, "outbox": "pending", "due_at": event["at"]}
    events = json.dumps([{"event": event, "due_at": event["at"]}])
    item = {name: {"S": text} for name, text in {**texts, "pending_events": events}.items()}
    item |= {"outbox_version": {"N": "1"}, "expires_at": {"N": "4000000000"}}
    aws.client("dynamodb").put_item(TableName=physical_id("SeenWebhooks"), Item=item)
    return event


def read_pending_types(webhook_id: str) -> list[str]:
    """Read the types of a webhook's pending events."""
    key = {"webhook_id": {"S": webhook_id}}
    row = aws.client("dynamodb").get_item(TableName=physical_id("SeenWebhooks"), Key=key).get("Item", {})
    assert ("pending_events" in row) == ("outbox" in row)
    return [each["event"]["type"] for each in json.loads(row.get("pending_events", {"S": "[]"})["S"])]
