"""Fault injection: a proxy in front of a local AWS service that fails on request."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from tests.proxy import JSON, Answer, AwsRequest, Proxy

Fault = Callable[[AwsRequest], Answer | None]
"""What it answers instead of DynamoDB or SQS; None lets the call pass."""


def failing(asked: AwsRequest) -> Answer:
    return _error(500, "InternalServerError")


def throttled(asked: AwsRequest) -> Answer:
    return _error(400, "ProvisionedThroughputExceededException")


def unprocessed(asked: AwsRequest) -> Answer | None:
    """Leave every item of a batch unprocessed, without an error. Reads succeed."""
    if asked.operation != "BatchWriteItem":
        return None
    return _json({"UnprocessedItems": json.loads(asked.body)["RequestItems"]})


def half_processed(dynamodb: Proxy, times: int) -> Fault:
    """Leave the last item of a batch unprocessed, this many times."""
    left = [times]

    def fault(asked: AwsRequest) -> Answer | None:
        if asked.operation != "BatchWriteItem" or left[0] == 0:
            return None
        left[0] -= 1
        wanted: dict[str, list[Any]] = json.loads(asked.body)["RequestItems"]
        table = next(iter(wanted))
        kept = wanted[table].pop()
        if taken := {name: items for name, items in wanted.items() if items}:
            answer = dynamodb.forward(replace(asked, body=json.dumps({"RequestItems": taken}).encode()))
            assert (answer.status, json.loads(answer.body)) == (200, {"UnprocessedItems": {}}), answer
        return _json({"UnprocessedItems": {table: [kept]}})

    return fault


def lagging(asked: AwsRequest) -> Answer | None:
    """Return nothing from indexes, as if they lagged."""
    if asked.operation != "Query" or "IndexName" not in json.loads(asked.body):
        return None
    return _json({"Items": [], "Count": 0, "ScannedCount": 0})


def refusing_entries(asked: AwsRequest) -> Answer | None:
    """Refuse each entry of an SQS batch."""
    if asked.operation != "SendMessageBatch":
        return None
    entries = json.loads(asked.body)["Entries"]
    failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in entries]
    return _json({"Successful": [], "Failed": failed})


def _error(status: int, code: str) -> Answer:
    return _json({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code}, status)


def _json(content: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content).encode(), JSON)


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
        """Leave calls unanswered within the context: all, or those of these operations."""
        self._silenced = operations
        self._released.clear()
        try:
            yield
        finally:
            self._released.set()

    def answer(self, asked: AwsRequest) -> Answer:
        self.calls[asked.operation] += 1
        if not self._released.is_set() and (not self._silenced or asked.operation in self._silenced):
            self._released.wait()
            return failing(asked)
        return self._fault(asked) or self.forward(asked)
