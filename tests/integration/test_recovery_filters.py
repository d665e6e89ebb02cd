"""Recoveries of what a status and an event type select, and dry runs, which only count."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.receiver import Receiver
from tests.recoveries import SINCE, Recovery
from tests.webhooks import CONTEXT

WEBHOOK = "acme.orders"

pytestmark = pytest.mark.usefixtures("reset_receiver")


@pytest.fixture
def app(aws: MockAws) -> ModuleType:
    return aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="", DETAILS_OF="all")


@pytest.fixture
def recovery(aws: MockAws) -> Recovery:
    return Recovery(aws)


def message(url: str, message_id: str, event_type: str | None = "order.created") -> dict[str, Any]:
    fields = {"webhook_id": WEBHOOK, "message_id": message_id, "url": url, "payload": {}}
    return fields if event_type is None else {**fields, "event_type": event_type}


def send(app: ModuleType, *messages: dict[str, Any]) -> None:
    for start in range(0, len(messages), 10):
        assert app.lambda_handler(sqs_event(*messages[start : start + 10]), CONTEXT)["batchItemFailures"] == []


def ids_of(aws: MockAws, message_id: str) -> list[str]:
    """Return the IDs of a message's executions, oldest first."""
    rows = (row for row in aws.rows("Executions") if row["message_id"]["S"] == message_id)
    return sorted(row["executed_at"]["S"] for row in rows)


def resend(aws: MockAws, execution_id: str) -> int:
    event = api_event({"webhook_id": WEBHOOK, "execution_id": execution_id}, scope="executions:resend")
    return int(aws.endpoint("resend_execution").lambda_handler(event, None)["statusCode"])


def resend_last(app: ModuleType, aws: MockAws, *message_ids: str) -> None:
    for message_id in message_ids:
        assert resend(aws, ids_of(aws, message_id)[-1]) == 202
    assert app.lambda_handler(aws.take("WebhookQueue", len(message_ids)), CONTEXT)["batchItemFailures"] == []


def tasks(aws: MockAws, count: int) -> list[dict[str, Any]]:
    """Take the queued resends."""
    found = [json.loads(record["body"]) for record in aws.take("WebhookQueue", count)["Records"]] if count else []
    assert aws.waiting("WebhookQueue") == 0
    return found


class TestSelection:
    """The last execution in the period decides whether a message is sent again."""

    @pytest.fixture
    def period(self, app: ModuleType, aws: MockAws, receiver: Receiver) -> dict[str, str]:
        """Send messages before, in and after a period, and return it."""

        def answers(name: str, codes: str, event_type: str | None = "order.created") -> dict[str, Any]:
            return message(receiver.url(f"/sequence/{name}", codes=codes), name, event_type)

        send(app, answers("early", "200"))
        since = datetime.now(UTC).isoformat()
        send(
            app,
            answers("ok", "200"),
            answers("paid", "200", "order.paid"),
            answers("item", "200", "order.item.added"),
            answers("orders", "200", "orders.created"),
            answers("untyped", "200", None),
            answers("twice", "200,200"),
            answers("failed", "500"),
            answers("retried", "500,200"),
            answers("broken", "200,500"),
            answers("resent", "200,200"),
            answers("fixed_later", "500,200"),
            answers("resent_later", "200,200"),
            answers("failed_later", "200,500"),
            answers("tested", "200"),
            answers("test_failed", "500"),
        )
        send(app, answers("twice", "200,200"))
        resend_last(app, aws, "retried", "broken", "resent")
        until = datetime.now(UTC).isoformat()
        resend_last(app, aws, "fixed_later", "resent_later", "failed_later")
        send(app, answers("late", "200"))
        for execution_id in (*ids_of(aws, "tested"), *ids_of(aws, "test_failed")):
            mark_test(aws, execution_id)
        return {"since": since, "until": until}

    def test_status_and_event_type_select_messages(
        self, aws: MockAws, recovery: Recovery, period: dict[str, str]
    ) -> None:
        failures = ["broken", "failed"]
        created = ["failed_later", "ok", "resent", "resent_later", "retried", "twice", "twice"]
        successes = [*created, "item", "orders", "paid", "untyped"]
        for filters, expected in (
            ({}, failures),
            ({"status": "failure", "event_type": None}, failures),
            ({"status": "success"}, successes),
            ({"status": "all"}, [*successes, *failures]),
            ({"status": "success", "event_type": "order.created"}, created),
            ({"status": "success", "event_type": "order.*"}, [*created, "item", "paid"]),
            ({"status": "all", "event_type": "order.created"}, [*created, *failures]),
            ({"event_type": "order.paid"}, []),
            ({"status": "success", "event_type": "order.item.*"}, ["item"]),
        ):
            counts = {"status": "done", "found": len(expected), "not_kept": 0}
            told = {name: value for name, value in filters.items() if value is not None}
            shown = recovery.complete(**period, **filters, dry_run=True)
            assert told.items() <= shown.pop("filters").items()
            assert shown == {**counts, "dry_run": True, "queued": 0}
            assert aws.waiting("WebhookQueue") == 0
            shown = recovery.complete(**period, **filters)
            assert shown.pop("filters") == {
                "since": iso(period["since"]), "until": iso(period["until"]), "status": "failure", **told
            }  # fmt: skip
            assert shown == {**counts, "dry_run": False, "queued": len(expected)}
            assert sorted(task["message_id"] for task in tasks(aws, len(expected))) == sorted(expected), filters

    def test_a_task_names_the_last_execution(self, aws: MockAws, recovery: Recovery, period: dict[str, str]) -> None:
        """The sender ignores a task if its message has been sent since the execution that it names."""
        found = recovery.complete(**period, status="all")["found"]
        queued = tasks(aws, found)
        for message_id in ("ok", "failed", "retried", "broken", "resent", "resent_later", "failed_later"):
            (named,) = (task["repeat_of"] for task in queued if task["message_id"] == message_id)
            assert named == ids_of(aws, message_id)[-1], message_id
        assert len({task["queue_message_id"] for task in queued if task["message_id"] == "twice"}) == 2


