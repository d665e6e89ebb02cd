"""Fixtures that open the deployed History page in Chromium.

The local stack has executions of real deliveries.
"""

import json
import mimetypes
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request, Route, expect

from hooklog.executions.execution import compact_time, generate_execution_id, iso_time
from local import aws
from local import stack as local_stack
from local.outputs import Outputs
from tests.browser.chromium import chromium
from tests.deployment import Deployment, mint, until
from tests.receiver import Receiver
from tests.stack_changes import disabled_retries

OUT_OF_STOCK = '{"error":"out_of_stock","id":12345678901234567890}'
ORDER = {"order": {"id": 1042, "total": "99.90", "currency": "EUR"}}

expect.set_options(timeout=60_000)


@dataclass(frozen=True)
class Stack:
    """The deployed stack: its queue, its log and its History page."""

    outputs: Outputs

    def deliver(self, webhook_id: str, *messages: dict[str, Any], wait_for: int = 0) -> list[dict[str, Any]]:
        """Enqueue messages for one webhook and return its history.

        Waits until the history has that many executions.
        """
        bodies = [json.dumps({"webhook_id": webhook_id, "payload": ORDER, **message}) for message in messages]
        deployment = Deployment(self.outputs, aws.client("sqs"))
        deployment.enqueue(webhook_id, *bodies)
        return deployment.wait_for_history(webhook_id, wait_for or len(bodies))

    def seed(self, webhook_id: str, executions: Iterable[dict[str, Any]]) -> None:
        """Write summaries directly to the log, which is faster than delivering messages."""
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
        state = urlencode({f"hl-{name}": value for name, value in query.items()})
        return f"{page}?{state}#{fragment}" if query else f"{page}#{fragment}"


def _item(webhook_id: str, execution: dict[str, Any]) -> dict[str, dict[str, Any]]:
    result, execution_id = execution["result"], generate_execution_id(execution["at"])
    texts = {"webhook_id": webhook_id, "executed_at": execution_id, "message_id": f"msg_{execution_id[-8:]}"}
    if not 200 <= result <= 299:
        texts["failed_at"] = execution_id
    texts |= {name: execution[name] for name in ("message_id", "trigger") if name in execution}
    if "next_attempt_at" in execution:
        texts["next_attempt_at"] = iso_time(compact_time(execution["next_attempt_at"]))
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
    """The stack without retries, which would change a history during its test."""
    outputs = local_stack.up()
    with disabled_retries():
        yield Stack(outputs)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for the package.

    It closes before other tests, because Playwright keeps an event loop running.
    """
    with chromium() as browser:
        yield browser


class PageGuard:
    """A record of what must not happen on any page.

    These are errors, alerts and requests to hosts other than the stack.
    """

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
        """Record errors on the console.

        Some tests cause failed requests on purpose, but never a violation of the policy.
        """
        if "Failed to load resource" not in text:
            self.seen.append(f"console: {text}")


class Held:
    """The requests of a page to a URL, which wait until the test responds to them."""

    def __init__(self, page: Page, url: str | re.Pattern[str], times: int | None = None) -> None:
        self._page = page
        self._routes: list[Route] = []
        page.route(url, lambda route: self._routes.append(route), times=times)

    def take(self) -> Route:
        """Wait for the next request, in Playwright, which collects it meanwhile."""

        def read() -> list[Route]:
            self._page.wait_for_timeout(20)
            return self._routes

        return until(read, bool).pop(0)


@pytest.fixture(scope="package")
def front_end_pages(stack: Stack) -> dict[str, str]:
    """Return the SaaS's pages and other files by path; / has loaded the component."""
    script = f"{stack.outputs['ApiUrl']}/history/webhook-history.js"
    return {"/": f'<script type="module" src="{script}"></script>'}


@pytest.fixture(scope="package")
def front_end_url(front_end_pages: dict[str, str]) -> Iterator[str]:
    """Yield the front end of the SaaS, on another origin than the API."""
    head = '<!doctype html><title>SaaS</title><link rel="icon" href="data:,">'

    class FrontEnd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            path = self.path.partition("?")[0]
            kind = mimetypes.guess_type(path)[0] or "text/html"
            self.send_header("Content-Type", kind)
            self.end_headers()
            content = front_end_pages[path]
            self.wfile.write((head * content.startswith("<") + content).encode())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


