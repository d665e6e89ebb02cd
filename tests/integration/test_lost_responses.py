"""Conditional writes whose responses are lost: the SDK sends them again and finds what it has written itself.

What was written is neither refused as another request's nor left unfinished.
"""

import base64
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.aws import MockAws
from tests.faults import FaultyService, failing, losing_responses
from tests.history import Write, execution
from tests.proxy import AwsRequest, AwsResponse
from tests.receiver import Receiver
from tests.recoveries import SINCE, Recovery
from tests.webhooks import CONTEXT, Api, history, resend, send

URL = "https://shop.example/hooks"
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"


@pytest.fixture
def api(aws: MockAws, dynamodb: FaultyService) -> Api:
    return Api(aws)


@pytest.fixture
def recovery(aws: MockAws, dynamodb: FaultyService, write: Write) -> Recovery:
    for start in range(0, 110, 10):
        write([execution(number, 410, message_id=f"m{number}") for number in range(start, start + 10)])
    return Recovery(aws)


def end_previous(api: Api, secret: str) -> Callable[[], None]:
    """Return a request that ends every secret but this one."""

    def end() -> None:
        status, ended = api.rotate({"secret": secret, "overlap_hours": 0})
        assert (status, ended["previous_valid_until"]) == (200, None)

    return end


def send_queued(aws: MockAws, sender: ModuleType, count: int) -> None:
    """Send so many queued messages one after another."""
    for record in aws.take("WebhookQueue", count)["Records"]:
        assert sender.lambda_handler({"Records": [record]}, CONTEXT) == {"batchItemFailures": []}


class TestWebhooks:
    def test_a_created_webhook_shows_its_secret(self, api: Api, dynamodb: FaultyService) -> None:
        with dynamodb.breaking(losing_responses(dynamodb, "PutItem")):
            status, created = api.put(url=URL)
        assert (status, dynamodb.calls["PutItem"]) == (201, 2)
        assert api.secret()[1]["secret"] == created["secret"]

    def test_a_change_is_no_conflict_with_itself(self, api: Api, dynamodb: FaultyService) -> None:
        api.put(url=URL)
        with dynamodb.breaking(losing_responses(dynamodb, "PutItem")):
            status, changed = api.put(url=URL, name="changed", version=1)
        assert (status, changed["version"], dynamodb.calls["PutItem"]) == (200, 2, 3)
        assert api.get()[1] == changed

    @pytest.mark.parametrize("body", [{}, {"overlap_hours": 0}])
    def test_a_rotation_shows_the_new_secret(self, api: Api, dynamodb: FaultyService, body: dict[str, Any]) -> None:
        api.put(url=URL)
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem")):
            status, rotated = api.rotate(body)
        assert (status, dynamodb.calls["UpdateItem"]) == (200, 2)
        assert api.secret()[1] == rotated

    def test_a_deleted_webhook_was_there(self, api: Api, dynamodb: FaultyService) -> None:
        api.put(url=URL)
        with dynamodb.breaking(losing_responses(dynamodb, "DeleteItem")):
            assert api.delete() == 204
        assert (dynamodb.calls["DeleteItem"], api.delete()) == (2, 404)

    def test_a_webhook_that_was_created_again_is_not_deleted(self, api: Api, dynamodb: FaultyService) -> None:
        api.put(url=URL)
        created: list[dict[str, Any]] = []

        def create() -> None:
            created.append(api.put(url=URL, name="another")[1])

        with dynamodb.breaking(losing_responses(dynamodb, "DeleteItem", then=create)):
            assert api.delete() == 204
        assert dynamodb.calls["DeleteItem"] == 2
        assert api.secret()[1]["secret"] == created[0]["secret"]

    def test_a_change_does_not_restore_a_secret_that_has_ended(self, api: Api, dynamodb: FaultyService) -> None:
        api.put(url=URL)
        _, rotated = api.rotate({})
        end = end_previous(api, rotated["secret"])
        with dynamodb.breaking(losing_responses(dynamodb, "PutItem", then=end)):
            assert api.put(url=URL, name="changed", version=1)[0] == 409
        assert api.secret()[1]["previous_valid_until"] is None

    def test_a_rotation_does_not_restore_a_secret_that_has_ended(self, api: Api, dynamodb: FaultyService) -> None:
        api.put(url=URL)
        end = end_previous(api, SECRET)
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem", then=end)):
            assert api.rotate({"secret": SECRET})[0] == 409
        assert api.secret()[1] == {"secret": SECRET, "previous_valid_until": None}


