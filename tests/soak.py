"""A soak test: webhooks through the local stack under random faults.

Sends a few thousand webhooks, then reconciles what was enqueued, what the receiver got and what is logged. The printed
seed repeats the same webhooks and faults, but not their timing.
"""

import argparse
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests

from hooklog.queues.dead_letters import MAX_MESSAGE_BYTES
from local import aws, stack
from tests.faults import FaultyService, failing, half_processed, throttled, unprocessed
from tests.stack_changes import changed_environment, changed_visibility_timeout, kill_senders
from tests.template import ROOT

T = TypeVar("T")

WEBHOOKS = 20
BATCH = 10
MOST_WAITING = 200
"""The longest queue before enqueuing pauses, so that messages are sent throughout the faults."""
SETTLE_SECONDS = 600
"""A retry that cannot read the log three times is delayed by 60, 120 and 240 s."""
DRAIN_SECONDS = 10
PAUSE_SECONDS = (0.2, 2.0)
FAULT_SECONDS = (0.5, 4.0)

BEHAVIOURS = {
    "/status/200": 78,
    "/status/410": 4,
    "/sequence/{id}?codes=500,200": 5,
    "/sequence/{id}?codes=503,reset,200": 2,
    "/sequence/{id}?codes=garbage,close,200": 2,
    "/close-after": 3,
    "/drip-header?interval=0.3": 1,
    "/drip-body?interval=0.3&status=200": 1,
    "/endless-body?status=200": 1,
    "/silent": 1,
    "/big?bytes=1000000&status=500": 1,
    "/status/200?delay=0.8": 1,
}
"""Behaviours of receivers, by weight. Those that never succeed exhaust their retries."""

PADDING = {10: 60, 1000: 30, 50_000: 9, 1_000_000: 1}
"""Characters of a payload, by weight."""

Attempt = tuple[str, str]
"""A message ID and the number of an attempt, as a receiver sees them."""


@dataclass
class Reconciliation:
    """A comparison of messages, requests and executions.

    They are enqueued, received and logged respectively.
    """

    enqueued: set[str] = field(default_factory=set)
    poison: int = 0
    dead_letters: int = 0
    killed: int = 0
    """Killed sender processes; each may have been sending a batch."""
    received: Counter[Attempt] = field(default_factory=Counter)
    logged: dict[Attempt, list[dict[str, Any]]] = field(default_factory=dict)

    def record_log(self, executions: Iterable[dict[str, Any]]) -> None:
        self.logged = {}
        for execution in executions:
            self.logged.setdefault((execution["message_id"], str(execution["attempt"])), []).append(execution)

    @property
    def unfinished(self) -> set[str]:
        """Messages whose last attempt is not logged yet."""
        rows = [execution for executions in self.logged.values() for execution in executions]
        return self.enqueued - {e["message_id"] for e in rows if e["success"] or e.get("exhausted")}

    def report(self) -> bool:
        """Print the result.

        Returns whether no message was lost and each duplicate is explained.
        """
        received, logged = ({message_id for message_id, _ in each} for each in (self.received, self.logged))
        lost = (
            (self.enqueued - received)
            | (self.enqueued - logged)
            | {m for m, _ in self.received.keys() - self.logged.keys()}
        )
        for message_id in sorted(self.unfinished)[:5]:
            print(
                f"{message_id} is unfinished after {[rows for (m, _), rows in self.logged.items() if m == message_id]}"
            )
        duplicates = self._duplicates()
        explained = sum(count for message_id, count in duplicates.items() if message_id in self._redelivered())
        bound = self.killed * BATCH
        print(
            f"enqueued {len(self.enqueued)}, received {len(received & self.enqueued)}, "
            f"resent on a new connection {sum(map(self._resent, self.logged))}, "
            f"duplicates {duplicates.total()} (expected {explained}: marked redelivered, at most {bound}), "
            f"logged {len(logged & self.enqueued)}, lost {len(lost)}; "
            f"{self.received.total()} requests, {self.killed} senders killed, "
            f"poison {self.poison}, dead letters {self.dead_letters}",
            flush=True,
        )
        return (
            not lost
            and not self.unfinished
            and duplicates.total() == explained <= bound
            and self.dead_letters == self.poison
        )

    def _duplicates(self) -> Counter[str]:
        """Count the duplicates of each message.

        They are repeated requests of one attempt, and attempts after a success. Requests that were resent on a new
        connection, as their executions say, are not counted.
        """
        duplicates: Counter[str] = Counter()
        for (message_id, attempt), count in self.received.items():
            is_needless = any(
                execution["success"]
                for before in range(1, int(attempt))
                for execution in self._rows(message_id, before)
            )
            repeated = count if is_needless else count - 1
            duplicates[message_id] += max(repeated - self._resent((message_id, attempt)), 0)
        return duplicates

    def _resent(self, attempt: Attempt) -> int:
        """Return how often the attempt was resent on a new connection."""
        return sum(row.get("resent_on_new_connection", False) for row in self.logged.get(attempt, []))

    def _rows(self, message_id: str, attempt: int) -> list[dict[str, Any]]:
        return self.logged.get((message_id, str(attempt)), [])

    def _redelivered(self) -> set[str]:
        """Return the messages that are marked as redelivered.

        A sender was killed while sending them.
        """
        return {m for (m, _), rows in self.logged.items() if any(row.get("redelivered") for row in rows)}


