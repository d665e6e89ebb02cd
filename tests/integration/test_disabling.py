"""Tests that a webhook is disabled if its receiver is gone.

It is disabled once, and an event is published.
"""

import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from hooklog.errors import ErrorType
from hooklog.executions.execution import compact_time, iso_time
from hooklog.executions.failures import MAX_READ
from tests.aws import MockAws
from tests.event_schemas import check_event
from tests.events import api_event, sqs_event
from tests.faults import Fault, FaultyService, contended, failing, losing_responses, throttled_webhook
from tests.logs import logged_events
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, ID, Api, history, send

Row = dict[str, Any]


pytestmark = pytest.mark.usefixtures("reset_receiver")


@pytest.fixture
def event_queue(aws: MockAws) -> str:
    """Subscribe a queue to the events and return its name."""
    url = aws.sqs.create_queue(QueueName="events")["QueueUrl"]
    aws.refs["events"] = url
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.sns.subscribe(TopicArn=aws.refs["WebhookEvents"], Protocol="sqs", Endpoint=arn)
    return "events"


def events(aws: MockAws) -> list[dict[str, Any]]:
    """Return the published events.

    Checks them and the attributes by which a subscription can filter.
    """
    notices = [json.loads(message["Body"]) for message in aws.messages("events")]
    published = [json.loads(notice["Message"]) for notice in notices]
    for notice, event in zip(notices, published, strict=True):
        check_event(event)
        attributes = {name: attribute["Value"] for name, attribute in notice["MessageAttributes"].items()}
        assert attributes == {"type": event["type"], "webhook_id": event["webhook_id"]}
    return published


def start(aws: MockAws, **settings: str) -> ModuleType:
    """Start a sender whose caches are empty."""
    return aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="", **settings)


def ago(**time: float) -> str:
    return iso_time(compact_time(datetime.now(UTC) - timedelta(**time)))


def row(aws: MockAws) -> Row:
    (only,) = aws.rows("Webhooks")
    return only


def since(aws: MockAws) -> str | None:
    value: str | None = row(aws).get("failing_since", {}).get("S")
    return value


def fail_since(aws: MockAws, at: str) -> None:
    aws.dynamodb.put_item(TableName=aws.refs["Webhooks"], Item={**row(aws), "failing_since": {"S": at}})


def logged(aws: MockAws, at: str, **fields: Any) -> None:
    """Log an execution at this time; it succeeded unless `fields` differ."""
    aws.dynamodb.put_item(TableName=aws.refs["Executions"], Item=execution(at, **fields))


def failed(aws: MockAws, days_ago: float, message_id: str, **fields: Any) -> None:
    """Log a failed execution this many days ago."""
    aws.dynamodb.put_item(TableName=aws.refs["Executions"], Item=failure(ago(days=days_ago), message_id, **fields))


def failure(at: str, message_id: str, **fields: Any) -> Row:
    return execution(at, failed=True, message_id={"S": message_id}, **fields)


def execution(at: str, **fields: Any) -> Row:
    execution_id = f"{compact_time(datetime.fromisoformat(at))}-00000000"
    return {
        "webhook_id": {"S": ID},
        "executed_at": {"S": execution_id},
        "message_id": {"S": "old"},
        "attempt": {"N": "1"},
        "result": {"N": "200"},
        "duration_ms": {"N": "1"},
        "expires_at": {"N": "9999999999"},
        **({"failed_at": {"S": execution_id}} if fields.pop("failed", False) else {}),
        **fields,
    }


def log_all(aws: MockAws, rows: list[Row]) -> None:
    for start in range(0, len(rows), 25):
        puts: Any = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        aws.dynamodb.batch_write_item(RequestItems={aws.refs["Executions"]: puts})


