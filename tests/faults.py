"""Fault injection: a proxy in front of a local AWS service that fails on request."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from types import TracebackType
from typing import Any

from tests.proxy import JSON, AwsRequest, AwsResponse, Proxy

Fault = Callable[[AwsRequest], AwsResponse | None]
"""Returns a response instead of DynamoDB or SQS, or None to forward the call."""


def failing(request: AwsRequest) -> AwsResponse:
    return _error(500, "InternalServerError")


def throttled(request: AwsRequest) -> AwsResponse:
    return _error(400, "ProvisionedThroughputExceededException")


def denied(request: AwsRequest) -> AwsResponse:
    """Refuse a call with an error that the SDK does not retry."""
    return _error(400, "AccessDeniedException")


def unprocessed(request: AwsRequest) -> AwsResponse | None:
    """Leave every item of a batch unprocessed, without an error. Reads succeed."""
    if request.operation != "BatchWriteItem":
        return None
    return _json({"UnprocessedItems": json.loads(request.body)["RequestItems"]})


def unread(times: int) -> Fault:
    """Leave every key of a BatchGetItem unprocessed, this many times."""
    left = [times]

    def fault(request: AwsRequest) -> AwsResponse | None:
        if request.operation != "BatchGetItem" or left[0] == 0:
            return None
        left[0] -= 1
        return _json({"Responses": {}, "UnprocessedKeys": json.loads(request.body)["RequestItems"]})

    return fault


def half_processed(dynamodb: Proxy, times: int) -> Fault:
    """Leave the last item of a batch unprocessed, this many times."""
    left = [times]

    def fault(request: AwsRequest) -> AwsResponse | None:
        if request.operation != "BatchWriteItem" or left[0] == 0:
            return None
        left[0] -= 1
        items_by_table: dict[str, list[Any]] = json.loads(request.body)["RequestItems"]
        table = next(iter(items_by_table))
        unprocessed_item = items_by_table[table].pop()
        if processed := {name: items for name, items in items_by_table.items() if items}:
            response = dynamodb.forward(replace(request, body=json.dumps({"RequestItems": processed}).encode()))
            assert (response.status, json.loads(response.body)["UnprocessedItems"]) == (HTTPStatus.OK, {}), response
        return _json({"UnprocessedItems": {table: [unprocessed_item]}})

    return fault


def slowly(fault: Fault, seconds: float) -> Fault:
    """Delay every request by so many seconds."""

    def slow_fault(request: AwsRequest) -> AwsResponse | None:
        time.sleep(seconds)
        return fault(request)

    return slow_fault


def losing_responses(
    service: Proxy, operation: str, *, after: int = 0, then: Callable[[], object] = lambda: None
) -> Fault:
    """Let `after` requests pass. Carry out the next one, call `then`, and lose its response."""
    left = [after + 1]

    def fault(request: AwsRequest) -> AwsResponse | None:
        if request.operation != operation or left[0] == 0:
            return None
        left[0] -= 1
        if left[0]:
            return None
        response = service.forward(request)
        assert response.status == HTTPStatus.OK, response
        then()
        return failing(request)

    return fault


def limited_partitions(dynamodb: Proxy, per_second: float) -> Fault:
    """Let each partition take so many writes per second, half a second's worth at once.

    As DynamoDB does, a batch without room for any item fails, and one with room for some leaves the others unprocessed.
    """
    most, started = per_second / 2, time.monotonic()
    tokens: dict[tuple[str, str], tuple[float, float]] = {}

    def accepts(table: str, item: Any) -> bool:
        key, now = (table, item["PutRequest"]["Item"]["webhook_id"]["S"]), time.monotonic()
        left, filled_at = tokens.get(key, (most, started))
        left = min(left + per_second * (now - filled_at), most)
        tokens[key] = (left - 1 if left >= 1 else left), now
        return left >= 1

    return partly_processed(dynamodb, accepts)


def throttled_webhook(dynamodb: Proxy, webhook_id: str) -> Fault:
    """Leave the items of one webhook unprocessed."""
    return partly_processed(dynamodb, lambda _, item: item["PutRequest"]["Item"]["webhook_id"]["S"] != webhook_id)


def partly_processed(dynamodb: Proxy, accepts: Callable[[str, Any], bool]) -> Fault:
    """Process only the accepted items of a batch; fail a batch without any."""
    lock = threading.Lock()

    def fault(request: AwsRequest) -> AwsResponse | None:
        if request.operation != "BatchWriteItem":
            return None
        accepted: dict[str, list[Any]] = {}
        refused: dict[str, list[Any]] = {}
        for table, items in json.loads(request.body)["RequestItems"].items():
            for item in items:
                with lock:
                    (accepted if accepts(table, item) else refused).setdefault(table, []).append(item)
        if not accepted:
            return throttled(request)
        response = dynamodb.forward(replace(request, body=json.dumps({"RequestItems": accepted}).encode()))
        return response if response.status != HTTPStatus.OK else _json({"UnprocessedItems": refused})

    return fault


def rejecting_entry(sqs: Proxy, text: str) -> Fault:
    """Reject the entry that contains a text from the first batch of messages that has it; accept the others."""
    left = [1]

    def fault(request: AwsRequest) -> AwsResponse | None:
        if request.operation != "SendMessageBatch" or not left[0] or text.encode() not in request.body:
            return None
        left[0] -= 1
        asked = json.loads(request.body)
        rejected = [each["Id"] for each in asked["Entries"] if text in each["MessageBody"]]
        others = [each for each in asked["Entries"] if each["Id"] not in rejected]
        response = sqs.forward(replace(request, body=json.dumps({**asked, "Entries": others}).encode()))
        accepted = json.loads(response.body)["Successful"] if others else []
        failed = [{"Id": each, "Code": "InternalError", "SenderFault": False} for each in rejected]
        return _json({"Successful": accepted, "Failed": failed})

    return fault


def lagging(request: AwsRequest) -> AwsResponse | None:
    """Return nothing from indexes, as if they lagged."""
    if request.operation != "Query" or "IndexName" not in json.loads(request.body):
        return None
    return _json({"Items": [], "Count": 0, "ScannedCount": 0})


def contended(table: str) -> Fault:
    """Fail the conditions of a table's updates, as if another function had always been faster."""

    def fault(request: AwsRequest) -> AwsResponse | None:
        is_hit = request.operation == "UpdateItem" and json.loads(request.body)["TableName"] == table
        return _error(400, "ConditionalCheckFailedException") if is_hit else None

    return fault


