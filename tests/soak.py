"""A few thousand webhooks through the local stack while it is broken at random, and then the books.

Three are kept: what was enqueued, what the receiver got, what the log says. The seed that is printed makes the same
webhooks and the same faults again (not the same moments).
"""

import argparse
import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from local import aws, stack
from tests.deployed import configured, kill_senders, visibility
from tests.faults import FaultyDynamoDB, failing, half_processed, throttled, unprocessed
from tests.template import ROOT

WEBHOOKS = 20
SETTLE_SECONDS = 600
PAUSE_SECONDS = (0.5, 3.0)
FAULT_SECONDS = (0.5, 6.0)

BEHAVIOURS = {
    "/status/200": 80,
    "/status/410": 4,
    "/sequence/{id}?codes=500,200": 6,
    "/sequence/{id}?codes=503,reset,200": 3,
    "/sequence/{id}?codes=garbage,close,200": 2,
    "/drip-header?interval=0.3": 1,
    "/silent": 1,
    "/big?bytes=1000000&status=500": 1,
    "/status/200?delay=0.8": 2,
}
"""What receivers do, by weight. Those that never succeed run out of retries."""


@dataclass
class Books:
    """What was enqueued, what came, what is logged."""

    enqueued: set[str] = field(default_factory=set)
    poison: int = 0
    received: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By message id and attempt."""
    logged: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    buried: int = 0

    @property
    def settled(self) -> bool:
        """Whether every message has had its last attempt."""
        last: dict[str, dict[str, Any]] = {}
        for execution in self.logged.values():
            known = last.get(execution["message_id"])
            if known is None or execution["attempt"] > known["attempt"]:
                last[execution["message_id"]] = execution
        ended = {m for m, e in last.items() if e["success"] or e.get("exhausted")}
        return ended >= self.enqueued and self.buried >= self.poison

    def reconcile(self) -> bool:
        """Print the closing line; whether nothing was lost and nothing was sent twice without an excuse."""
        came = {message_id for message_id, _ in self.received}
        logged = {message_id for message_id, _ in self.logged}
        unlogged = self.received.keys() - self.logged.keys()
        lost = len(self.enqueued - came) + len(self.enqueued - logged) + len(unlogged)
        duplicates = sum(count - 1 for count in self.received.values())
        repeated = {key for key, count in self.received.items() if count > 1}
        excused = sum(self.logged.get(key, {}).get("redelivered", False) for key in repeated)
        needless = self._needless()
        print(
            f"enqueued {len(self.enqueued)}, received {len(came & self.enqueued)}, "
            f"duplicates {duplicates} (expected {excused}: the sender was killed between sending and logging), "
            f"sent after success {needless} (expected 0), "
            f"logged {len(logged & self.enqueued)}, lost {lost}, "
            f"attempts {sum(self.received.values())}, poison {self.poison}, dead letters {self.buried}"
        )
        return lost == 0 and duplicates <= excused and needless == 0 and self.buried == self.poison

    def _needless(self) -> int:
        """Attempts that were made although an earlier one had succeeded."""
        succeeded: dict[str, int] = {}
        for (message_id, attempt), execution in self.logged.items():
            if execution["success"]:
                succeeded[message_id] = min(int(attempt), succeeded.get(message_id, int(attempt)))
        return sum(int(attempt) > succeeded.get(message_id, int(attempt)) for message_id, attempt in self.received)


class Soak:
    def __init__(self, seed: int, count: int, receiver: str) -> None:
        self._random = random.Random(seed)
        self._count = count
        self._receiver = receiver
        self._outputs = stack.up()
        self._sqs = aws.sqs()
        self._run = f"soak.{seed}.{int(time.time())}"
        self._stop = threading.Event()
        self.books = Books()

    def run(self) -> None:
        with ExitStack() as cleaning:
            dynamodb = cleaning.enter_context(FaultyDynamoDB(self._outputs["EndpointUrl"]))
            variables = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url, "RETRY_SCHEDULE": "1,1,2"}
            cleaning.enter_context(configured("SendWebhooksFunction", **variables))
            cleaning.enter_context(configured("LogUnloggedFunction", AWS_ENDPOINT_URL_DYNAMODB=dynamodb.url))
            cleaning.enter_context(visibility(self._outputs["UnloggedQueueUrl"], 5))
            cleaning.enter_context(visibility(self._outputs["QueueUrl"], 60))
            breaking = threading.Thread(target=self._break, args=(dynamodb,))
            breaking.start()
            try:
                self._enqueue()
            finally:
                self._stop.set()
                breaking.join()
            self._settle()

    def _enqueue(self) -> None:
        """In batches of ten, one message in a hundred of them poison."""
        for start in range(0, self._count, 10):
            entries: list[Any] = [self._entry(number) for number in range(start, min(start + 10, self._count))]
            if self._random.random() < 0.1:
                entries[-1:] = [{"Id": "poison", "MessageBody": f"{self._run} not json {start}"}, *entries[-1:]][:1]
                self.books.poison += 1
            answer = self._sqs.send_message_batch(QueueUrl=self._outputs["QueueUrl"], Entries=entries)
            assert not answer.get("Failed")
            self.books.enqueued |= {entry["Id"] for entry in entries if entry["Id"] != "poison"}
            self._stop.wait(self._random.uniform(0, 0.25))

    def _entry(self, number: int) -> dict[str, Any]:
        message_id = f"m{number}"
        path = self._random.choices(list(BEHAVIOURS), list(BEHAVIOURS.values()))[0]
        webhook_id = f"{self._run}.{number % WEBHOOKS}"
        body = {
            "webhook_id": webhook_id,
            "message_id": message_id,
            "url": self._receiver + path.format(id=f"{self._run}-{message_id}"),
            "payload": {"number": number, "filling": "x" * self._random.choice([10, 1000, 100_000])},
            "timeout_seconds": 1,
        }
        return {"Id": message_id, "MessageBody": json.dumps(body), "MessageGroupId": webhook_id}

    def _break(self, dynamodb: FaultyDynamoDB) -> None:
        """One fault after another, until told to stop."""
        faults: list[tuple[str, Callable[[], Any]]] = [
            ("DynamoDB fails", lambda: dynamodb.breaking(failing)),
            ("DynamoDB throttles", lambda: dynamodb.breaking(throttled)),
            ("DynamoDB takes nothing of a batch", lambda: dynamodb.breaking(unprocessed)),
            ("DynamoDB leaves items over", lambda: dynamodb.breaking(half_processed(20)(dynamodb))),
            ("DynamoDB is silent", dynamodb.silent),
            ("the sender is killed", _killed),
        ]
        chance = random.Random(self._random.random())
        while not self._stop.wait(chance.uniform(*PAUSE_SECONDS)):
            name, fault = chance.choice(faults)
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            with fault():
                self._stop.wait(chance.uniform(*FAULT_SECONDS))

    def _settle(self) -> None:
        """Wait until every message has had its last attempt, and keep the books."""
        ends = time.monotonic() + SETTLE_SECONDS
        while not self.books.settled and time.monotonic() < ends:
            with contextlib.suppress(requests.Timeout):  # the local AWS has more to do than it can; ask again
                self._bury()
                self.books.logged = {(e["message_id"], str(e["attempt"])): e for e in self._log()}
            time.sleep(1)
        self.books.received = self._received()

    def _bury(self) -> None:
        letters = self._sqs.receive_message(QueueUrl=self._outputs["DeadLetterQueueUrl"], MaxNumberOfMessages=10)
        for letter in letters.get("Messages", []):
            if letter["Body"].startswith(self._run):
                handle = letter["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self._outputs["DeadLetterQueueUrl"], ReceiptHandle=handle)
                self.books.buried += 1

    def _log(self) -> Iterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._outputs['Token']}"}
        for number in range(WEBHOOKS):
            url = f"{self._outputs['ApiUrl']}/webhooks/{self._run}.{number}/executions"
            cursor: str | None = ""
            while cursor is not None:
                parameters = {"limit": "200", **({"cursor": cursor} if cursor else {})}
                page = requests.get(url, parameters, headers=headers, timeout=30).json()
                yield from page["executions"]
                cursor = page["next_cursor"]

    def _received(self) -> Counter[tuple[str, str]]:
        answer = requests.get(f"{self._receiver}/_received", timeout=120).json()
        headers = [{name.lower(): value for name, value in request["headers"]} for request in answer]
        ours = [each for each in headers if each.get("x-hooklog-webhook", "").startswith(f"{self._run}.")]
        return Counter((each["webhook-id"], each["x-hooklog-attempt"]) for each in ours)


@contextmanager
def _killed() -> Iterator[None]:
    kill_senders()
    yield


@contextmanager
def _receiver() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())["http_url"]
        process.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--count", type=int, default=3000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.count} messages", flush=True)
    with _receiver() as receiver:
        soak = Soak(arguments.seed, arguments.count, receiver)
        soak.run()
        return 0 if soak.books.reconcile() else 1


if __name__ == "__main__":
    sys.exit(main())