def mark_test(aws: MockAws, execution_id: str) -> None:
    aws.dynamodb.update_item(
        TableName=aws.refs["Executions"],
        Key={"webhook_id": {"S": WEBHOOK}, "executed_at": {"S": execution_id}},
        UpdateExpression="SET #trigger = :test",
        ExpressionAttributeNames={"#trigger": "trigger"},
        ExpressionAttributeValues={":test": {"S": "test"}},
    )


def iso(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def deliver(app: ModuleType, aws: MockAws, receiver: Receiver, count: int) -> Counter[str]:
    """Deliver queued resends, and return how often the receiver got each message since the test began."""
    if count:
        app.lambda_handler(aws.take("WebhookQueue", count), CONTEXT)
    return Counter(request.header("webhook-id") or "" for request in receiver.requests)


class TestSuccesses:
    """Whatever is kept can be sent again."""

    def test_a_success_with_details_can_be_resent(self, app: ModuleType, aws: MockAws, receiver: Receiver) -> None:
        send(app, *(message(receiver.url("/status/200"), name) for name in ("kept", "erased", "expired")))
        ids = {name: ids_of(aws, name)[0] for name in ("kept", "erased", "expired")}
        erase(aws, ids["erased"])
        expire(aws, ids["expired"])
        assert {name: resend(aws, each) for name, each in ids.items()} == {"kept": 202, "erased": 409, "expired": 409}
        assert deliver(app, aws, receiver, 1)["kept"] == 2
        second = max(aws.rows("Executions"), key=lambda row: str(row["executed_at"]["S"]))
        assert (second["attempt"]["N"], second["trigger"]["S"], second["result"]["N"]) == ("2", "resend", "200")

    def test_those_without_details_are_counted(
        self, app: ModuleType, aws: MockAws, receiver: Receiver, recovery: Recovery
    ) -> None:
        send(app, *(message(receiver.url("/status/200"), name) for name in ("kept", "erased", "expired")))
        erase(aws, *ids_of(aws, "erased"))
        expire(aws, *ids_of(aws, "expired"))
        default = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="")
        send(default, message(receiver.url("/status/200"), "success"), message(receiver.url("/status/500"), "failure"))
        for dry_run, queued in ((True, 0), (False, 2)):
            shown = recovery.complete(since=SINCE, status="all", dry_run=dry_run)
            assert (shown["found"], shown["queued"], shown["not_kept"]) == (5, queued, 3)
        assert {task["message_id"] for task in tasks(aws, 2)} == {"kept", "failure"}

    def test_a_page_that_is_repeated_after_a_crash_sends_nothing_twice(
        self, app: ModuleType, aws: MockAws, receiver: Receiver, recovery: Recovery
    ) -> None:
        send(app, *(message(receiver.url("/status/200"), f"m{number}") for number in range(3)))
        recovery_id = recovery.start(since=SINCE, status="success")[1]["recovery_id"]
        (before,) = (row for row in aws.rows("Recoveries") if row["recovery_id"]["S"] == recovery_id)
        event = aws.take("RecoveryQueue")
        recovery.run(event)
        assert set(deliver(app, aws, receiver, 3).values()) == {2}
        aws.dynamodb.put_item(TableName=aws.refs["Recoveries"], Item=before)  # as if it had not been saved
        recovery.run(event)
        assert recovery.progress(recovery_id) == {"status": "done", "found": 3, "queued": 3}
        assert set(deliver(app, aws, receiver, 3).values()) == {2}

    def test_a_later_recovery_of_the_same_period_sends_them_again(
        self, app: ModuleType, aws: MockAws, receiver: Receiver, recovery: Recovery
    ) -> None:
        send(app, message(receiver.url("/status/200"), "m"))
        period = {"since": SINCE, "until": datetime.now(UTC).isoformat(), "status": "success"}
        for times in (2, 3):
            assert recovery.complete(**period)["queued"] == 1
            assert deliver(app, aws, receiver, 1)["m"] == times


