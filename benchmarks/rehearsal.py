"""Holds the model to a run: python -m benchmarks.rehearsal

A minute of webhooks at a steady rate through the local AWS, to receivers that all take the same time and of which one
in five fails at first. What was seen on the queue and at the receivers stands beside what the model predicts.
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
from tests.changing import configured
from tests.receiver import Receiver

PER_SECOND: Final = 2
FAILING_EVERY: Final = 5
ANSWER_SECONDS: Final = 1.5
RETRY_SECONDS: Final = 10
WARM_UP_SECONDS: Final = 25
"""Retries have begun by then."""
LONGEST_WARM_UP_SECONDS: Final = 90
SECONDS: Final = 60
LOOK_SECONDS: Final = 0.25
QUIET_LOOKS: Final = 8
WITHIN: Final = 0.25
"""By how much a measurement may differ from what is predicted: the machine's own work counts."""

MODEL: Final = Load(
    PER_SECOND,
    (Receivers(1, ANSWER_SECONDS, ANSWER_SECONDS, failing=1 / FAILING_EVERY, hanging=0, lasting=0),),
    Deployment(delays=(RETRY_SECONDS,)),
)


def main() -> int:
    outputs = stack.up()
    with Receiver() as receiver, configured("SendWebhooksFunction", RETRY_SCHEDULE=str(RETRY_SECONDS)):
        measured = run(receiver, outputs["QueueUrl"])
    predicted = {
        "executions a second": MODEL.executions,
        "messages in flight": MODEL.in_flight,
        "messages delayed": MODEL.messages_delayed,
    }
    table = Table("", "predicted", "measured", "measured / predicted")
    ratios = []
    for name, value in predicted.items():
        ratio = measured[name] / value
        ratios.append(ratio)
        print(json.dumps(Figure(f"rehearsal: {name}, measured / predicted", ratio, at_most=1 + WITHIN).line()))
        table.add_row(name, f"{value:.2f}", f"{measured[name]:.2f}", f"{ratio:.2f}")
    Console(stderr=True).print(table)
    return 0 if all(abs(ratio - 1) <= WITHIN for ratio in ratios) else 1


def run(receiver: Receiver, queue_url: str) -> Mapping[str, float]:
    """What was seen once it had become steady."""
    seen: dict[str, list[int]] = {"NotVisible": [], "Delayed": []}
    with sending(receiver, queue_url):
        _warm_up(queue_url)
        started, before = time.monotonic(), len(receiver.requests)
        while time.monotonic() - started < SECONDS:
            for state, counts in seen.items():
                counts.append(_count(queue_url, state))
            time.sleep(LOOK_SECONDS)
        came = (len(receiver.requests) - before) / (time.monotonic() - started)
    return {
        "executions a second": came,
        "messages in flight": statistics.mean(seen["NotVisible"]),
        "messages delayed": statistics.mean(seen["Delayed"]),
    }


def _warm_up(queue_url: str) -> None:
    """Until there are as many senders as it takes: nothing waits for one, for a few looks on end."""
    started, quiet = time.monotonic(), 0
    while time.monotonic() - started < LONGEST_WARM_UP_SECONDS:
        quiet = 0 if _count(queue_url, "") else quiet + 1
        if quiet >= QUIET_LOOKS and time.monotonic() - started > WARM_UP_SECONDS:
            return
        time.sleep(LOOK_SECONDS)
    raise LocalFailure(f"the local AWS does not keep up with {PER_SECOND} webhooks a second")


@contextmanager
def sending(receiver: Receiver, queue_url: str) -> Iterator[None]:
    """Put a message on the queue every so often, meanwhile."""
    enough = threading.Event()
    thread = threading.Thread(target=_send, args=(receiver, queue_url, enough))
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _send(receiver: Receiver, queue_url: str, enough: threading.Event) -> None:
    sqs, name = aws.sqs(), uuid.uuid4().hex[:8]
    started = time.monotonic()
    for number in range(PER_SECOND * (LONGEST_WARM_UP_SECONDS + SECONDS) * 2):
        if enough.wait(max(started + number / PER_SECOND - time.monotonic(), 0)):
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
