"""Counted executions raise events, which reach the subscribers of an SNS topic."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Lock
from types import ModuleType
from typing import Any

import pytest

from tests.aws import MockAws
from tests.event_queues import received, subscribe
from tests.events import sqs_event
from tests.faults import Fault, FaultyService, failing, losing_responses
from tests.logs import logged_events
from tests.proxy import AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.stream import Image, Shard, failure, image
from tests.webhooks import CONTEXT, ID, Api, history, send

pytestmark = pytest.mark.usefixtures("within_an_hour")


@pytest.fixture
def counter(aws: MockAws) -> ModuleType:
    return aws.start("CountExecutionsFunction")


@pytest.fixture
def publisher(aws: MockAws) -> ModuleType:
    return aws.start("PublishEventsFunction")


@pytest.fixture(autouse=True)
def _subscribed(aws: MockAws) -> None:
    subscribe(aws, "all")


def types(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["type"] for event in events)


def pending(aws: MockAws) -> list[dict[str, Any]]:
    rows = [row for row in aws.rows("SeenWebhooks") if "pending_events" in row]
    assert all(("outbox" in row) == ("pending_events" in row) for row in aws.rows("SeenWebhooks"))
    return [each["event"] for row in rows for each in json.loads(row["pending_events"]["S"])]


SHARD = Shard()


def tally(counter: ModuleType, *items: Image, shard: Shard = SHARD) -> None:
    """Count new executions."""
    assert counter.lambda_handler(shard.event(shard.records(*items)), CONTEXT) == {"state": {}}


def failures(number: int = 3, hours_ago: float = 0, **fields: Any) -> list[Image]:
    return [failure(at=datetime.now(UTC) - timedelta(hours=hours_ago), **fields) for _ in range(number)]


def successes(number: int = 4, hours_ago: float = 0, **fields: Any) -> list[Image]:
    return [image(at=datetime.now(UTC) - timedelta(hours=hours_ago), **fields) for _ in range(number)]


EXHAUSTED: dict[str, Any] = {"exhausted": {"BOOL": True}}


class TestEvents:
    def test_a_webhook_that_fails_and_recovers_raises_two_events(self, aws: MockAws, counter: ModuleType) -> None:
        tally(counter, *failures(2))
        assert received(aws) == []
        tally(counter, *failures(1))
        (failing,) = received(aws)
        assert (failing["type"], failing["webhook_id"]) == ("webhook.failing", ID)
        assert (failing["attempts"], failing["failed"]) == (3, 3)
        tally(counter, *failures(3))
        assert received(aws) == []
        tally(counter, *successes(7))
        (recovered,) = received(aws)
        assert (recovered["type"], recovered["failing_since"]) == ("webhook.recovered", failing["hour"])
        assert (pending(aws), received(aws)) == ([], [])

    def test_a_webhook_that_flaps_within_an_hour_raises_one_event_of_each_type(
        self, aws: MockAws, counter: ModuleType, publisher: ModuleType
    ) -> None:
        for _ in range(3):
            tally(counter, *failures(30))
            tally(counter, *successes(40))
        publisher.lambda_handler({}, CONTEXT)
        assert types(received(aws)) == ["webhook.failing", "webhook.recovered"]

    def test_an_exhausted_message_raises_an_event_once_an_hour(self, aws: MockAws, counter: ModuleType) -> None:
        hard: dict[str, Any] = {
            "hard_error": {"BOOL": True},
            "error_type": {"S": "read_timeout"},
            "event_type": {"S": "order.paid"},
        }
        first, second, third = failures(**EXHAUSTED)
        first |= {**hard, "result": {"N": "0"}}
        tally(counter, first, second)
        tally(counter, third)
        event, _ = sorted(received(aws), key=lambda event: str(event["type"]))
        assert event["execution_id"] == first["executed_at"]["S"]
        assert (event["result"], event["error_type"], event["event_type"]) == (0, "read_timeout", "order.paid")

    @pytest.mark.parametrize(
        "attributes",
        [
            {"trigger": {"S": "test"}},
            {"hard_error": {"BOOL": True}, "error_type": {"S": "disabled_webhook"}},
            {"hard_error": {"BOOL": True}, "error_type": {"S": "unknown_webhook"}},
        ],
    )
    def test_tests_and_messages_that_nobody_expects_raise_nothing(
        self, aws: MockAws, counter: ModuleType, attributes: Image
    ) -> None:
        tally(counter, *failures(20, **attributes, **EXHAUSTED))
        assert received(aws) == []

    def test_a_transformation_error_exhausts_a_message_but_is_no_attempt(
        self, aws: MockAws, counter: ModuleType
    ) -> None:
        failed: Image = {"hard_error": {"BOOL": True}, "error_type": {"S": "transformation_error"}}
        tally(counter, *failures(20, **failed, **EXHAUSTED))
        assert types(received(aws)) == ["message.exhausted"]

    def test_filter_policies_select_by_type_and_webhook(self, aws: MockAws, counter: ModuleType) -> None:
        subscribe(aws, "failing", type=["webhook.failing"])
        subscribe(aws, "shop", webhook_id=["shop.orders"])
        subscribe(aws, "acme-failing", type=["webhook.failing"], webhook_id=[{"prefix": "acme."}])
        tally(counter, *failures(webhook_id="acme.orders", **EXHAUSTED), *failures(webhook_id="shop.orders"))
        got = {name: received(aws, name) for name in ("failing", "shop", "acme-failing")}
        assert [sorted((each["type"], each["webhook_id"]) for each in events) for events in got.values()] == [
            [("webhook.failing", "acme.orders"), ("webhook.failing", "shop.orders")],
            [("webhook.failing", "shop.orders")],
            [("webhook.failing", "acme.orders")],
        ]

    def test_many_webhooks_at_once_raise_an_event_each(self, aws: MockAws, counter: ModuleType) -> None:
        tally(counter, *(item for n in range(25) for item in failures(webhook_id=f"acme.{n}")))
        assert sorted(event["webhook_id"] for event in received(aws)) == sorted(f"acme.{n}" for n in range(25))
        assert pending(aws) == []

    def test_a_webhook_that_succeeds_costs_no_call_for_its_events(
        self, aws: MockAws, dynamodb: FaultyService, sns: FaultyService
    ) -> None:
        counter = aws.start("CountExecutionsFunction")
        tally(counter, *successes(), *failures(2))
        calls = {"UpdateItem": 2, "BatchGetItem": 1}
        assert (dynamodb.calls, sns.calls.total()) == (calls, 0)

    def test_real_messages_raise_events(self, aws: MockAws, api: Api, receiver: Receiver, counter: ModuleType) -> None:
        """Three messages exhaust their retries; then the receiver works again."""
        receiver.reset()
        api.put(url=receiver.url("/sequence/s", codes="500,500,500,200,200,200,200"), enabled=True)
        sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
        for _ in range(3):
            send(sender, {})
        tally(counter, *history(aws))
        assert types(received(aws)) == ["message.exhausted", "webhook.failing"]
        for _ in range(4):
            sender.lambda_handler(sqs_event({"webhook_id": ID, "payload": {}}), CONTEXT)
        tally(counter, *history(aws)[3:])
        assert types(received(aws)) == ["webhook.recovered"]

    def test_an_event_contains_no_content_of_a_message(
        self, aws: MockAws, api: Api, receiver: Receiver, counter: ModuleType
    ) -> None:
        receiver.reset()
        secrets = {"payload": {"order": "private-1742"}, "headers": {"Authorization": "private-token"}}
        api.put(url=receiver.url("/status/500/private-path"), enabled=True)
        sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
        send(sender, *[secrets] * 3)
        tally(counter, *history(aws))
        events = received(aws)
        assert types(events) == ["message.exhausted", "webhook.failing"]
        assert "private" not in json.dumps(events)


class TestHours:
    def test_hours_that_were_counted_late_raise_their_events_in_order(self, aws: MockAws, counter: ModuleType) -> None:
        """The function was down for hours: one batch has all of them."""
        tally(counter, *failures(hours_ago=5), *successes(hours_ago=4), *failures(hours_ago=2))
        first, second = sorted(received(aws), key=lambda event: str(event["hour"]))
        assert (first["type"], second["type"]) == ("webhook.failing", "webhook.recovered")
        (deferred,) = pending(aws)
        assert deferred["type"] == "webhook.failing"
        tally(counter, *successes(hours_ago=1))
        assert (pending(aws), received(aws)) == ([], [])

    def test_a_deferred_event_is_published_by_the_schedule_once_it_is_due(
        self, aws: MockAws, counter: ModuleType, publisher: ModuleType
    ) -> None:
        tally(counter, *failures(hours_ago=5), *successes(hours_ago=4), *failures(hours_ago=2))
        assert len(received(aws)) == 2
        publisher.lambda_handler({}, CONTEXT)
        assert received(aws) == []
        make_due(aws)
        publisher.lambda_handler({}, CONTEXT)
        assert types(received(aws)) == ["webhook.failing"]
        publisher.lambda_handler({}, CONTEXT)
        assert (pending(aws), received(aws)) == ([], [])

    def test_old_hours_raise_nothing(self, aws: MockAws, counter: ModuleType) -> None:
        tally(counter, *failures(20, hours_ago=26, **EXHAUSTED))
        assert (received(aws), pending(aws)) == ([], [])

    def test_late_failures_of_an_hour_do_not_hide_that_the_webhook_works(
        self, aws: MockAws, counter: ModuleType
    ) -> None:
        """Its history is complete: it failed, and has recovered since."""
        tally(counter, *successes(hours_ago=1), *successes())
        tally(counter, *failures(hours_ago=3))
        events = sorted(received(aws), key=lambda event: str(event["hour"]))
        assert [event["type"] for event in events] == ["webhook.failing", "webhook.recovered"]


def make_due(aws: MockAws) -> None:
    """Let the time of all pending events come."""
    for row in aws.rows("SeenWebhooks"):
        if "pending_events" in row:
            past = {"due_at": "2026-01-01T00:00:00.000000Z"}
            events = [{**each, **past} for each in json.loads(row["pending_events"]["S"])]
            changed = {"pending_events": {"S": json.dumps(events)}, "due_at": {"S": past["due_at"]}}
            aws.dynamodb.put_item(TableName=aws.refs["SeenWebhooks"], Item={**row, **changed})


def refusing_first(sns: FaultyService) -> Fault:
    """Say that the first entry of each request was refused."""
    entry = "<Failed><member><Id>0</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member></Failed>"

    def fault(asked: AwsRequest) -> AwsResponse:
        answer = sns.forward(asked)
        changed = answer.body.decode().replace("<Failed/>", entry).replace("<Failed></Failed>", entry)
        assert entry in changed
        return AwsResponse(answer.status, changed.encode(), answer.headers)

    return fault


class TestFaults:
    def test_counting_goes_on_without_sns_and_its_events_are_published_later(
        self, aws: MockAws, sns: FaultyService, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The webhooks have no further traffic, so the schedule publishes their events."""
        counter, publisher = aws.start("CountExecutionsFunction"), aws.start("PublishEventsFunction")
        with sns.breaking(failing):
            for number in range(3):
                tally(counter, *failures(webhook_id=f"acme.{number}"))
            publisher.lambda_handler({}, CONTEXT)
        assert len(pending(aws)) == len(aws.rows("ExecutionCounts")) == 3
        assert {"batch_counted", "events_pending"} <= set(logged_events(caplog))
        publisher.lambda_handler({}, CONTEXT)
        assert sorted(event["webhook_id"] for event in received(aws)) == ["acme.0", "acme.1", "acme.2"]
        publisher.lambda_handler({}, CONTEXT)
        assert (pending(aws), received(aws)) == ([], [])

    def test_a_deferred_event_does_not_hold_up_those_that_are_due(self, aws: MockAws, sns: FaultyService) -> None:
        counter, publisher = aws.start("CountExecutionsFunction"), aws.start("PublishEventsFunction")
        with sns.breaking(failing):
            tally(counter, *failures(hours_ago=5), *successes(hours_ago=4), *failures(hours_ago=2))
        publisher.lambda_handler({}, CONTEXT)
        assert types(received(aws)) == ["webhook.failing", "webhook.recovered"]
        assert types(pending(aws)) == ["webhook.failing"]

    def test_pending_events_go_out_with_the_webhooks_next_batch(self, aws: MockAws, sns: FaultyService) -> None:
        counter = aws.start("CountExecutionsFunction")
        with sns.breaking(failing):
            tally(counter, *failures())
        tally(counter, *successes())
        assert types(received(aws)) == ["webhook.failing", "webhook.recovered"]
        assert pending(aws) == []

    def test_the_age_of_the_oldest_event_is_a_metric_while_sns_fails(
        self, aws: MockAws, sns: FaultyService, capsys: pytest.CaptureFixture[str]
    ) -> None:
        counter, publisher = aws.start("CountExecutionsFunction"), aws.start("PublishEventsFunction")
        with sns.breaking(failing):
            tally(counter, *failures())
            make_due(aws)
            publisher.lambda_handler({}, CONTEXT)
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "EventAge" in line]
        document = json.loads(line)
        (age,) = document["EventAge"]
        assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
        since = datetime.now(UTC) - datetime(2026, 1, 1, tzinfo=UTC)
        assert since - timedelta(minutes=2) < timedelta(seconds=age) <= since
        publisher.lambda_handler({}, CONTEXT)
        assert "EventAge" not in capsys.readouterr().out

    def test_an_event_that_sns_refuses_in_a_batch_stays_pending(self, aws: MockAws, sns: FaultyService) -> None:
        """The others of the batch are published, and not again."""
        counter, publisher = aws.start("CountExecutionsFunction"), aws.start("PublishEventsFunction")
        with sns.breaking(refusing_first(sns)):
            tally(counter, *failures(webhook_id="acme.0"), *failures(webhook_id="acme.1"))
        (left,) = pending(aws)
        received(aws)
        publisher.lambda_handler({}, CONTEXT)
        assert (received(aws), pending(aws)) == ([left], [])

    def test_an_event_that_sns_refuses_does_not_hold_up_others(
        self, aws: MockAws, sns: FaultyService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One event of each request is refused."""
        counter, publisher = aws.start("CountExecutionsFunction"), aws.start("PublishEventsFunction")
        with sns.breaking(refusing_first(sns)):
            tally(counter, *(each for number in range(12) for each in failures(webhook_id=f"acme.{number}")))
            assert len(pending(aws)) == 2
            monkeypatch.setattr("hooklog.events.publisher.PAGE", 1)
            received(aws)
            publisher.lambda_handler({}, CONTEXT)
            assert len(received(aws)) == len(pending(aws)) == 2

    def test_an_outage_of_sns_is_not_waited_for_with_each_webhook(
        self, aws: MockAws, sns: FaultyService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counter, publisher = aws.start("CountExecutionsFunction"), aws.start("PublishEventsFunction")
        with sns.breaking(failing):
            for number in range(3):
                tally(counter, *failures(webhook_id=f"acme.{number}"))
            monkeypatch.setattr("hooklog.events.publisher.PAGE", 1)
            before = sns.calls.total()
            publisher.lambda_handler({}, CONTEXT)
            assert sns.calls.total() - before == 1
        assert len(pending(aws)) == 3

    @pytest.mark.parametrize("after", range(7))
    def test_a_lost_response_of_dynamodb_raises_no_event_twice(
        self, aws: MockAws, dynamodb: FaultyService, after: int
    ) -> None:
        counter = aws.start("CountExecutionsFunction")
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem", after=after)):
            tally(counter, *failures(3))
            tally(counter, *successes(7))
        assert types(received(aws)) == ["webhook.failing", "webhook.recovered"]
        assert (pending(aws), dynamodb.calls["UpdateItem"]) == ([], 8)

    def test_a_batch_that_comes_again_after_a_crash_raises_its_events_once(
        self, aws: MockAws, dynamodb: FaultyService
    ) -> None:
        """The function dies after it has counted, after it has raised the events, or after it has published them."""
        counter = aws.start("CountExecutionsFunction")
        event = SHARD.event(SHARD.records(*failures(**EXHAUSTED)))
        table = f'"{aws.refs["SeenWebhooks"]}"'.encode()

        def refuse_health(asked: AwsRequest) -> AwsResponse | None:
            return failing(asked) if asked.operation == "UpdateItem" and b"outbox" in asked.body else None

        with dynamodb.breaking(refuse_health), pytest.raises(Exception, match="calls of DynamoDB failed"):
            counter.lambda_handler(event, CONTEXT)
        assert (received(aws), pending(aws)) == ([], [])

        def refuse_removal(asked: AwsRequest) -> AwsResponse | None:
            is_removal = asked.operation == "UpdateItem" and table in asked.body and b"REMOVE" in asked.body
            return failing(asked) if is_removal else None

        with dynamodb.breaking(refuse_removal):
            counter.lambda_handler(event, CONTEXT)
        first = received(aws)
        assert types(first) == ["message.exhausted", "webhook.failing"]
        assert len(pending(aws)) == 2
        counter.lambda_handler(event, CONTEXT)
        again = received(aws)
        ids = {each["event_id"] for each in first}
        assert (len(ids), {each["event_id"] for each in again}, pending(aws)) == (2, ids, [])
        counter.lambda_handler(event, CONTEXT)
        assert received(aws) == []

    def test_two_shards_at_once_raise_an_event_once(self, aws: MockAws, dynamodb: FaultyService) -> None:
        """Both have read the webhook's row when they write it.

        Writes are made one after another, because moto checks a condition and writes in two steps.
        """
        both = [aws.start("CountExecutionsFunction") for _ in range(2)]
        reached, writing = Barrier(2, timeout=60), Lock()

        def wait_for_the_other(asked: AwsRequest) -> AwsResponse | None:
            if asked.operation == "BatchGetItem":
                reached.wait()
            if asked.operation == "UpdateItem":
                with writing:
                    return dynamodb.forward(asked)
            return None

        with dynamodb.breaking(wait_for_the_other), ThreadPoolExecutor() as pool:
            runs = [
                pool.submit(tally, counter, *failures(**EXHAUSTED), shard=Shard(f"shardId-{number}"))
                for number, counter in enumerate(both)
            ]
            for run in runs:
                run.result()
        events = received(aws)
        assert len({event["event_id"] for event in events}) == 2
        assert sorted({event["type"] for event in events}) == ["message.exhausted", "webhook.failing"]
        assert pending(aws) == []

    def test_a_disabled_event_that_was_kept_is_published_by_the_schedule(
        self, aws: MockAws, api: Api, receiver: Receiver, sns: FaultyService
    ) -> None:
        receiver.reset()
        api.put(url=receiver.url("/status/410"), enabled=True)
        sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
        with sns.breaking(failing):
            send(sender, {})
        counter, publisher = aws.start("CountExecutionsFunction"), aws.start("PublishEventsFunction")
        publisher.lambda_handler({}, CONTEXT)
        assert types(received(aws)) == ["webhook.disabled"]
        assert pending(aws) == []
        tally(counter, *history(aws))
        (row,) = aws.rows("SeenWebhooks")
        assert row["listed"] == {"S": "all"}