CONTEXT: dict[str, Any] = {
    "permissions": ["clipboard-read", "clipboard-write"],
    "viewport": {"width": 1100, "height": 800},
    "timezone_id": "Asia/Kathmandu",
    "reduced_motion": "reduce",
}
"""An unusual time zone, whose days and hours start at other times than in UTC.

Without animations, pages are drawn in half of the time.
"""


@pytest.fixture(scope="package")
def opener(browser: Browser, stack: Stack) -> Iterator[Page]:
    """Return an empty page of the API that opens the tests' pages, which then share its process.

    The start of a process takes as long as most tests do with a page.
    """
    with closing(browser.new_context(**CONTEXT)) as context:
        page = context.new_page()
        policy = {"Cross-Origin-Opener-Policy": "same-origin"}  # the History page's; with another one, another process
        page.route("**/empty", lambda route: route.fulfill(headers=policy, body=""))
        page.goto(f"{stack.outputs['ApiUrl']}/empty")
        yield page


@pytest.fixture
def context(request: pytest.FixtureRequest, browser: Browser, opener: Page) -> Iterator[BrowserContext]:
    """Return the opener's context without other pages, or for a test marked as `own_context` a new one."""
    if request.node.get_closest_marker("own_context"):
        with closing(browser.new_context(**CONTEXT)) as context:
            yield context
        return
    yield opener.context
    assert not opener.evaluate("'__pwClock' in globalThis"), "mark a test that sets the clock as own_context"
    for page in opener.context.pages:
        if page != opener:
            page.close()


@pytest.fixture
def page(context: BrowserContext, opener: Page, stack: Stack, front_end_url: str) -> Iterator[Page]:
    if opener in context.pages:
        with opener.expect_popup() as opened:
            opener.evaluate("void open('about:blank')")
        page = opened.value
    else:
        page = context.new_page()
    guard = PageGuard(page, stack.outputs["ApiUrl"], front_end_url)
    yield page
    assert guard.seen == []


Open = Callable[..., Page]


@pytest.fixture
def opened(page: Page, stack: Stack) -> Open:
    """Return a function that opens the History page of a webhook.

    It takes `token=` or query parameters.
    """

    def open_page(webhook_id: str, **parameters: str) -> Page:
        page.goto(stack.page_url(webhook_id, **parameters))
        return page

    return open_page


@pytest.fixture
def webhook_id() -> str:
    """A webhook ID that no other test uses."""
    return f"page.{uuid.uuid4().hex[:12]}"


def call(stack: Stack, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Call the API at a path below /webhooks."""
    token = {"Authorization": f"Bearer {stack.outputs['Token']}"}
    answer = requests.request(
        method, f"{stack.outputs['ApiUrl']}/webhooks/{path}", json=body, headers=token, timeout=60
    )
    assert answer.ok, answer.text
    answered: dict[str, Any] = answer.json()
    return answered


def register(stack: Stack, webhook_id: str, url: str, **fields: Any) -> dict[str, Any]:
    return call(stack, "PUT", webhook_id, {"url": url, "enabled": True, **fields})


def url_of(receiver: Receiver, status: int, body: str = "") -> dict[str, Any]:
    """Return the message field with the URL of a receiver with this status."""
    return {"url": receiver.url(f"/status/{status}", body=body)}


@pytest.fixture(scope="package")
def orders(stack: Stack, receiver: Receiver) -> str:
    """A webhook with 60 executions: one 500, one refused connection and 58 successes."""
    webhook_id = f"page.{uuid.uuid4().hex[:12]}"
    succeeding = {"event_type": "order.created", **url_of(receiver, 200)}
    failing = {"event_type": "order.paid", **url_of(receiver, 500, body=OUT_OF_STOCK)}
    unreached = {"event_type": "order.shipped", "url": receiver.refused_url}
    stack.deliver(webhook_id, *[succeeding] * 58, failing, unreached)
    return webhook_id
