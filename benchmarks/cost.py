"""What one webhook takes of what AWS bills for: counted where the handler calls AWS and where it reaches its receivers.

Batches of ten go through the deployed handler, with tables, queues and key from template.yaml in a mock AWS, to a real
local receiver. Not counted, for it is Lambda's and the producer's: see `benchmarks.bill`.
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

from benchmarks.counting import CountedAws, Tally, counted_aws, log_bytes_of
from benchmarks.environment import environment, only
from benchmarks.figures import Figure
from benchmarks.sender import BATCH, PAYLOAD, load_quietly, make_event
from benchmarks.stub import stub
from benchmarks.taken import TAKEN, Taken
from tests.aws import CREDENTIALS, LOOPBACK, MockAws, mock_aws
from tests.events import api_event, sqs_event
from tests.receiver import ReceivedRequest, Receiver

CODES: Final = {"well": "200", "ill": "200,500,200", "down": "200,500"}
"""What the webhooks of each name are answered, in turn."""

CPU_ROUNDS, CPU_BATCHES = 15, 10

PLATFORM_LINES: Final = (
    f"START RequestId: {'0' * 36} Version: $LATEST\n",
    f"END RequestId: {'0' * 36}\n",
    f"REPORT RequestId: {'0' * 36}\tDuration: 123.45 ms\tBilled Duration: 124 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 110 MB\t\n",
)
"""What Lambda itself logs of each invocation."""

CONTEXT: Final = SimpleNamespace(
    aws_request_id="0" * 36,
    get_remaining_time_in_millis=lambda: 60_000,
    function_name="hooklog-SendWebhooksFunction-0123456789ab",
    memory_limit_in_mb="512",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:hooklog-SendWebhooksFunction-0123456789ab",
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one batch took."""

    tally: Tally
    log_bytes: int
    sent_bytes: int


def figures() -> Iterator[Figure]:
    """Each of what is in `benchmarks.taken`, which the documents' prices are reckoned from, is the bound."""
    for name, counted in count().items():
        recorded = asdict(TAKEN[name])
        for unit, value in asdict(counted).items():
            yield Figure(
                f"cost: {name}",
                round(value, 2),
                at_most=round(recorded[unit] + slack(unit, recorded[unit]), 2),
                unit=unit,
            )
    one, ten = _cpu(1), _cpu(BATCH)
    yield Figure("cost: CPU of a batch of one", 1000 * one, unit="ms")
    yield Figure("cost: CPU of each further webhook", 1000 * (ten - one) / (BATCH - 1), unit="ms")


def slack(unit: str, recorded: float) -> float:
    """How far a count may be from what is recorded: bytes differ from run to run, by the digits of durations."""
    return 0.05 * recorded + 5 if unit.endswith("_bytes") else 0


def count() -> dict[str, Taken]:
    """What each kind of delivery takes, for one webhook of a batch of ten; and `invocation`, what a batch adds."""
    with (
        counted_aws() as aws,
        Receiver() as receiver,
        patch.dict(os.environ, CREDENTIALS, AWS_ENDPOINT_URL=aws.endpoint),
    ):
        mock, output = mock_aws(aws.endpoint), io.StringIO()
        with redirect_stdout(output):  # for Powertools gives all functions of a process one logger
            register(mock, receiver)
        bench = Bench(aws, mock, receiver, output, RETRY_SCHEDULE="1")
        met, ten = bench.send(messages("well")), bench.send(messages("well"))
        one = bench.send(messages("well", 1))
        bench.send(messages("ill"))  # so that its webhooks are known
        failed = bench.send(messages("ill"))
        retried = bench.send([record["body"] for record in mock.take("WebhookQueue", BATCH)["Records"]])
        bench = Bench(aws, mock, receiver, output, RETRY_SCHEDULE="1800")
        bench.send(messages("down"))
        late = bench.send(messages("down"))
    further = (ten.log_bytes - one.log_bytes) / (BATCH - 1)
    invocation = one.log_bytes - further
    kinds = {"delivered": ten, "met first": met, "failed": failed, "retried": retried, "failed late": late}
    taken = {name: _each(counted, invocation) for name, counted in kinds.items()}
    return {"invocation": Taken(log_bytes=invocation), **taken}


def _each(counted: Counted, invocation: float) -> Taken:
    tally = counted.tally
    return Taken(
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


class Bench:
    """A sender, between a mock AWS and receivers, both of which keep what they were asked."""

    def __init__(
        self, aws: CountedAws, mock: MockAws, receiver: Receiver, output: io.StringIO, **settings: str
    ) -> None:
        self._aws = aws
        self._mock = mock
        self._receiver = receiver
        self._output = output
        with redirect_stdout(self._output):
            self._app = mock.start("SendWebhooksFunction", ALLOW_HTTP="true", **settings)

    def send(self, bodies: list[str]) -> Counted:
        """One batch, each webhook of which must be received."""
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
        return Counted(tally, log_bytes_of(lines), sum(map(_size, received)))


def register(mock: MockAws, receiver: Receiver) -> None:
    """Ten webhooks of each name, whose receivers answer with its status codes, one after another."""
    app = mock.start("PutWebhookFunction", ALLOW_HTTP="true")
    for name, codes in CODES.items():
        for number in range(BATCH):
            body = {"url": receiver.url(f"/sequence/{name}{number}", codes=codes), "enabled": True}
            event = api_event({"webhook_id": f"acme.{name}{number}"}, scope="webhooks:manage", body=body)
            answer = app.lambda_handler(event, None)
            assert answer["statusCode"] == HTTPStatus.CREATED, answer


def messages(name: str, count: int = BATCH) -> list[str]:
    """For as many of the webhooks registered by that name."""
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


def _size(request: ReceivedRequest) -> int:
    """On the wire, without TLS: the request line, the headers, the body."""
    line = len(f"{request.method} {request.path}?{request.query} HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers) + 2 + len(request.body)


def _cpu(size: int) -> float:
    """Seconds of CPU that a batch of this size takes: the median."""
    variables = environment("SendWebhooksFunction", ALLOW_HTTP="true", ALLOWED_NETWORKS=LOOPBACK)
    with stub() as receivers, only(variables | {"AWS_ENDPOINT_URL": receivers.base}):
        app, event = load_quietly(), make_event(f"{receivers.base}/status/200")
        event["Records"] = event["Records"][:size]
        spent = []
        for _ in range(CPU_ROUNDS):
            started = time.process_time()
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                for _ in range(CPU_BATCHES):
                    app.lambda_handler(event, CONTEXT)
            spent.append((time.process_time() - started) / CPU_BATCHES)
    return statistics.median(spent)
