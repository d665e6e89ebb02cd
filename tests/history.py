"""A webhook's history: executions as the sender logs them, and calls of the API that lists them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from hooklog.aws import connect_dynamodb
from hooklog.delivery.delivery import Delivery, Response
from hooklog.errors import ErrorType, HardError
from hooklog.executions.details import DetailsRow
from hooklog.executions.execution import Execution, Trigger, generate_execution_id
from hooklog.executions.log import Retention, build_puts
from hooklog.executions.log import write as write_log
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.aws import Endpoint, MockAws
from tests.events import api_event

START = datetime(2026, 11, 23, 17, 36, 0, 123456, tzinfo=UTC)

MESSAGE = Message("acme.orders", "msg_1", "https://example.com/", b'{"order":1742}', {}, "order.created", 15)

Write = Callable[[list[Execution]], None]
Reply = tuple[int, dict[str, Any]]
Outcome = int | ErrorType | None
"""A status, the type of a hard error, or None if the transformation skipped the message."""


def get_writer(aws: MockAws) -> Write:
    """Return a function that writes executions to the log."""
    connection = connect_dynamodb()
    ExecutionRow.attach(connection, aws.refs["Executions"])
    DetailsRow.attach(connection, aws.refs["ExecutionDetails"])

    def write(executions: list[Execution]) -> None:
        assert write_log(connection, build_puts(executions, Retention(90, 30), details_of_all=False)) is None

    return write


def record(delivery: Delivery, trigger: Trigger) -> Execution:
    return Execution(generate_execution_id(delivery.started_at), delivery, trigger, queue_message_id="queue-1")


def execution(
    second: float,
    outcome: Outcome = 200,
    webhook_id: str = "acme.orders",
    event_type: str | None = "order.created",
    message_id: str = "msg_1",
) -> Execution:
    message = MESSAGE._replace(webhook_id=webhook_id, event_type=event_type, message_id=message_id)
    call = Call.from_message(message)
    at = START + timedelta(seconds=second)
    delivery = Delivery(call, 1, at, 87, {"webhook-id": "msg_1"}, None, None)
    if outcome is None:
        delivery = Delivery.skip(call, 1, at)
    elif isinstance(outcome, ErrorType):
        delivery = delivery._replace(error=HardError(outcome))
    else:
        delivery = delivery._replace(response=Response(outcome, {"Server": "x"}, b"no", truncated=False, length=2))
    return record(delivery, Trigger.EVENT)


def page(app: Endpoint, webhook_id: str = "acme.orders", **parameters: str) -> Reply:
    parameters = {name.rstrip("_"): value for name, value in parameters.items()}
    response = app.lambda_handler(api_event({"webhook_id": webhook_id}, parameters), None)
    return response["statusCode"], json.loads(response["body"])


def pages(app: Endpoint, **parameters: str) -> Iterator[list[str]]:
    """Yield the IDs on each page."""
    for body in page_bodies(app, **parameters):
        yield [shown["execution_id"] for shown in body["executions"]]


def page_bodies(app: Endpoint, **parameters: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        status, body = page(app, **parameters, **({"cursor": cursor} if cursor else {}))
        assert status == 200, body
        yield body
        cursor = body["next_cursor"]
