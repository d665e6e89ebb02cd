"""What the sender costs: its CPU per delivery and its wall time, against a bare loop in the same run."""

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

import requests

from benchmarks.environment import environment, only
from benchmarks.figures import Figure
from benchmarks.stub import Counts, Stub, stub
from tests.aws import LOOPBACK, load_app

BATCH = 10
CPU_ROUNDS, CPU_BATCHES = 30, 20
WALL_ROUNDS, WALL_BATCHES = 40, 1

_NOWHERE: TextIO = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process runs
CONTEXT = SimpleNamespace(aws_request_id="benchmark", get_remaining_time_in_millis=lambda: 60_000)

PAYLOAD = {"order": 1742, "lines": [{"sku": f"SKU-{n:05}", "quantity": n, "price": "19.90"} for n in range(18)]}
"""1 KB as compact JSON."""

Event = dict[str, Any]
Send = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the two that are compared; `items` is what it must have put into the log for each delivery."""

    send: Send
    items: int


def figures() -> Iterator[Figure]:
    """Ratios: the median over rounds, each of which measures both, taking turns at being first."""
    variables = environment("SendWebhooksFunction", ALLOW_HTTP="true", ALLOWED_NETWORKS=LOOPBACK)
    with stub() as receivers, only(variables | {"AWS_ENDPOINT_URL": receivers.base}):
        race = Race(receivers, _handler(), bare_loop())
        ratio = race.median_ratio("status/200", time.process_time, CPU_ROUNDS, CPU_BATCHES)
        yield Figure("sender: CPU per delivery / bare loop", ratio, at_most=1.5)
        ratio = race.median_ratio("delay/100", time.perf_counter, WALL_ROUNDS, WALL_BATCHES)
        yield Figure("sender: wall time of a batch, receivers of 100 ms / bare loop", ratio, at_most=1.08)
        race = Race(receivers, _handler(), bare_loop(), items=2)
        ratio = race.median_ratio("status/500", time.process_time, CPU_ROUNDS, CPU_BATCHES)
        yield Figure("sender: CPU per delivery, all of them failures with details / bare loop", ratio)


class Race:
    """Sends the same events by the handler and by the bare loop, and sees to it that both did send them."""

    def __init__(self, receivers: Stub, handler: Send, bare: Send, items: int = 1) -> None:
        self._receivers = receivers
        self._contenders = Contender(handler, items), Contender(bare, 0)

    def median_ratio(self, path: str, clock: Callable[[], float], rounds: int, batches: int) -> float:
        event = make_event(f"{self._receivers.base}/{path}")
        ratios = []
        for number in range(-1, rounds):  # the round before the first warms both up
            order = self._contenders if number % 2 else reversed(self._contenders)
            spent = {contender: self._spent(contender, event, clock, batches) for contender in order}
            ours, theirs = (spent[contender] for contender in self._contenders)
            ratios.append(ours / theirs)
        return statistics.median(ratios[1:])

    def _spent(self, contender: Contender, event: Event, clock: Callable[[], float], batches: int) -> float:
        self._receivers.counts()
        gc.collect()
        started = clock()
        for _ in range(batches):
            contender.send(event)
        spent = clock() - started
        sent = batches * BATCH
        counts = self._receivers.counts()
        assert counts == Counts(webhooks=sent, items=sent * contender.items), counts
        return spent


def _handler() -> Send:
    app = load_quietly()

    def send(event: Event) -> None:
        with quietly():
            answer = app.lambda_handler(event, CONTEXT)
        assert answer == {"batchItemFailures": []}, answer

    return send


def load_quietly() -> ModuleType:
    """The function's app as deployed; its log lines are written, to /dev/null."""
    with quietly():
        return load_app("SendWebhooksFunction")


def quietly() -> redirect_stdout[TextIO]:
    """What is printed meanwhile, the metrics above all, is written to /dev/null."""
    return redirect_stdout(_NOWHERE)


def bare_loop() -> Send:
    """Ten threads, one Session, JSON; no log, no checks, and none of the environment's proxies and netrc."""
    session, pool = requests.Session(), ThreadPoolExecutor(BATCH)
    session.trust_env = False

    def post(record: dict[str, Any]) -> None:
        message = json.loads(record["body"])
        session.post(message["url"], json=message["payload"], timeout=15)

    def send(event: Event) -> None:
        list(pool.map(post, event["Records"]))

    return send


def make_event(url: str) -> Event:
    body = json.dumps({"webhook_id": "acme.orders", "event_type": "order.created", "url": url, "payload": PAYLOAD})
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1764000000000"}
    return {
        "Records": [
            {"messageId": f"{n:036}", "body": body, "attributes": attributes, "messageAttributes": {}}
            for n in range(BATCH)
        ]
    }
