"""The CPU of a retry's look-up in the log.

Its message went to a thousand webhooks, as a topic's message may.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from unittest.mock import patch

from benchmarks.figures import Figure
from benchmarks.pages import MOCK_SECONDS
from hooklog import aws
from hooklog.delivery.delivery import Delivery, Response
from hooklog.executions.attempts import list_attempts
from hooklog.executions.details import DetailsRow
from hooklog.executions.execution import Execution, Trigger, compact_time, generate_execution_id
from hooklog.executions.log import Retention, build_puts, write
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.aws import mock_aws
from tests.moto_server import moto_server

WEBHOOKS: Final = 1000
ROUNDS: Final = 20

_AT: Final = datetime(2026, 11, 23, 17, 36, tzinfo=UTC)


def measure() -> Iterator[Figure]:
    """Measure the CPU of this thread: the mock DynamoDB has its own."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with moto_server() as endpoint:
        mock = mock_aws(endpoint)
        with patch.object(aws, "DYNAMODB", aws.DYNAMODB._replace(read_seconds=MOCK_SECONDS)):
            connection = aws.connect_dynamodb()
        ExecutionRow.attach(connection, mock.refs["Executions"])
        DetailsRow.attach(connection, mock.refs["ExecutionDetails"])
        for start in range(0, WEBHOOKS, 25):
            executions = [_execution(number) for number in range(start, start + 25)]
            assert write(connection, build_puts(executions, Retention(90, 30), details_of_all=False)) is None
        all_rows = _measure_cpu(lambda: len(list(ExecutionRow.by_message.query("msg_1"))), WEBHOOKS)
        attempts = _measure_cpu(lambda: len(list_attempts("acme.7", "msg_1")), 1)
        since = compact_time(_AT + timedelta(seconds=WEBHOOKS - 1))
        latest = _measure_cpu(lambda: len(list_attempts(f"acme.{WEBHOOKS - 1}", "msg_1", since)), 1)
    yield Figure(f"lookups: one webhook's attempts among {WEBHOOKS:,} / all as rows", attempts / all_rows, at_most=0.8)
    yield Figure("lookups: the same since the last execution / all as rows", latest / all_rows, at_most=0.2)


def _execution(number: int) -> Execution:
    message = Message(f"acme.{number}", "msg_1", "https://example.com/", b"{}", {}, "order.created", 15)
    at = _AT + timedelta(seconds=number)
    delivery = Delivery(
        Call.from_message(message), 1, at, 87, {}, Response(200, {}, b"", truncated=False, length=0), None
    )
    return Execution(generate_execution_id(at), delivery, Trigger.EVENT, queue_message_id="sqs_1")


def _measure_cpu(look_up: Callable[[], int], expected: int) -> float:
    def once() -> float:
        started = time.thread_time()
        assert look_up() == expected
        return time.thread_time() - started

    return median(once() for _ in range(ROUNDS))