class TestGoneResponse:
    def test_a_410_disables_the_webhook_at_once_and_publishes_an_event(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True)
        sender = start(aws)
        assert send(sender, {}, {}) == []
        _, shown = api.get()
        assert (shown["enabled"], shown["version"]) == (False, 2)
        assert "410" in shown["disabled_reason"]
        (event,) = events(aws)
        assert event["at"] == shown["updated_at"]
        assert event == {
            "type": "webhook.disabled",
            "version": 1,
            "event_id": f"webhook.disabled:{ID}:{compact_time(datetime.fromisoformat(event['at']))}",
            "webhook_id": ID,
            "reason": shown["disabled_reason"],
            "at": event["at"],
        }
        lines = {str(log.__dict__.get("event")): log.__dict__ for log in caplog.records}
        assert (lines["batch_processed"]["disabled"], lines["webhook_disabled"]["webhook_id"]) == (1, ID)

    def test_a_webhook_that_was_created_again_is_not_disabled(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str
    ) -> None:
        """The sender has cached the deleted one, which had the same version."""
        api.put(url=receiver.url("/status/410"), event_types=["order.created"], enabled=True)
        sender = start(aws)
        send(sender, {"event_type": "order.paid"})
        api.delete()
        _, created = api.put(url=receiver.url("/status/200"), enabled=True)
        assert send(sender, {"event_type": "order.created"}) == []
        (sent,) = history(aws)
        assert (sent["result"]["N"], created["version"]) == ("410", 1)
        assert api.get()[1]["enabled"] is True
        assert events(aws) == []

    def test_a_webhook_that_was_created_again_does_not_fail_since_before(
        self, api: Api, aws: MockAws, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/500"), event_types=["order.created"], enabled=True)
        sender = start(aws)
        send(sender, {"event_type": "order.paid"})
        api.delete()
        api.put(url=receiver.url("/status/200"), enabled=True)
        assert send(sender, {"event_type": "order.created"}) == []
        (sent,) = history(aws)
        assert (sent["result"]["N"], since(aws)) == ("500", None)

    def test_messages_to_a_disabled_webhook_can_be_recovered_after_it_is_enabled(
        self, api: Api, aws: MockAws, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True)
        sender = start(aws)
        send(sender, {"message_id": "m1"})
        send(sender, {"message_id": "m2"})
        assert len(receiver.requests) == 1
        refused = history(aws)[-1]
        assert (refused["message_id"]["S"], refused["hard_error"]["BOOL"]) == ("m2", True)
        status, shown = api.put(url=receiver.url("/status/200"), enabled=True, version=2)
        assert (status, "disabled_reason" in shown) == (200, False)
        path = {"webhook_id": ID, "execution_id": refused["executed_at"]["S"]}
        resend = aws.endpoint("resend_execution")
        assert resend.lambda_handler(api_event(path, scope="executions:resend"), None)["statusCode"] == 202
        start(aws).lambda_handler(aws.take("WebhookQueue"), CONTEXT)
        assert receiver.requests[-1].path == "/status/200"

    def test_saving_an_outdated_version_does_not_enable_a_disabled_webhook(
        self, api: Api, aws: MockAws, receiver: Receiver
    ) -> None:
        _, read = api.put(url=receiver.url("/status/410"), enabled=True)
        read.pop("secret")
        send(start(aws), {})
        assert api.put(**read)[0] == 409

    def test_a_410_from_a_replaced_url_does_not_disable(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str
    ) -> None:
        api.put(url=receiver.url("/sequence/then", codes="200,410"), enabled=True)
        sender = start(aws)
        send(sender, {})
        api.put(url=receiver.url("/status/200"), enabled=True, version=1)
        send(sender, {})  # with the old URL from its cache
        assert receiver.requests[-1].path == "/sequence/then"
        assert (api.get()[1]["enabled"], events(aws)) == (True, [])

    def test_a_410_to_a_message_with_its_own_url_does_not_disable(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str
    ) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True)
        send(start(aws), {"url": receiver.url("/status/410")})
        assert len(receiver.requests) == 1
        assert (api.get()[1]["enabled"], events(aws)) == (True, [])

    def test_only_one_of_two_senders_disables_the_webhook(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str
    ) -> None:
        api.put(url=receiver.url("/sequence/all", codes="200,200,410,410"), enabled=True)
        both = [start(aws), start(aws)]
        for sender in both * 2:
            send(sender, {})
        assert [request.path for request in receiver.requests] == ["/sequence/all"] * 4
        assert (len(events(aws)), api.get()[1]["version"]) == (1, 2)