class TestResends:
    @pytest.fixture
    def sender(self, aws: MockAws, receiver: Receiver) -> ModuleType:
        """A sender that has sent a message, which failed."""
        sender = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
        send(sender, {"url": receiver.url("/status/400")})
        return sender

    def test_a_resend_that_is_queued_twice_is_sent_once(
        self, aws: MockAws, sqs: FaultyService, sender: ModuleType
    ) -> None:
        (failed,) = history(aws)
        with sqs.breaking(losing_responses(sqs, "SendMessageBatch")):
            assert resend(aws, failed) == 202
        send_queued(aws, sender, 2)
        assert len(history(aws)) == 2

    def test_each_resend_is_sent(self, aws: MockAws, sender: ModuleType) -> None:
        (failed,) = history(aws)
        assert (resend(aws, failed), resend(aws, failed)) == (202, 202)
        send_queued(aws, sender, 2)
        assert len(history(aws)) == 3


class TestRecoveries:
    def test_a_recovery_starts(self, recovery: Recovery, dynamodb: FaultyService) -> None:
        with dynamodb.breaking(losing_responses(dynamodb, "PutItem")):
            assert recovery.complete(since=SINCE)["queued"] == 110
        assert dynamodb.calls["PutItem"] == 3

    @pytest.mark.parametrize("page", range(2))
    def test_a_recovery_continues_after_each_page(
        self, aws: MockAws, recovery: Recovery, dynamodb: FaultyService, page: int
    ) -> None:
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem", after=page)):
            done = recovery.complete(since=SINCE)
        assert (done["found"], done["queued"], dynamodb.calls["UpdateItem"]) == (110, 110, 3)
        assert aws.waiting("WebhookQueue") == 110

    def test_a_delayed_request_does_not_undo_later_ones(self, recovery: Recovery, dynamodb: FaultyService) -> None:
        """The first page is saved at the second attempt; the first one arrives when the recovery is done."""
        _, started = recovery.start(since=SINCE)
        task, delayed = recovery.take(), list[AwsRequest]()

        def delay(request: AwsRequest) -> AwsResponse | None:
            if request.operation != "UpdateItem" or delayed:
                return None
            delayed.append(request)
            return failing(request)

        with dynamodb.breaking(delay):
            recovery.run(task)
        done = recovery.read(started["recovery_id"])
        assert (done["status"], done["found"]) == ("done", 110)
        dynamodb.forward(delayed[0])
        assert recovery.read(started["recovery_id"]) == done

    def test_a_dry_run_that_was_stopped_while_it_started_stays_stopped(
        self, recovery: Recovery, dynamodb: FaultyService
    ) -> None:
        others: list[str] = []

        def start() -> None:
            others.append(recovery.start(since=SINCE, dry_run=True)[1]["recovery_id"])

        with dynamodb.breaking(losing_responses(dynamodb, "PutItem", after=1, then=start)):
            _, first = recovery.start(since=SINCE, dry_run=True)
        assert recovery.read(first["recovery_id"])["status"] == "stopped"
        assert recovery.read(others[0])["status"] == "running"

    def test_a_recovery_that_has_ended_was_started(self, aws: MockAws, write: Write, sqs: FaultyService) -> None:
        """SQS accepts its task, but does not say so, and fails at the second attempt."""
        write([execution(0, 410)])
        recovery = Recovery(aws)
        left = iter([True])

        def lose_and_fail(request: AwsRequest) -> AwsResponse | None:
            if b"recovery_id" not in request.body:
                return None
            if next(left, False):
                sqs.forward(request)
                recovery.run(recovery.take())
            return failing(request)

        with sqs.breaking(lose_and_fail):
            status, started = recovery.start(since=SINCE)
        assert status == 202
        assert recovery.progress(started["recovery_id"]) == {"status": "done", "found": 1, "queued": 1}
        assert aws.waiting("WebhookQueue") == 1

    def test_a_dry_run_counts_everything(self, recovery: Recovery, dynamodb: FaultyService) -> None:
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem")):
            assert recovery.complete(since=SINCE, dry_run=True)["found"] == 110

    def test_a_stopped_dry_run_does_not_continue(self, recovery: Recovery, dynamodb: FaultyService) -> None:
        """A new dry run stops it between its write and the repetition of that."""
        _, first = recovery.start(since=SINCE, dry_run=True)
        task = recovery.take()

        def stop() -> None:
            assert recovery.start(since=SINCE, dry_run=True)[0] == 202

        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem", then=stop)):
            recovery.run(task)
        stopped = recovery.read(first["recovery_id"])
        assert (stopped["status"], stopped["found"]) == ("stopped", 100)

    def test_a_stalled_recovery_is_replaced(self, aws: MockAws, recovery: Recovery, dynamodb: FaultyService) -> None:
        _, stalled = recovery.start(since=SINCE)
        (row,) = (row for row in aws.rows("Recoveries") if "advanced_at" in row)
        aws.dynamodb.put_item(TableName=aws.refs["Recoveries"], Item={**row, "advanced_at": {"N": "1"}})
        with dynamodb.breaking(losing_responses(dynamodb, "UpdateItem")):
            assert recovery.start(since=SINCE)[0] == 202
        assert recovery.read(stalled["recovery_id"])["status"] == "stopped"
