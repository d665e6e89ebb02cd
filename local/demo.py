"""Sends three webhooks through the queue to a sample receiver and shows the history that the API gives."""

import json
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final

import requests
from rich.table import Table
from rich.text import Text

from local import aws
from local.failure import LocalFailure
from local.ministack import LOG
from local.outputs import DEMO_WEBHOOK, Outputs
from local.progress import console, step
from local.receiver import sample_receiver

_DEADLINE_SECONDS: Final = 60
Execution = dict[str, Any]


def demo(outputs: Outputs) -> None:
    with sample_receiver() as receiver:
        messages = _messages(receiver)
        with step("sending three webhooks: a success, a 500 and an unreachable server"):
            _enqueue(outputs["QueueUrl"], messages)
            executions = _wait_for_executions(outputs, [message["message_id"] for message in messages])
    _check(executions, messages)
    _show_history(executions)
    _show_execution(_details_of_the_500(outputs, executions))
    _show_next_steps(outputs)


def _messages(receiver: str) -> list[dict[str, Any]]:
    """One webhook for each way that it can end."""
    targets = {"order.created": f"{receiver}/ok", "order.paid": f"{receiver}/fail", "order.shipped": _unreachable()}
    return [
        {
            "webhook_id": DEMO_WEBHOOK,
            "message_id": f"demo-{uuid.uuid4().hex[:12]}",
            "event_type": event_type,
            "url": url,
            "payload": {"order": {"id": 1042, "total": "99.90", "currency": "EUR"}, "event": event_type},
        }
        for event_type, url in targets.items()
    ]


def _unreachable() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as closed_again:
        closed_again.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed_again.getsockname()[1]}/"


def _enqueue(queue_url: str, messages: Sequence[dict[str, Any]]) -> None:
    sqs = aws.sqs()
    for message in messages:
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message), MessageGroupId=message["webhook_id"])


def _wait_for_executions(outputs: Outputs, message_ids: Sequence[str]) -> list[Execution]:
    """The executions of these messages, newest first, once there is one for each."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        history = _get(outputs, f"/webhooks/{DEMO_WEBHOOK}/executions?limit=50")["executions"]
        ours = [one for one in history if one["message_id"] in message_ids and one["attempt"] == 1]
        if {execution["message_id"] for execution in ours} == set(message_ids):
            return ours
        if time.monotonic() > deadline:
            raise LocalFailure(f"Only {len(ours)} of 3 executions were logged in {_DEADLINE_SECONDS} s: see {LOG}")
        time.sleep(0.2)


def _get(outputs: Outputs, path: str) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(
            outputs["ApiUrl"] + path, headers={"Authorization": f"Bearer {outputs['Token']}"}, timeout=30
        )
    if response.status_code != requests.codes.ok:
        raise LocalFailure(f"GET {path} answered {response.status_code} {response.text:.300}: see {LOG}")
    answer: dict[str, Any] = response.json()
    return answer


def _check(executions: Sequence[Execution], messages: Sequence[dict[str, Any]]) -> None:
    """Fail unless the history says what was sent: 200, 500 and 0, the last one a hard error."""
    expected = dict(zip((message["message_id"] for message in messages), (200, 500, 0), strict=True))
    for execution in executions:
        result = expected[execution["message_id"]]
        wanted = {"result": result, "success": result == 200, "hard_error": result == 0}
        if wanted != {name: execution.get(name) for name in wanted}:
            raise LocalFailure(f"The history is wrong: expected {wanted} in {execution}; see {LOG}")


def _details_of_the_500(outputs: Outputs, executions: Sequence[Execution]) -> Execution:
    failed = next(execution for execution in executions if execution["result"] == 500)
    return _get(outputs, f"/webhooks/{DEMO_WEBHOOK}/executions/{failed['execution_id']}")


def _show_history(executions: Sequence[Execution]) -> None:
    table = Table(title=f"History of {DEMO_WEBHOOK}", title_justify="left")
    for column in ("Executed at", "Event", "Result", "", "Duration"):
        table.add_column(column, no_wrap=True)
    for execution in executions:
        outcome = "[green]success[/green]" if execution["success"] else "[red]failure[/red]"
        table.add_row(
            execution["executed_at"],
            execution["event_type"],
            str(execution["result"]),
            "[red]hard error[/red]" if execution["hard_error"] else outcome,
            f"{execution['duration_ms']} ms",
        )
    console.print(table)


def _show_execution(execution: Execution) -> None:
    table = Table(title="One failed execution", title_justify="left", show_header=False)
    for name, value in execution.items():
        table.add_row(name, Text(_pretty(_parsed(value) if name.endswith("_body") else value)))
    console.print(table)


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _show_next_steps(outputs: Outputs) -> None:
    console.print(f"History page: {outputs['HistoryPageUrl']}", soft_wrap=True)
    console.print("The queue, the API and a token for them are in .local/outputs.json.")
    console.print("The local AWS stays up: make down stops it, make test runs the tests against it.")