class TestFailing:
    def test_the_first_failure_is_recorded_and_the_next_success_clears_it(
        self, api: Api, aws: MockAws, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/sequence/s", codes="500,500,200"), enabled=True)
        sender = start(aws)
        send(sender, {})
        first = since(aws)
        assert first == iso_time(history(aws)[0]["executed_at"]["S"])
        send(sender, {})
        assert since(aws) == first
        send(sender, {})
        assert since(aws) is None
        assert api.get()[1]["version"] == 1

    def test_a_second_sender_does_not_overwrite_the_first_recorded_failure(
        self, api: Api, aws: MockAws, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/sequence/two", codes="200,500,500"), enabled=True)
        one, other = start(aws), start(aws)
        for sender in (other, one, other):  # the last has cached that no failure is recorded
            send(sender, {})
        _, first, second = (execution["executed_at"]["S"] for execution in history(aws))
        assert first < second
        assert since(aws) == iso_time(first)

    def test_a_success_does_not_clear_a_failure_recorded_after_it(
        self, api: Api, aws: MockAws, receiver: Receiver
    ) -> None:
        api.put(url=receiver.url("/sequence/back", codes="500,500,200,500,200"), enabled=True)
        one, other = start(aws), start(aws)
        for sender in (one, other, one, one, other):  # the last has cached the first failure
            send(sender, {})
        assert since(aws) == iso_time(history(aws)[3]["executed_at"]["S"])

    def test_a_success_writes_nothing(
        self, api: Api, aws: MockAws, aws_endpoint: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api.put(url=receiver.url("/status/200"), enabled=True)
        with FaultyService(aws_endpoint) as dynamodb:
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
            sender = start(aws)
            send(sender, {}, {})
            assert dynamodb.calls == {"GetItem": 1, "BatchWriteItem": dynamodb.calls["BatchWriteItem"]}

    @pytest.mark.parametrize(
        ("days_ago", "days", "disabled"), [(5.01, "5", True), (4.99, "5", False), (1.01, "1", True), (400, "0", False)]
    )
    def test_a_webhook_is_disabled_when_every_attempt_has_failed_for_the_period(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str, days_ago: float, days: str, disabled: bool
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True)
        at = ago(days=days_ago)
        fail_since(aws, at)
        logged(aws, at, failed=True)
        failed(aws, days_ago / 2, "second")
        logged(aws, ago(days=days_ago + 0.01))
        send(start(aws, DISABLE_AFTER_DAYS=days), {})
        _, shown = api.get()
        assert (shown["enabled"], len(events(aws))) == (not disabled, int(disabled))
        assert not disabled or at[:16] in shown["disabled_reason"]

    @pytest.mark.parametrize(
        ("before", "disabled"),
        [
            pytest.param("6a 3b", True, id="three messages"),
            pytest.param("5.01a 4b 3c 2c", True, id="three, and retries"),
            pytest.param("14a 7b", True, id="one a week, the third"),
            pytest.param("20a 19.9b 19.8c 5.5d 3e", True, id="after an earlier outage"),
            pytest.param("5.01a", False, id="the second failure"),
            pytest.param("7a", False, id="one a week, the second"),
            pytest.param("5.01a 3.5a 2a", False, id="two messages, one retried"),
            pytest.param("5.01a 3.5a 2a 0now", False, id="the retries of two"),
            pytest.param("5.02a 5.01b 5c 4.9d", False, id="an outage, then one failure"),
            pytest.param("5.01a 0.2b 0.1c", False, id="one failure, then an outage"),
            pytest.param("20a 19.9b 19.8c 4.5d 3e 2f", False, id="after an earlier outage, not for long enough"),
        ],
    )
    def test_failures_must_span_the_whole_period(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str, before: str, disabled: bool
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True)
        failures = [(float(each.rstrip("abcdefnow")), each.lstrip("0123456789.")) for each in before.split()]
        fail_since(aws, ago(days=failures[0][0] + 0.001))
        for days_ago, message_id in failures:
            failed(aws, days_ago, message_id)
        assert send(start(aws), {"message_id": "now"}) == []
        assert (api.get()[1]["enabled"], len(events(aws))) == (not disabled, int(disabled))

    def test_a_failure_that_is_logged_late_counts(self, api: Api, aws: MockAws, receiver: Receiver) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True)
        fail_since(aws, ago(days=6))
        failed(aws, 6, "a")
        sender = start(aws)
        send(sender, {"message_id": "b"})
        assert api.get()[1]["enabled"] is True
        failed(aws, 3, "c")
        send(sender, {"message_id": "d"})
        assert api.get()[1]["enabled"] is False

    def test_a_success_after_the_first_failure_prevents_disabling(
        self, api: Api, aws: MockAws, receiver: Receiver
    ) -> None:
        """Another sender has logged the success but not yet cleared `failing_since`."""
        api.put(url=receiver.url("/status/500"), enabled=True)
        fail_since(aws, ago(days=6))
        for number, days_ago in enumerate((6, 4, 2)):
            failed(aws, days_ago, f"m{number}")
        logged(aws, ago(seconds=-60))
        send(start(aws), {})
        assert api.get()[1]["enabled"] is True

    def test_earlier_failures_are_found_beyond_the_first_page(
        self, api: Api, aws: MockAws, aws_endpoint: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A search without result is not repeated at every failure."""
        api.put(url=receiver.url("/status/500"), enabled=True)
        fail_since(aws, ago(days=20.001))
        for days_ago, message_id in ((20, "a"), (19.9, "b"), (5.5, "c")):
            failed(aws, days_ago, message_id)
        log_all(aws, [failure(ago(minutes=5, milliseconds=n), f"m{n}") for n in range(MAX_READ)])
        with FaultyService(aws_endpoint) as dynamodb, monkeypatch.context() as counted:
            counted.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
            sender = start(aws)
            for _ in range(3):
                send(sender, {})
        assert api.get()[1]["enabled"] is True
        assert dynamodb.calls["Query"] <= 10
        failed(aws, 3, "d")
        send(start(aws), {})
        assert api.get()[1]["enabled"] is False

    def test_a_success_that_was_not_recorded_is_found_in_the_log(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str
    ) -> None:
        """The period restarts with the first failure after the success."""
        api.put(url=receiver.url("/status/500"), enabled=True)
        fail_since(aws, ago(days=9))
        failed(aws, 9, "a")
        failed(aws, 8.5, "b")
        failed(aws, 8.2, "c")
        logged(aws, ago(days=8))
        later = ago(days=2)
        logged(aws, later, failed=True)
        send(start(aws), {})
        assert (api.get()[1]["enabled"], since(aws), events(aws)) == (True, later, [])

    def test_expired_executions_do_not_count_as_failures(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str
    ) -> None:
        """The expired executions may have included a success."""
        api.put(url=receiver.url("/status/500"), enabled=True)
        fail_since(aws, ago(days=90))
        later = ago(days=2)
        logged(aws, later, failed=True)
        send(start(aws), {})
        assert (api.get()[1]["enabled"], since(aws), events(aws)) == (True, later, [])

    @pytest.mark.parametrize("fields", [{"trigger": {"S": "test"}}, {"skipped": {"BOOL": True}}])
    def test_tests_and_skipped_messages_do_not_count_as_successes(
        self, api: Api, aws: MockAws, receiver: Receiver, fields: Row
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True)
        first = ago(days=6)
        fail_since(aws, first)
        logged(aws, first, failed=True)
        failed(aws, 3, "second")
        logged(aws, ago(days=2), **fields)
        send(start(aws), {})
        assert api.get()[1]["enabled"] is False

    @pytest.mark.parametrize("error_type", [kind for kind in ErrorType if not kind.was_attempted])
    def test_unsent_executions_in_the_period_do_not_count_as_failures(
        self, api: Api, aws: MockAws, receiver: Receiver, error_type: str
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True)
        fail_since(aws, ago(days=6))
        failed(aws, 6, "first")
        for number, days_ago in enumerate((4, 3, 2)):
            failed(aws, days_ago, f"m{number}", error_type={"S": error_type})
        send(start(aws), {})
        assert api.get()[1]["enabled"] is True

    def test_unsent_executions_do_not_count_as_failures(self, api: Api, aws: MockAws, receiver: Receiver) -> None:
        api.put(url=receiver.url("/status/200"), enabled=True, transformation="$error('no order')")
        sender = start(aws)
        send(sender, {})
        assert [row["error_type"] for row in history(aws)] == [{"S": "transformation_error"}]
        assert since(aws) is None
        fail_since(aws, ago(days=6))
        send(start(aws), {})
        assert (len(history(aws)), api.get()[1]["enabled"]) == (2, True)

    def test_a_change_of_the_webhook_restarts_the_period(self, api: Api, aws: MockAws, receiver: Receiver) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True)
        fail_since(aws, ago(days=6))
        api.put(url=receiver.url("/status/503"), enabled=True, version=1)
        send(start(aws), {})
        assert api.get()[1]["enabled"] is True
        assert (since(aws) or "") > ago(minutes=5)


class TestFaults:
    def test_a_delivery_succeeds_if_the_failure_state_cannot_be_written(
        self, api: Api, aws: MockAws, receiver: Receiver, dynamodb: FaultyService, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True)
        sender = start(aws)
        with dynamodb.breaking(lambda asked: failing(asked) if asked.operation == "UpdateItem" else None):
            assert send(sender, {}) == []
        assert len(history(aws)) == 1
        assert "failing_webhooks_not_noted" in logged_events(caplog)
        send(sender, {})
        assert api.get()[1]["enabled"] is False

    def test_the_event_is_published_if_the_response_to_disabling_is_lost(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str, dynamodb: FaultyService
    ) -> None:
        """The SDK retries the update, and finds the webhook already disabled."""
        api.put(url=receiver.url("/status/410"), enabled=True)
        sender = start(aws)
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem")):
            assert send(sender, {}) == []
        assert dynamodb.calls["UpdateItem"] == 2
        assert (len(events(aws)), api.get()[1]["version"]) == (1, 2)

    def test_no_state_is_written_while_dynamodb_refuses_writes(
        self, api: Api, aws: MockAws, receiver: Receiver, dynamodb: FaultyService
    ) -> None:
        api.put(url=receiver.url("/status/500"), enabled=True)
        sender = start(aws)
        with dynamodb.breaking(lambda asked: failing(asked) if asked.operation == "BatchWriteItem" else None):
            assert send(sender, {}) == []
        assert dynamodb.calls["UpdateItem"] == 0

    def test_a_pending_log_write_of_one_webhook_does_not_protect_another(
        self, api: Api, aws: MockAws, receiver: Receiver, dynamodb: FaultyService
    ) -> None:
        """DynamoDB is there, so a receiver that is gone is noticed, although it throttles another webhook."""
        api.put(url=receiver.url("/status/410"), enabled=True)
        sender = start(aws)
        with dynamodb.breaking(throttled_webhook(dynamodb, "other")):
            message = {"webhook_id": "other", "message_id": "m1", "url": receiver.url("/status/200"), "payload": {}}
            assert send(sender, {}, message) == []
        assert (len(aws.messages("UnloggedExecutions")), api.get()[1]["enabled"]) == (1, False)

    def test_an_event_that_sns_refuses_is_kept_and_the_webhook_is_disabled(
        self, api: Api, aws: MockAws, receiver: Receiver, sns: FaultyService, caplog: pytest.LogCaptureFixture
    ) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True)
        with sns.breaking(failing):
            assert send(start(aws), {}) == []
        assert api.get()[1]["enabled"] is False
        (seen,) = aws.rows("SeenWebhooks")
        (pending,) = json.loads(seen["pending_events"]["S"])
        assert pending["event"]["type"] == "webhook.disabled"
        assert (seen["outbox"]["S"], seen["due_at"]["S"]) == ("pending", pending["event"]["at"])
        assert int(seen["expires_at"]["N"]) > datetime.now(UTC).timestamp()
        (line,) = [log for log in caplog.records if log.__dict__.get("event") == "events_pending"]
        assert (line.levelname, line.__dict__["pending"]) == ("WARNING", 1)

    @pytest.mark.parametrize("fault", ["failing", "contended"])
    def test_an_event_that_can_be_neither_published_nor_kept_is_logged(
        self,
        api: Api,
        aws: MockAws,
        receiver: Receiver,
        sns: FaultyService,
        dynamodb: FaultyService,
        caplog: pytest.LogCaptureFixture,
        fault: str,
    ) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True)
        table = aws.refs["SeenWebhooks"]
        faults: dict[str, Fault] = {
            "failing": lambda asked: failing(asked) if f'"{table}"'.encode() in asked.body else None,
            "contended": contended(table),
        }
        with sns.breaking(failing), dynamodb.breaking(faults[fault]):
            assert send(start(aws), {}) == []
        assert api.get()[1]["enabled"] is False
        (line,) = [log for log in caplog.records if log.__dict__.get("event") == "event_not_published"]
        assert (line.levelname, line.__dict__["webhook_id"]) == ("ERROR", ID)

    def test_a_row_that_is_about_to_expire_keeps_the_event(
        self, api: Api, aws: MockAws, receiver: Receiver, sns: FaultyService
    ) -> None:
        """Its last execution has almost expired, and executions are not counted any more."""
        row: Any = {"webhook_id": {"S": ID}, "listed": {"S": "all"}, "expires_at": {"N": "1790000000"}}
        aws.dynamodb.put_item(TableName=aws.refs["SeenWebhooks"], Item=row)
        api.put(url=receiver.url("/status/410"), enabled=True)
        with sns.breaking(failing):
            assert send(start(aws), {}) == []
        (seen,) = aws.rows("SeenWebhooks")
        assert int(seen["expires_at"]["N"]) > datetime.now(UTC).timestamp() + 86_400

    def test_an_event_that_is_published_costs_no_other_call(
        self, api: Api, aws: MockAws, receiver: Receiver, event_queue: str, dynamodb: FaultyService
    ) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True)
        assert send(start(aws), {}) == []
        assert (len(events(aws)), aws.rows("SeenWebhooks")) == (1, [])
        assert dynamodb.calls["UpdateItem"] == 1

    def test_failure_monitoring_is_skipped_if_no_time_is_left(self, api: Api, aws: MockAws, receiver: Receiver) -> None:
        api.put(url=receiver.url("/status/410"), enabled=True, timeout_seconds=1)
        left = iter([60_000] * 1 + [12_000] * 10)
        context = type(CONTEXT)(aws_request_id="r", get_remaining_time_in_millis=lambda: next(left))
        start(aws).lambda_handler(sqs_event({"webhook_id": ID, "payload": {}}), context)
        assert (len(history(aws)), api.get()[1]["enabled"]) == (1, True)
