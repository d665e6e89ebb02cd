"""Tests with faults injected into the deployed stack.

Nothing is lost, and nothing is sent twice unnecessarily.
"""

import base64
import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from local import aws
from tests.deployment import Deployment, Receiver, headers_of, received_headers, until
from tests.faults import Fault, FaultyService, failing, half_processed, throttled, unprocessed
from tests.fifo import find_disorder
from tests.stack_changes import changed_environment, changed_visibility_timeout, count_messages, kill_senders, paused


def message(webhook_id: str, url: str, message_id: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_id": webhook_id, "url": url, "payload": {"n": message_id}, "message_id": message_id, **fields}


def count_received(receiver: Receiver, webhook_id: str) -> Counter[str]:
    """Return how often each message of a webhook was received."""
    headers = [headers_of(request) for request in received_headers(receiver)]
    return Counter(each["webhook-id"] for each in headers if each.get("x-hooklog-webhook") == webhook_id)


@pytest.fixture(scope="module")
def dynamodb(deployment: Deployment) -> Iterator[FaultyService]:
    """Yield a DynamoDB for senders and log writers that tests can break."""
    outputs = deployment.outputs
    with FaultyService(outputs["EndpointUrl"]) as faulty:
        variables = {"AWS_ENDPOINT_URL_DYNAMODB": faulty.url, "RETRY_SCHEDULE": "1,1,1800"}
        with (
            changed_environment("SendWebhooksFunction", **variables),
            changed_environment("LogUnloggedFunction", AWS_ENDPOINT_URL_DYNAMODB=faulty.url),
            changed_visibility_timeout(outputs["UnloggedQueueUrl"], 2),
        ):
            yield faulty


def test_a_message_is_retried_until_it_succeeds(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    url = f"{receiver_process['http_url']}/sequence/{webhook_id}?codes=500,garbage,200"
    deployment.enqueue(webhook_id, message(webhook_id, url, f"m-{webhook_id}"))
    shown = until(  # an attempt's `next_attempt_at` is cleared after the next one is logged
        lambda: deployment.history(webhook_id),
        lambda found: len(found) == 3 and not any("next_attempt_at" in execution for execution in found),
    )
    assert [(e["attempt"], e["trigger"], e["result"]) for e in reversed(shown)] == [
        (1, "event", 500),
        (2, "retry", 0),
        (3, "retry", 200),
    ]
    assert deployment.get(f"/messages/m-{webhook_id}/executions").json()["executions"] == shown[::-1]


def test_scheduler_triggers_a_late_retry(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    url = f"{receiver_process['http_url']}/sequence/{webhook_id}?codes=500,500,500,200"
    deployment.enqueue(webhook_id, message(webhook_id, url, f"m-{webhook_id}"))
    third = deployment.wait_for_history(webhook_id, 3)[0]
    name = f"retry-{third['execution_id']}"
    scheduler = aws.client("scheduler")
    listed = until(lambda: scheduler.list_schedules(NamePrefix=name)["Schedules"], bool)
    schedule = scheduler.get_schedule(Name=name, GroupName=listed[0]["GroupName"])
    wanted = ("GroupName", "Name", "FlexibleTimeWindow", "Target", "ActionAfterCompletion")
    with paused("SendWebhooksFunction"):
        scheduler.update_schedule(
            **{key: schedule[key] for key in wanted}, ScheduleExpression="at(2026-01-01T00:00:00)", State="ENABLED"
        )
        until(lambda: scheduler.list_schedules(NamePrefix=name)["Schedules"], lambda found: not found)
        assert message_group(deployment, third["execution_id"]) == webhook_id
    assert deployment.wait_for_history(webhook_id, 4)[0]["result"] == 200


def message_group(deployment: Deployment, text: str) -> str:
    """Return the message group of the message that contains `text`.

    It waits on the webhook queue. All received messages go back to the queue at once.
    """
    asked: Any = {"QueueUrl": deployment.outputs["QueueUrl"], "AttributeNames": ["All"], "VisibilityTimeout": 0}

    def groups() -> list[str]:
        received = deployment.sqs.receive_message(**asked, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found = [each for each in received.get("Messages", []) if text in each["Body"]]
        return [each["Attributes"]["MessageGroupId"] for each in found]

    return until(groups, bool)[0]


OUTAGES: dict[str, Fault] = {"errors": failing, "throttling": throttled, "unprocessed items": unprocessed}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_of_dynamodb_causes_no_loss_and_no_duplicate(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str, outage: str
) -> None:
    with dynamodb.breaking(OUTAGES[outage]):
        _send_through_an_outage(deployment, receiver_process, webhook_id)
    _check_all_logged_once(deployment, receiver_process, webhook_id)


def test_an_unresponsive_dynamodb_causes_no_loss_and_no_duplicate(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    with dynamodb.silent():
        _send_through_an_outage(deployment, receiver_process, webhook_id)
    _check_all_logged_once(deployment, receiver_process, webhook_id)


def _send_through_an_outage(deployment: Deployment, receiver: Receiver, webhook_id: str) -> None:
    """Send twenty messages, and check that none is logged yet."""
    urls = [f"{receiver['http_url']}/status/{200 if n % 2 else 410}" for n in range(20)]
    deployment.enqueue(webhook_id, *[message(webhook_id, url, f"{webhook_id}-{n}") for n, url in enumerate(urls)])
    until(lambda: count_received(receiver, webhook_id), lambda found: len(found) == 20)
    queue = deployment.outputs["UnloggedQueueUrl"]
    until(lambda: count_messages(queue), lambda left: left > 0)
    assert deployment.history(webhook_id) == []


def _check_all_logged_once(deployment: Deployment, receiver: Receiver, webhook_id: str) -> None:
    """Check that everything was sent once and is in the log once.

    Pending log writes are messages of their own, so details may follow their summary.
    """
    shown = deployment.wait_for_history(webhook_id, 20)
    assert Counter(e["message_id"] for e in shown) == count_received(receiver, webhook_id)
    assert set(count_received(receiver, webhook_id).values()) == {1}
    failed = [e for e in shown if not e["success"]]
    until(lambda: [e for e in failed if not deployment.execution(e).get("request_body")], lambda missing: not missing)


def test_unprocessed_items_are_written_again(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    url = f"{receiver_process['http_url']}/status/200"
    with dynamodb.breaking(half_processed(dynamodb, 3)):
        deployment.enqueue(webhook_id, *[message(webhook_id, url, f"{webhook_id}-{n}") for n in range(10)])
        assert len(deployment.wait_for_history(webhook_id, 10)) == 10


def test_a_sender_killed_before_logging_marks_the_message_redelivered(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    """Kill the sender before it logs the second of two messages.

    Only the second is sent again, and it is marked as redelivered.
    """
    base = receiver_process["http_url"]
    with changed_visibility_timeout(deployment.outputs["QueueUrl"], 10):
        deployment.enqueue(webhook_id, message(webhook_id, f"{base}/status/200", f"{webhook_id}-logged"))
        deployment.wait_for_history(webhook_id, 1)
        with dynamodb.silent():
            deployment.enqueue(webhook_id, message(webhook_id, f"{base}/status/200", f"{webhook_id}-killed"))
            until(lambda: count_received(receiver_process, webhook_id), lambda found: f"{webhook_id}-killed" in found)
            assert kill_senders()
        shown = deployment.wait_for_history(webhook_id, 2)
    assert shown[0]["message_id"] == f"{webhook_id}-killed"
    assert shown[0]["redelivered"] is True
    assert count_received(receiver_process, webhook_id) == {f"{webhook_id}-logged": 1, f"{webhook_id}-killed": 2}


def test_an_ordered_webhook_keeps_its_order_when_its_sender_is_killed(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    """Each message fails once. The sender is killed after it has sent the second, which nothing has logged."""
    url = f"{receiver_process['http_url']}/sequence/{webhook_id}?codes={','.join(['500,200'] * 4)}"
    fields = {"url": url, "enabled": True, "ordered": True, "retry_schedule": [1] * 5}
    address = f"{deployment.outputs['ApiUrl']}/webhooks/{webhook_id}"
    headers = {"Authorization": f"Bearer {deployment.outputs['Token']}"}
    requests.put(address, json=fields, headers=headers, timeout=60).raise_for_status()
    with changed_visibility_timeout(deployment.outputs["OrderedQueueUrl"], 15):
        deployment.enqueue_ordered(webhook_id, "m0")
        deployment.wait_for_history(webhook_id, 2)
        with dynamodb.silent():
            deployment.enqueue_ordered(webhook_id, "m1", "m2")
            until(lambda: count_received(receiver_process, webhook_id), lambda found: "m1" in found)
            assert kill_senders()
        shown = until(
            lambda: deployment.history(webhook_id),
            lambda found: {each["message_id"] for each in found if each["success"]} == {"m0", "m1", "m2"},
        )
    sent = [headers_of(request) for request in received_headers(receiver_process)]
    own = [(h["webhook-id"], h["x-hooklog-attempt"]) for h in sent if h.get("x-hooklog-webhook") == webhook_id]
    redelivered = {each["message_id"] for each in shown if each.get("redelivered")}
    assert find_disorder(["m0", "m1", "m2"], own, redelivered) == []
    assert "m1" in redelivered


def test_ten_messages_of_1_mib_are_delivered(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    noise = base64.b85encode(os.urandom(820_000)).decode()
    url = f"{receiver_process['http_url']}/status/410"
    for n in range(10):
        deployment.enqueue(webhook_id, {**message(webhook_id, url, f"{webhook_id}-{n}"), "payload": noise})
    shown = deployment.wait_for_history(webhook_id, 10)
    assert set(count_received(receiver_process, webhook_id).values()) == {1}
    assert json.loads(deployment.execution(shown[0])["request_body"]) == noise


BAD_CITIZENS = ["/drip-header", "/drip-body?status=500", "/drip-body?status=500&chunked=1", "/silent", "/slow-read"]


def test_a_bad_receiver_does_not_delay_others(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    base = receiver_process["http_url"]
    urls = [f"{base}{path}" for path in BAD_CITIZENS]
    bad = [message(webhook_id, url, f"{webhook_id}-{n}", timeout_seconds=2) for n, url in enumerate(urls)]
    good = [message(webhook_id, f"{base}/status/200", f"{webhook_id}-good{n}") for n in range(4)]
    good.append(message(webhook_id, f"{base}/endless-body?status=200", f"{webhook_id}-endless"))
    deployment.enqueue(webhook_id, *bad, *good)
    first = until(
        lambda: [e for e in deployment.history(webhook_id) if e["attempt"] == 1], lambda found: len(found) == 10
    )
    assert all(e["duration_ms"] < 15_000 for e in first)
    assert sum(e["success"] for e in first) == 5


def test_a_stale_connection_causes_no_failure(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    url = f"{receiver_process['http_url']}/close-after"
    for n in range(6):
        deployment.enqueue(webhook_id, message(webhook_id, url, f"{webhook_id}-{n}"))
        deployment.wait_for_history(webhook_id, n + 1)
    assert [e["result"] for e in deployment.history(webhook_id)] == [200] * 6


RECOVERED_SECONDS = 420
"""A run that fails, as on a busy machine, is redelivered after 6 minutes."""


def test_a_recovery_of_many_failures_runs_only_once_at_a_time(
    deployment: Deployment, dynamodb: FaultyService, receiver_process: Receiver, webhook_id: str
) -> None:
    path = f"/sequence/{webhook_id}"
    url = f"{receiver_process['http_url']}{path}?codes={','.join(['410'] * 150 + ['200'])}"
    deployment.enqueue(webhook_id, *[message(webhook_id, url, f"{webhook_id}-{n}") for n in range(150)])
    until(lambda: len(deployment.history(webhook_id, status="failure")), lambda count: count == 150)
    base = f"{deployment.outputs['ApiUrl']}/webhooks/{webhook_id}/recover"
    headers = {"Authorization": f"Bearer {deployment.outputs['Token']}"}

    def start(_: int) -> requests.Response:
        return requests.post(base, json={"since": "2026-01-01T00:00:00Z"}, headers=headers, timeout=60)

    with paused("RunRecoveryFunction"), ThreadPoolExecutor(5) as pool:
        responses = list(pool.map(start, range(10)))
    (recovery_id,) = (response.json()["recovery_id"] for response in responses if response.status_code == 202)
    refused = [response for response in responses if response.status_code != 202]
    assert {(response.status_code, response.json()["error"]["recovery_id"]) for response in refused} == {
        (409, recovery_id)
    }
    address = f"{base}/{recovery_id}"
    done = until(
        lambda: requests.get(address, headers=headers, timeout=60).json(),
        lambda p: p["status"] == "done",
        RECOVERED_SECONDS,
    )
    assert (done["found"], done["queued"]) == (150, 150)
    # A resend waits a minute if its execution cannot be read, as on a busy machine.
    until(lambda: count_received(receiver_process, webhook_id), lambda found: sum(found.values()) >= 300, 180)
    shown = until(lambda: deployment.history(webhook_id, status="success"), lambda executions: len(executions) == 150)
    assert {e["trigger"] for e in shown} == {"resend"}
    assert set(count_received(receiver_process, webhook_id).values()) == {2}
