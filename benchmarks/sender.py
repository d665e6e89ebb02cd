"""What the sender costs: its CPU per delivery and its wall time, against a bare loop in the same run."""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import requests

from benchmarks.figures import Figure
from benchmarks.stub import stub
from tests.aws import CREDENTIALS, load_app

BATCH = 10
ROUNDS = 40
BATCHES_PER_ROUND = 20

PAYLOAD = {"order": 1742, "lines": [{"sku": f"SKU-{n:05}", "quantity": n, "price": "19.90"} for n in range(18)]}
"""1 KB as compact JSON."""

ENVIRONMENT = {
    **CREDENTIALS,
    "EXECUTIONS_TABLE": "Executions",
    "EXECUTION_DETAILS_TABLE": "ExecutionDetails",
    "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:1/unused",
    "EXECUTION_RETENTION_DAYS": "90",
    "DETAILS_RETENTION_DAYS": "30",
    "DETAILS_OF": "failures",
    "CAPTURE_LIMIT_BYTES": "65536",
    "ALLOW_HTTP": "true",
    "POWERTOOLS_SERVICE_NAME": "hooklog",
    "POWERTOOLS_LOG_LEVEL": "WARNING",
}

Batch = Callable[[str], None]


def figures() -> Iterator[Figure]:
    with stub() as base:
        os.environ.update({**ENVIRONMENT, "AWS_ENDPOINT_URL": base})
        handler, bare = _handler(load_app("SendWebhooksFunction")), _bare_loop()
        ratios = list(_cpu_ratios(handler, bare, f"{base}/hook"))
        yield Figure("sender: CPU per delivery / bare loop", statistics.median(ratios), at_most=1.5)
        ratios = list(_wall_ratios(handler, bare, f"{base}/delay/100"))
        yield Figure("sender: wall time of a batch, receivers of 100 ms / bare loop", statistics.median(ratios), 1.08)


def _cpu_ratios(handler: Batch, bare: Batch, url: str) -> Iterator[float]:
    for batch in (handler, bare):
        _measure(time.process_time, batch, url, BATCHES_PER_ROUND)
    for _ in range(ROUNDS):
        ours = _measure(time.process_time, handler, url, BATCHES_PER_ROUND)
        theirs = _measure(time.process_time, bare, url, BATCHES_PER_ROUND)
        yield ours / theirs


def _wall_ratios(handler: Batch, bare: Batch, url: str) -> Iterator[float]:
    for batch in (handler, bare):
        batch(url)
    for _ in range(ROUNDS):
        yield _measure(time.perf_counter, handler, url, 1) / _measure(time.perf_counter, bare, url, 1)


def _measure(clock: Callable[[], float], batch: Batch, url: str, times: int) -> float:
    started = clock()
    for _ in range(times):
        batch(url)
    return clock() - started


def _handler(app: ModuleType) -> Batch:
    context = SimpleNamespace(aws_request_id="benchmark", get_remaining_time_in_millis=lambda: 60_000)

    def send(url: str) -> None:
        answer = app.lambda_handler(_event(url), context)
        assert answer == {"batchItemFailures": []}, answer

    return send


def _event(url: str) -> dict[str, Any]:
    body = json.dumps({"webhook_id": "acme.orders", "event_type": "order.created", "url": url, "payload": PAYLOAD})
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1764000000000"}
    return {
        "Records": [
            {"messageId": f"{n:036}", "body": body, "attributes": attributes, "messageAttributes": {}}
            for n in range(BATCH)
        ]
    }


def _bare_loop() -> Batch:
    """Ten threads, one Session, JSON; no log, no checks."""
    session, pool = requests.Session(), ThreadPoolExecutor(BATCH)
    bodies = [record["body"] for record in _event("")["Records"]]

    def send(url: str) -> None:
        list(pool.map(lambda body: session.post(url, json=json.loads(body)["payload"], timeout=15), bodies))

    return send
