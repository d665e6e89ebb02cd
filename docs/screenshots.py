"""Screenshots of the History page on the local AWS.

Writes docs/*.png: python -m docs.screenshots

The pages show real deliveries by the product's own client. Only its clock is set back, to create a day of history at
once.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import requests
from playwright.sync_api import Page

from hooklog.aws import connect_dynamodb
from hooklog.delivery.client import WebhookClient
from hooklog.delivery.egress import EgressAdapter
from hooklog.delivery.guard import Guard
from hooklog.delivery.networks import parse_networks
from hooklog.executions.details import DetailsRow
from hooklog.executions.execution import Execution, Trigger, generate_execution_id
from hooklog.executions.log import Retention, build_puts, write
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from local import places, stack
from local.outputs import DEMO_WEBHOOK, Outputs
from tests.browser.chromium import chromium

FOLDER: Final = Path(__file__).parent
SHOWN: Final = "pull_request.opened"
"""The event type of the execution that history-details.png shows."""

PAYLOADS: Final[dict[str, dict[str, Any]]] = {
    "push": {"ref": "refs/heads/main", "after": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c", "pusher": {"name": "ada"}},
    "issues.opened": {"action": "opened", "issue": {"number": 1347, "title": "Order total is rounded twice"}},
    "issue_comment.created": {"action": "created", "comment": {"id": 99262140, "body": "I can reproduce this."}},
    "release.published": {"action": "published", "release": {"tag_name": "v2.4.0", "prerelease": False}},
    SHOWN: {
        "action": "opened",
        "number": 1742,
        "pull_request": {"title": "Round order totals once", "draft": False, "additions": 12, "deletions": 4},
        "sender": {"login": "ada", "id": 21031067},
    },
}
BUSY: Final = json.dumps({"error": {"code": "database_unavailable", "message": "Try again later."}})
GONE: Final = json.dumps({"error": "unknown endpoint"})


@dataclass(frozen=True, slots=True)
class PastExecution:
    """One execution of the day.

    Later attempts of one event type belong to the same message.
    """

    minutes_ago: float
    event_type: str
    result: int
    body: str = ""
    attempt: int = 1
    next_minutes: float | None = None
    """Minutes until the next attempt is due."""


DAY: Final = [
    PastExecution(0.6, "push", 200),
    PastExecution(3, SHOWN, 503, BUSY, attempt=3, next_minutes=31),
    PastExecution(8.6, SHOWN, 503, BUSY, attempt=2, next_minutes=5.6),
    PastExecution(8.7, SHOWN, 0, next_minutes=0.1),
    PastExecution(9.5, "issues.opened", 0),
    PastExecution(11, "push", 0),
    PastExecution(26, "release.published", 202),
    PastExecution(48, "push", 200),
    PastExecution(95, "issue_comment.created", 204),
    PastExecution(150, "issues.opened", 404, GONE),
    PastExecution(260, "push", 200),
    *(
        PastExecution(270 + 23 * number, ("push", "issue_comment.created")[number % 3 == 1], 200)
        for number in range(26)
    ),
]

CHAT: Final[dict[str, Any]] = {
    "webhook_id": "demo.chat",
    "name": "Orders in the team chat",
    "url": "https://example.com/chat/hooks",
    "headers": {"X-Channel": "orders"},
    "event_types": ["order.created", "order.paid"],
    "enabled": True,
    "transformation": '{"text": "Order " & payload.order & " has come in"}',
}

_REFUSED: Final = "http://127.0.0.1:1025/webhooks/github"


def main() -> None:
    outputs = stack.up()
    os.environ |= {
        "AWS_ENDPOINT_URL": outputs["EndpointUrl"],
        "AWS_DEFAULT_REGION": outputs["Region"],
        "AWS_ACCESS_KEY_ID": places.DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": places.DUMMY_KEY,
    }
    connection = connect_dynamodb()
    ExecutionRow.attach(connection, outputs["ExecutionsTable"])
    DetailsRow.attach(connection, outputs["ExecutionDetailsTable"])
    for row in ExecutionRow.query(DEMO_WEBHOOK):
        row.delete()
    with run_customer_server() as url:
        executions = [deliver(url, number, past) for number, past in enumerate(DAY)]
        assert write(connection, build_puts(executions, Retention(90, 30), details_of_all=False)) is None
    take_screenshots(outputs)


class CustomerServer(BaseHTTPRequestHandler):
    """The customer's server. It answers as the current entry of DAY says."""

    answer: tuple[int, str, float] = (200, "", 0)

    def do_POST(self) -> None:
        status, body, seconds = CustomerServer.answer
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(seconds)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def run_customer_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), CustomerServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks/github"
        server.shutdown()


