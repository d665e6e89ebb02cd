"""The usage that AWS bills for one webhook.

It is counted from the handler's requests to AWS and to receivers. Sends batches of ten through the deployed handler,
with tables, queues and key from template.yaml in a mock AWS, to a real local receiver. `benchmarks.bill` adds what
Lambda and the producer use.
"""

import io
import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch

from benchmarks.counting import CountedAws, Tally, count_log_bytes, run_counted_aws
from benchmarks.environment import function_environment, replace_environment
from benchmarks.figures import Figure, compare
from benchmarks.sender import BATCH, PAYLOAD, build_event, load_sender
from benchmarks.stub import run_stub
from benchmarks.usage import USAGE, Usage
from tests.aws import LOOPBACK, MockAws, mock_aws
from tests.events import api_event, sqs_event
from tests.moto_server import CREDENTIALS
from tests.receiver import ReceivedRequest, Receiver

CODES: Final = {"fine": "200", "odd": "200,500,200", "down": "200,500"}
"""The status codes that the webhooks of each name get, in turn."""

CPU_ROUNDS, CPU_BATCHES = 15, 10

PLATFORM_LINES: Final = (
    f"START RequestId: {'0' * 36} Version: $LATEST\n",
    f"END RequestId: {'0' * 36}\n",
    f"REPORT RequestId: {'0' * 36}\tDuration: 123.45 ms\tBilled Duration: 124 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 110 MB\t\n",
)
"""Lambda's own log lines of each invocation."""

CONTEXT: Final = SimpleNamespace(
    aws_request_id="0" * 36,
    get_remaining_time_in_millis=lambda: 60_000,
    function_name="hooklog-SendWebhooksFunction-0123456789ab",
    memory_limit_in_mb="512",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:hooklog-SendWebhooksFunction-0123456789ab",
)


@dataclass(frozen=True, slots=True)
class BatchUsage:
    """What one batch used."""

    tally: Tally
    log_bytes: int
    sent_bytes: int


def measure() -> Iterator[Figure]:
    """Count usage and compare it with the numbers in `benchmarks.usage`.

    The prices in the documents are computed from those numbers.
    """
    for name, counted in count_usage().items():
        recorded = asdict(USAGE[name])
        for unit, value in asdict(counted).items():
            yield compare(f"cost: {name}", value, recorded[unit], unit)
    one, ten = _measure_cpu(1), _measure_cpu(BATCH)
    yield Figure("cost: CPU of a batch of one", 1000 * one, unit="ms")
    yield Figure("cost: CPU of each further webhook", 1000 * (ten - one) / (BATCH - 1), unit="ms")


def count_usage() -> dict[str, Usage]:
    """Count each kind of delivery per webhook of a batch of ten.

    `invocation` is the overhead of a batch.
    """
    with (
        run_counted_aws() as aws,
        Receiver() as receiver,
        patch.dict(os.environ, CREDENTIALS, AWS_ENDPOINT_URL=aws.endpoint),
    ):
        mock, output = mock_aws(aws.endpoint), io.StringIO()
        with redirect_stdout(output):  # Powertools has one logger per process
            register_webhooks(mock, receiver)
        sender = MeteredSender(aws, mock, receiver, output, RETRY_SCHEDULE="1")
        not_cached, ten = sender.send(build_messages("fine")), sender.send(build_messages("fine"))
        one = sender.send(build_messages("fine", 1))
        sender.send(build_messages("odd"))  # fills the cache
        failed = sender.send(build_messages("odd"))
        retried = sender.send([record["body"] for record in mock.take("WebhookQueue", BATCH)["Records"]])
        sender = MeteredSender(aws, mock, receiver, output, RETRY_SCHEDULE="1800")
        sender.send(build_messages("down"))
        scheduled = sender.send(build_messages("down"))
        sender = MeteredSender(aws, mock, receiver, output, MESSAGE_INDEX="failures")
        sender.send(build_messages("fine"))  # fills the cache
        not_indexed = sender.send(build_messages("fine"))
    further = (ten.log_bytes - one.log_bytes) / (BATCH - 1)
    invocation = one.log_bytes - further
    kinds = {
        "delivered": ten,
        "not cached": not_cached,
        "not indexed": not_indexed,
        "failed": failed,
        "retried": retried,
        "failed, scheduled": scheduled,
    }
    taken = {name: _per_webhook(counted, invocation) for name, counted in kinds.items()}
    return {"invocation": Usage(log_bytes=invocation), **taken}


