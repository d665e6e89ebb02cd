"""Chromium on the History page of the deployed local stack, with executions of real deliveries."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request, expect

from hooklog.executions.execution import generate_execution_id
from local import aws
from local import stack as local_stack
from local.outputs import Outputs
from tests.browser.chromium import chromium
from tests.changing import configured
from tests.deployment import Deployment, mint
from tests.receiver import Receiver

OUT_OF_STOCK = '{"error":"out_of_stock","id":12345678901234567890}'
ORDER = {"order": {"id": 1042, "total": "99.90", "currency": "EUR"}}

expect.set_options(timeout=60_000)


@dataclass(frozen=True)
class Stack:
    """The deployed stack: a queue to put messages on, and a page that shows what came of them."""

    outputs: Outputs

    def deliver(self, webhook_id: str, *messages: dict[str, Any], wait_for: int = 0) -> list[dict[str, Any]]:
        """Put messages for one webhook on the queue; its history once it is as long as they are, or as is said."""
        bodies = [json.dumps({"webhook_id": webhook_id, "payload": ORDER, **message}) for message in messages]
        deployment = Deployment(self.outputs, aws.client("sqs"))
        deployment.enqueue(webhook_id, *bodies)
        return deployment.wait_for_history(webhook_id, wait_for or len(bodies))

    def seed(self, webhook_id: str, executions: Iterable[dict[str, Any]]) -> None:
        """Write summaries to the log as nobody delivered them, to have more than deliveries make in a moment."""
        puts = [{"PutRequest": {"Item": _item(webhook_id, execution)}} for execution in executions]
        with ThreadPoolExecutor(4) as pool:
            database = aws.client("dynamodb")
            table = self.outputs["ExecutionsTable"]
            batches = [{table: puts[start : start + 25]} for start in range(0, len(puts), 25)]
            for answer in pool.map(lambda batch: database.batch_write_item(RequestItems=batch), batches):
                assert not answer["UnprocessedItems"]

    def token(self, *, webhooks: Any = "*", scope: str = "executions:read", seconds: int = 3600, **claims: Any) -> str:
        exp = int(time.time()) + seconds
        return mint(self.outputs["SigningKey"], exp=exp, webhooks=webhooks, scope=scope, **claims)

    def page_url(self, webhook_id: str, token: str | None = None, **query: str) -> str:
        page = f"{self.outputs['ApiUrl']}/history"
        fragment = urlencode({"token": token or self.outputs["Token"], "webhook": webhook_id})
        return f"{page}?{urlencode(query)}#{fragment}" if query else f"{page}#{fragment}"


def _item(webhook_id: str, execution: dict[str, Any]) -> dict[str, dict[str, Any]]:
    result, execution_id = execution["result"], generate_execution_id(execution["at"])
    texts = {"webhook_id": webhook_id, "executed_at": execution_id, "message_id": f"msg_{execution_id[-8:]}"}
    if not 200 <= result <= 299:
        texts["failed_at"] = execution_id
    texts |= {name: execution[name] for name in ("message_id", "trigger") if name in execution}
    if "next_attempt_at" in execution:
        texts["next_attempt_at"] = execution["next_attempt_at"].isoformat()
    flags = {name: {"BOOL": True} for name in ("redelivered", "resent_on_new_connection") if execution.get(name)}
    numbers = {"attempt": execution.get("attempt", 1), "duration_ms": 87, "result": result}
    numbers["expires_at"] = int(time.time()) + 86_400
    return (
        {name: {"S": text} for name, text in texts.items()}
        | flags
        | {name: {"N": str(number)} for name, number in numbers.items()}
    )


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Without retries, which would add to a history while a test looks at it."""
    outputs = local_stack.up()
    with configured("SendWebhooksFunction", RETRY_SCHEDULE=""):
        yield Stack(outputs)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all; gone before other tests, for Playwright keeps an event loop running in this thread."""
    with chromium() as browser:
        yield browser


class Watch:
    """What must not happen on any page: an error, an alert, a request to anywhere but the stack."""

    def __init__(self, page: Page, *homes: str) -> None:
        self.seen: list[str] = []
        self._homes = ("data:", *homes)
        page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("console", lambda said: self._console(said.text))

    def _dialog(self, dialog: Dialog) -> None:
        self.seen.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self._homes):
            self.seen.append(f"request: {request.url}")
        if "token=" in request.url or "eyJ" in request.url:
            self.seen.append(f"token sent in an address: {request.url}")

    def _console(self, text: str) -> None:
        """A refused or failed request is what some tests are about; a breach of the policy never is."""
        if "Failed to load resource" not in text:
            self.seen.append(f"console: {text}")


@pytest.fixture(scope="package")
def front_end_pages(stack: Stack) -> dict[str, str]:
    """What the SaaS serves, by its path: at / a page that has loaded the component."""
    script = f"{stack.outputs['ApiUrl']}/history/webhook-history.js"
    return {"/": f'<script type="module" src="{script}"></script>'}


@pytest.fixture(scope="package")
def front_end_url(front_end_pages: dict[str, str]) -> Iterator[str]:
    """The SaaS, on an origin of its own."""
    head = '<!doctype html><title>SaaS</title><link rel="icon" href="data:,">'

    class FrontEnd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write((head + front_end_pages[self.path]).encode())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Of a viewer whose days, and whose hours, begin at other moments than those of UTC."""
    clipboard = ["clipboard-read", "clipboard-write"]
    context = browser.new_context(
        permissions=clipboard, viewport={"width": 1100, "height": 800}, timezone_id="Asia/Kathmandu"
    )
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack, front_end_url: str) -> Iterator[Page]:
    page = context.new_page()
    watch = Watch(page, stack.outputs["ApiUrl"], front_end_url)
    yield page
    assert watch.seen == []


Open = Callable[..., Page]


@pytest.fixture
def opened(page: Page, stack: Stack) -> Open:
    """Open the History page on a webhook; `token=` and the address' own parameters may be given."""

    def open_page(webhook_id: str, **parameters: str) -> Page:
        page.goto(stack.page_url(webhook_id, **parameters))
        return page

    return open_page


@pytest.fixture
def webhook_id() -> str:
    """A webhook that no other test knows."""
    return f"page.{uuid.uuid4().hex[:12]}"


def call(stack: Stack, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Ask the API for something below /webhooks."""
    token = {"Authorization": f"Bearer {stack.outputs['Token']}"}
    answer = requests.request(
        method, f"{stack.outputs['ApiUrl']}/webhooks/{path}", json=body, headers=token, timeout=30
    )
    assert answer.ok, answer.text
    answered: dict[str, Any] = answer.json()
    return answered


def register(stack: Stack, webhook_id: str, url: str, **fields: Any) -> dict[str, Any]:
    return call(stack, "PUT", webhook_id, {"url": url, "enabled": True, **fields})


def url_of(receiver: Receiver, status: int, body: str = "") -> dict[str, Any]:
    """What makes a message go to a receiver that answers with this status."""
    return {"url": receiver.url(f"/status/{status}", body=body)}


@pytest.fixture(scope="package")
def orders(stack: Stack, receiver: Receiver) -> str:
    """A webhook with sixty executions: a 500, one that was not reached, and 58 successes."""
    webhook_id = f"page.{uuid.uuid4().hex[:12]}"
    succeeding = {"event_type": "order.created", **url_of(receiver, 200)}
    failing = {"event_type": "order.paid", **url_of(receiver, 500, body=OUT_OF_STOCK)}
    unreached = {"event_type": "order.shipped", "url": receiver.refused_url}
    stack.deliver(webhook_id, *[succeeding] * 58, failing, unreached)
    return webhook_id
