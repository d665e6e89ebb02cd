"""The CPU of the reader for a page of the history and for one execution.

Both are compared with a bare query for the items of the same page through boto3's client. The stub answers with items
that the sender's code made.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from statistics import median
from typing import Any, Final

import boto3

from benchmarks.environment import function_environment, replace_environment
from benchmarks.figures import Figure
from benchmarks.sender import PAYLOAD
from benchmarks.stub import Stub, run_stub
from hooklog.access.routes import ROUTES
from hooklog.delivery.delivery import Delivery, Response
from hooklog.executions.details import to_items
from hooklog.executions.execution import Execution, Trigger, generate_execution_id
from hooklog.executions.rows import to_item
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.aws import Endpoint, load_app
from tests.events import api_event

WEBHOOK: Final = "acme.orders"
PAGE: Final = 50
ROUNDS, CALLS = 30, 10

BOUNDS: Final = {"page": 0.8, "execution": 0.6}

_NEWEST: Final = datetime(2026, 11, 23, 17, 36, tzinfo=UTC)
_SOURCE: Final = "059f36b4-87a3-44ab-83d2-661975830a7d"


def measure() -> Iterator[Figure]:
    """Measure medians of rounds in which all of them take turns."""
    with run_stub() as dynamodb, replace_environment(_environment(dynamodb)):
        executions = [_create_execution(age) for age in range(PAGE + 1)]
        _answer_with(dynamodb, executions)
        reads: dict[str, Callable[[], object]] = {
            "query": _create_query(),
            "page": _create_call("list_executions"),
            "execution": _create_call("get_execution", execution_id=executions[0].execution_id),
        }
        rounds = [{name: _measure_cpu(read) for name, read in reads.items()} for _ in range(ROUNDS + 1)][1:]
    spent = {name: [each[name] for each in rounds] for name in reads}
    for name in ("page", "execution"):
        ratios = [ours / bare for ours, bare in zip(spent[name], spent["query"], strict=True)]
        yield Figure(f"reads: {name} / boto3's query of the page", median(ratios), at_most=BOUNDS[name])
    for name in reads:
        yield Figure(f"reads: CPU of one {name}", 1000 * median(spent[name]), unit="ms")


def _environment(dynamodb: Stub) -> dict[str, str]:
    return function_environment("ReadApiFunction", AWS_ENDPOINT_URL=dynamodb.base)


def _create_execution(age: int) -> Execution:
    """Create an execution, of which one in ten has failed."""
    body = json.dumps(PAYLOAD).encode()
    call = Call.from_message(Message(WEBHOOK, f"order-{age}", "https://example.com/", body, {}, "order.created", 15))
    response = Response(200 if age % 10 else 500, {}, b"An error.", truncated=False, length=9)
    at = _NEWEST - timedelta(seconds=age)
    return Execution(generate_execution_id(at), Delivery(call, 1, at, 87, {}, response, None), Trigger.EVENT, _SOURCE)


def _answer_with(dynamodb: Stub, executions: list[Execution]) -> None:
    """Answer a query for executions with a page, and what reads one with the newest."""
    summaries = [to_item(each, 90) for each in executions]
    last_key = {name: summaries[-1][name] for name in ("webhook_id", "executed_at")}
    dynamodb.answer_with("Query Executions", _create_page(summaries) | {"LastEvaluatedKey": last_key})
    newest = {"Executions": summaries[:1], "ExecutionDetails": list(to_items(executions[0], 30))}
    dynamodb.answer_with("BatchGetItem", {"Responses": newest, "UnprocessedKeys": {}})


def _create_page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Items": items, "Count": len(items), "ScannedCount": len(items)}


def _create_query() -> Callable[[], object]:
    client = boto3.client("dynamodb")
    values = {":webhook_id": {"S": WEBHOOK}}
    return lambda: client.query(
        TableName="Executions",
        KeyConditionExpression="webhook_id = :webhook_id",
        ExpressionAttributeValues=values,
        ScanIndexForward=False,
        Limit=PAGE + 1,
    )


def _create_call(handler: str, **path: str) -> Callable[[], object]:
    (route,) = (each for each in ROUTES if each.handler == handler)
    endpoint = Endpoint(route, load_app("ReadApiFunction"))
    event = api_event({"webhook_id": WEBHOOK, **path})
    answer = endpoint.lambda_handler(event, None)
    assert answer["statusCode"] == HTTPStatus.OK, answer
    return lambda: endpoint.lambda_handler(event, None)


def _measure_cpu(read: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(CALLS):
        read()
    return (time.process_time() - started) / CALLS