def erase(aws: MockAws, *execution_ids: str) -> None:
    for execution_id in execution_ids:
        event = api_event({"webhook_id": WEBHOOK, "execution_id": execution_id}, scope="webhooks:manage")
        assert aws.endpoint("erase_execution_details").lambda_handler(event, None)["statusCode"] == 204


def expire(aws: MockAws, *execution_ids: str) -> None:
    for execution_id in execution_ids:
        key = {"webhook_id": {"S": WEBHOOK}, "executed_at": {"S": execution_id}}
        aws.dynamodb.delete_item(TableName=aws.refs["ExecutionDetails"], Key=key)


class TestDryRun:
    """It counts, and neither waits for a recovery nor blocks one."""

    @pytest.fixture(autouse=True)
    def sent(self, app: ModuleType, receiver: Receiver) -> None:
        send(app, *(message(receiver.url("/status/200"), f"m{number}") for number in range(3)))

    def test_a_new_one_stops_the_last(self, aws: MockAws, recovery: Recovery) -> None:
        selected = {"since": SINCE, "status": "success"}
        ids = {}
        for name, dry_run in (("first", True), ("recovery", False), ("second", True)):
            status, answer = recovery.start(**selected, dry_run=dry_run)
            assert status == 202
            ids[name] = answer["recovery_id"]
        assert recovery.start(**selected)[1]["error"]["recovery_id"] == ids["recovery"]
        for record in aws.take("RecoveryQueue", 3)["Records"]:
            recovery.run({"Records": [record]})
        shown = {name: recovery.progress(each) for name, each in ids.items()}
        assert shown["first"] == {"status": "stopped", "found": 0, "queued": 0}
        assert shown["recovery"] == {"status": "done", "found": 3, "queued": 3}
        assert shown["second"] == {"status": "done", "found": 3, "queued": 0}
        assert len(tasks(aws, 3)) == 3

    def test_it_is_limited_in_time_and_continues(self, aws: MockAws, recovery: Recovery) -> None:
        recovery_id = recovery.start(since=SINCE, status="all", dry_run=True)[1]["recovery_id"]
        recovery.run(aws.take("RecoveryQueue"), 60_000, 60_000, 0, 0)
        assert recovery.progress(recovery_id) == {"status": "running", "found": 2, "queued": 0}
        recovery.run(aws.take("RecoveryQueue"))
        assert recovery.progress(recovery_id) == {"status": "done", "found": 3, "queued": 0}
        assert aws.waiting("RecoveryQueue") == 0

    def test_the_refusal_of_a_second_recovery_says_what_the_running_one_selects(self, recovery: Recovery) -> None:
        for status, text in (("success", "succeeded as order.*"), ("all", "was executed as order.*")):
            webhook_id = f"acme.{status}"
            selected = {"since": SINCE, "status": status, "event_type": "order.*"}
            recovery.start(webhook_id, **selected)
            assert f"of what {text} from 2026-01-01T00" in recovery.start(webhook_id, **selected)[1]["error"]["message"]


def test_a_recovery_of_an_earlier_release_recovers_failures(
    app: ModuleType, aws: MockAws, receiver: Receiver, recovery: Recovery
) -> None:
    send(app, message(receiver.url("/status/200"), "fine"), message(receiver.url("/status/500"), "failed"))
    ids = {"webhook_id": WEBHOOK, "recovery_id": f"rec_{'0' * 24}"}
    texts = {**ids, "since": "20260101T000000.000000Z", "until": "29990101T000000.000000Z", "status": "running"}
    numbers = {"found": 0, "queued": 0, "advanced_at": int(time.time()), "expires_at": 4_000_000_000}
    aws.dynamodb.put_item(TableName=aws.refs["Recoveries"], Item={**strings(texts), **strings(numbers, "N")})
    recovery.run(sqs_event({**ids, "runs": 3}))
    assert recovery.read(ids["recovery_id"]) == {
        "status": "done", "dry_run": False, "found": 1, "queued": 1, "not_kept": 0,
        "filters": {
            "since": "2026-01-01T00:00:00.000000Z", "until": "2999-01-01T00:00:00.000000Z", "status": "failure",
        },
    }  # fmt: skip
    assert [task["message_id"] for task in tasks(aws, 1)] == ["failed"]


def strings(values: dict[str, Any], kind: str = "S") -> Any:
    return {name: {kind: str(value)} for name, value in values.items()}
