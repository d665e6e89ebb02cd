"""A webhook that is set up through the API, by the deployed stack."""

import base64
import time
from typing import Any

import requests
from standardwebhooks import Webhook as Verifier

from tests.e2e.conftest import Deployment
from tests.e2e.test_thin_path import received

EFFECTIVE_SECONDS = 30


def call(deployment: Deployment, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {deployment.outputs['Token']}"}
    return requests.request(method, f"{deployment.outputs['ApiUrl']}{path}", json=body, headers=headers, timeout=30)


def verify(secret: str, request: dict[str, Any]) -> None:
    Verifier(secret).verify(base64.b64decode(request["body"]), dict(request["headers"]))


def test_a_registered_webhook_signs_and_follows_its_changes(
    deployment: Deployment, receiver_process: dict[str, str], webhook_id: str
) -> None:
    here, there = (f"/status/200/{webhook_id}/{name}" for name in ("here", "there"))
    own = f"/webhooks/{webhook_id}"
    fields = {"url": receiver_process["http_url"] + here, "enabled": True}
    created = call(deployment, "PUT", own, fields)
    assert created.status_code == 201, created.text
    message = {"webhook_id": webhook_id, "payload": {"order": 1742}}
    deployment.enqueue(webhook_id, message)
    deployment.wait_for_history(webhook_id, 1)
    (request,) = received(receiver_process, here)
    verify(created.json()["secret"], request)

    rotated = call(deployment, "POST", f"{own}/secret").json()
    changed = call(deployment, "PUT", own, {**fields, "url": receiver_process["http_url"] + there, "version": 1})
    assert changed.status_code == 200, changed.text
    ends = time.monotonic() + EFFECTIVE_SECONDS
    sent = 1
    while not (arrived := received(receiver_process, there)):
        assert time.monotonic() < ends, f"not effective within {EFFECTIVE_SECONDS} s"
        deployment.enqueue(webhook_id, message)
        sent += 1
        deployment.wait_for_history(webhook_id, sent)
    for secret in (created.json()["secret"], rotated["secret"]):
        verify(secret, arrived[0])

    assert call(deployment, "GET", f"{own}/secret").json() == rotated
    listed = call(deployment, "GET", "/webhooks").json()["webhooks"]
    assert call(deployment, "GET", own).json() in listed
    assert call(deployment, "DELETE", own).status_code == 204
    assert call(deployment, "GET", own).status_code == 404
    assert len(deployment.history(webhook_id)) == sent
