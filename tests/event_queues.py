"""Queues that are subscribed to the mock AWS's events."""

import json
from typing import Any

from tests.aws import MockAws
from tests.event_schemas import check_event


def subscribe(aws: MockAws, name: str, **policy: Any) -> None:
    """Subscribe a queue, with a filter policy if there is one."""
    url = aws.sqs.create_queue(QueueName=name)["QueueUrl"]
    aws.refs[name] = url
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    attributes = {"RawMessageDelivery": "true"} | ({"FilterPolicy": json.dumps(policy)} if policy else {})
    aws.sns.subscribe(TopicArn=aws.refs["WebhookEvents"], Protocol="sqs", Endpoint=arn, Attributes=attributes)


def received(aws: MockAws, queue: str = "all") -> list[dict[str, Any]]:
    """Return the events that a queue has got since the last call."""
    events: list[dict[str, Any]] = []
    while messages := aws.messages(queue):
        events += [json.loads(message["Body"]) for message in messages]
    for event in events:
        check_event(event)
    return events
