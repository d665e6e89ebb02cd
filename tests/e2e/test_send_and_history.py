"""The deployed stack sends, logs and shows enqueued messages."""

import base64
import json
import re
import time
from collections import Counter
from typing import Any

import jwt
import pytest
import requests

from cli.redrive import move_dead_letters
from hooklog.access.routes import ROUTES
from hooklog.version import __version__
from local import aws
from tests.deployment import Deployment, Receiver, headers_of, received, until
from tests.stack_changes import physical_id

PAYLOAD = {"action": "opened", "number": 1742, "title": "Größe fehlt 📦"}


def message(webhook_id: str, url: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_id": webhook_id, "url": url, "payload": PAYLOAD, "event_type": "issues.opened", **fields}


def test_a_success_is_shown(deployment: Deployment, receiver_process: Receiver, webhook_id: str) -> None:
    path = f"/status/200/{webhook_id}"
    deployment.enqueue(webhook_id, message(webhook_id, receiver_process["http_url"] + path, message_id="msg_1"))
    (shown,) = deployment.wait_for_history(webhook_id, 1)
    assert shown["execution_id"].startswith(shown["executed_at"].replace("-", "").replace(":", "")[:15])
    assert {name: shown[name] for name in shown if name not in {"execution_id", "executed_at", "duration_ms"}} == {
        "webhook_id": webhook_id,
        "message_id": "msg_1",
        "event_type": "issues.opened",
        "attempt": 1,
        "trigger": "event",
        "result": 200,
        "success": True,
        "hard_error": False,
        "response_body_bytes": 0,
    }
    (request,) = received(receiver_process, path)
    headers = headers_of(request)
    assert json.loads(base64.b64decode(request["body"])) == PAYLOAD
    assert headers["user-agent"] == f"Hooklog/{__version__}"
    assert (headers["webhook-id"], headers["x-hooklog-webhook"]) == ("msg_1", webhook_id)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert "request_body" not in deployment.execution(shown)


def test_executions_are_counted_once_per_webhook_and_hour(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    """The log's stream invokes the function that counts. A retry or an erasure changes rows that were counted."""
    url = receiver_process["http_url"]
    bodies = [message(webhook_id, f"{url}/status/{status}") for status in (200, 204, 410)]
    deployment.enqueue(webhook_id, *bodies, message(webhook_id, "http://10.1.2.3/"))
    deployment.wait_for_history(webhook_id, 4)
    names = ("succeeded", "failed", "hard_errors")
    until(lambda: [counts_of(webhook_id)[name] for name in names], lambda found: found >= [2, 2, 1])
    assert {name: counts_of(webhook_id)[name] for name in names} == {"succeeded": 2, "failed": 2, "hard_errors": 1}
    seen = {"TableName": physical_id("SeenWebhooks"), "Key": {"webhook_id": {"S": webhook_id}}}
    assert until(lambda: aws.client("dynamodb").get_item(**seen), lambda found: "Item" in found)


def counts_of(webhook_id: str) -> Counter[str]:
    """Return the counts of a webhook over all hours."""
    found = aws.client("dynamodb").query(
        TableName=physical_id("ExecutionCounts"),
        KeyConditionExpression="webhook_id = :id",
        ExpressionAttributeValues={":id": {"S": webhook_id}},
    )
    sums = Counter[str]()
    for item in found["Items"]:
        sums.update({name: int(value["N"]) for name, value in item.items() if "N" in value})
    return sums


def test_a_failure_is_shown_with_its_details(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    url = f"{receiver_process['http_url']}/status/500?body=out+of+stock"
    deployment.enqueue(webhook_id, message(webhook_id, url, headers={"X-Shop": "berlin"}))
    (shown,) = deployment.wait_for_history(webhook_id, 1)
    execution = deployment.execution(shown)
    assert shown.items() <= execution.items()
    assert (execution["result"], execution["hard_error"], execution["url"]) == (500, False, url)
    assert execution["request_body"] == json.dumps(PAYLOAD, ensure_ascii=False, separators=(",", ":"))
    assert execution["request_headers"]["X-Shop"] == "berlin"
    assert (execution["response_body"], execution["response_body_bytes"]) == ("out of stock", 12)
    assert (execution["response_body_truncated"], "error" in execution) == (False, False)


MISBEHAVIOUR: dict[str, tuple[int, str | None]] = {
    "http:/status/302?location=/elsewhere": (302, None),
    "http:/status/404": (404, None),
    "refused:/": (0, "connection_refused"),
    "http:/reset": (0, "connection_reset"),
    "http:/close": (0, "connection_reset"),
    "http:/silent": (0, "read_timeout"),
    "http:/drip-header": (0, "deadline_exceeded"),
    "http:/drip-body?status=500": (500, None),
    "http:/short-body?status=500": (500, None),
    "http:/many-headers?status=500": (500, None),
    "http:/garbage": (0, "protocol_error"),
    "http:/big?bytes=100000000&status=500": (500, None),
    "http:/endless-body?status=500": (500, None),
    "http:/no-length?body=no&status=500": (500, None),
    "http:/gzip-bomb?status=500": (500, None),
    "http:/gzip-bomb?status=500&layers=2": (500, None),
    "http:/latin1?status=500": (500, None),
    "http:/response/500-br": (500, None),
    "http:/response/500-zstd": (500, None),
    "http:/response/500-latin-1": (500, None),
    "untrusted_https:/status/200": (0, "tls_error"),
    "silent_https:/": (0, "connect_timeout"),
    "unreachable:/": (0, "connect_timeout"),
}

TIMING_OUT = (
    "http:/silent",
    "http:/drip-",
    "http:/endless-body",
    "silent_https:/",
    "unreachable:/",
)


def test_any_receiver_behaviour_gives_one_execution(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    ids = {f"m{number}": path for number, path in enumerate(MISBEHAVIOUR)}
    bodies = [
        message(
            webhook_id,
            _url(receiver_process, path),
            message_id=i,
            timeout_seconds=2 if path.startswith(TIMING_OUT) else 30,
        )
        for i, path in ids.items()
    ]
    bodies.append(message(webhook_id, "http://does-not-exist.invalid/", message_id="dns"))
    bodies.append(message(webhook_id, "gopher://example.com/", message_id="url"))
    deployment.enqueue(webhook_id, *bodies)
    shown = until(
        lambda: [summary for summary in deployment.history(webhook_id) if summary["attempt"] == 1],
        lambda first: len(first) == len(bodies),
    )
    expected = {i: MISBEHAVIOUR[path] for i, path in ids.items()}
    expected |= {"dns": (0, "dns_failure"), "url": (0, "invalid_url")}
    executions = {summary["message_id"]: deployment.execution(summary) for summary in shown}
    outcome = {i: (e["result"], e.get("error", {}).get("type")) for i, e in executions.items()}
    assert outcome == expected
    for i, execution in executions.items():
        assert execution["duration_ms"] < (15_000 if ids.get(i, "").startswith(TIMING_OUT) else 30_000)
        assert execution["hard_error"] == ("error" in execution) == (execution["result"] == 0)
        assert len(execution.get("response_body", "")) <= 65_536
        assert execution["request_body"]
    big = executions[next(i for i, path in ids.items() if "/big?" in path)]
    assert (big["response_body_truncated"], big["response_body_bytes"]) == (True, 100_000_000)
    latin1 = executions[next(i for i, path in ids.items() if "/latin1" in path)]
    assert latin1["response_body_encoding"] == "base64"
    answers = {path: executions[i]["response_body"] for i, path in ids.items() if "/response/" in path}
    assert set(answers.values()) == {'{"error":"out of stock"}', "<p>Größe ungültig</p>"}


def test_a_private_address_is_not_requested_and_not_retried(deployment: Deployment, webhook_id: str) -> None:
    """The local stack allows only loopback addresses."""
    hosts = ("169.254.169.254", "0xA9.0xFEA9FE", "2852039166", "[::ffff:127.0.0.1]", "10.1.2.3", "0.0.0.0")
    deployment.enqueue(webhook_id, *[message(webhook_id, f"http://{host}/latest/meta-data/") for host in hosts])
    shown = deployment.wait_for_history(webhook_id, len(hosts))
    executions = [deployment.execution(summary) for summary in shown]
    assert sorted(execution["url"].split("/")[2] for execution in executions) == sorted(hosts)
    for execution in executions:
        assert (execution["result"], execution["hard_error"], execution["exhausted"]) == (0, True, True)
        assert execution["error"]["type"] == "blocked_address"
        assert "next_attempt_at" not in execution


def _url(receiver: Receiver, path: str) -> str:
    base, _, rest = path.partition(":")
    return f"{receiver[f'{base}_url']}{rest}"


def test_poison_goes_to_the_dlq_and_does_not_affect_others(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    poison = json.dumps({"webhook_id": webhook_id, "payload": 1, "url": "https://x/", "timeout_seconds": 99})
    good = message(webhook_id, f"{receiver_process['http_url']}/status/200")
    deployment.enqueue(webhook_id, good, poison, good)
    letter = deployment.dead_letter(poison)
    assert "timeout_seconds" in letter["MessageAttributes"]["Reason"]["StringValue"]
    assert len(deployment.wait_for_history(webhook_id, 2)) == 2


def test_a_body_of_1_mib_is_sent_and_stored_whole(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    path = f"/status/410/{webhook_id}"
    body = message(webhook_id, receiver_process["http_url"] + path, payload="")
    body["payload"] = "x" * (1_048_576 - len(json.dumps(body)))
    assert len(json.dumps(body)) == 1_048_576
    deployment.enqueue(webhook_id, json.dumps(body))
    (shown,) = deployment.wait_for_history(webhook_id, 1)
    assert json.loads(deployment.execution(shown)["request_body"]) == body["payload"]
    (request,) = received(receiver_process, path)
    assert json.loads(base64.b64decode(request["body"])) == body["payload"]


def test_a_cursor_gives_the_next_page(deployment: Deployment, receiver_process: Receiver, webhook_id: str) -> None:
    urls = [f"{receiver_process['http_url']}/status/{200 if n % 2 else 410}" for n in range(12)]
    deployment.enqueue(webhook_id, *[message(webhook_id, url) for url in urls])
    everything = deployment.wait_for_history(webhook_id, 12)
    assert everything == sorted(everything, key=lambda shown: shown["execution_id"], reverse=True)
    for status, success in ((None, None), ("failure", False), ("success", True)):
        wanted = [shown for shown in everything if success is None or shown["success"] == success]
        assert _walk(deployment, webhook_id, status) == wanted


def _walk(deployment: Deployment, webhook_id: str, status: str | None) -> list[dict[str, Any]]:
    walked, cursor = [], None
    while True:
        page = deployment.get(f"/webhooks/{webhook_id}/executions", limit=5, status=status, cursor=cursor).json()
        walked += page["executions"]
        cursor = page["next_cursor"]
        if cursor is None:
            return walked


def token(deployment: Deployment, **claims: Any) -> str:
    claims = {"exp": int(time.time()) + 60, "webhooks": "*", "scope": "executions:read", **claims}
    return jwt.encode(claims, deployment.outputs["SigningKey"], "HS256")


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({}, 200, None),
        ({"webhooks": ["e2e.*"]}, 200, None),
        ({"webhooks": ["acme.*"]}, 403, "forbidden"),
        ({"scope": "webhooks:read"}, 403, "forbidden"),
        ({"exp": 1_700_000_000}, 401, "unauthorized"),
        ({"webhooks": None}, 401, "unauthorized"),
    ],
)
def test_a_token_grants_its_claims(
    deployment: Deployment, webhook_id: str, claims: dict[str, Any], status: int, code: str | None
) -> None:
    response = deployment.get(f"/webhooks/{webhook_id}/executions", token=token(deployment, **claims))
    assert (response.status_code, response.json().get("error", {}).get("code")) == (status, code)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"}])
def test_a_call_without_a_valid_token_is_a_401(deployment: Deployment, headers: dict[str, str]) -> None:
    response = requests.get(f"{deployment.outputs['ApiUrl']}/webhooks/wh_1/executions", headers=headers, timeout=60)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/webhooks/wh_1/executions?limit=0", 400),
        ("/webhooks/wh_1/executions?from=yesterday", 400),
        ("/webhooks/a%20b/executions", 400),
        ("/webhooks/wh_1/executions/20261123T173600.123456Z-9f3a2c1d", 404),
        ("/nothing", 404),
    ],
)
def test_errors_have_the_form_of_the_contract(deployment: Deployment, path: str, status: int) -> None:
    response = deployment.get(path)
    assert response.status_code == status
    fields = {"field", "errors"} if status == 400 else set()
    assert response.json()["error"].keys() == {"code", "message"} | fields


def test_cors_allows_a_front_end_on_another_origin(deployment: Deployment) -> None:
    """Each route's preflight is answered, by a path that has no other method."""
    for route in ROUTES:
        url = f"{deployment.outputs['ApiUrl']}{route.resource.replace('{', '').replace('}', '')}"
        asking = {"Origin": "https://app.acme.example", "Access-Control-Request-Method": route.method}
        preflight = requests.options(url, headers=asking, timeout=60)
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == "*"
        assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
        assert route.method in preflight.headers["Access-Control-Allow-Methods"]
    for response in (deployment.get("/webhooks/wh_1/executions"), requests.get(url, timeout=60)):
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("accept", ["*/*", "text/css,*/*;q=0.1", "text/html,application/xhtml+xml,*/*;q=0.8"])
def test_browsers_get_the_page_compressed(deployment: Deployment, accept: str) -> None:
    """API Gateway decodes the function's base64. Clients without gzip get text."""
    url = f"{deployment.outputs['ApiUrl']}/history"
    compressed = requests.get(url, headers={"Accept": accept, "Accept-Encoding": "gzip, br"}, timeout=60)
    plain = requests.get(url, headers={"Accept": accept, "Accept-Encoding": "identity"}, timeout=60)
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert compressed.text == plain.text
    assert "<webhook-history" in plain.text
    known = {"Accept": accept, "Accept-Encoding": "gzip, br", "If-None-Match": compressed.headers["ETag"]}
    assert requests.get(url, headers=known, timeout=60).status_code == 304
    (script,) = re.findall(r'src="(history/[0-9a-f]+/[^"]+)"', plain.text)
    module = requests.get(url.removesuffix("history") + script, headers={"Accept": accept}, timeout=60)
    assert module.headers["Content-Encoding"] == "gzip"
    assert "customElements" in module.text


def test_secrets_are_masked_and_details_can_be_erased(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    url = f"{receiver_process['http_url']}/status/410?header=Set-Cookie:s3cr3t"
    secret = {"headers": {"Authorization": "s3cr3t"}}
    bodies = [message(webhook_id, url, message_id=f"{webhook_id}.{n}", **secret) for n in range(2)]
    deployment.enqueue(webhook_id, *bodies)
    one, other = deployment.wait_for_history(webhook_id, 2)
    shown = deployment.execution(one)
    assert shown["request_headers"]["Authorization"] == shown["response_headers"]["Set-Cookie"] == "••••"
    paths = (f"/webhooks/{webhook_id}/executions/{one['execution_id']}", f"/messages/{other['message_id']}")
    for path in paths:
        address = f"{deployment.outputs['ApiUrl']}{path}/details"
        read_only = {"Authorization": f"Bearer {token(deployment)}"}
        assert requests.delete(address, headers=read_only, timeout=60).status_code == 403
        answer = requests.delete(
            address, headers={"Authorization": f"Bearer {deployment.outputs['Token']}"}, timeout=60
        )
        assert (answer.status_code, answer.content) == (204, b"")
    assert deployment.history(webhook_id) == [{**one, "erased": True}, {**other, "erased": True}]
    assert deployment.execution(one) == {**one, "erased": True, "details_of": "failures"}


def test_dead_letters_can_be_redriven(deployment: Deployment, webhook_id: str) -> None:
    """Find a letter that still cannot be sent on the DLQ again, with its reason."""
    poison = json.dumps({"webhook_id": webhook_id, "url": 1, "payload": 1})
    deployment.sqs.send_message(QueueUrl=deployment.outputs["DeadLetterQueueUrl"], MessageBody=poison)
    move_dead_letters(deployment.sqs, deployment.outputs["DeadLetterQueueUrl"], deployment.outputs["QueueUrl"])
    letter = deployment.dead_letter(poison)
    assert "url must be" in letter["MessageAttributes"]["Reason"]["StringValue"]
