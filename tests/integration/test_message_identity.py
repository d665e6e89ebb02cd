"""Tests of messages that are identified by their queue message's ID.

Two may share a message ID, and dead letters are redriven.
"""

import json
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from cli.arguments import build_parser
from cli.output import Output
from cli.redrive import move_dead_letters
from cli.stack import Stack
from hooklog.queues.dead_letters import MAX_MESSAGE_BYTES
from tests.aws import Endpoint, MockAws
from tests.events import api_event, sqs_event
from tests.faults import FaultyService, failing, lagging
from tests.logs import logged_events
from tests.proxy import JSON, AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.webhooks import CONTEXT, Api

ID = "acme.orders"
EVERYTHING = "executions:read executions:resend webhooks:read webhooks:manage"

Event = dict[str, Any]


pytestmark = pytest.mark.usefixtures("reset_receiver")


@pytest.fixture
def app(aws: MockAws) -> ModuleType:
    return start(aws)


def start(aws: MockAws, **settings: str) -> ModuleType:
    return aws.start("SendWebhooksFunction", **{"ALLOW_HTTP": "true", "RETRY_SCHEDULE": "1,1,1", **settings})


def message(url: str | None, version: int, **fields: Any) -> dict[str, Any]:
    where = {"url": url} if url else {}
    return {"webhook_id": ID, "message_id": "msg_1", **where, "payload": {"v": version}, **fields}


def queued(body: object, queue_message_id: str, *, count: int = 1, was: str = "") -> Event:
    """Return an event with one queue message.

    `was` is the original ID of a redriven dead letter.
    """
    event = sqs_event(body, receive_count=count)
    (record,) = event["Records"]
    record["messageId"] = queue_message_id
    if was:
        record["messageAttributes"]["QueueMessageId"] = {"stringValue": was, "dataType": "String"}
    return event


def redelivered(event: Event) -> Event:
    """Return the event as SQS redelivers it."""
    for record in event["Records"]:
        record["attributes"]["ApproximateReceiveCount"] = "2"
    return event


def send(app: ModuleType, event: Event) -> None:
    assert app.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}


def take(aws: MockAws, count: int = 1) -> Event:
    """Take messages off the webhook queue, including delayed ones."""
    aws.release_delayed("WebhookQueue")
    return aws.take("WebhookQueue", count)


def drain(app: ModuleType, aws: MockAws) -> None:
    while waiting := aws.waiting("WebhookQueue"):
        send(app, take(aws, waiting))


def attempts_of(aws: MockAws, message_id: str = "msg_1") -> list[tuple[int, str, int]]:
    """Return the attempt, trigger and result of each execution of a message."""
    return [(e["attempt"], e["trigger"], e["result"]) for e in executions(aws, message_id)]


def executions(aws: MockAws, message_id: str = "msg_1") -> list[dict[str, Any]]:
    app = aws.endpoint("list_message_executions")
    found: list[dict[str, Any]] = call(app, {"message_id": message_id})["executions"]
    return found


def call(app: Endpoint, path: dict[str, str], status: int = 200, **change: Any) -> Any:
    response = app.lambda_handler(api_event(path, **{"scope": EVERYTHING, **change}), CONTEXT)
    assert response["statusCode"] == status, response
    return json.loads(response["body"] or "{}")


def resend(aws: MockAws, execution: dict[str, Any]) -> None:
    path = {"webhook_id": execution["webhook_id"], "execution_id": execution["execution_id"]}
    call(aws.endpoint("resend_execution"), path, 202)


def recover(aws: MockAws, webhook_id: str = ID) -> dict[str, Any]:
    body = {"since": "2026-01-01T00:00:00Z"}
    recovery_id = call(aws.endpoint("start_recovery"), {"webhook_id": webhook_id}, 202, body=body)["recovery_id"]
    aws.start("RunRecoveryFunction").lambda_handler(aws.take("RecoveryQueue"), CONTEXT)
    path = {"webhook_id": webhook_id, "recovery_id": recovery_id}
    state: dict[str, Any] = call(aws.endpoint("get_recovery"), path)
    return {name: state[name] for name in ("status", "found", "queued")}