def deliver(url: str, number: int, past: PastExecution) -> Execution:
    """Send one webhook with the clock set back to that time."""
    at = datetime.now(UTC) - timedelta(minutes=past.minutes_ago)
    CustomerServer.answer = (past.result, past.body, 0.031 + number * 37 % 101 / 300)
    name = past.event_type if past.event_type == SHOWN else str(number)
    message = {
        "webhook_id": DEMO_WEBHOOK,
        "message_id": f"evt_{uuid.uuid5(uuid.NAMESPACE_URL, name).hex[:16]}",
        "url": url if past.result else _REFUSED,
        "event_type": past.event_type,
        "payload": PAYLOADS[past.event_type],
    }
    client = WebhookClient(
        EgressAdapter(Guard(parse_networks("127.0.0.0/8"))), allow_http=True, capture_limit=65_536, clock=lambda: at
    )
    parsed = Message.parse(message, "none")
    delivery = client.deliver(Call.from_message(parsed), past.attempt)
    trigger = Trigger.EVENT if past.attempt == 1 else Trigger.RETRY
    next_attempt_at = None if past.next_minutes is None else at + timedelta(minutes=past.next_minutes)
    return Execution(generate_execution_id(at), delivery, trigger, parsed.message_id, past.attempt - 1, next_attempt_at)


def take_screenshots(outputs: Outputs) -> None:
    with open_history_page(outputs) as page:
        page.screenshot(path=FOLDER / "history-list.png")
        page.get_by_role("button", name=f"View {SHOWN}, 503").first.click()
        page.get_by_role("timer").wait_for()
        page.get_by_role("group", name="Response Body").wait_for()
        page.get_by_role("dialog").evaluate("it => Promise.all(it.getAnimations().map(each => each.finished))")
        page.set_viewport_size({"width": 1040, "height": 1240})
        page.screenshot(path=FOLDER / "history-details.png")
    register_webhook(outputs)
    with open_history_page(outputs, view="webhooks", edit=CHAT["webhook_id"]) as page:
        page.set_viewport_size({"width": 1040, "height": 1050})
        page.get_by_role("button", name="Save", exact=True).scroll_into_view_if_needed()
        page.get_by_role("group", name="Transformed payload").wait_for()
        page.get_by_role("dialog").screenshot(path=FOLDER / "history-webhooks.png")


def register_webhook(outputs: Outputs) -> None:
    """Register the webhook that history-webhooks.png shows."""
    address = f"{outputs['ApiUrl']}/webhooks/{CHAT['webhook_id']}"
    token = {"Authorization": f"Bearer {outputs['Token']}"}
    requests.delete(address, headers=token, timeout=30)
    requests.put(address, json=CHAT, headers=token, timeout=30).raise_for_status()


@contextmanager
def open_history_page(outputs: Outputs, **query: str) -> Iterator[Page]:
    fragment = urlencode({"token": outputs["Token"], "webhook": DEMO_WEBHOOK})
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1040, "height": 860}, locale="en-GB", timezone_id="Europe/Berlin")
        page.goto(f"{outputs['ApiUrl']}/history?{urlencode(query)}#{fragment}")
        if not query:
            page.locator("tbody tr").nth(len(DAY) - 1).wait_for()
        yield page


if __name__ == "__main__":
    main()
