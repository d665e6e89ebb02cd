"""A comparison of the model with a run on the local AWS.

Usage: python -m benchmarks.model_check

Sends webhooks at a steady rate for a minute. All receivers take the same time, and one in five fails at first. Prints
what the model predicts next to what was measured on the queue and at the receivers.
"""

import json
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.capacity import Deployment, Load, Receivers
from benchmarks.figures import Figure
from local import aws, stack
from local.failure import LocalFailure
from tests.receiver import Receiver
from tests.stack_changes import changed_environment

PER_SECOND: Final = 2
FAILING_EVERY: Final = 5
ANSWER_SECONDS: Final = 1.5
RETRY_SECONDS: Final = 10
WARM_UP_SECONDS: Final = 25
"""By then, retries have started."""
LONGEST_WARM_UP_SECONDS: Final = 90
SECONDS: Final = 60
POLL_SECONDS: Final = 0.25
EMPTY_POLLS: Final = 8
TOLERANCE: Final = 0.25
"""How much a measurement may differ from the prediction: the machine's own work is included."""

MODEL: Final = Load(
    PER_SECOND,
    (Receivers(1, ANSWER_SECONDS, ANSWER_SECONDS, failing=1 / FAILING_EVERY, hanging=0, lasting=0),),
    Deployment(delays=(RETRY_SECONDS,)),
)


def main() -> int:
    outputs = stack.up()
    with Receiver() as receiver, changed_environment("SendWebhooksFunction", RETRY_SCHEDULE=str(RETRY_SECONDS)):
        measured = measure(receiver, outputs["QueueUrl"])
    predicted = {
        "executions per second": MODEL.executions,
        "messages in flight": MODEL.in_flight,
        "messages delayed": MODEL.messages_delayed,
    }
    table = Table("", "predicted", "measured", "measured / predicted")
    ratios = []
    for name, value in predicted.items():
        ratio = measured[name] / value
        ratios.append(ratio)
        print(json.dumps(Figure(f"model check: {name}, measured / predicted", ratio, at_most=1 + TOLERANCE).as_json()))
        table.add_row(name, f"{value:.2f}", f"{measured[name]:.2f}", f"{ratio:.2f}")
    Console(stderr=True).print(table)
    return 0 if all(abs(ratio - 1) <= TOLERANCE for ratio in ratios) else 1


def measure(receiver: Receiver, queue_url: str) -> Mapping[str, float]:
    """Return the averages of a minute, once the load is steady."""
    counts: dict[str, list[int]] = {"NotVisible": [], "Delayed": []}
    with send_steadily(receiver, queue_url):
        _warm_up(queue_url)
        started, before = time.monotonic(), len(receiver.requests)
        while time.monotonic() - started < SECONDS:
            for state, samples in counts.items():
                samples.append(_count(queue_url, state))
            time.sleep(POLL_SECONDS)
        arrived = (len(receiver.requests) - before) / (time.monotonic() - started)
    return {
        "executions per second": arrived,
        "messages in flight": statistics.mean(counts["NotVisible"]),
        "messages delayed": statistics.mean(counts["Delayed"]),
    }


def _warm_up(queue_url: str) -> None:
    """Wait until there are enough senders.

    Then the queue is empty for a few polls in a row.
    """
    started, empty = time.monotonic(), 0
    while time.monotonic() - started < LONGEST_WARM_UP_SECONDS:
        empty = 0 if _count(queue_url, "") else empty + 1
        if empty >= EMPTY_POLLS and time.monotonic() - started > WARM_UP_SECONDS:
            return
        time.sleep(POLL_SECONDS)
    raise LocalFailure(f"The local AWS does not keep up with {PER_SECOND} webhooks per second.")


@contextmanager
def send_steadily(receiver: Receiver, queue_url: str) -> Iterator[None]:
    """Queue PER_SECOND messages per second in the background."""
    stop = threading.Event()
    thread = threading.Thread(target=_send, args=(receiver, queue_url, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(receiver: Receiver, queue_url: str, stop: threading.Event) -> None:
    sqs, name = aws.sqs(), uuid.uuid4().hex[:8]
    started = time.monotonic()
    for number in range(PER_SECOND * (LONGEST_WARM_UP_SECONDS + SECONDS) * 2):
        if stop.wait(max(started + number / PER_SECOND - time.monotonic(), 0)):
            return
        codes = "500,200" if number % FAILING_EVERY == 0 else "200"
        url = receiver.url(f"/sequence/{name}-{number}", codes=codes, delay=ANSWER_SECONDS)
        message: dict[str, Any] = {"webhook_id": f"{name}.orders", "url": url, "payload": {"order": number}}
        sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message), MessageGroupId=name)


def _count(queue_url: str, state: str) -> int:
    name: Any = f"ApproximateNumberOfMessages{state}"
    answer = aws.sqs().get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    return int(answer["Attributes"][name])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LocalFailure as failure:
        sys.exit(str(failure))
