"""A webhook that is set up through the API, by the deployed stack."""

import base64
from typing import Any

import requests
from standardwebhooks import Webhook as Verifier

from tests.e2e.conftest import Deployment
from tests.e2e.test_thin_path import received


def call(deployment: Deployment, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {deployment.outputs['Token']}"}
    return requests.request(method, f"{deployment.outputs['ApiUrl']}{path}", json=body, headers=headers, timeout=30)


def verify(secret: str, request: dict[str, Any]) -> None:
    Verifier(secret).verify(base64.b64decode(request["body"]), dict(request["headers"]))


def test_a_registered_webhook_signs_with_both_secrets_and_is_gone_when_it_is_deleted(
    deployment: Deployment, receiver_process: dict[str, str], webhook_id: str
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


def test_a_webhook_is_tested_while_it_is_off_and_transforms_what_it_is_sent_once_it_is_on(
    deployment: Deployment, receiver_process: dict[str, str], webhook_id: str
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