class Soak:
    def __init__(self, seed: int, count: int, receiver: str) -> None:
        self._random = random.Random(seed)
        self._messages = count
        self._receiver = receiver
        self._outputs = stack.up()
        self._sqs = aws.sqs()
        self._run = f"soak.{seed}.{int(time.time())}"
        self._stop = threading.Event()
        self.reconciliation = Reconciliation()

    def run(self) -> None:
        with ExitStack() as cleaning:
            dynamodb = cleaning.enter_context(FaultyService(self._outputs["EndpointUrl"]))
            variables = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url, "RETRY_SCHEDULE": "1,1,2"}
            cleaning.enter_context(changed_environment("SendWebhooksFunction", **variables))
            cleaning.enter_context(changed_environment("LogUnloggedFunction", AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url))
            cleaning.enter_context(changed_visibility_timeout(self._outputs["UnloggedQueueUrl"], 5))
            cleaning.enter_context(changed_visibility_timeout(self._outputs["QueueUrl"], 60))
            injector = threading.Thread(target=self._inject_faults, args=(dynamodb,))
            injector.start()
            try:
                self._enqueue()
            finally:
                self._stop.set()
                injector.join()
            self._settle()

    def _enqueue(self) -> None:
        """Enqueue batches of ten, no faster than they are sent.

        Adds a poison message occasionally.
        """
        for start in range(0, self._messages, BATCH):
            entries = [self._entry(number) for number in range(start, min(start + BATCH, self._messages))]
            for group in _split_by_size(entries):
                self._put(group)
            self.reconciliation.enqueued |= {entry["Id"] for entry in entries}
            if self._random.random() < 0.1:
                self._put([{"Id": "poison", "MessageBody": f"{self._run} not json {start}"}])
                self.reconciliation.poison += 1
            while self._count(self._outputs["QueueUrl"], "") > MOST_WAITING:
                time.sleep(0.2)

    def _put(self, entries: Sequence[Any]) -> None:
        response = self._sqs.send_message_batch(QueueUrl=self._outputs["QueueUrl"], Entries=entries)
        assert not response.get("Failed")

    def _entry(self, number: int) -> dict[str, Any]:
        message_id = f"m{number}"
        webhook_id = f"{self._run}.{number % WEBHOOKS}"
        body = {
            "webhook_id": webhook_id,
            "message_id": message_id,
            "url": self._receiver + self._choose(BEHAVIOURS).format(id=f"{self._run}-{message_id}"),
            "payload": {"number": number, "padding": "x" * self._choose(PADDING)},
            "timeout_seconds": 1,
        }
        return {"Id": message_id, "MessageBody": json.dumps(body), "MessageGroupId": webhook_id}

    def _choose(self, weights: Mapping[T, int]) -> T:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def _inject_faults(self, dynamodb: FaultyService) -> None:
        """Inject one fault after another, in shuffled rounds, until stopped."""
        faults: list[tuple[str, Callable[[], AbstractContextManager[None]]]] = [
            ("DynamoDB fails", lambda: dynamodb.breaking(failing)),
            ("DynamoDB throttles", lambda: dynamodb.breaking(throttled)),
            ("DynamoDB processes nothing of a batch", lambda: dynamodb.breaking(unprocessed)),
            ("DynamoDB leaves items unprocessed", lambda: dynamodb.breaking(half_processed(dynamodb, 20))),
            ("DynamoDB is silent", dynamodb.silent),
            ("the sender is killed", self._kill),
            ("the sender is killed between sending and logging", lambda: self._kill_before_logging(dynamodb)),
        ]
        generator = random.Random(self._random.random())
        deck = itertools.chain.from_iterable(generator.sample(faults, len(faults)) for _ in itertools.repeat(None))
        while not self._stop.wait(generator.uniform(*PAUSE_SECONDS)):
            name, fault = next(deck)
            print(f"{time.strftime('%H:%M:%S')} {name}; {len(self.reconciliation.enqueued)} enqueued", flush=True)
            with fault():
                self._stop.wait(generator.uniform(*FAULT_SECONDS))

    @contextmanager
    def _kill(self) -> Iterator[None]:
        self.reconciliation.killed += kill_senders()
        yield

    @contextmanager
    def _kill_before_logging(self, dynamodb: FaultyService) -> Iterator[None]:
        """Kill senders while DynamoDB does not respond, before they log what they sent."""
        with dynamodb.silent():
            self._stop.wait(1)
            with self._kill():
                yield

    def _settle(self) -> None:
        """Wait until the last attempt of every message is logged, and record the results."""
        ends = time.monotonic() + SETTLE_SECONDS
        while True:
            self._drain()
            self.reconciliation.record_log(self._read_log())
            unfinished = self.reconciliation.unfinished
            print(f"{time.strftime('%H:%M:%S')} {len(unfinished)} messages have not had their last attempt", flush=True)
            if (
                not unfinished and self.reconciliation.dead_letters >= self.reconciliation.poison
            ) or time.monotonic() > ends:
                break
        self.reconciliation.received = self._read_received()

    def _drain(self) -> None:
        """Wait until the queues are empty, at most DRAIN_SECONDS.

        Retries may be delayed for minutes.
        """
        queues = self._outputs["QueueUrl"], self._outputs["UnloggedQueueUrl"]
        ends = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < ends:
            time.sleep(1)
            self._take_dead_letters()
            if not sum(self._count(queue, "", "NotVisible", "Delayed") for queue in queues):
                return

    def _count(self, queue_url: str, *states: str) -> int:
        names: Any = [f"ApproximateNumberOfMessages{state}" for state in states]
        attributes = self._sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        return sum(map(int, attributes.values()))

    def _take_dead_letters(self) -> None:
        letters = self._sqs.receive_message(QueueUrl=self._outputs["DeadLetterQueueUrl"], MaxNumberOfMessages=10)
        for letter in letters.get("Messages", []):
            if letter["Body"].startswith(self._run):
                handle = letter["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self._outputs["DeadLetterQueueUrl"], ReceiptHandle=handle)
                self.reconciliation.dead_letters += 1

    def _read_log(self) -> Iterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._outputs['Token']}"}
        for number in range(WEBHOOKS):
            url = f"{self._outputs['ApiUrl']}/webhooks/{self._run}.{number}/executions"
            cursor: str | None = ""
            while cursor is not None:
                parameters = {"limit": "200", **({"cursor": cursor} if cursor else {})}
                page = requests.get(url, parameters, headers=headers, timeout=60).json()
                yield from page["executions"]
                cursor = page["next_cursor"]

    def _read_received(self) -> Counter[Attempt]:
        received = requests.get(f"{self._receiver}/_received", {"bodies": "0"}, timeout=120).json()
        headers = [{name.lower(): value for name, value in request["headers"]} for request in received]
        own = [each for each in headers if each.get("x-hooklog-webhook", "").startswith(f"{self._run}.")]
        return Counter((each["webhook-id"], each["x-hooklog-attempt"]) for each in own)


def _split_by_size(entries: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield groups that fit into one SQS request: 1 MiB together."""
    group: list[dict[str, Any]] = []
    for entry in entries:
        if group and sum(len(each["MessageBody"]) for each in [*group, entry]) > MAX_MESSAGE_BYTES:
            yield group
            group = []
        group.append(entry)
    yield group


@contextmanager
def run_receiver() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())["http_url"]
        finally:
            process.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--count", type=int, default=3000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.count} messages", flush=True)
    started = time.monotonic()
    with run_receiver() as receiver:
        soak = Soak(arguments.seed, arguments.count, receiver)
        soak.run()
        print(f"after {time.monotonic() - started:.0f} s:")
        return 0 if soak.reconciliation.report() else 1


if __name__ == "__main__":
    sys.exit(main())
