"""Where the sender's CPU goes: each of its steps on a batch of ten, for the profile in docs/performance.md."""

import time
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Final

from benchmarks.environment import environment, only
from benchmarks.figures import Figure
from benchmarks.sender import bare_loop, load_quietly, make_event
from benchmarks.stub import stub
from hooklog.execution import Trigger, record
from hooklog.message import parse_message
from hooklog.sending import Outcome

ROUNDS: Final = 200


def figures() -> Iterator[Figure]:
    """CPU of each step, as a share of the bare loop's for the same deliveries."""
    variables = environment("SendWebhooksFunction", ALLOW_HTTP="true")
    with stub() as receivers, only(variables | {"AWS_ENDPOINT_URL": receivers.base}):
        app, bare = load_quietly(), bare_loop()
        event = make_event(f"{receivers.base}/status/200")
        whole = _spent(lambda: bare(event))
        for step, run in _steps(app, event["Records"]):
            yield Figure(f"parts: {step} / bare loop", _spent(run) / whole)


def _steps(app: ModuleType, records: list[dict[str, str]]) -> Iterator[tuple[str, Callable[[], object]]]:
    courier, log, pool = app.sender._courier, app.sender._log, app.sender._pool
    messages = [parse_message(r["body"], r["messageId"]) for r in records]
    executions = [record(courier.deliver(message, 1), Trigger.EVENT) for message in messages]
    context = SimpleNamespace(aws_request_id="benchmark")
    yield "parse", lambda: [parse_message(r["body"], r["messageId"]) for r in records]
    yield "deliver, one after another", lambda: [courier.deliver(message, 1) for message in messages]
    yield "deliver, on ten threads", lambda: list(pool.map(lambda message: courier.deliver(message, 1), messages))
    yield "make the summaries' rows", lambda: [log._summary(execution) for execution in executions]
    yield "make and write them", lambda: log.write(executions)
    yield "log lines", lambda: app.report(Outcome(executions=executions), context)


def _spent(run: Callable[[], object]) -> float:
    for _ in range(ROUNDS // 10):
        run()
    started = time.process_time()
    for _ in range(ROUNDS):
        run()
    return time.process_time() - started
