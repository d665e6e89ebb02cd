"""What counting executions, and reading their counts, use of AWS.

The deployed function counts records of the log's stream in full batches, into tables built from template.yaml in a mock
AWS, and the deployed API reads the counts. Units follow from their requests and the responses.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import count, cycle, islice
from statistics import mean, median
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from benchmarks.cost import CONTEXT, PLATFORM_LINES
from benchmarks.counting import ITEM_OVERHEAD_BYTES, CountedAws, Tally, count_log_bytes, measure_size, run_counted_aws
from benchmarks.figures import Figure, compare
from benchmarks.usage import COUNTING, CountingUsage
from hooklog.executions.execution import compact_time
from tests.aws import MockAws, load_app, mock_aws
from tests.events import api_event
from tests.moto_server import CREDENTIALS
from tests.stream import NOON, Image, Shard, image
from tests.template import ROOT

FUNCTION: Final = "CountExecutionsFunction"
SIZES: Final = (1_000, 1_000_000)
"""Executions of a webhook in 24 hours."""
BATCH: Final = 10_000
"""Records of the largest batch that Lambda delivers."""
DURATIONS: Final = (3, 9, 14, 22, 31, 40, 52, 66, 80, 95, 110, 140, 190, 260, 390, 600, 1_100, 2_300, 15_000)
"""Milliseconds, in turn: at each size, an hour has all of them."""
WEBHOOKS: Final = 100
CPU_ROUNDS: Final = 5

_DAY: Final = timedelta(hours=24)


def measure() -> Iterator[Figure]:
    """Compare the cost of reading counts, and check the recorded usage of counting."""
    with _run_aws() as (aws, mock):
        units = [_measure_reads(aws, mock, size) for size in SIZES]
        one, many = _measure_cpu(mock, 1), _measure_cpu(mock, WEBHOOKS)
    for size, read in zip(SIZES, units, strict=True):
        yield Figure(f"stats: 24 hours with {size:,} executions", read, unit="read units")
    yield Figure("stats: most executions / fewest", units[-1] / units[0], at_most=1.0)
    recorded = asdict(COUNTING)
    for unit, value in asdict(count_usage()).items():
        yield compare("stats: counting", value, recorded[unit], unit)
    yield Figure("stats: CPU of counting a record", 1000 * one.cpu / BATCH, unit="ms")
    yield Figure("stats: CPU of each webhook and hour", 1000 * (many.cpu - one.cpu) / (WEBHOOKS - 1), unit="ms")


@contextmanager
def _run_aws() -> Iterator[tuple[CountedAws, MockAws]]:
    """Run a mock AWS with the template's resources, without log lines."""
    logging.disable(logging.INFO)
    with run_counted_aws() as aws, patch.dict(os.environ, CREDENTIALS, AWS_ENDPOINT_URL=aws.endpoint):
        yield aws, mock_aws(aws.endpoint)
    logging.disable(logging.NOTSET)


def _measure_reads(aws: CountedAws, mock: MockAws, size: int) -> float:
    """Return the read units of 24 hours, in which a webhook has so many executions."""
    app, reader, numbers = mock.start(FUNCTION), mock.endpoint("get_stats"), count(1)
    webhook_id = f"acme.{size:07}"
    images = _create_images(webhook_id, size, NOON - _DAY, _DAY)
    while batch := list(islice(images, BATCH)):
        app.lambda_handler(_create_event(numbers, batch), CONTEXT)
    aws.take()
    period = {"from": (NOON - _DAY).isoformat(), "to": NOON.isoformat()}
    answer = reader.lambda_handler(api_event({"webhook_id": webhook_id}, period), None)
    assert answer["statusCode"] == HTTPStatus.OK, answer
    assert json.loads(answer["body"])["total"]["succeeded"] == size
    return _take_tally(aws).read_units


def count_usage(webhooks: int = WEBHOOKS) -> CountingUsage:
    """Count what a batch with a hundred executions of each webhook in one hour uses, per webhook.

    By default the batch is full. The webhooks are listed already, as they are in all but the first batch of a day.
    """
    batch = webhooks * (BATCH // WEBHOOKS)
    with _run_aws() as (aws, mock):
        app, numbers = mock.start(FUNCTION), count(1)
        for size in (webhooks, batch):
            aws.take()
            app.lambda_handler(event := _create_event(numbers, _create_batch(webhooks, size)), CONTEXT)
        tally, rows = _take_tally(aws), mock.rows("ExecutionCounts")
        logged = _measure_cpu(mock, webhooks, rounds=0, size=batch).lines
    return CountingUsage(
        write_units=tally.write_units.total() / webhooks,
        read_units=tally.read_units / webhooks,
        item_bytes=round(mean(map(measure_size, rows)) + ITEM_OVERHEAD_BYTES),
        record_bytes=len(json.dumps(event["Records"][0], separators=(",", ":"))),
        log_bytes=count_log_bytes([logged[-1], *PLATFORM_LINES]),
    )


def _take_tally(aws: CountedAws) -> Tally:
    tally = Tally()
    for request in aws.take():
        tally.add(request)
    return tally


def _create_event(numbers: Iterator[int], images: Iterable[Image]) -> dict[str, Any]:
    """Create an event with these sequence numbers. Faster than `Shard`, which copies each record deeply."""
    event = Shard().event(Shard().records(image()))
    (record,) = event["Records"]
    changes = ({"NewImage": each, "SequenceNumber": f"{next(numbers):028}"} for each in images)
    return {**event, "Records": [{**record, "dynamodb": {**record["dynamodb"], **change}} for change in changes]}


def _create_batch(webhooks: int, size: int) -> Iterator[Image]:
    """Create the executions of a batch: of so many webhooks, within an hour."""
    for number in range(webhooks):
        yield from _create_images(f"many.{number:04}", size // webhooks, NOON, timedelta(hours=1))


def _create_images(webhook_id: str, size: int, start: datetime, period: timedelta) -> Iterator[Image]:
    """Create executions that are evenly spread over a period."""
    common, durations = image(webhook_id), cycle(DURATIONS)
    for number in range(size):
        at = compact_time(start + period * number / size)
        yield {**common, "executed_at": {"S": f"{at}-{number:08x}"}, "duration_ms": {"N": str(next(durations))}}


class Process(NamedTuple):
    """What a process that counts batches printed."""

    lines: list[str]
    """The log."""
    cpu: float
    """Median seconds of a batch."""


def _measure_cpu(mock: MockAws, webhooks: int, rounds: int = CPU_ROUNDS, size: int = BATCH) -> Process:
    """Count batches, by default full ones, in a process without the mock AWS."""
    command = [sys.executable, "-m", "benchmarks.stats", str(webhooks), str(rounds), str(size)]
    environment = {**os.environ, **mock.environment(FUNCTION)}
    result = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    *lines, cpu = result.stdout.splitlines(keepends=True)
    return Process(lines, float(cpu))


def _spend_cpu(webhooks: int, rounds: int, size: int) -> float:
    """Return the median CPU seconds of a batch, from its JSON on.

    The first batch, which lists the webhooks, is not included.
    """
    app, numbers, spent = load_app(FUNCTION), count(time.time_ns()), []
    for _ in range(1 + rounds):
        text = json.dumps(_create_event(numbers, _create_batch(webhooks, size)))
        started = time.process_time()
        app.lambda_handler(json.loads(text), CONTEXT)
        spent.append(time.process_time() - started)
    return median(spent[1:] or spent)


if __name__ == "__main__":
    print(_spend_cpu(*map(int, sys.argv[1:])))