def _per_webhook(counted: BatchUsage, invocation: float) -> Usage:
    tally = counted.tally
    return Usage(
        sqs_requests=tally.sqs_requests / BATCH,
        schedules=tally.schedules / BATCH,
        decrypts=tally.decrypts / BATCH,
        read_units=tally.read_units / BATCH,
        write_units=tally.write_units.total() / BATCH,
        summary_bytes=tally.kept_bytes["Executions"] / BATCH,
        index_bytes=sum(size for place, size in tally.kept_bytes.items() if "/" in place) / BATCH,
        details_bytes=tally.kept_bytes["ExecutionDetails"] / BATCH,
        log_bytes=(counted.log_bytes - invocation) / BATCH,
        sent_bytes=counted.sent_bytes / BATCH,
    )


class MeteredSender:
    """A sender whose requests to AWS and to receivers are recorded."""

    def __init__(
        self, aws: CountedAws, mock: MockAws, receiver: Receiver, output: io.StringIO, **settings: str
    ) -> None:
        self._aws = aws
        self._mock = mock
        self._receiver = receiver
        self._output = output
        with redirect_stdout(self._output):
            self._app = mock.start("SendWebhooksFunction", ALLOW_HTTP="true", **settings)

    def send(self, bodies: list[str]) -> BatchUsage:
        """Send one batch, and check that each webhook is received."""
        self._aws.take()
        self._output.truncate(self._output.seek(0))
        before = len(self._receiver.requests)
        with redirect_stdout(self._output):
            answer = self._app.lambda_handler(sqs_event(*bodies), CONTEXT)
        assert answer == {"batchItemFailures": []}, answer
        received = self._receiver.requests[before:]
        assert len(received) == len(bodies), received
        tally = Tally()
        for request in self._aws.take():
            tally.add(request)
        lines = [*self._output.getvalue().splitlines(keepends=True), *PLATFORM_LINES]
        return BatchUsage(tally, count_log_bytes(lines), sum(map(_request_size, received)))


def register_webhooks(mock: MockAws, receiver: Receiver) -> None:
    """Register ten webhooks of each name.

    Their receivers answer with the name's status codes in turn.
    """
    app = mock.endpoint("put_webhook", ALLOW_HTTP="true")
    for name, codes in CODES.items():
        for number in range(BATCH):
            body = {"url": receiver.url(f"/sequence/{name}{number}", codes=codes), "enabled": True}
            event = api_event({"webhook_id": f"acme.{name}{number}"}, scope="webhooks:manage", body=body)
            answer = app.lambda_handler(event, None)
            assert answer["statusCode"] == HTTPStatus.CREATED, answer


def build_messages(name: str, count: int = BATCH) -> list[str]:
    """Build a message for each of the first `count` webhooks of a name."""
    return [
        json.dumps(
            {
                "webhook_id": f"acme.{name}{number}",
                "message_id": f"order-{1742 + number}-created",
                "event_type": "order.created",
                "payload": PAYLOAD,
            }
        )
        for number in range(count)
    ]


def _request_size(request: ReceivedRequest) -> int:
    """Return the bytes on the wire without TLS: request line, headers and body."""
    line = len(f"{request.method} {request.path}?{request.query} HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers) + 2 + len(request.body)


def _measure_cpu(size: int) -> float:
    """Return the median CPU seconds of a batch of this size."""
    variables = function_environment("SendWebhooksFunction", ALLOW_HTTP="true", ALLOWED_NETWORKS=LOOPBACK)
    with run_stub() as receivers, replace_environment(variables | {"AWS_ENDPOINT_URL": receivers.base}):
        app, event = load_sender(), build_event(f"{receivers.base}/status/200")
        event["Records"] = event["Records"][:size]
        spent = []
        for _ in range(CPU_ROUNDS):
            started = time.process_time()
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                for _ in range(CPU_BATCHES):
                    app.lambda_handler(event, CONTEXT)
            spent.append((time.process_time() - started) / CPU_BATCHES)
    return statistics.median(spent)