def versions(receiver: Receiver) -> Counter[int]:
    """Return how often each payload was received."""
    return Counter(json.loads(request.body)["v"] for request in receiver.requests)


class TestTwoMessagesWithOneId:
    def test_the_first_is_retried_though_the_second_succeeds(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        send(app, queued(message(receiver.url("/sequence/a", codes="500,200"), 1), "q1"))
        send(app, queued(message(receiver.url("/status/200"), 2), "q2"))
        drain(app, aws)
        assert [json.loads(request.body)["v"] for request in receiver.requests] == [1, 2, 1]
        assert attempts_of(aws) == [(1, "event", 500), (1, "event", 200), (2, "retry", 200)]
        assert {request.header("webhook-id") for request in receiver.requests} == {"msg_1"}
        assert not any("next_attempt_at" in execution for execution in executions(aws))

    @pytest.mark.parametrize("settings", [{}, {"DETAILS_OF": "none"}, {"DETAILS_OF": "all"}])
    def test_each_of_three_is_retried_separately(
        self, aws: MockAws, receiver: Receiver, settings: dict[str, str]
    ) -> None:
        app = start(aws, **settings)
        for number, codes in enumerate(("500,500,200", "500,200", "500,500,500,200"), start=1):
            url = receiver.url(f"/sequence/three{number}", codes=codes)
            send(app, queued(message(url, number), f"q{number}"))
        drain(app, aws)
        assert versions(receiver) == {1: 3, 2: 2, 3: 4}
        assert Counter(attempt for attempt, _, _ in attempts_of(aws)) == {1: 3, 2: 3, 3: 2, 4: 1}

    def test_messages_with_one_id_in_one_batch_are_all_retried(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        bodies = [message(receiver.url(f"/sequence/batch{n}", codes="500,200"), n) for n in range(5)]
        send(app, sqs_event(*bodies))
        drain(app, aws)
        assert versions(receiver) == dict.fromkeys(range(5), 2)

    def test_a_resend_cancels_only_its_own_retry(self, app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
        for number in (1, 2):
            url = receiver.url(f"/sequence/resent{number}", codes="500,200")
            send(app, queued(message(url, number), f"q{number}"))
        retries = take(aws, 2)
        resend(aws, executions(aws)[0])
        send(app, take(aws))
        send(app, retries)
        assert versions(receiver) == {1: 2, 2: 2}
        assert sorted(attempts_of(aws)) == [(1, "event", 500), (1, "event", 500), (2, "resend", 200), (2, "retry", 200)]

    def test_a_recovery_finds_a_failure_despite_the_others_success(self, aws: MockAws, receiver: Receiver) -> None:
        app = start(aws, RETRY_SCHEDULE="")
        for number, codes in enumerate(("500,200", "200", "500,200", "500,200"), start=1):
            url = receiver.url(f"/sequence/recovered{number}", codes=codes)
            send(app, queued(message(url, number), f"q{number}"))
        resend(aws, executions(aws)[2])
        drain(app, aws)
        assert recover(aws) == {"status": "done", "found": 2, "queued": 2}
        drain(app, aws)
        assert versions(receiver) == {1: 2, 2: 1, 3: 2, 4: 2}
        assert recover(aws) == {"status": "done", "found": 0, "queued": 0}

    def test_the_second_is_not_mistaken_for_a_redelivery_of_the_first(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        send(app, queued(message(receiver.url("/status/200"), 1), "q1"))
        for _ in range(2):
            send(app, queued(message(receiver.url("/status/200"), 2), "q2", count=2))
        assert versions(receiver) == {1: 1, 2: 1}

    def test_each_webhook_of_a_topic_receives_both(self, aws: MockAws, api: Api, receiver: Receiver) -> None:
        app = start(aws)
        for number in (1, 2):
            url = receiver.url(f"/sequence/topic{number}", codes="500,500,200")
            api.put(f"acme.w{number}", url=url, topic="acme", enabled=True)
        for version in (1, 2):
            topic_message = {"topic": "acme", "message_id": "msg_1", "payload": {"v": version}}
            send(app, queued(topic_message, f"q{version}"))
        copies = take(aws, 4)
        send(app, copies)
        drain(app, aws)
        send(app, redelivered(copies))
        for webhook_id in ("acme.w1", "acme.w2"):
            its = [(e["attempt"], e["result"]) for e in executions(aws) if e["webhook_id"] == webhook_id]
            assert its == [(1, 500), (1, 500), (2, 200), (2, 200)]
        assert versions(receiver) == {1: 4, 2: 4}


class TestRedelivery:
    def test_a_redelivered_retry_is_not_sent_twice_and_the_next_one_is_enqueued(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
        retry = take(aws)
        send(app, retry)
        take(aws)  # as if the function had crashed before enqueuing it
        send(app, redelivered(retry))
        assert (versions(receiver), aws.waiting("WebhookQueue")) == ({1: 2}, 1)

    def test_each_of_two_redelivered_resends_is_sent_once(self, aws: MockAws, receiver: Receiver) -> None:
        app = start(aws, RETRY_SCHEDULE="")
        send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
        for _ in range(2):
            resend(aws, executions(aws)[0])
        both = take(aws, 2)
        send(app, both)
        send(app, redelivered(both))
        assert [trigger for _, trigger, _ in attempts_of(aws)] == ["event", "resend", "resend"]
        assert versions(receiver) == {1: 3}

    def test_a_redelivered_resend_returns_to_the_queue_while_the_log_is_unavailable(
        self, aws: MockAws, aws_endpoint: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Enqueued as a new queue message, it could not be recognised as already sent."""
        with FaultyService(aws_endpoint) as dynamodb, monkeypatch.context() as broken:
            broken.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
            app = start(aws, RETRY_SCHEDULE="")
            send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
            resend(aws, executions(aws)[0])
            event = take(aws)
            with dynamodb.breaking(failing):
                returned = app.lambda_handler(redelivered(event), CONTEXT)["batchItemFailures"]
        assert [each["itemIdentifier"] for each in returned] == [event["Records"][0]["messageId"]]


class TestRowsOfEarlierReleases:
    """A retry's row held only its own queue message's ID, and a retry task held none."""

    @staticmethod
    def legacy(event: Event) -> Event:
        for record in event["Records"]:
            body = json.loads(record["body"])
            body.pop("queue_message_id", None)
            record["body"] = json.dumps(body)
        return event

    @staticmethod
    def make_rows_legacy(aws: MockAws) -> None:
        for row in aws.rows("Executions"):
            stored = row.get("queue_message_id", {"S": ""})["S"]
            if "/" in stored:
                row["queue_message_id"] = {"S": stored.rpartition("/")[2]}
                aws.dynamodb.put_item(TableName=aws.refs["Executions"], Item=row)

    def test_a_message_delivered_by_a_retry_is_not_recovered(self, aws: MockAws, receiver: Receiver) -> None:
        app = start(aws)
        send(app, queued(message(receiver.url("/sequence/old", codes="500,200"), 1), "q1"))
        drain(app, aws)
        self.make_rows_legacy(aws)
        assert recover(aws)["found"] == 0

    def test_retries_continue(self, app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
        send(app, queued(message(receiver.url("/sequence/old", codes="500,500,500,200"), 1), "q1"))
        first = self.legacy(take(aws))
        send(app, first)
        self.make_rows_legacy(aws)
        second = self.legacy(take(aws))
        send(app, second)
        send(app, redelivered(first))
        send(app, redelivered(second))
        for event in (first, second):
            event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "1"
            send(app, event)
        send(app, aws.take("WebhookQueue"))
        assert [(attempt, result) for attempt, _, result in attempts_of(aws)] == [
            (1, 500),
            (2, 500),
            (3, 500),
            (4, 200),
        ]

    def test_an_old_first_attempt_is_distinguished_from_a_new_message(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        send(app, queued(message(receiver.url("/sequence/old", codes="500,200"), 1), "q1"))
        retry = self.legacy(take(aws))
        send(app, queued(message(receiver.url("/status/200"), 2), "q2"))
        send(app, retry)
        assert versions(receiver) == {1: 2, 2: 1}


class TestNextAttempt:
    """`next_attempt_at` is shown only while a retry is pending."""

    def shown(self, aws: MockAws) -> list[str]:
        """Return the executions with a next attempt, which all three views must agree on."""
        views = [executions(aws), call(aws.endpoint("list_executions"), {"webhook_id": ID})["executions"]]
        get = aws.endpoint("get_execution")
        views.append([call(get, {"webhook_id": ID, "execution_id": e["execution_id"]}) for e in views[0]])
        found = [sorted(e["execution_id"] for e in view if "next_attempt_at" in e) for view in views]
        assert found[0] == found[1] == found[2]
        return found[0]

    def ids(self, aws: MockAws) -> list[str]:
        return [execution["execution_id"] for execution in executions(aws)]

    @pytest.mark.parametrize("settings", [{}, {"DETAILS_OF": "none"}])
    def test_a_retried_attempt_has_no_next_attempt(
        self, aws: MockAws, receiver: Receiver, settings: dict[str, str]
    ) -> None:
        app = start(aws, **settings)
        send(app, queued(message(receiver.url("/sequence/next", codes="500,500,200"), 1), "q1"))
        assert self.shown(aws) == self.ids(aws)
        send(app, take(aws))
        assert self.shown(aws) == self.ids(aws)[1:]
        send(app, take(aws))
        assert self.shown(aws) == []

    def test_an_attempt_followed_by_a_resend_has_no_next_attempt(self, aws: MockAws, receiver: Receiver) -> None:
        app = start(aws, RETRY_SCHEDULE="1,300")
        send(app, queued(message(receiver.url("/sequence/before", codes="500,500,200"), 1), "q1"))
        send(app, take(aws))
        resend(aws, executions(aws)[0])
        send(app, aws.take("WebhookQueue"))
        assert (attempts_of(aws)[-1], self.shown(aws)) == ((3, "resend", 200), [])

    def test_an_erased_attempt_has_no_next_attempt(self, app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
        send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
        path = {"webhook_id": ID, "execution_id": self.ids(aws)[0]}
        call(aws.endpoint("erase_execution_details"), path, 204)
        assert self.shown(aws) == []
        send(app, take(aws))
        assert versions(receiver) == {1: 1}

    def test_another_message_with_the_same_id_keeps_the_next_attempt(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
        send(app, queued(message(receiver.url("/status/200"), 2), "q2"))
        assert self.shown(aws) == self.ids(aws)[:1]

    def test_a_delivery_succeeds_if_the_next_attempt_cannot_be_cleared(
        self,
        aws: MockAws,
        aws_endpoint: str,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with FaultyService(aws_endpoint) as dynamodb, monkeypatch.context() as broken:
            broken.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
            app = start(aws)
            send(app, queued(message(receiver.url("/sequence/back", codes="500,200"), 1), "q1"))
            with dynamodb.breaking(lambda asked: failing(asked) if asked.operation == "UpdateItem" else None):
                send(app, take(aws))
        assert [result for _, _, result in attempts_of(aws)] == [500, 200]
        assert "next_attempt_not_cleared" in logged_events(caplog)

    def test_a_first_success_reads_and_clears_nothing(
        self, aws: MockAws, aws_endpoint: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with FaultyService(aws_endpoint) as dynamodb:
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
            send(start(aws), queued(message(receiver.url("/status/200"), 1), "q1"))
            assert dynamodb.calls.keys() == {"BatchWriteItem"}


class TestLaggingIndex:
    """Executions written a second ago are found although the index lags."""

    @pytest.mark.parametrize("code", ["200", "500"])
    def test_a_redelivered_message_is_found_in_the_table(
        self, aws: MockAws, dynamodb: FaultyService, receiver: Receiver, code: str
    ) -> None:
        app = start(aws)
        event = queued(message(receiver.url(f"/status/{code}"), 1), "q1")
        with dynamodb.breaking(lagging):
            send(app, event)
            send(app, redelivered(event))
        assert versions(receiver) == {1: 1}

    def test_a_redelivered_retry_is_found_in_the_table(
        self, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        app = start(aws)
        send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
        retry = take(aws)
        with dynamodb.breaking(lagging):
            send(app, retry)
            send(app, redelivered(retry))
        assert versions(receiver) == {1: 2}

    def test_a_redelivered_resend_is_found_in_the_table(
        self, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        app = start(aws, RETRY_SCHEDULE="")
        send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
        resend(aws, executions(aws)[0])
        event = take(aws)
        with dynamodb.breaking(lagging):
            send(app, event)
            send(app, redelivered(event))
        assert versions(receiver) == {1: 2}

    def test_a_redelivered_retry_that_was_overtaken_is_found_in_the_table(
        self, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        app = start(aws)
        send(app, queued(message(receiver.url("/sequence/overtaken", codes="500,200"), 1), "q1"))
        retry = take(aws)
        resend(aws, executions(aws)[0])
        with dynamodb.breaking(lagging):
            send(app, take(aws))
            send(app, redelivered(retry))
        assert versions(receiver) == {1: 2}

    def test_a_redelivered_fan_out_copy_is_found_in_the_table(
        self, aws: MockAws, api: Api, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        api.put("acme.w1", url=receiver.url("/status/200"), topic="acme", enabled=True)
        app = start(aws)
        event = queued({"topic": "acme", "message_id": "msg_1", "payload": {"v": 1}}, "q1")
        for each in (event, redelivered(event)):
            send(app, each)
        first, second = take(aws, 2)["Records"]
        with dynamodb.breaking(lagging):
            send(app, {"Records": [first]})
            send(app, {"Records": [second]})
        assert versions(receiver) == {1: 1}

    def test_a_redriven_dead_letter_is_found_in_the_table(
        self, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        app = start(aws)
        with dynamodb.breaking(lagging):
            send(app, queued(message(receiver.url("/status/200"), 1), "q1"))
            send(app, queued(message(receiver.url("/status/200"), 1), "q2", was="q1"))
        assert versions(receiver) == {1: 1}

    def test_an_older_execution_is_found_in_the_index(
        self, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        def two_rows(asked: AwsRequest) -> AwsResponse | None:
            """Return pages of two rows, which stand for thousands."""
            query = json.loads(asked.body)
            if asked.operation != "Query" or "FilterExpression" not in query or "IndexName" in query:
                return None
            result = aws.dynamodb.query(**{**query, "Limit": 2})
            page = {name: result[name] for name in ("Items", "Count", "ScannedCount", "LastEvaluatedKey")}
            return AwsResponse(200, json.dumps(page).encode(), {"Content-Type": "application/x-amz-json-1.0"})

        app = start(aws)
        event = queued(message(receiver.url("/status/200"), 1), "q1")
        send(app, event)
        for number in range(2, 6):
            send(app, queued(message(receiver.url("/status/200"), number, message_id=f"m{number}"), f"q{number}"))
        with dynamodb.breaking(two_rows):
            send(app, redelivered(event))
        assert versions(receiver)[1] == 1

    def test_the_search_reads_a_bounded_number_of_items(
        self, aws: MockAws, dynamodb: FaultyService, receiver: Receiver
    ) -> None:
        """Read the table once and the index not at all.

        In the index, a topic's message may have thousands of executions.
        """
        app = start(aws)
        send(app, queued(message(receiver.url("/status/200"), 1), "q1", count=2))
        assert dynamodb.calls["Query"] == 1


class TestRedrivenDeadLetters:
    def redriven(self, aws: MockAws, count: int = 1) -> Event:
        """Run `hooklog redrive` and take the messages that it enqueues."""
        assert move_dead_letters(aws.sqs, aws.refs["WebhookDeadLetterQueue"], aws.refs["WebhookQueue"]) == count
        return aws.take("WebhookQueue", count)

    def dead_letter(self, aws: MockAws, body: object, **attributes: Any) -> str:
        """Put a message on the DLQ and return its ID.

        SQS does this after too many receives.
        """
        sent = aws.sqs.send_message(
            QueueUrl=aws.refs["WebhookDeadLetterQueue"], MessageBody=json.dumps(body), **attributes
        )
        return sent["MessageId"]

    def test_a_redriven_poison_message_keeps_its_first_id(self, aws: MockAws, receiver: Receiver) -> None:
        url = receiver.url("/status/200")
        body = {"webhook_id": ID, "url": url, "payload": {"v": 1}, "timeout_seconds": 99}
        app = start(aws)
        send(app, queued(body, "q1"))
        redriven_event = self.redriven(aws)
        assert redriven_event["Records"][0]["messageId"] != "q1"
        send(app, redriven_event)  # is invalid, so it becomes a dead letter again
        redriven_event = self.redriven(aws)
        # as if a new release allowed 99
        redriven_event["Records"][0]["body"] = json.dumps({**body, "timeout_seconds": 9})
        send(app, redriven_event)
        send(app, redelivered(redriven_event))
        assert [request.header("webhook-id") for request in receiver.requests] == ["q1"]
        assert attempts_of(aws, "q1") == [(1, "event", 200)]

    def test_a_redriven_message_that_sqs_moved_keeps_its_first_id(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        url = receiver.url("/status/200")
        first = self.dead_letter(aws, {"webhook_id": ID, "url": url, "payload": {"v": 1}}, MessageGroupId=ID)
        redriven_event = self.redriven(aws)
        assert redriven_event["Records"][0]["messageId"] != first
        send(app, redriven_event)
        assert [request.header("webhook-id") for request in receiver.requests] == [first]
        assert executions(aws, first)[0]["redelivered"] is True

    @pytest.mark.parametrize("message_id", [{}, {"message_id": "msg_1"}])
    @pytest.mark.parametrize("code", ["200", "500"])
    def test_a_redriven_message_that_was_sent_is_not_sent_twice(
        self, aws: MockAws, receiver: Receiver, message_id: dict[str, str], code: str
    ) -> None:
        """The retry of a failure is enqueued again, as after any redelivery."""
        app = start(aws, RETRY_SCHEDULE="300")
        body = {"webhook_id": ID, "url": receiver.url(f"/status/{code}"), "payload": {"v": 1}, **message_id}
        first = self.dead_letter(aws, body)
        send(app, queued(body, first))
        before = aws.waiting("WebhookQueue")
        send(app, self.redriven(aws))
        assert versions(receiver) == {1: 1}
        assert aws.waiting("WebhookQueue") == 2 * before

    def test_a_redriven_retry_that_was_sent_is_not_sent_twice(
        self, app: ModuleType, aws: MockAws, receiver: Receiver
    ) -> None:
        send(app, queued(message(receiver.url("/status/500"), 1), "q1"))
        retry = take(aws)
        body = json.loads(retry["Records"][0]["body"])
        retry["Records"][0]["messageId"] = self.dead_letter(aws, body)
        send(app, retry)
        take(aws)
        send(app, self.redriven(aws))
        assert versions(receiver) == {1: 2}
        assert aws.waiting("WebhookQueue") == 1

    def test_a_redriven_topic_message_reaches_no_webhook_twice(
        self, app: ModuleType, aws: MockAws, api: Api, receiver: Receiver
    ) -> None:
        for number in (1, 2):
            api.put(f"acme.w{number}", url=receiver.url(f"/status/200?{number}"), topic="acme", enabled=True)
        topic_message = {"topic": "acme", "payload": {"v": 1}}
        first = self.dead_letter(aws, topic_message)
        send(app, queued(topic_message, first))
        send(app, take(aws, 2))
        send(app, self.redriven(aws))
        send(app, take(aws, 2))
        assert versions(receiver) == {1: 2}
        assert {request.header("webhook-id") for request in receiver.requests} == {first}

    def test_a_redriven_message_keeps_its_attributes_and_group(self, aws: MockAws) -> None:
        tenant = {"tenant": {"DataType": "String", "StringValue": "acme"}}
        first = self.dead_letter(aws, {"n": 1}, MessageGroupId=ID, MessageAttributes=tenant)
        (record,) = self.redriven(aws)["Records"]
        attributes = {name: each["stringValue"] for name, each in record["messageAttributes"].items()}
        assert attributes == {"tenant": "acme", "QueueMessageId": first}
        assert record["attributes"]["MessageGroupId"] == ID

    def test_a_message_with_ten_attributes_is_redriven_unchanged(self, aws: MockAws) -> None:
        full = {f"own{n}": {"DataType": "String", "StringValue": "x"} for n in range(10)}
        self.dead_letter(aws, {"n": 1}, MessageAttributes=full)
        (record,) = self.redriven(aws)["Records"]
        assert record["messageAttributes"].keys() == full.keys()
        self.dead_letter(aws, "x" * (MAX_MESSAGE_BYTES - 10))
        (record,) = self.redriven(aws)["Records"]
        assert record["messageAttributes"] == {}

    def test_redrive_prints_the_number_of_messages(self, aws: MockAws, capsys: pytest.CaptureFixture[str]) -> None:
        outputs = {"QueueUrl": aws.refs["WebhookQueue"], "DeadLetterQueueUrl": aws.refs["WebhookDeadLetterQueue"]}
        stack = Stack("hooklog", outputs, {"sqs": aws.sqs}.__getitem__, is_local=True)
        first = self.dead_letter(aws, {"n": 1})
        for moved in (1, 0):
            arguments = build_parser().parse_args(["redrive"])
            arguments.run(stack, arguments, Output(as_json=True))
            assert json.loads(capsys.readouterr().out) == {"moved": moved}
        (record,) = take(aws)["Records"]
        assert record["messageAttributes"]["QueueMessageId"]["stringValue"] == first

    def test_many_dead_letters_are_redriven_once_each(self, aws: MockAws) -> None:
        long = "x" * 300_000
        first = [self.dead_letter(aws, {"n": n, "long": long if n % 4 == 0 else ""}) for n in range(23)]
        records = self.redriven(aws, 23)["Records"]
        assert sorted(r["messageAttributes"]["QueueMessageId"]["stringValue"] for r in records) == sorted(first)
        assert aws.waiting("WebhookDeadLetterQueue") == 0

    @pytest.mark.parametrize("value", ["", "a b", "ü", "x" * 129])
    def test_an_attribute_that_is_not_an_id_is_ignored(
        self, app: ModuleType, aws: MockAws, receiver: Receiver, value: str
    ) -> None:
        body = {"webhook_id": ID, "url": receiver.url("/status/200"), "payload": {"v": 1}}
        send(app, queued(body, "q2", was=value) if value else queued(body, "q2"))
        assert [request.header("webhook-id") for request in receiver.requests] == ["q2"]


def test_a_row_identifies_its_queue_message_in_few_bytes(app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
    """Only a retry of a message whose ID the producer set stores two IDs."""
    url = receiver.url("/sequence/bytes", codes="500,200")
    send(app, queued(message(url, 1), "q1"))
    send(
        app,
        queued({"webhook_id": ID, "url": receiver.url("/sequence/own", codes="500,200"), "payload": {"v": 2}}, "q2"),
    )
    retries = take(aws, 2)
    own = {json.loads(record["body"])["message_id"]: record["messageId"] for record in retries["Records"]}
    send(app, retries)
    rows = sorted(aws.rows("Executions"), key=lambda row: row["executed_at"]["S"])
    queue_message_ids = {
        (row["message_id"]["S"], row["attempt"]["N"]): row.get("queue_message_id", {}).get("S") for row in rows
    }
    assert queue_message_ids == {
        ("msg_1", "1"): "q1",
        ("q2", "1"): None,
        ("msg_1", "2"): f"q1/{own['msg_1']}",
        ("q2", "2"): f"/{own['q2']}",
    }


def busy(request: AwsRequest) -> AwsResponse | None:
    """Answer consistent queries as of a webhook with more recent executions than are read."""
    body = json.loads(request.body)
    if request.operation != "Query" or not body.get("ConsistentRead"):
        return None
    last = {"webhook_id": {"S": ID}, "executed_at": {"S": "20261123T173600.123456Z-9f3a2c1d"}}
    page = {"Items": [], "Count": 0, "ScannedCount": 1000, "LastEvaluatedKey": last}
    return AwsResponse(200, json.dumps(page).encode(), JSON)


def history_of(aws: MockAws) -> list[tuple[str, int, bool]]:
    """Return the message ID, the result and whether it is marked as redelivered, of each execution."""
    listed = call(aws.endpoint("list_executions"), {"webhook_id": ID})["executions"]
    return [(each["message_id"], each["result"], each.get("redelivered", False)) for each in reversed(listed)]


def test_an_index_of_failures_omits_messages_that_succeeded_at_once(aws: MockAws, receiver: Receiver) -> None:
    app = start(aws, MESSAGE_INDEX="failures")
    send(app, first := queued(message(receiver.url("/status/200"), 1), "q1"))
    send(app, redelivered(first))
    assert history_of(aws) == [("msg_1", 200, False)]
    assert executions(aws) == []
    send(app, queued(message(receiver.url("/sequence/1", codes="500,200"), 1, message_id="msg_2"), "q2"))
    drain(app, aws)
    assert attempts_of(aws, "msg_2") == [(1, "event", 500), (2, "retry", 200)]


def test_an_index_of_failures_keeps_what_is_erased_by_message(aws: MockAws, receiver: Receiver) -> None:
    app = start(aws, MESSAGE_INDEX="failures", DETAILS_OF="all")
    send(app, queued(message(receiver.url("/status/200"), 1), "q1"))
    assert attempts_of(aws) == [(1, "event", 200)]
    call(aws.endpoint("erase_message_details"), {"message_id": "msg_1"}, 204)
    assert [row["parts"]["N"] for row in aws.rows("ExecutionDetails")] == ["0"], "the mark"


@pytest.mark.parametrize(("index", "sent"), [("all", 1), ("failures", 2)])
def test_what_an_index_of_failures_cannot_tell_is_sent_and_marked(
    aws: MockAws, dynamodb: FaultyService, receiver: Receiver, index: str, sent: int
) -> None:
    app = start(aws, MESSAGE_INDEX=index)
    send(app, first := queued(message(receiver.url("/status/200"), 1), "q1"))
    with dynamodb.breaking(busy):
        send(app, redelivered(first))
    assert history_of(aws) == [("msg_1", 200, number > 0) for number in range(sent)]
