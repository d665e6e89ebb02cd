"""A webhook with more executions than its DynamoDB partition takes: its log lags, and nothing else changes."""

from collections import Counter
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.aws import MockAws
from tests.events import sqs_event
from tests.faults import FaultyService, half_processed, limited_partitions, throttled, unprocessed
from tests.receiver import Receiver

CONTEXT = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 60_000)
BATCHES, BATCH = 3, 10
PARTITION_WRITES = 4
"""Per second; DynamoDB's partitions take a thousand."""


@pytest.fixture
def app(aws: MockAws, dynamodb: FaultyService, receiver: Receiver) -> ModuleType:
    receiver.reset()
    return aws.start("SendWebhooksFunction", ALLOW_HTTP="true")


def message(receiver: Receiver, webhook_id: str, number: int) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "message_id": f"{webhook_id}-{number}",
        "url": receiver.url("/status/200"),
        "payload": {},
    }


def handle(app: ModuleType, event: dict[str, Any]) -> set[str]:
    """Return the IDs of the queue messages that return to their queue."""
    response = app.lambda_handler(event, CONTEXT)
    return {failure["itemIdentifier"] for failure in response["batchItemFailures"]}


def drain(aws: MockAws) -> Counter[str]:
    """Write pending items until there are none. Return how many there were of each message group."""
    writer, groups = aws.start("LogUnloggedFunction"), Counter[str]()
    left: list[dict[str, Any]] = []
    while left or aws.waiting("UnloggedExecutions"):
        if not left:
            left = aws.take("UnloggedExecutions")["Records"]
            groups.update(record["attributes"]["MessageGroupId"] for record in left)
        failed = handle(writer, {"Records": left})
        left = [record for record in left if record["messageId"] in failed]
    return groups


def test_the_log_of_a_hot_webhook_lags_and_that_of_others_does_not(
    app: ModuleType, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
) -> None:
    """Ten to one: each batch also has a message for a webhook that is not hot."""
    with dynamodb.breaking(limited_partitions(dynamodb, PARTITION_WRITES)):
        for batch in range(BATCHES):
            hot = [message(receiver, "acme.hot", batch * BATCH + number) for number in range(BATCH)]
            assert handle(app, sqs_event(*hot, message(receiver, f"acme.other{batch}", 0))) == set()
        logged = Counter(row["webhook_id"]["S"] for row in aws.rows("Executions"))
        assert logged.total() - logged["acme.hot"] == BATCHES
        assert logged["acme.hot"] < BATCHES * BATCH
        assert drain(aws) == {"acme.hot": BATCHES * BATCH - logged["acme.hot"]}
    rows = Counter(row["message_id"]["S"] for row in aws.rows("Executions"))
    requests = Counter(request.header("webhook-id") for request in receiver.requests)
    assert rows == requests
    assert set(rows.values()) == {1}
    assert rows.total() == BATCHES * (BATCH + 1)


def test_a_sender_resends_throttled_items_only_briefly(
    app: ModuleType, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
) -> None:
    """The pauses double from at most 0.05 s, so five requests take up half a second, and eight the writer's four."""
    with dynamodb.breaking(unprocessed):
        assert handle(app, sqs_event(message(receiver, "acme.hot", 1))) == set()
        assert dynamodb.calls["BatchWriteItem"] <= 5
    assert aws.waiting("UnloggedExecutions") == 1


def test_items_that_were_written_before_a_partition_was_full_do_not_wait(
    app: ModuleType, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
) -> None:
    """They would be written twice, to a partition that has no room. A busy machine may log the batch in two groups."""
    faults = iter([half_processed(dynamodb, 1)])
    event = sqs_event(*(message(receiver, "acme.hot", number) for number in range(BATCH)))
    with dynamodb.breaking(lambda request: next(faults, throttled)(request)):
        assert handle(app, event) == set()
    written, waiting = len(aws.rows("Executions")), aws.waiting("UnloggedExecutions")
    assert written > 0
    assert written + waiting == BATCH
