"""Tests of who may see what through the deployed API.

They include its routing, the authorizer's policy and the functions.
"""

import http.client
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests

from local import aws
from local import deployment as deployed_stack
from tests.browser.chromium import chromium
from tests.deployment import Deployment, Receiver, mint, until
from tests.issuer import Issuer, ec_jwk, ec_key, rsa_jwk, rsa_key
from tests.issuer import mint as mint_at_issuer
from tests.stack_changes import changed_environment

OWN, FOREIGN = "wh_a", "wh_b"


def status_of(deployment: Deployment, path: str, token: str, method: str = "GET") -> int:
    """Return the response to a path that is sent unchanged, unlike by `requests`."""
    url = urlsplit(deployment.outputs["ApiUrl"])
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    try:
        connection.request(method, url.path + path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


TRICKS = [
    "wh_b",
    "wh_ab",
    "wh_",
    "WH_A",
    "Wh_a",
    "wh_a.",
    "wh_a%2e",
    "wh_a%2F..%2Fwh_b",
    "wh_a%2f..%2fwh_b",
    "wh_a%252F..%252Fwh_b",
    "wh_a%5C..%5Cwh_b",
    "wh_a/../wh_b",
    "./wh_b",
    "wh_a%00",
    "wh_a%20",
    "wh_a%0A",
    "wh_a;x",
    "wh_a%3F",
    "wh_a%23",
    "*",
    "%2A",
    "wh_%D0%B0",
    "%EF%BD%97%EF%BD%88_a",
    "wh_a%C0%AFwh_b",
    "wh_a%FF",
    "..",
    "%2e%2e",
]


@pytest.mark.parametrize("webhooks", [[OWN], ["wh_a.x.*"]], ids=str)
def test_a_token_for_one_webhook_grants_no_access_to_another(deployment: Deployment, webhooks: list[str]) -> None:
    """Expect a 403 for another webhook.

    MiniStack decodes an encoded slash before it matches the path, so it may answer 404 to such a path.
    """
    token = mint(deployment.outputs["SigningKey"], webhooks=webhooks)
    for trick in TRICKS:
        for tail in ("executions", "executions/20261123T173600.123456Z-9f3a2c1d"):
            refusals = (403, 404) if "/" in unquote(trick) else (403,)
            assert status_of(deployment, f"/webhooks/{trick}/{tail}", token) in refusals, (trick, tail)


def test_an_empty_path_segment_grants_no_access(deployment: Deployment) -> None:
    token = mint(deployment.outputs["SigningKey"], webhooks=[OWN])
    for path in ("/webhooks//executions", "//webhooks/wh_b/executions", "/webhooks/wh_a//../wh_b/executions"):
        assert status_of(deployment, path, token) in (403, 404), path


def test_a_cached_policy_grants_only_the_tokens_webhooks_and_methods(deployment: Deployment) -> None:
    """Expect the same responses in any order of calls.

    API Gateway caches the policy that the authorizer returned for the first call.
    """
    token = mint(deployment.outputs["SigningKey"], webhooks=[OWN, "acme.*"], scope="executions:read")
    calls = {
        ("GET", f"/webhooks/{OWN}/executions"): 200,
        ("GET", f"/webhooks/{FOREIGN}/executions"): 403,
        ("GET", "/webhooks/acme.orders/executions"): 200,
        ("POST", f"/webhooks/{OWN}/recover"): 403,
        ("GET", "/messages/msg_1/executions"): 200,
        ("GET", f"/webhooks/{OWN}/executions/20261123T173600.123456Z-9f3a2c1d"): 404,
    }
    for order in (list(calls), list(reversed(calls))):
        assert {(method, path): status_of(deployment, path, token, method) for method, path in order} == calls


def test_an_execution_of_another_webhook_is_not_found(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    message = {"webhook_id": webhook_id, "url": f"{receiver_process['http_url']}/status/410", "payload": 1}
    deployment.enqueue(webhook_id, {**message, "message_id": webhook_id})
    (shown,) = deployment.wait_for_history(webhook_id, 1)
    own = mint(deployment.outputs["SigningKey"], webhooks=[OWN])
    path = f"/webhooks/{OWN}/executions/{shown['execution_id']}"
    assert status_of(deployment, path, own) == 404
    assert status_of(deployment, f"{path}/resend", own, "POST") == 404
    message_path = f"/messages/{webhook_id}/executions"
    assert deployment.get(message_path, token=own).json() == {"executions": []}
    assert len(deployment.get(message_path).json()["executions"]) == 1


def test_a_webhook_can_only_join_a_topic_that_its_token_covers(deployment: Deployment, webhook_id: str) -> None:
    """Pass the claims through the authorizer and API Gateway's cache of policies."""
    api, key = deployment.outputs["ApiUrl"], deployment.outputs["SigningKey"]
    own = mint(key, webhooks=[f"{webhook_id}.*"])
    more = mint(key, webhooks=[f"{webhook_id}.*"], topics=[webhook_id, "news.*"])

    def put(token: str, topic: str, name: str = "w1", **fields: object) -> int:
        content = {"url": "https://1.1.1.1/hooks", "topic": topic, **fields}
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{api}/webhooks/{webhook_id}.{name}"
        return requests.put(url, json=content, headers=headers, timeout=60).status_code

    assert put(own, f"{webhook_id}.all") == 201
    for topic in (webhook_id, f"{webhook_id}x.all", "news.berlin", "acme.all"):
        assert put(own, topic, version=1) == 403, topic
        assert put(own, topic, "w2") == 403, topic
    assert put(more, webhook_id, version=1) == 200
    assert put(own, webhook_id, version=2, name="w1", enabled=False) == 200
    assert put(more, "news.berlin", "w2") == 201
    assert put(more, "news", "w3") == 403


@pytest.mark.parametrize(
    "claims", [{"webhooks": ["acm*"]}, {"topics": ["acm*"]}, {"iat": 3600}, {"exp": -3600}], ids=str
)
def test_a_malformed_or_expired_token_is_a_401(deployment: Deployment, claims: dict[str, Any]) -> None:
    times = {name: int(time.time()) + value for name, value in claims.items() if name in ("iat", "exp")}
    token = mint(deployment.outputs["SigningKey"], **claims | times)
    assert status_of(deployment, f"/webhooks/{OWN}/executions", token) == 401


def test_a_token_issued_seconds_in_the_future_is_valid(deployment: Deployment) -> None:
    now = int(time.time())
    token = mint(deployment.outputs["SigningKey"], iat=now + 20, nbf=now + 20)
    assert status_of(deployment, f"/webhooks/{OWN}/executions", token) == 200


def test_a_token_with_many_webhooks_works(deployment: Deployment) -> None:
    webhooks = [f"acme.department-{number:04}.orders" for number in range(150)]
    token = mint(deployment.outputs["SigningKey"], webhooks=webhooks, scope="executions:read")
    assert len(token) < 10_000
    assert status_of(deployment, f"/webhooks/{webhooks[149]}/executions", token) == 200
    assert status_of(deployment, f"/webhooks/{FOREIGN}/executions", token) == 403
    assert status_of(deployment, f"/webhooks/{OWN}/recover", token, "POST") == 403


def test_a_webhook_that_calls_the_api_starts_nothing(
    deployment: Deployment, receiver_process: Receiver, webhook_id: str
) -> None:
    """Refuse a webhook that resends a failure each time it is called.

    The failures include its own, and its token has all scopes.
    """
    caller, executions = f"{webhook_id}.caller", f"/webhooks/{webhook_id}/executions"
    message = {"webhook_id": webhook_id, "url": f"{receiver_process['http_url']}/status/410", "payload": 1}
    deployment.enqueue(webhook_id, message)
    (failure,) = deployment.wait_for_history(webhook_id, 1)
    address = f"{deployment.outputs['ApiUrl']}{executions}/{failure['execution_id']}/resend"
    headers = {"Authorization": f"Bearer {deployment.outputs['Token']}"}
    deployment.enqueue(caller, {"webhook_id": caller, "url": address, "headers": headers, "payload": 1})
    called, *_ = deployment.wait_for_history(caller, 1)
    assert called["result"] == 403
    assert "must not call this API" in deployment.execution(called)["response_body"]
    assert deployment.history(webhook_id) == [failure]
    put = requests.put(
        f"{deployment.outputs['ApiUrl']}/webhooks/{caller}", json={"url": address}, headers=headers, timeout=60
    )
    assert (put.status_code, put.json()["error"]["message"][:5]) == (400, "url: ")


@contextmanager
def secret_restored(secret_id: str) -> Iterator[None]:
    """Restore the secret, so that the local stack's tokens work after the test."""
    manager = aws.secrets_manager()
    before = manager.get_secret_value(SecretId=secret_id)["SecretString"]
    try:
        yield
    finally:
        manager.put_secret_value(SecretId=secret_id, SecretString=before)


def test_the_signing_key_is_rotated_without_downtime(deployment: Deployment) -> None:
    manager, secret_id = aws.secrets_manager(), deployed_stack.read_stack_outputs()["SigningKeySecret"]
    old, new = deployment.outputs["SigningKey"], secrets.token_hex(32)

    def status(key: str) -> int:
        return status_of(deployment, f"/webhooks/{OWN}/executions", mint(key))

    with secret_restored(secret_id):
        manager.put_secret_value(SecretId=secret_id, SecretString=new)
        assert status(old) == 200
        until(lambda: status(new), lambda code: code == 200)
        assert status(old) == 200

        previous = manager.get_secret_value(SecretId=secret_id, VersionStage="AWSPREVIOUS")["VersionId"]
        manager.update_secret_version_stage(
            SecretId=secret_id, VersionStage="AWSPREVIOUS", RemoveFromVersionId=previous
        )
        unknown = secrets.token_hex(32)  # unknown keys make the authorizer reload the secret early
        until(lambda: (status(unknown), status(old)), lambda codes: codes == (401, 401))
        assert status(new) == 200
    until(lambda: status(old), lambda code: code == 200)


def test_an_issuers_tokens_grant_their_claims(deployment: Deployment) -> None:
    with Issuer() as idp, changed_environment("AuthorizeFunction", **idp.environment):
        idp.publish(rsa_jwk("rsa-1"), ec_jwk("ec-1"))
        own, foreign = "/webhooks/acme.orders/executions", f"/webhooks/{FOREIGN}/executions"
        for token in (mint_at_issuer(rsa_key("rsa-1"), "RS256", "rsa-1"), mint_at_issuer(ec_key("ec-1"), "ES256")):
            assert [status_of(deployment, path, token) for path in (own, foreign)] == [200, 403]
        assert status_of(deployment, own, mint_at_issuer(rsa_key("stranger"), "RS256", "rsa-1")) == 401
        assert status_of(deployment, own, mint(deployment.outputs["SigningKey"])) == 200
    assert status_of(deployment, own, mint_at_issuer(rsa_key("rsa-1"), "RS256", "rsa-1")) == 401


CALLS = """async ([api, token]) => {
    const headers = { Authorization: `Bearer ${token}` };
    const read = async (path, options) => {
        try {
            const response = await fetch(api + path, options);
            return [response.status, Object.keys(await response.json())[0]];
        } catch (error) {
            return error.name;
        }
    };
    const body = JSON.stringify({ since: "never" });
    return [
        await read("/webhooks/wh_a/executions?limit=1", { headers }),
        await read("/webhooks/wh_a/recover", { method: "POST", headers, body }),
        await read("/webhooks/wh_a/executions"),
        await read("/webhooks/wh_a/executions", { headers: { Authorization: "Bearer wrong" } }),
    ];
}"""
"""A read and a write through their preflights, and responses that API Gateway makes itself."""


@contextmanager
def front_end(html: str) -> Iterator[int]:
    """Serve a page on every loopback name, which are different origins for a browser. Yields its port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_only_the_listed_origins_may_call_the_api_and_frame_the_page(deployment: Deployment) -> None:
    """Two origins are allowed to call the API, one of them may show the page in an iframe."""
    api = deployment.outputs["ApiUrl"]
    with front_end(f'<!doctype html><iframe src="{api}/history"></iframe>') as port:
        framing, calling, other = (f"http://{host}:{port}" for host in ("a.localhost", "127.0.0.1", "localhost"))
        origins = {"ALLOWED_ORIGINS": f"{framing},{calling}"}
        with (
            changed_environment("ReadApiFunction", **origins),
            changed_environment("ResendApiFunction", **origins),
            changed_environment("HistoryPageFunction", **origins, FRAME_ANCESTORS=f"'self' {framing}"),
            chromium() as browser,
        ):
            page = browser.new_page()
            for origin, framed in ((framing, True), (calling, False), (other, False)):
                page.goto(origin)
                read = page.evaluate(CALLS, [api, deployment.outputs["Token"]])
                allowed = [[200, "executions"], [400, "error"]] if origin != other else ["TypeError", "TypeError"]
                invalid = [401, "error"] if origin != other else "TypeError"
                assert read == [*allowed, [401, "error"], invalid], origin
                assert page.frames[1].locator("webhook-history").count() == int(framed), origin
