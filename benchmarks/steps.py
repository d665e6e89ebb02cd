"""The CPU of each step of the sender on a batch of ten.

docs/performance.md shows the profile.
"""

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

from benchmarks.environment import function_environment, replace_environment
from benchmarks.figures import Figure
from benchmarks.sender import BATCH, CONTEXT, build_event, create_bare_loop, load_sender, silence_output
from benchmarks.stub import run_stub
from hooklog.delivery.delivery import Delivery
from hooklog.executions.execution import Execution, Trigger, generate_execution_id
from hooklog.executions.log import Retention, build_puts, write
from hooklog.messages.call import Call
from hooklog.messages.fields import parse_object
from hooklog.messages.message import Message
from hooklog.sending.outcome import Outcome
from hooklog.sending.queue_message import QueueMessage
from tests.aws import LOOPBACK

ROUNDS: Final = 200


def measure() -> Iterator[Figure]:
    """Measure each step's CPU as a share of the bare loop's.

    Both make the same deliveries.
    """
    variables = function_environment("SendWebhooksFunction", ALLOW_HTTP="true", ALLOWED_NETWORKS=LOOPBACK)
    with run_stub() as receivers, replace_environment(variables | {"AWS_ENDPOINT_URL": receivers.base}):
        app, bare = load_sender(), create_bare_loop()
        event = build_event(f"{receivers.base}/status/200")
        whole = _measure_cpu(lambda: bare(event))
        for step, run in _steps(app, event["Records"]):
            yield Figure(f"steps: {step} / bare loop", _measure_cpu(run) / whole)
        outcome = Outcome(executions=_executions(app, event["Records"]))
        metrics, sender = (
            _measure_cpu(lambda: app.emit_metrics(outcome, BATCH)),
            _measure_cpu(lambda: app.lambda_handler(event, CONTEXT)),
        )
        yield Figure("steps: metrics / the whole sender", metrics / sender, at_most=0.04)


def _steps(app: ModuleType, records: list[dict[str, Any]]) -> Iterator[tuple[str, Callable[[], object]]]:
    client, connection, pool = _client(app), app.sender._log_writer.connection, app.sender._pool
    calls, executions = _calls(records), _executions(app, records)
    retention = Retention(90, 30)
    yield "parse", lambda: [QueueMessage.parse(record) for record in records]
    yield "deliver, one after another", lambda: [client.deliver(call, 1) for call in calls]
    yield "deliver, on ten threads", lambda: list(pool.map(lambda call: client.deliver(call, 1), calls))
    yield "make the summaries' rows", lambda: build_puts(executions, retention, details_of_all=False)
    yield "make and write them", lambda: write(connection, build_puts(executions, retention, details_of_all=False))
    yield "log lines", lambda: app.report(Outcome(executions=executions), "benchmark")


def _client(app: ModuleType) -> Any:
    return app.sender.processor._dispatcher._client


def _calls(records: list[dict[str, Any]]) -> list[Call]:
    return [Call.from_message(Message.parse(parse_object(record["body"]), record["messageId"])) for record in records]


def _executions(app: ModuleType, records: list[dict[str, Any]]) -> list[Execution]:
    return [_execution(_client(app).deliver(call, 1)) for call in _calls(records)]


def _execution(delivery: Delivery) -> Execution:
    return Execution(generate_execution_id(delivery.started_at), delivery, Trigger.EVENT, delivery.message.message_id)


def _measure_cpu(run: Callable[[], object]) -> float:
    with silence_output():
        for _ in range(ROUNDS // 10):
            run()
        started = time.process_time()
        for _ in range(ROUNDS):
            run()
        return time.process_time() - started
