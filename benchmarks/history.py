"""A writer of histories for the benchmark of pages.

It writes what the sender writes, but faster. The history grows behind its newest page.
"""

import base64
import secrets
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, cast

from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from pynamodb.connection import Connection

from hooklog.aws import connect_dynamodb
from hooklog.delivery.delivery import Delivery, Response
from hooklog.executions.details import DetailsRow
from hooklog.executions.execution import Execution, Trigger, generate_execution_id
from hooklog.executions.log import MAX_BATCH_ITEMS, Retention, build_puts, write
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.aws import MockAws
from tests.moto_server import CREDENTIALS

WEBHOOK: Final = "acme.orders"
LARGEST: Final = 100_000

_NEWEST: Final = datetime(2026, 11, 23, 17, 36, tzinfo=UTC)
_FIRST_READ: Final = 51
"""A page of 50, and one more that shows whether there is another page."""
_ACCOUNT: Final = "123456789012"


class History:
    """The executions of one webhook, with request bodies of `body_size` bytes.

    The bodies hardly compress. There is one execution per second of age. One in a thousand has failed, and three of the
    newest 51. The newest 51 and the failures are written first; the others fill the gaps. So at every size there is a
    page of 50 of either kind, with none, a few hundred or a thousand successes between two failures.
    """

    def __init__(self, aws: MockAws, body_size: int) -> None:
        self._aws = aws
        body = base64.b64encode(secrets.token_bytes(body_size * 3 // 4))
        self._call = Call.from_message(Message(WEBHOOK, "msg_1", "https://example.com/", body, {}, "order.created", 15))
        self._api = connect_dynamodb()
        ExecutionRow.attach(self._api, aws.refs["Executions"])
        DetailsRow.attach(self._api, aws.refs["ExecutionDetails"])
        self._direct = cast("Connection", _DirectWrites(self._api, aws.refs["Executions"]))
        self._ages = iter(sorted(range(LARGEST), key=_write_order))
        self._size = 0

    def grow(self, size: int) -> None:
        """Write executions until there are `size`."""
        ages = islice(self._ages, size - self._size)
        while batch := list(islice(ages, MAX_BATCH_ITEMS)):
            _write(self._direct, [self._execution(age) for age in batch])
            self._size += len(batch)

    def check_direct_writes(self) -> None:
        """Check that a direct write stores the same row as DynamoDB's API."""
        execution = self._execution(LARGEST)
        assert self._write_and_delete(self._direct, execution) == self._write_and_delete(self._api, execution)

    def _write_and_delete(self, connection: Connection, execution: Execution) -> dict[str, Any]:
        """Write an execution, delete it, and return the row that was stored."""
        _write(connection, [execution])
        answer = self._aws.dynamodb.delete_item(
            TableName=self._aws.refs["Executions"],
            Key={"webhook_id": {"S": WEBHOOK}, "executed_at": {"S": execution.execution_id}},
            ReturnValues="ALL_OLD",
        )
        return dict(answer["Attributes"])

    def _execution(self, age: int) -> Execution:
        answer = Response(500 if _has_failed(age) else 200, {}, b"", truncated=False, length=0)
        at = _NEWEST - timedelta(seconds=age)
        delivery = Delivery(self._call, 1, at, 87, {}, answer, None)
        return Execution(generate_execution_id(at), delivery, Trigger.EVENT, queue_message_id="msg_1")


def _has_failed(age: int) -> bool:
    return age % 1000 == 0 or age in {25, 50}


def _write_order(age: int) -> int:
    """Return the sort key: lower keys are written first."""
    if age < _FIRST_READ or (_has_failed(age) and age < 50_000):
        return 0
    return 1 if age % 10 == 5 else 2


def _write(connection: Connection, executions: list[Execution]) -> None:
    refused = write(connection, build_puts(executions, Retention(90, 30), details_of_all=False))
    assert refused is None, refused


class _DirectWrites:
    """A connection that writes summaries directly into the mock.

    It passes other requests to DynamoDB's API.
    """

    def __init__(self, api: Connection, summaries: str) -> None:
        self._summaries = summaries
        self._api = api
        region = CREDENTIALS["AWS_DEFAULT_REGION"]
        self._mock: DynamoDBBackend = dynamodb_backends[_ACCOUNT][region]

    def dispatch(self, operation: str, request: dict[str, Any]) -> Any:
        requests = request["RequestItems"].get(self._summaries)
        if operation != "BatchWriteItem" or not requests:
            return self._api.dispatch(operation, request)
        for put in requests:
            self._mock.put_item(self._summaries, put["PutRequest"]["Item"])
        return {"UnprocessedItems": {}}
