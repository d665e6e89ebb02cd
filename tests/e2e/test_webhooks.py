"""The deployed stack calls webhooks that are registered through the API."""

import base64
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import requests
from standardwebhooks import Webhook as Verifier

from tests.deployment import Deployment, Receiver, mint, received, until
from tests.faults import FaultyService
from tests.proxy import AwsRequest, AwsResponse
from tests.stack_changes import (
    changed_environment,
    changed_visibility_timeout,
    count_messages,
    kill_senders,
    restart_senders,
)
from tests.subscriptions import event_queue


def call(
    deployment: Deployment, method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or deployment.outputs['Token']}"}
    return requests.request(method, f"{deployment.outputs['ApiUrl']}{path}", json=body, headers=headers, timeout=60)


def verify(secret: str, request: dict[str, Any]) -> None:
    Verifier(secret).verify(base64.b64decode(request["body"]), dict(request["headers"]))


def test_a_registered_webhook_signs_with_both_secrets_and_can_be_deleted(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    path, own = f"/status/200/{webhook_id}", f"/webhooks/{webhook_id}"
    fields = {"url": "https://shop.example/hooks", "enabled": True}
    created = call(deployment, "PUT", own, fields)
    assert created.status_code == 201, created.text
    rotated = call(deployment, "POST", f"{own}/secret").json()
    changed = call(deployment, "PUT", own, {**fields, "url": receiver_process["http_url"] + path, "version": 1})
    assert changed.status_code == 200, changed.text

    deployment.enqueue(webhook_id, {"webhook_id": webhook_id, "payload": {"order": 1742}})
    deployment.wait_for_history(webhook_id, 1)
    (request,) = received(receiver_process, path)
    for secret in (created.json()["secret"], rotated["secret"]):
        verify(secret, request)

    assert call(deployment, "GET", f"{own}/secret").json() == rotated
    assert changed.json() in call(deployment, "GET", "/webhooks").json()["webhooks"]
    assert call(deployment, "GET", own).json() == changed.json()
    assert call(deployment, "DELETE", own).status_code == 204
    assert call(deployment, "GET", own).status_code == 404
    assert len(deployment.history(webhook_id)) == 1


def test_one_test_of_a_webhook_runs_at_a_time(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    own, path, receiver = f"/webhooks/{webhook_id}", f"/drip-body/{webhook_id}", receiver_process["http_url"]
    call(deployment, "PUT", own, {"url": f"{receiver}{path}?bytes=1000", "timeout_seconds": 10})
    with ThreadPoolExecutor() as parallel:
        first = parallel.submit(call, deployment, "POST", f"{own}/test")
        until(lambda: received(receiver_process, path), bool)
        refused = call(deployment, "POST", f"{own}/test")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
        assert first.result().json()["trigger"] == "test"
    assert len(received(receiver_process, path)) == 1
    call(deployment, "PUT", own, {"url": f"{receiver}/status/200", "version": 1})
    assert call(deployment, "POST", f"{own}/test").json()["result"] == 200


def test_a_disabled_webhook_can_be_tested_and_an_enabled_one_transforms(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    path, own = f"/status/200/{webhook_id}", f"/webhooks/{webhook_id}"
    fields = {"url": receiver_process["http_url"] + path, "transformation": '{"text": "Order " & payload.order}'}
    refused = call(deployment, "PUT", own, {**fields, "transformation": "payload.("})
    assert (refused.status_code, "(S0203, character 9)" in refused.text) == (400, True)
    created = call(deployment, "PUT", own, fields)
    assert created.status_code == 201, created.text

    dry = call(deployment, "POST", f"{own}/test", {"payload": {"order": 1}, "dry_run": True}).json()
    assert (dry["request_body"], received(receiver_process, path)) == ('{"text":"Order 1"}', [])
    tested = call(deployment, "POST", f"{own}/test", {"payload": {"order": 2}})
    assert tested.status_code == 200, tested.text
    shown = tested.json()
    assert (shown["trigger"], shown["result"], shown["request_body"]) == ("test", 200, '{"text":"Order 2"}')
    (request,) = received(receiver_process, path)
    verify(created.json()["secret"], request)
    (logged,) = deployment.wait_for_history(webhook_id, 1)
    assert logged.items() <= shown.items()

    assert call(deployment, "PUT", own, {**fields, "enabled": True, "version": 1}).status_code == 200
    deployment.enqueue(webhook_id, {"webhook_id": webhook_id, "payload": {"order": 3}})
    deployment.wait_for_history(webhook_id, 2)
    assert base64.b64decode(received(receiver_process, path)[-1]["body"]) == b'{"text":"Order 3"}'


def test_a_webhook_that_answers_410_is_disabled_and_recovered(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    own = f"/webhooks/{webhook_id}"
    fields = {"url": f"{receiver_process['http_url']}/status/410/{webhook_id}", "enabled": True}
    assert call(deployment, "PUT", own, fields).status_code == 201
    with event_queue(webhook_id) as read_events:
        message = {"webhook_id": webhook_id, "payload": {"order": 1742}}
        deployment.enqueue(webhook_id, message)
        events: dict[str, dict[str, Any]] = {}
        disabled = "webhook.disabled"
        until(lambda: events.update({each["type"]: each for each in read_events()}), lambda _: disabled in events)
    event = events[disabled]
    shown = call(deployment, "GET", own).json()
    assert (event["webhook_id"], event["reason"]) == (webhook_id, shown["disabled_reason"])
    assert (shown["enabled"], shown["version"]) == (False, 2)
    restart_senders()
    deployment.enqueue(webhook_id, message)
    refusal = deployment.wait_for_history(webhook_id, 2)[0]
    assert deployment.execution(refusal)["error"]["type"] == "disabled_webhook"
    good = f"/status/200/{webhook_id}/fixed"
    changed = {"url": receiver_process["http_url"] + good, "enabled": True, "version": 2}
    assert "disabled_reason" not in call(deployment, "PUT", own, changed).json()
    restart_senders()
    since = {"since": shown["created_at"]}
    assert call(deployment, "POST", f"{own}/recover", since).status_code == 202
    message_ids = {each["message_id"] for each in deployment.history(webhook_id)}
    until(lambda: received(receiver_process, good), lambda found: len(found) == len(message_ids))


def test_a_topic_message_does_not_reach_another_tenants_webhooks(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    acme, evil, topic = f"{webhook_id}-acme", f"{webhook_id}-evil", f"{webhook_id}-acme.all"

    def put(tenant: str, topic: str) -> int:
        token = mint(deployment.outputs["SigningKey"], webhooks=[f"{tenant}.*"])
        url = f"{receiver_process['http_url']}/status/200/{tenant}"
        fields = {"url": url, "enabled": True, "topic": topic}
        return call(deployment, "PUT", f"/webhooks/{tenant}.w1", fields, token).status_code

    assert (put(evil, topic), put(evil, f"{evil}.all"), put(acme, topic)) == (403, 201, 201)
    deployment.enqueue(topic, {"topic": topic, "payload": {"order": 1742}})
    deployment.wait_for_history(f"{acme}.w1", 1)
    assert len(received(receiver_process, f"/status/200/{acme}")) == 1
    assert received(receiver_process, f"/status/200/{evil}") == deployment.history(f"{evil}.w1") == []


def test_a_topic_message_reaches_each_webhook_once_if_the_sender_is_killed(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    """Kill the sender after it has enqueued ten copies.

    SQS stops responding then; after redelivery the ten copies are enqueued again. On a busy machine, a batch may take
    longer than the shortened visibility timeout: what is sent again then is marked.
    """
    names = [f"{webhook_id}.{number:02}" for number in range(25)]
    paths = [f"/status/200/{name}" for name in names]
    for name, path in zip(names, paths, strict=True):
        fields = {"url": receiver_process["http_url"] + path, "enabled": True, "topic": webhook_id}
        assert call(deployment, "PUT", f"/webhooks/{name}", fields).status_code == 201
    queue = deployment.outputs["QueueUrl"]
    others = count_messages(queue)  # messages of another test's killed sender stay invisible for minutes
    with (
        FaultyService(deployment.outputs["EndpointUrl"]) as sqs,
        changed_environment("SendWebhooksFunction", AWS_ENDPOINT_URL_SQS=sqs.url),
        changed_visibility_timeout(queue, 10),
        ExitStack() as silence,
    ):

        def falls_silent(asked: AwsRequest) -> AwsResponse | None:
            if asked.operation == "SendMessageBatch" and webhook_id.encode() in asked.body:
                silence.enter_context(sqs.silent())
            return None

        with sqs.breaking(falls_silent):
            deployment.enqueue(webhook_id, {"topic": webhook_id, "payload": {"order": 1742}})
            for name in names[:10]:
                deployment.wait_for_history(name, 1)
            assert kill_senders()
        silence.close()
        for path in paths:
            until(partial(received, receiver_process, path), bool)
        until(lambda: count_messages(queue), lambda left: left <= others)
    for name, path in zip(names, paths, strict=True):
        marked = [each for each in deployment.history(name) if each.get("redelivered")]
        assert len(received(receiver_process, path)) in {1, 1 + len(marked)}
