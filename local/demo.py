"""A demo that sends three webhooks through the queue to a sample receiver.

It shows their history from the API.
"""

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
from local.progress import console, show_step
from local.receiver import sample_receiver

_DEADLINE_SECONDS: Final = 60
Execution = dict[str, Any]


def run_demo(outputs: Outputs) -> None:
    with sample_receiver() as receiver:
        messages = _build_messages(receiver)
        with show_step("sending three webhooks: a success, a 500 and an unreachable server"):
            _enqueue(outputs["QueueUrl"], messages)
            executions = _wait_for_executions(outputs, [message["message_id"] for message in messages])
    _check(executions, messages)
    _show_history(executions)
    _show_execution(_read_failed_execution(outputs, executions))
    _show_next_steps(outputs)


def _build_messages(receiver: str) -> list[dict[str, Any]]:
    """Build one message per outcome: a success, a failure and a hard error."""
    targets = {"order.created": f"{receiver}/ok", "order.paid": f"{receiver}/fail", "order.shipped": _closed_port_url()}
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


def _closed_port_url() -> str:
    """Return the URL of a port that nothing listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


def _enqueue(queue_url: str, messages: Sequence[dict[str, Any]]) -> None:
    sqs = aws.sqs()
    for message in messages:
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message), MessageGroupId=message["webhook_id"])


def _wait_for_executions(outputs: Outputs, message_ids: Sequence[str]) -> list[Execution]:
    """Wait until each message has an execution; return them, newest first."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        history = _get(outputs, f"/webhooks/{DEMO_WEBHOOK}/executions?limit=50")["executions"]
        ours = [one for one in history if one["message_id"] in message_ids and one["attempt"] == 1]
        if {execution["message_id"] for execution in ours} == set(message_ids):
            return ours
        if time.monotonic() > deadline:
            raise LocalFailure(f"Only {len(ours)} of 3 executions were logged in {_DEADLINE_SECONDS} s. See {LOG}.")
        time.sleep(0.2)


def _get(outputs: Outputs, path: str) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(
            outputs["ApiUrl"] + path, headers={"Authorization": f"Bearer {outputs['Token']}"}, timeout=30
        )
    if response.status_code != requests.codes.ok:
        raise LocalFailure(f"GET {path} answered {response.status_code} {response.text:.300}. See {LOG}.")
    body: dict[str, Any] = response.json()
    return body


def _check(executions: Sequence[Execution], messages: Sequence[dict[str, Any]]) -> None:
    """Raise LocalFailure unless the history holds the expected results.

    They are 200, 500 and 0, which is a hard error.
    """
    expected = dict(zip((message["message_id"] for message in messages), (200, 500, 0), strict=True))
    for execution in executions:
        result = expected[execution["message_id"]]
        expected_fields = {"result": result, "success": result == 200, "hard_error": result == 0}
        if expected_fields != {name: execution.get(name) for name in expected_fields}:
            raise LocalFailure(f"The history is wrong: expected {expected_fields} in {execution}. See {LOG}.")


def _read_failed_execution(outputs: Outputs, executions: Sequence[Execution]) -> Execution:
    failed = next(execution for execution in executions if execution["result"] == 500)
    return _get(outputs, f"/webhooks/{DEMO_WEBHOOK}/executions/{failed['execution_id']}")


def _show_history(executions: Sequence[Execution]) -> None:
    table = Table(title=f"History of {DEMO_WEBHOOK}", title_justify="left")
    for column in ("Executed at", "Event", "Result", "Outcome", "Duration"):
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
        table.add_row(name, Text(_format(_parse(value) if name.endswith("_body") else value)))
    console.print(table)


def _parse(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _format(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _show_next_steps(outputs: Outputs) -> None:
    console.print(f"History page: {outputs['HistoryPageUrl']}", soft_wrap=True)
    console.print("The queue, the API and a token for them are in .local/outputs.json.")
    console.print("The local AWS keeps running: make down stops it, make test runs the tests against it.")
