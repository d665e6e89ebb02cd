"""Tests of rate limits: no receiver gets more requests in any second than its webhook allows, and nothing is lost."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from hooklog.aws import connect_dynamodb
from hooklog.executions.execution import iso_time
from hooklog.limits.reservations import RateLimitRow, Reservations
from hooklog.limits.slots import MARGIN, MAX_LATENESS, MAX_WAIT_RETURNED, SECOND, Grant, Request, compute_interval
from hooklog.metrics import Metric
from hooklog.queues.waiting import Wait
from tests import dynalite
from tests.aws import MockAws
from tests.events import sqs_event
from tests.faults import FaultyService, failing, losing_responses, refusing_entries
from tests.logs import logged_events
from tests.proxy import AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, ID, Api, history, resend

Event = dict[str, Any]

pytestmark = [
    pytest.mark.usefixtures("reset_receiver"),
    pytest.mark.skipif(dynalite.IS_WANTED, reason="dynalite does not return the item of a failed condition"),
]


def start(aws: MockAws, **settings: str) -> ModuleType:
    return aws.start("SendWebhooksFunction", **{"ALLOW_HTTP": "true", **settings})


def enqueue(aws: MockAws, *bodies: dict[str, Any]) -> None:
    for body in bodies:
        text = json.dumps({"webhook_id": ID, "payload": {}, **body})
        aws.sqs.send_message(QueueUrl=aws.refs["WebhookQueue"], MessageBody=text, MessageGroupId=ID)


def put(api: Api, url: str, **fields: Any) -> None:
    _, stored = api.get()
    version = {"version": stored["version"]} if "version" in stored else {}
    assert api.put(url=url, enabled=True, **version, **fields)[0] in (200, 201)


def count_most(times: Sequence[float], seconds: float = 1.0) -> int:
    """Return the most times in any window of so many seconds."""
    ordered, start, most = sorted(times), 0, 0
    for end, at in enumerate(ordered):
        while at - ordered[start] >= seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def waiting(aws: MockAws, count: int = 1) -> Event:
    """Take messages that wait off the queue, and check that each says since when and until when."""
    aws.release_delayed("WebhookQueue")
    return aws.take("WebhookQueue", count)


def with_wait(event: Event, **changes: Any) -> Event:
    """Change the places of messages that wait."""
    for record in event["Records"]:
        attribute = record["messageAttributes"]["RateLimit"]
        attribute["stringValue"] = json.dumps(json.loads(attribute["stringValue"]) | changes)
    return event


def send(app: ModuleType, event: Event) -> list[str]:
    return [failure["itemIdentifier"] for failure in app.lambda_handler(event, CONTEXT)["batchItemFailures"]]


def state_of(aws: MockAws) -> dict[str, Any]:
    (row,) = (row for row in aws.rows("Recoveries") if row["recovery_id"]["S"] == "#limit")
    return {name: int(value["N"]) for name, value in row.items() if "N" in value}


class TestAtTheReceiver:
    def test_concurrent_senders_together_keep_the_limit(self, aws: MockAws, api: Api, receiver: Receiver) -> None:
        """Four senders share a burst of 30 messages, which each fail and are retried: 60 requests at 20 per second.

        The senders' times count: they, the receiver and the mock AWS share an interpreter, where requests arrive late.
        There, some start late, too, so that a few more fall into a second: without a limit, 30 would. `make soak-limit`
        counts exactly, at a receiver of its own.
        """
        rate, messages = 20, 30
        put(api, receiver.url("/status/500"), max_per_second=rate, retry_schedule=[1])
        enqueue(aws, *({"message_id": f"m{number}"} for number in range(messages)))
        neighbour = receiver.url("/status/200", neighbour="yes")
        aws.sqs.send_message(
            QueueUrl=aws.refs["WebhookQueue"],
            MessageBody=json.dumps({"webhook_id": "acme.other", "payload": {}, "url": neighbour}),
        )
        with running_senders(aws, 4):
            receiver.wait_for(2 * messages + 1, timeout=60)
        limited = [each for each in receiver.requests if each.header("x-hooklog-webhook") == ID]
        (other,) = (each for each in receiver.requests if each.header("x-hooklog-webhook") != ID)
        attempts = Counter((each.header("webhook-id"), each.header("x-hooklog-attempt")) for each in limited)
        resent = sum(row.get("resent_on_new_connection", {}).get("BOOL", False) for row in history(aws))
        assert (len(history(aws)), resent) == (2 * messages + 1, 0)
        assert attempts == Counter((f"m{n}", attempt) for n in range(messages) for attempt in "12")
        started_at = [iso_time(str(row["executed_at"]["S"])) for row in history(aws) if row["webhook_id"]["S"] == ID]
        assert count_most([datetime.fromisoformat(at).timestamp() for at in started_at]) <= rate + 5
        assert sum(each.received_at < other.received_at for each in limited) < messages

    def test_a_message_without_a_slot_soon_comes_back_at_its_place_and_is_the_same_message(
        self, aws: MockAws, api: Api, receiver: Receiver, capsys: pytest.CaptureFixture[str]
    ) -> None:
        put(api, receiver.url("/status/200"), max_per_second=1)
        enqueue(aws, *[{}] * 6)
        app, event = start(aws), aws.take("WebhookQueue", 6)
        trace = {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"}
        sent_at = {record["messageId"]: record["attributes"]["SentTimestamp"] for record in event["Records"]}
        for record in event["Records"]:
            record["attributes"] |= trace
            record["messageAttributes"]["own"] = {"dataType": "String", "stringValue": "kept"}
        before = time.time()
        assert send(app, event) == []
        now = time.time()
        assert 5 <= count(capsys, Metric.THROTTLED) <= 6  # a busy machine may lose the slot of the first
        assert len(receiver.requests) == 1
        copies = waiting(aws, 5)["Records"]
        for record in copies:
            values = {name: value["stringValue"] for name, value in record["messageAttributes"].items()}
            wait = json.loads(values.pop("RateLimit"))
            assert values.pop("QueueMessageId") in sent_at
            assert values == {"own": "kept", "TraceHeader": trace["AWSTraceHeader"]}
            assert record["attributes"]["MessageGroupId"] == ID
            assert str(wait["due_at"]) in sent_at.values()
            assert before < wait["until"] / SECOND < now + 6.5
        first, *others = sorted(copies, key=lambda record: wait_of(record)["until"])
        early = with_wait({"Records": others}, until=int((time.time() + 600) * SECOND))
        assert send(app, early) == []  # no slot is asked for
        again = waiting(aws, 4)["Records"]
        assert [wait_of(each)["until"] for each in again] == [wait_of(each)["until"] for each in early["Records"]]
        assert len(receiver.requests) == 1
        assert send(app, with_wait({"Records": [first]}, until=int(time.time() * SECOND))) == []
        assert count(capsys, Metric.THROTTLED) == 0  # it was counted before
        (_, second) = receiver.requests
        assert second.header("webhook-id") == first["messageAttributes"]["QueueMessageId"]["stringValue"]
        assert "5759e988bd862e3fe1be46a994272793" in str(second.header("traceparent"))
        assert history(aws)[-1]["message_id"]["S"] == second.header("webhook-id")


def wait_of(record: dict[str, Any]) -> dict[str, Any]:
    wait: dict[str, Any] = json.loads(record["messageAttributes"]["RateLimit"]["stringValue"])
    return wait


@contextmanager
def running_senders(aws: MockAws, number: int) -> Iterator[None]:
    """Poll the queue with so many senders, each with its own connections and caches, as Lambda does."""
    stop, receiving = threading.Event(), threading.Lock()
    url = aws.refs["WebhookQueue"]

    def receive() -> list[Any]:
        with receiving:  # moto may give one message to two concurrent calls
            return list(
                aws.sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
                ).get("Messages", [])
            )

    def run(app: ModuleType) -> None:
        while not stop.wait(0.05):
            if received := receive():
                assert send(app, to_event(received)) == []
            for message in received:
                aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    apps = [start(aws) for _ in range(number)]
    with ThreadPoolExecutor(number) as pool:
        running = [pool.submit(run, app) for app in apps]
        try:
            yield
        finally:
            stop.set()
        for each in running:
            each.result()


def to_event(messages: Sequence[Any]) -> Event:
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {
                    name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
                    for name, value in message.get("MessageAttributes", {}).items()
                },
            }
            for message in messages
        ]
    }


def count(capsys: pytest.CaptureFixture[str], metric: Metric) -> float:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return sum(sum(line.get(metric, [])) for line in lines)


class TestWhatMayHappenMeanwhile:
    @pytest.fixture(autouse=True)
    def limited(self, reset_receiver: None, aws: MockAws, api: Api, receiver: Receiver) -> None:
        """Send one of four messages, and take the others, which wait."""
        put(api, receiver.url("/status/200"), max_per_second=1, retry_schedule=[])
        enqueue(aws, *[{}] * 4)
        assert send(start(aws), aws.take("WebhookQueue", 4)) == []
        self.event = waiting(aws, 3)
        assert len(receiver.requests) == 1

    def place(self, until: float, **changes: Any) -> Event:
        """Return one of the waiting messages with a place so many seconds from now."""
        event = {"Records": self.event["Records"][:1]}
        return with_wait(event, until=int((time.time() + until) * SECOND), **changes)

    def test_a_place_hours_away_waits_fifteen_minutes_at_a_time_without_a_write(self, aws: MockAws) -> None:
        before, event = state_of(aws), self.place(7200)
        assert send(start(aws), event) == []
        assert state_of(aws) == before
        (message,) = delayed(aws)
        assert 890 <= message <= 900
        assert wait_of(waiting(aws)["Records"][0]) == wait_of(event["Records"][0])

    @pytest.mark.parametrize("limit", [None, 1000])
    def test_a_limit_that_was_lifted_or_raised_lets_messages_go_when_they_come_back(
        self, aws: MockAws, api: Api, receiver: Receiver, limit: int | None
    ) -> None:
        put(api, receiver.url("/status/200"), max_per_second=limit)
        enqueue(aws, {})
        fresh = aws.take("WebhookQueue")
        assert send(start(aws), {"Records": self.place(7200)["Records"] + fresh["Records"]}) == []
        assert len(receiver.requests) == 3

    def test_a_lowered_limit_is_kept_by_messages_that_come_back(
        self, aws: MockAws, api: Api, receiver: Receiver
    ) -> None:
        put(api, receiver.url("/status/200"), max_per_second=1000)
        enqueue(aws, *[{}] * 10)
        assert send(start(aws), aws.take("WebhookQueue", 10)) == []
        put(api, receiver.url("/status/200"), max_per_second=2)
        assert send(start(aws), with_wait(self.event, until=0)) == []
        times = [each.received_at for each in receiver.requests[11:]]
        assert count_most(times) <= 2 + 1

    def test_a_webhook_that_is_disabled_or_deleted_takes_no_slot(
        self, aws: MockAws, api: Api, receiver: Receiver
    ) -> None:
        before = state_of(aws)
        assert api.put(url=receiver.url("/status/200"), version=1, max_per_second=1, enabled=False)[0] == 200
        assert send(start(aws), self.place(0)) == []
        api.delete()
        assert send(start(aws), self.place(0)) == []
        assert [row.get("error_type", {}).get("S") for row in history(aws)[1:]] == [
            "disabled_webhook",
            "unknown_webhook",
        ]
        assert state_of(aws) == before

    def test_the_original_of_a_copy_that_was_sent_is_not_sent_again(self, aws: MockAws, receiver: Receiver) -> None:
        """A sender that dies after it queued the copy leaves the original on the queue."""
        app, event = start(aws), self.place(0)
        assert send(app, event) == []
        (record,) = event["Records"]
        original = {**record, "messageId": record["messageAttributes"]["QueueMessageId"]["stringValue"]}
        original |= {"messageAttributes": {}, "attributes": {**record["attributes"], "ApproximateReceiveCount": "2"}}
        assert send(app, {"Records": [original]}) == []
        assert len(receiver.requests) == 2

    def test_a_copy_whose_original_was_sent_is_not_sent_again(self, aws: MockAws, receiver: Receiver) -> None:
        app, (record,) = start(aws), self.place(0)["Records"]
        assert send(app, {"Records": [record]}) == []
        late = with_wait({"Records": [{**record, "messageId": "another"}]}, unique_until=int(time.time()) - 1)
        assert send(app, late) == []
        assert len(receiver.requests) == 2
        assert wait_of(record)["unique_until"] > 0

    def test_resends_and_recoveries_keep_the_limit_and_are_sent_once(
        self, aws: MockAws, api: Api, receiver: Receiver
    ) -> None:
        put(api, receiver.url("/status/500"), max_per_second=1, retry_schedule=[])
        app = start(aws)
        assert send(app, self.place(0)) == []
        (failed,) = [row for row in history(aws) if row["result"]["N"] == "500"]
        for _ in range(4):
            assert resend(aws, failed) == 202
        assert send(app, aws.take("WebhookQueue", 4)) == []
        copies = waiting(aws, aws.waiting("WebhookQueue"))
        assert len(copies["Records"]) >= 2
        redelivered = json.loads(json.dumps(copies))
        assert send(app, with_wait(copies, until=0)) == []
        for record in redelivered["Records"]:
            record["attributes"]["ApproximateReceiveCount"] = "2"
        while aws.waiting("WebhookQueue"):
            assert send(app, with_wait(waiting(aws, aws.waiting("WebhookQueue")), until=0)) == []
        assert send(app, redelivered) == []
        assert not aws.waiting("WebhookQueue")
        assert len(receiver.requests) == 2 + 4
        assert count_most([each.received_at for each in receiver.requests[1:]]) == 1
        assert len(history(aws)) == 2 + 4


def delayed(aws: MockAws) -> list[float]:
    """Return the seconds for which each message on the queue is still delayed."""
    queue = get_backend("sqs")[DEFAULT_ACCOUNT_ID]["eu-west-1"].queues["WebhookQueue"]
    return [message.delayed_until / 1000 - time.time() for message in queue._messages]  # noqa: SLF001


def test_an_attribute_that_hooklog_did_not_write_makes_a_dead_letter(aws: MockAws, receiver: Receiver) -> None:
    values = ["", "x", "[]", "{}", '{"until": "1"}', json.dumps(Wait(1, 1, 10**30, 1, "0")._asdict())]
    values += [json.dumps({**Wait(1, 1, 1, 1, "0")._asdict(), name: True}) for name in Wait._fields]
    event = sqs_event(*[{"webhook_id": ID, "payload": {}, "url": receiver.url("/status/200")}] * len(values))
    for record, value in zip(event["Records"], values, strict=True):
        record["messageAttributes"] = {"RateLimit": {"dataType": "String", "stringValue": value}}
    assert send(start(aws), event) == []
    assert receiver.requests == []
    assert aws.waiting("WebhookDeadLetterQueue") == len(values)


MEBIBYTE = 1_048_576


def occupy(aws: MockAws, seconds: float) -> None:
    """Take all slots for so many seconds, and let others wait in the line for an hour."""
    now = time.time()
    times = {"next_at": now + seconds, "line_until": now + 3600, "expires_at": (now + 3600) / SECOND}
    item = {name: {"N": str(int(at * SECOND))} for name, at in times.items()}
    keys = {"webhook_id": {"S": ID}, "recovery_id": {"S": "#limit"}, "line_rate": {"N": "1"}}
    aws.dynamodb.put_item(TableName=aws.refs["Recoveries"], Item={**keys, **item})


def test_a_message_without_room_for_the_attribute_goes_first_when_it_returns(
    aws: MockAws, api: Api, receiver: Receiver
) -> None:
    """It has no place in the line. As a new message, it would wait until the line has ended."""
    put(api, receiver.url("/status/200"), max_per_second=1)
    app, event = start(aws), sqs_event({"webhook_id": ID, "message_id": "big", "payload": "x" * (MEBIBYTE - 5000)})
    (record,) = event["Records"]
    occupy(aws, 3600)
    assert send(app, event) == [record["messageId"]]
    record["attributes"]["ApproximateReceiveCount"] = "2"
    ends = time.monotonic() + 60
    while not receiver.requests and time.monotonic() < ends:  # a busy machine may lose slots
        occupy(aws, 1.8)
        send(app, event)
    assert [each.header("webhook-id") for each in receiver.requests] == ["big"]
    assert aws.waiting("WebhookDeadLetterQueue") == 0


class TestOutages:
    def test_without_dynamodb_nothing_is_sent_to_a_limited_webhook_and_nothing_is_lost(
        self, aws: MockAws, api: Api, receiver: Receiver, dynamodb: FaultyService, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(api, receiver.url("/status/200"), max_per_second=5)
        app = start(aws)
        enqueue(aws, *[{}] * 3)
        event = aws.take("WebhookQueue", 3)
        with dynamodb.breaking(refusing_limits):
            assert sorted(send(app, event)) == sorted(record["messageId"] for record in event["Records"])
        assert receiver.requests == []
        assert "message_returned" in logged_events(caplog)
        assert send(app, event) == []
        assert len(receiver.requests) == 3

    def test_without_sqs_messages_that_must_wait_return_to_the_queue(
        self, aws: MockAws, aws_endpoint: str, api: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(api, receiver.url("/status/200"), max_per_second=1)
        enqueue(aws, *[{}] * 4)
        event = aws.take("WebhookQueue", 4)
        with FaultyService(aws_endpoint) as sqs:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
            app = start(aws)
            with sqs.breaking(refusing_entries):
                assert len(send(app, event)) == 3
        assert len(receiver.requests) == 1

    def test_a_lost_response_of_a_reservation_only_costs_slots(
        self, aws: MockAws, api: Api, receiver: Receiver, dynamodb: FaultyService
    ) -> None:
        put(api, receiver.url("/status/200"), max_per_second=10)
        app = start(aws)
        enqueue(aws, *[{}] * 3)
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem")):
            assert send(app, aws.take("WebhookQueue", 3)) == []
        assert len(receiver.requests) == 3

    def test_an_unlimited_webhook_costs_nothing_more_and_a_batch_one_write(
        self, aws: MockAws, api: Api, receiver: Receiver, dynamodb: FaultyService
    ) -> None:
        """A busy machine may lose slots, and log a batch in parts, so the cheapest of several batches counts."""
        cheapest: dict[int | None, dict[str, int]] = {}
        for limit in (None, 1000):
            put(api, receiver.url("/status/200"), max_per_second=limit)
            app, ends = start(aws), time.monotonic() + 60
            expected = {"BatchWriteItem": 1} | ({"UpdateItem": 1} if limit else {})
            while cheapest.get(limit) != expected and time.monotonic() < ends:
                enqueue(aws, *[{}] * 5)
                dynamodb.calls.clear()
                assert send(app, aws.take("WebhookQueue", 5)) == []
                cheapest[limit] = dict(dynamodb.calls)
            assert cheapest[limit] == expected
        assert len(receiver.requests) % 5 == 0


def refusing_limits(request: AwsRequest) -> AwsResponse | None:
    return failing(request) if request.operation == "UpdateItem" else None


@pytest.mark.parametrize("seed", range(4))
def test_no_interleaving_of_senders_exceeds_a_limit_or_loses_capacity(aws: MockAws, seed: int) -> None:
    """Many messages, few senders, each with its own clock and an outdated view of the state.

    Some come back late, some senders die after a reservation, and all start as late as is permitted.
    """
    generator = random.Random(seed)
    RateLimitRow.attach(connect_dynamodb(), aws.refs["Recoveries"])
    rate = generator.choice([1, 3, 20, 60])
    skew = MARGIN - MAX_LATENESS
    senders = [(Reservations(), generator.randint(-skew // 2, skew // 2)) for _ in range(4)]
    begin = now = int(time.time() * SECOND)
    left: list[tuple[int, bool]] = [
        (now + generator.randint(0, 3 * SECOND) if generator.random() < 0.3 else now, False)
        for _ in range(rate * 3 + 20)
    ]
    sent: list[int] = []
    lost = 0
    while left:
        left.sort()
        now = max(now, left[0][0])
        number = min(generator.randint(1, 10), sum(at <= now for at, _ in left))
        here, left = left[:number], left[number:]
        reservations, ahead = generator.choice(senders)
        returned = sum(each[1] for each in here)
        request = Request(now + ahead, rate, returned, len(here) - returned)
        grant = reservations.reserve("acme.orders", request)
        assert len(grant.slots) + len(grant.places) == len(here)
        assert all(request.now <= slot <= request.now + MAX_WAIT_RETURNED for slot in grant.slots)
        if generator.random() < 0.05:
            lost += len(grant.slots)
            left += [(now + generator.randint(0, SECOND), False) for _ in grant.slots]
        else:
            sent += [slot - ahead + generator.randint(0, MAX_LATENESS) for slot in grant.slots]
        left += [(place - ahead + generator.randint(-SECOND, SECOND // 2), True) for place in grant.places]
        now += generator.randint(0, SECOND // 50)
    assert count_most(sent, SECOND) <= rate
    interval = compute_interval(rate)
    assert max(sent) - begin <= (len(sent) + lost) * interval * 1.1 + 6 * SECOND


def test_an_idle_webhook_gets_a_seconds_worth_at_once(aws: MockAws) -> None:
    RateLimitRow.attach(connect_dynamodb(), aws.refs["Recoveries"])
    now = int(time.time() * SECOND)
    assert Reservations().reserve("acme.orders", Request(now, 50, 0, 50)) == Grant((now,) * 50, ())
    later = Reservations().reserve("acme.orders", Request(now + 1, 50, 0, 50))
    assert later.slots == ()
    assert later.places[0] >= now + SECOND + MARGIN