def refusing_entries(request: AwsRequest) -> AwsResponse | None:
    """Refuse each entry of an SQS batch."""
    if request.operation != "SendMessageBatch":
        return None
    entries = json.loads(request.body)["Entries"]
    failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in entries]
    return _json({"Successful": [], "Failed": failed})


def _error(status: int, code: str) -> AwsResponse:
    return _json({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code}, status)


def _json(content: Any, status: int = 200) -> AwsResponse:
    return AwsResponse(status, json.dumps(content).encode(), JSON)


class FaultyService(Proxy):
    """Forwards to `endpoint` unless a fault is active.

    Counts the calls of each operation.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self._fault: Fault = lambda _: None
        self._released = threading.Event()
        self._released.set()
        self._silenced: tuple[str, ...] = ()
        self.calls: Counter[str] = Counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._released.set()
        super().__exit__(kind, error, traceback)

    @contextmanager
    def breaking(self, fault: Fault) -> Iterator[None]:
        """Inject the fault within the context."""
        self._fault = fault
        try:
            yield
        finally:
            self._fault = lambda _: None

    @contextmanager
    def silent(self, *operations: str) -> Iterator[None]:
        """Do not respond within the context: to any call, or to those of these operations."""
        self._silenced = operations
        self._released.clear()
        try:
            yield
        finally:
            self._released.set()

    def respond(self, request: AwsRequest) -> AwsResponse:
        self.calls[request.operation] += 1
        if not self._released.is_set() and (not self._silenced or request.operation in self._silenced):
            self._released.wait()
            return failing(request)
        return self._fault(request) or self.forward(request)
