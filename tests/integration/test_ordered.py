"""Tests of ordered delivery: the receiver's order is the queue's, over failures and faults, and nothing is lost."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cli.redrive import move_dead_letters
from hooklog.executions.execution import iso_time
from tests.aws import MockAws
from tests.deployment import until
from tests.events import api_event
from tests.faults import FaultyService, denied, failing
from tests.fifo import FifoQueue, find_disorder
from tests.proxy import AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, ID, Api, history, resend, send

pytestmark = pytest.mark.usefixtures("reset_receiver")

DAY = 86_400


@pytest.fixture
def queue(aws: MockAws) -> FifoQueue:
    return FifoQueue(aws)


def start(aws: MockAws, **settings: str) -> ModuleType:
    return aws.start("SendWebhooksFunction", **{"ALLOW_HTTP": "true", "RETRY_SCHEDULE": "1,1,1", **settings})


def put(api: Api, url: str, webhook_id: str = ID, /, **fields: Any) -> None:
    """Register an ordered webhook, or change it."""
    _, stored = api.get(webhook_id)
    version = {"version": stored["version"]} if "version" in stored else {}
    status, body = api.put(webhook_id, url=url, **{"enabled": True, "ordered": True, **version, **fields})
    assert status in (200, 201), body


def messages(count: int) -> list[dict[str, Any]]:
    return [{"message_id": f"m{number}"} for number in range(count)]


def requests_of(receiver: Receiver, webhook_id: str = ID) -> list[tuple[str, str]]:
    own = [each for each in receiver.requests if each.header("x-hooklog-webhook") == webhook_id]
    return [(str(each.header("webhook-id")), str(each.header("x-hooklog-attempt"))) for each in own]


def log_of(aws: MockAws, message_id: str) -> list[dict[str, Any]]:
    return [_simplify(row) for row in history(aws) if row["message_id"]["S"] == message_id]


def _simplify(row: dict[str, Any]) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in row.items()}


def dead_letters(aws: MockAws) -> list[dict[str, str]]:
    letters = aws.messages("WebhookDeadLetterQueue")
    return [{name: value["StringValue"] for name, value in each["MessageAttributes"].items()} for each in letters]


class TestOrder:
    def test_what_is_behind_a_failing_message_waits_for_it_and_other_webhooks_flow(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/sequence/a", codes="500,503,200"))
        put(api, receiver.url("/status/200"), "acme.other")
        queue.put(*messages(3))
        queue.put(*messages(3), webhook_id="acme.other")
        app = start(aws)
        assert queue.deliver(app) == ["m0", "m1", "m2"]
        assert requests_of(receiver, "acme.other") == [("m0", "1"), ("m1", "1"), ("m2", "1")]
        (failed,) = (row for row in log_of(aws, "m0") if row["webhook_id"] == ID)
        assert "next_attempt_at" in failed
        queue.drain(app, lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1"), ("m0", "2"), ("m0", "3"), ("m1", "1"), ("m2", "1")]
        rows = [row for row in map(_simplify, history(aws)) if row["webhook_id"] == ID]
        assert [row.get("trigger", "event") for row in rows] == ["event", "retry", "retry", "event", "event"]
        assert not any(name in row for row in rows for name in ("next_attempt_at", "redelivered", "exhausted"))
        assert len({row["queue_message_id"].partition("/")[0] for row in rows}) == 3

    def test_an_exhausted_message_lets_the_next_one_go(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/status/500"), retry_schedule=[1])
        queue.put(*messages(2))
        queue.drain(start(aws), lambda: queue.count() == 0)
        assert requests_of(receiver) == [(m, a) for m in ("m0", "m1") for a in "12"]
        assert [row.get("exhausted", False) for row in map(_simplify, history(aws))] == [False, True, False, True]

    @pytest.mark.parametrize(
        ("fields", "message", "requests", "logged"),
        [
            ({"enabled": False}, {}, ["m1"], "disabled_webhook"),
            ({"event_types": ["order.*"]}, {"event_type": "user.created"}, ["m1"], None),
            ({"transformation": "payload.none"}, {}, ["m1"], "skipped"),
            ({"transformation": '$error("no")'}, {}, ["m1"], "transformation_error"),
            ({"url": "/status/410"}, {}, ["m0", "m1"], "exhausted"),
            ({"retry_schedule": []}, {}, ["m0", "m1"], "exhausted"),
        ],
        ids=["disabled", "not subscribed", "skipped", "not transformed", "gone", "no retries"],
    )
    def test_a_message_that_is_not_retried_does_not_block_the_next(
        self,
        aws: MockAws,
        api: Api,
        receiver: Receiver,
        queue: FifoQueue,
        fields: dict[str, Any],
        message: dict[str, Any],
        requests: list[str],
        logged: str | None,
    ) -> None:
        url = receiver.url(fields.pop("url", "/status/500"))
        put(api, url, **fields)
        queue.put({"message_id": "m0", **message})
        assert queue.deliver(start(aws)) == []
        put(api, receiver.url("/status/200"), event_types=[], transformation=None)
        queue.put({"message_id": "m1"})
        assert queue.deliver(start(aws)) == []
        assert [message_id for message_id, _ in requests_of(receiver)] == requests
        shown = [row.get("error_type") or ("skipped" if "skipped" in row else "exhausted") for row in log_of(aws, "m0")]
        assert shown == ([logged] if logged else [])
        assert queue.count() == 0

    def test_an_unknown_webhook_is_logged_as_on_the_webhook_queue(
        self, aws: MockAws, api: Api, queue: FifoQueue
    ) -> None:
        queue.put(*messages(2))
        assert queue.deliver(start(aws)) == []
        assert [row["error_type"]["S"] for row in history(aws)] == ["unknown_webhook"] * 2

    def test_an_erased_message_is_not_sent_again(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/sequence/a", codes="500,200"))
        queue.put(*messages(2))
        app = start(aws)
        queue.deliver(app)
        event = api_event({"message_id": "m0"}, scope="webhooks:manage")
        assert aws.endpoint("erase_message_details").lambda_handler(event, None)["statusCode"] == 204
        queue.drain(app, lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1"), ("m1", "1")]

    def test_a_retry_sends_the_bytes_of_the_first_attempt(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/sequence/a", codes="500,200"), transformation='{"first": payload}')
        queue.put({"message_id": "m0", "payload": 1})
        queue.deliver(start(aws))
        put(api, receiver.url("/sequence/a", codes="500,200"), transformation='{"second": payload}')
        queue.drain(start(aws), lambda: queue.count() == 0)
        assert [each.body for each in receiver.requests] == [b'{"first":1}'] * 2

    @pytest.mark.parametrize("details_of", ["none", "all"])
    def test_a_retry_needs_no_stored_details(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue, details_of: str
    ) -> None:
        put(api, receiver.url("/sequence/a", codes="500,200"))
        queue.put({"message_id": "m0", "payload": {"order": 1}})
        queue.drain(start(aws, DETAILS_OF=details_of), lambda: queue.count() == 0)
        assert [each.body for each in receiver.requests] == [b'{"order":1}'] * 2

    def test_a_slow_webhook_delays_only_itself(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        """The messages of the other webhook are deleted while the slow one is being sent, so its next one can come.

        A message that has to be sent again is not deleted.
        """
        put(api, receiver.url("/status/200", delay=3))
        put(api, receiver.url("/status/200"), "acme.other")
        put(api, receiver.url("/sequence/failing", codes="500,200"), "acme.failing")
        queue.put({"message_id": "slow"})
        queue.put({"message_id": "m0"}, webhook_id="acme.other")
        queue.put({"message_id": "again"}, webhook_id="acme.failing")
        event = queue.receive()
        queue.put({"message_id": "m1"}, webhook_id="acme.other")
        assert queue.receive() is None
        with queue.polled([start(aws)]):
            assert queue.deliver(start(aws), event) == ["again"]
        queue.drain(start(aws), lambda: queue.count() == 0)
        assert requests_of(receiver, "acme.failing") == [("again", "1"), ("again", "2")]
        arrived = {each.header("webhook-id"): each.received_at for each in receiver.requests}
        (slow,) = (row for row in map(_simplify, history(aws)) if row["message_id"] == "slow")
        assert arrived["m1"] < datetime.fromisoformat(iso_time(slow["executed_at"])).timestamp() + 3

    def test_a_resend_that_succeeds_lets_the_next_one_go(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/sequence/a", codes="500,200"))
        queue.put(*messages(2))
        app = start(aws)
        queue.deliver(app)
        assert resend(aws, history(aws)[0]) == 202
        assert app.lambda_handler(aws.take("WebhookQueue"), CONTEXT) == {"batchItemFailures": []}
        queue.drain(app, lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1"), ("m0", "2"), ("m1", "1")]

    def test_the_next_one_also_waits_for_the_retries_of_a_resend(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/sequence/a", codes="500,500,200"))
        queue.put(*messages(2))
        app = start(aws)
        queue.deliver(app)
        resend(aws, history(aws)[0])
        assert app.lambda_handler(aws.take("WebhookQueue"), CONTEXT) == {"batchItemFailures": []}
        assert queue.deliver(app, until(queue.receive, bool)) == ["m0", "m1"]
        assert requests_of(receiver) == [("m0", "1"), ("m0", "2")]

    def test_a_rate_limit_holds_and_keeps_the_order(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/status/200"), max_per_second=1)
        queue.put(*messages(3))
        queue.drain(start(aws), lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1"), ("m1", "1"), ("m2", "1")]
        at = [datetime.fromisoformat(iso_time(row["executed_at"]["S"])) for row in history(aws)]
        assert min(later - earlier for earlier, later in pairwise(at)) >= timedelta(seconds=1)


class TestTheWrongQueue:
    """Each message is a dead letter with its reason, and what is behind it is sent."""

    @pytest.mark.parametrize(
        ("message", "group", "reason", "redriven_to"),
        [
            ({"webhook_id": "acme.plain"}, "acme.plain", "the webhook is not ordered", None),
            ({"webhook_id": "acme.new", "url": "https://a.example"}, "acme.new", "the webhook is not registered", None),
            (
                {"webhook_id": "acme.plain", "url": "https://a.example"},
                "acme.plain",
                "the webhook is not ordered",
                None,
            ),
            ({}, "acme", "MessageGroupId must be the webhook_id", "ordered"),
            ('{"topic": "acme.all", "payload": 1}', ID, "not topics' messages or retries", "ordered"),
            (
                '{"webhook_id": "acme.orders", "message_id": "m", "repeat_of": "20261124T015255.842910Z-0d08e1b2",'
                ' "trigger": "resend", "once": false, "deferrals": 0}',
                ID,
                "not topics' messages or retries",
                "ordered",
            ),
            ("not JSON", ID, "JSON", "ordered"),
        ],
        ids=["not ordered", "not registered", "own URL", "another group", "topic", "resend", "not JSON"],
    )
    def test_on_the_ordered_queue(
        self,
        aws: MockAws,
        api: Api,
        receiver: Receiver,
        queue: FifoQueue,
        message: Any,
        group: str,
        reason: str,
        redriven_to: str | None,
    ) -> None:
        put(api, receiver.url("/status/200"))
        put(api, receiver.url("/status/500"), "acme.plain", ordered=False)
        queue.put(message, group=group)
        queue.put({"message_id": "next"})
        assert queue.deliver(start(aws)) == []
        (letter,) = dead_letters(aws)
        assert reason in letter["Reason"]
        assert letter.get("Queue") == redriven_to
        assert requests_of(receiver) == [("next", "1")]
        assert len(history(aws)) == 1

    @pytest.mark.parametrize(
        ("body", "group", "redriven_group"),
        [
            ({}, "acme", ID),
            ({"webhook_id": "acme orders"}, "acme", "acme"),
            ({"webhook_id": ""}, "acme", "acme"),
            ({"webhook_id": 5 * 10**200}, "acme", "acme"),
            ("not JSON", ID, ID),
            ("[]", ID, ID),
        ],
        ids=["valid", "a space", "empty", "not a text", "not JSON", "not an object"],
    )
    def test_a_redrive_gives_each_a_valid_group(
        self, aws: MockAws, queue: FifoQueue, body: Any, group: str, redriven_group: str
    ) -> None:
        """SQS rejects others, and then the redrive would end at this dead letter every time."""
        queue.put(body, group=group)
        assert queue.deliver(start(aws)) == []
        source, destination = aws.refs["WebhookDeadLetterQueue"], aws.refs["WebhookQueue"]
        assert move_dead_letters(aws.sqs, source, destination, queue.url) == 1
        event = queue.receive()
        assert event
        assert event["Records"][0]["attributes"]["MessageGroupId"] == redriven_group

    def test_an_ordered_webhooks_message_on_the_webhook_queue(self, aws: MockAws, api: Api, receiver: Receiver) -> None:
        put(api, receiver.url("/status/200"))
        assert send(start(aws), {"message_id": "m0"}) == []
        (letter,) = dead_letters(aws)
        assert "the webhook is ordered" in letter["Reason"]
        assert letter["Queue"] == "ordered"
        assert (receiver.requests, history(aws)) == ([], [])

    def test_a_webhook_that_has_just_changed_is_read_again(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        """The senders have cached the webhook as it was."""
        app = start(aws)
        put(api, receiver.url("/status/200"), ordered=False)
        assert send(app, {"message_id": "before"}) == []
        put(api, receiver.url("/status/200"))
        queue.put({"message_id": "ordered"})
        assert queue.deliver(app) == []
        put(api, receiver.url("/status/200"), ordered=False)
        assert send(app, {"message_id": "after"}) == []
        assert [message_id for message_id, _ in requests_of(receiver)] == ["before", "ordered", "after"]
        assert dead_letters(aws) == []

    def test_nothing_is_a_dead_letter_while_the_registry_cannot_be_read(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue, dynamodb: FaultyService
    ) -> None:
        app = start(aws)
        put(api, receiver.url("/status/200"), ordered=False)
        send(app, {"message_id": "before"})
        put(api, receiver.url("/status/200"))
        queue.put({"message_id": "m0"})
        with dynamodb.breaking(failing):
            assert queue.deliver(app) == ["m0"]
        assert dead_letters(aws) == []


class TestWaiting:
    @pytest.fixture
    def changes(self, aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
        """The visibility timeouts of each request that changes some."""
        changed: list[list[int]] = []

        def note(request: AwsRequest) -> AwsResponse | None:
            if request.operation == "ChangeMessageVisibilityBatch":
                changed.append([each["VisibilityTimeout"] for each in json.loads(request.body)["Entries"]])
            return None

        with FaultyService(aws_endpoint) as sqs, sqs.breaking(note):
            monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
            yield changed

    @pytest.mark.parametrize(
        ("delay", "low", "high"), [(300, 240, 361), (DAY, 42_900, 42_900)], ids=["one wait", "several waits"]
    )
    def test_the_first_one_waits_for_its_retry_and_the_others_only_for_it(
        self,
        aws: MockAws,
        api: Api,
        receiver: Receiver,
        queue: FifoQueue,
        changes: list[list[int]],
        delay: int,
        low: int,
        high: int,
    ) -> None:
        put(api, receiver.url("/status/500"), retry_schedule=[delay])
        queue.put(*messages(3))
        event = queue.receive()
        app = start(aws)
        assert queue.deliver(app, event) == ["m0", "m1", "m2"]
        assert event
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
        assert queue.deliver(app, event) == ["m0", "m1", "m2"]  # received before it is due: it waits again
        for first, *behind in changes:
            assert low <= first <= high
            assert behind == [0, 0]
        assert (len(changes), len(receiver.requests)) == (2, 1)

    def test_a_retry_after_a_wait_of_several_steps_is_not_marked(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        """A delay of 24 hours is three deliveries: two end before the retry is due."""
        put(api, receiver.url("/status/500"), retry_schedule=[DAY, 1])
        queue.put({"message_id": "m0"})
        event = queue.receive()
        assert event
        queue.deliver(start(aws), event)
        (row,) = aws.rows("Executions")
        executed_at = datetime.now(UTC) - timedelta(days=1, seconds=1)
        old = {**row, "executed_at": {"S": f"{executed_at:%Y%m%dT%H%M%S.%f}Z-00000000"}}
        old["next_attempt_at"] = {"S": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"}
        key = {name: row[name] for name in ("webhook_id", "executed_at")}
        aws.dynamodb.delete_item(TableName="Executions", Key=key)
        aws.dynamodb.put_item(TableName="Executions", Item=old)
        event["Records"][0]["attributes"] |= {
            "ApproximateReceiveCount": "4",
            "ApproximateFirstReceiveTimestamp": str(int(executed_at.timestamp() * 1000)),
        }
        queue.deliver(start(aws), event)
        (_, retry) = log_of(aws, "m0")
        assert (retry["trigger"], retry["attempt"], "redelivered" in retry) == ("retry", "2", False)

    @pytest.mark.parametrize("fault", [failing, denied])
    def test_the_order_holds_if_sqs_refuses_the_wait(
        self,
        aws: MockAws,
        aws_endpoint: str,
        api: Api,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
        fault: Any,
    ) -> None:
        queue = FifoQueue(aws, visibility_seconds=2)
        put(api, receiver.url("/sequence/a", codes="500,200"))
        queue.put(*messages(2))
        with FaultyService(aws_endpoint) as sqs:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
            app = start(aws)
            with sqs.breaking(fault):
                assert queue.deliver(app) == ["m0", "m1"]
            assert queue.receive() is None
            queue.drain(app, lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1"), ("m0", "2"), ("m1", "1")]

    def test_retries_end_ten_days_after_the_message_was_queued(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        """So that SQS does not delete what is behind it unsent."""
        put(api, receiver.url("/status/500"), retry_schedule=[600])
        queue.put(*messages(2))
        event = queue.receive()
        assert event
        for record in event["Records"]:
            record["attributes"]["SentTimestamp"] = str(int(record["attributes"]["SentTimestamp"]) - 10 * DAY * 1000)
        assert queue.deliver(start(aws), event) == []
        assert [row["exhausted"]["BOOL"] for row in history(aws)] == [True, True]

    def test_a_fault_waits_for_the_queues_visibility_timeout(
        self, aws: MockAws, queue: FifoQueue, dynamodb: FaultyService, changes: list[list[int]]
    ) -> None:
        """Otherwise an outage would turn the message into a dead letter within minutes."""
        queue.put(*messages(2))
        app = start(aws)
        with dynamodb.breaking(failing):
            assert queue.deliver(app) == ["m0", "m1"]
        assert changes == [[0]]  # only m1, which m0 holds back

    def test_without_time_the_rest_returns_at_once(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue, changes: list[list[int]]
    ) -> None:
        put(api, receiver.url("/status/200"))
        queue.put(*messages(3))
        left = iter([60.0])
        context = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: next(left, 20.0) * 1000)
        assert queue.deliver(start(aws), context=context) == ["m1", "m2"]
        assert changes == [[0, 0]]
        queue.drain(start(aws), lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1"), ("m1", "1"), ("m2", "1")]


class TestFaults:
    def test_an_outage_of_dynamodb_and_lost_responses_keep_the_order(
        self, aws: MockAws, api: Api, receiver: Receiver, dynamodb: FaultyService
    ) -> None:
        """Two senders share three webhooks whose messages fail three times each.

        Meanwhile, DynamoDB fails, and each webhook's first batch is processed by a sender whose response is lost.
        """
        webhooks, count = ["acme.a", "acme.b", "acme.c"], 4
        queue = FifoQueue(aws, visibility_seconds=2)
        for webhook_id in webhooks:
            codes = ",".join(["500,500,500,200"] * count)
            put(api, receiver.url(f"/sequence/{webhook_id}", codes=codes), webhook_id, retry_schedule=[1] * 9)
            queue.put(*messages(count), webhook_id=webhook_id)
        apps = [start(aws), start(aws)]
        for _ in webhooks:
            apps[0].lambda_handler(queue.receive(count), CONTEXT)  # killed after logging, before it responds
        with queue.polled(apps):
            receiver.wait_for(len(webhooks) + 3)
            with dynamodb.breaking(failing):
                asked = dynamodb.calls["Query"]
                until(lambda: dynamodb.calls["Query"] - asked, lambda refused: refused >= 2 * len(webhooks))
            queue.drain(start(aws), lambda: queue.count() == 0)
        _write_pending(aws)
        for webhook_id in webhooks:
            rows = [row for row in map(_simplify, history(aws)) if row["webhook_id"] == webhook_id]
            redelivered = {row["message_id"] for row in rows if row.get("redelivered")}
            wrong = find_disorder([f"m{n}" for n in range(count)], requests_of(receiver, webhook_id), redelivered)
            assert wrong == []
            assert {row["message_id"] for row in rows if row["result"] == "200"} == {f"m{n}" for n in range(count)}

    def test_a_success_that_is_logged_late_ends_the_retries(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue, dynamodb: FaultyService
    ) -> None:
        """Its log write is pending when its sender is killed, so it is sent again, which fails."""
        put(api, receiver.url("/sequence/a", codes="200,500,200"))
        queue.put({"message_id": "m0"})
        event, app = queue.receive(), start(aws)
        assert event
        _Killed(app, dynamodb).lambda_handler(event, CONTEXT)
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
        assert queue.deliver(app, event) == ["m0"]
        _write_pending(aws)
        queue.drain(app, lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1")] * 2

    def test_what_is_behind_a_message_that_is_sent_again_is_looked_up(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue, dynamodb: FaultyService
    ) -> None:
        """The log write of the first is pending, and that of the second is done, when their sender is killed."""
        put(api, receiver.url("/status/200"))
        queue.put(*messages(2))
        event, app = queue.receive(), start(aws)
        assert event

        def refuse_first(request: AwsRequest) -> AwsResponse | None:
            return denied(request) if request.operation == "BatchWriteItem" and b"m0" in request.body else None

        with dynamodb.breaking(refuse_first):
            app.lambda_handler(event, CONTEXT)
        for record in event["Records"]:
            record["attributes"]["ApproximateReceiveCount"] = "2"
        assert queue.deliver(app, event) == []
        assert [message_id for message_id, _ in requests_of(receiver)] == ["m0", "m1", "m0"]

    @pytest.mark.parametrize("attempts", [1, 2])
    def test_a_message_whose_sender_was_killed_is_sent_again_and_marked(
        self, aws: MockAws, api: Api, receiver: Receiver, dynamodb: FaultyService, attempts: int
    ) -> None:
        """The sender sends the message, but logs nothing; the attempt may be a retry."""
        queue = FifoQueue(aws, visibility_seconds=2)
        put(api, receiver.url("/sequence/a", codes=",".join(["500"] * (attempts - 1) + ["200", "200"])))
        queue.put(*messages(2))
        app = start(aws)
        if attempts == 2:
            queue.deliver(app)
        with_fault = start(aws, UNLOGGED_QUEUE_URL="http://127.0.0.1:9/000000000000/nowhere")
        queue.drain(_Killed(with_fault, dynamodb), lambda: len(requests_of(receiver)) == attempts)  # type: ignore[arg-type]
        queue.drain(app, lambda: queue.count() == 0)
        assert requests_of(receiver) == [
            *([("m0", "1")] if attempts == 2 else []),
            ("m0", str(attempts)),
            ("m0", str(attempts)),
            ("m1", "1"),
        ]
        assert ["redelivered" in row for row in log_of(aws, "m0")] == [False] * (attempts - 1) + [True]

    def test_what_cannot_be_looked_up_is_not_sent(
        self, aws: MockAws, api: Api, receiver: Receiver, dynamodb: FaultyService
    ) -> None:
        queue = FifoQueue(aws, visibility_seconds=2)
        put(api, receiver.url("/sequence/a", codes="500,200"))
        queue.put(*messages(2))
        app = start(aws)
        assert queue.deliver(app) == ["m0", "m1"]
        with dynamodb.breaking(failing):
            queue.drain(app, lambda: dynamodb.calls["Query"] > 0)
        assert requests_of(receiver) == [("m0", "1")]
        queue.drain(app, lambda: queue.count() == 0)
        assert requests_of(receiver) == [("m0", "1"), ("m0", "2"), ("m1", "1")]


class TestRedriven:
    """Dead letters of the ordered queue, which a redrive puts at its end as new messages."""

    def test_what_was_sent_before_is_not_sent_again_behind_another_message(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        put(api, receiver.url("/status/200"))
        app = start(aws)
        queue.put({"message_id": "m0"})
        first = queue.receive()
        queue.deliver(app, first)
        queue.put({"message_id": "m1"}, {"message_id": "m0"})
        event = queue.receive()
        _mark_redriven(event, first)
        assert queue.deliver(app, event) == []
        assert requests_of(receiver) == [("m0", "1"), ("m1", "1")]

    def test_an_attempt_after_several_deliveries_is_marked(
        self, aws: MockAws, api: Api, receiver: Receiver, queue: FifoQueue
    ) -> None:
        """It has been delivered less often than before its last attempt, but a sender may have been killed since."""
        put(api, receiver.url("/sequence/a", codes="500,500,200"))
        app = start(aws)
        queue.put({"message_id": "m0"})
        event = queue.receive()
        assert event
        attributes = event["Records"][0]["attributes"]
        attributes["ApproximateReceiveCount"] = "5"
        queue.deliver(app, event)
        attributes["SentTimestamp"] = str(int(datetime.now(UTC).timestamp() * 1000) + 1)

        def send_when_due() -> int:
            queue.deliver(app, event)
            return len(receiver.requests)

        for count in (2, 3):
            _mark_redriven(event, event, str(count))
            until(send_when_due, count.__eq__)
        assert ["redelivered" in row for row in log_of(aws, "m0")] == [True, True, False]


def _mark_redriven(event: Any, original: Any, receive_count: str = "1") -> None:
    """Give the last record of the event the identity of the original's last record."""
    record, queue_message_id = event["Records"][-1], original["Records"][-1]["messageId"]
    record["messageAttributes"]["QueueMessageId"] = {"dataType": "String", "stringValue": queue_message_id}
    record["attributes"]["ApproximateReceiveCount"] = receive_count


class _Killed:
    """A sender that cannot log what it has sent."""

    def __init__(self, app: ModuleType, dynamodb: FaultyService) -> None:
        self._app = app
        self._dynamodb = dynamodb

    def lambda_handler(self, event: Any, context: Any) -> Any:
        def refuse_writes(request: AwsRequest) -> AwsResponse | None:
            return denied(request) if request.operation == "BatchWriteItem" else None

        with self._dynamodb.breaking(refuse_writes):
            return self._app.lambda_handler(event, context)


def _write_pending(aws: MockAws) -> None:
    writer = aws.start("LogUnloggedFunction")
    if pending := aws.waiting("UnloggedExecutions"):
        writer.lambda_handler(aws.take("UnloggedExecutions", pending), CONTEXT)
