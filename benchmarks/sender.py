"""The sender's CPU and wall time per delivery.

Both are compared with a bare loop in the same run.
"""

import atexit
import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TextIO
from unittest.mock import patch

import requests
from requests.adapters import HTTPAdapter

from benchmarks.environment import function_environment, replace_environment
from benchmarks.figures import Figure
from benchmarks.stub import Counts, Stub, run_stub
from tests.aws import LOOPBACK, load_app

BATCH, LARGEST_BATCH = 10, 25
CPU_ROUNDS, CPU_BATCHES = 30, 20
WALL_ROUNDS, WALL_BATCHES = 40, 1

_NOWHERE: TextIO = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends
atexit.register(_NOWHERE.close)
CONTEXT = SimpleNamespace(aws_request_id="benchmark", get_remaining_time_in_millis=lambda: 60_000)

PAYLOAD = {"order": 1742, "lines": [{"sku": f"SKU-{n:05}", "quantity": n, "price": "19.90"} for n in range(18)]}
"""1 KB as compact JSON."""

Event = dict[str, Any]
Send = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One side of a comparison.

    `items` is the number of items that it must log per delivery.
    """

    send: Send
    items: int


def measure() -> Iterator[Figure]:
    """Measure median ratios.

    Each round measures both sides, alternating which goes first.
    """
    variables = function_environment("SendWebhooksFunction", ALLOW_HTTP="true", ALLOWED_NETWORKS=LOOPBACK)
    with run_stub() as receivers, replace_environment(variables | {"AWS_ENDPOINT_URL": receivers.base}):
        comparison = Comparison(receivers)
        ratio = comparison.median_ratio("status/200", time.process_time, CPU_ROUNDS, CPU_BATCHES)
        yield Figure("sender: CPU per delivery / bare loop", ratio, at_most=0.95)
        ratio = comparison.median_ratio("delay/100", time.perf_counter, WALL_ROUNDS, WALL_BATCHES)
        yield Figure("sender: wall time of a batch, receivers of 100 ms / bare loop", ratio, at_most=1.03)
        ratio = Comparison(receivers, items=2).median_ratio("status/500", time.process_time, CPU_ROUNDS, CPU_BATCHES)
        yield Figure("sender: CPU per delivery, all of them failures with details / bare loop", ratio, at_most=1.45)
        comparison = Comparison(receivers, batch=LARGEST_BATCH)
        ratio = comparison.median_ratio("delay/100", time.perf_counter, WALL_ROUNDS, WALL_BATCHES)
        yield Figure(f"sender: wall time of a batch of {LARGEST_BATCH} / bare loop", ratio, at_most=1.03)


class Comparison:
    """A comparison of the handler with the bare loop on the same batches.

    It checks that both sent them.
    """

    def __init__(self, receivers: Stub, items: int = 1, batch: int = BATCH) -> None:
        self._receivers = receivers
        self._batch = batch
        self._candidates = Candidate(_create_handler(batch), items), Candidate(create_bare_loop(batch), 0)

    def median_ratio(self, path: str, clock: Callable[[], float], rounds: int, batches: int) -> float:
        event = build_event(f"{self._receivers.base}/{path}", self._batch)
        ratios = []
        for number in range(-1, rounds):  # round -1 is the warm-up
            order = self._candidates if number % 2 else reversed(self._candidates)
            spent = {candidate: self._measure(candidate, event, clock, batches) for candidate in order}
            ours, theirs = (spent[candidate] for candidate in self._candidates)
            ratios.append(ours / theirs)
        return statistics.median(ratios[1:])

    def _measure(self, candidate: Candidate, event: Event, clock: Callable[[], float], batches: int) -> float:
        self._receivers.counts()
        gc.collect()
        started = clock()
        for _ in range(batches):
            candidate.send(event)
        spent = clock() - started
        sent = batches * self._batch
        counts = self._receivers.counts()
        assert counts == Counts(webhooks=sent, items=sent * candidate.items), counts
        return spent


def _create_handler(batch: int) -> Send:
    with patch.dict(os.environ, BATCH_SIZE=str(batch)):
        app = load_sender()

    def send(event: Event) -> None:
        with silence_output():
            answer = app.lambda_handler(event, CONTEXT)
        assert answer == {"batchItemFailures": []}, answer

    return send


def load_sender() -> ModuleType:
    """Load the function's app as deployed; its log goes to /dev/null."""
    with silence_output():
        return load_app("SendWebhooksFunction")


def silence_output() -> redirect_stdout[TextIO]:
    """Send printed output, mainly metrics, to /dev/null."""
    return redirect_stdout(_NOWHERE)


def create_bare_loop(batch: int = BATCH) -> Send:
    """Return a sender with a thread for each message of a batch, and one Session, which keeps as many connections.

    It has no log, no checks, and ignores the environment's proxies and netrc.
    """
    session, pool = requests.Session(), ThreadPoolExecutor(batch)
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=batch))

    def post(record: dict[str, Any]) -> None:
        message = json.loads(record["body"])
        session.post(message["url"], json=message["payload"], timeout=15)

    def send(event: Event) -> None:
        list(pool.map(post, event["Records"]))

    return send


def build_event(url: str, batch: int = BATCH) -> Event:
    body = json.dumps({"webhook_id": "acme.orders", "event_type": "order.created", "url": url, "payload": PAYLOAD})
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1764000000000"}
    return {
        "Records": [
            {"messageId": f"{n:036}", "body": body, "attributes": attributes, "messageAttributes": {}}
            for n in range(batch)
        ]
    }
