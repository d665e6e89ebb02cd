"""A soak test of ordered delivery: webhooks whose messages fail three times each, under random faults.

Senders are killed and DynamoDB fails meanwhile. Then the order of the requests is compared with that of the queue, and
both with the log. The printed seed repeats the same faults, but not their timing.
"""

import argparse
import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import requests

from local import aws, stack
from tests.faults import FaultyService, failing, throttled, unprocessed
from tests.fifo import find_disorder
from tests.soak import run_receiver
from tests.stack_changes import changed_environment, changed_visibility_timeout, kill_senders

VISIBILITY_SECONDS = 62
"""Longer than an invocation: otherwise a message could be sent by two senders at once."""

REQUESTS = (2, 10)
"""Requests between two faults."""

FAULT_SECONDS = (0.5, 3.0)
SETTLE_SECONDS = 900
CODES = "500,500,500,200"

Attempt = tuple[str, str]
"""A message ID and the number of an attempt, as a receiver sees them."""


class OrderedSoak:
    def __init__(self, seed: int, webhooks: int, messages: int, receiver: str) -> None:
        self._random = random.Random(seed)
        self._receiver = receiver
        self._outputs = stack.up()
        self._sqs = aws.sqs()
        self._headers = {"Authorization": f"Bearer {self._outputs['Token']}"}
        run = f"ordered.{seed}.{int(time.time())}"
        self._queued = {f"{run}.{number}": [f"m{n}" for n in range(messages)] for number in range(webhooks)}
        self._stop = threading.Event()
        self._killed = 0

    def run(self) -> bool:
        with ExitStack() as cleaning:
            dynamodb = cleaning.enter_context(FaultyService(self._outputs["EndpointUrl"]))
            variables = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url}
            cleaning.enter_context(changed_environment("SendWebhooksFunction", **variables))
            cleaning.enter_context(changed_environment("LogUnloggedFunction", **variables))
            cleaning.enter_context(changed_visibility_timeout(self._outputs["UnloggedQueueUrl"], 5))
            cleaning.enter_context(changed_visibility_timeout(self._outputs["OrderedQueueUrl"], VISIBILITY_SECONDS))
            for webhook_id in self._queued:
                self._register(webhook_id)
            injector = threading.Thread(target=self._inject_faults, args=(dynamodb,))
            injector.start()
            try:
                self._enqueue()
                self._wait(0.8)
            finally:
                self._stop.set()
                injector.join()
            self._wait(1)
        return self._report()

    def _register(self, webhook_id: str) -> None:
        """Register a webhook whose messages each fail three times, if none of their requests is repeated."""
        count = len(self._queued[webhook_id])
        fields = {
            "url": f"{self._receiver}/sequence/{webhook_id}?codes={','.join([CODES] * count)}",
            "enabled": True,
            "ordered": True,
            "retry_schedule": [1] * 12,
        }
        url = f"{self._outputs['ApiUrl']}/webhooks/{webhook_id}"
        requests.put(url, json=fields, headers=self._headers, timeout=60).raise_for_status()

    def _enqueue(self) -> None:
        """Queue the messages of all webhooks in turn."""
        pairs = [[(webhook_id, each) for each in ids] for webhook_id, ids in self._queued.items()]
        for in_turn in zip(*pairs, strict=True):
            for webhook_id, message_id in in_turn:
                body = {"webhook_id": webhook_id, "message_id": message_id, "payload": {"message": message_id}}
                self._sqs.send_message(
                    QueueUrl=self._outputs["OrderedQueueUrl"],
                    MessageBody=json.dumps(body),
                    MessageGroupId=webhook_id,
                    MessageDeduplicationId=f"{webhook_id}-{message_id}",
                )

    def _inject_faults(self, dynamodb: FaultyService) -> None:
        """Inject one fault after another, in shuffled rounds, until stopped."""
        faults: list[tuple[str, Callable[[], AbstractContextManager[None]]]] = [
            ("DynamoDB fails", lambda: dynamodb.breaking(failing)),
            ("DynamoDB throttles", lambda: dynamodb.breaking(throttled)),
            ("DynamoDB processes nothing of a batch", lambda: dynamodb.breaking(unprocessed)),
            ("DynamoDB is silent", dynamodb.silent),
            ("the senders are killed", self._kill),
            ("the senders are killed between sending and logging", lambda: self._kill_before_logging(dynamodb)),
        ]
        deck = itertools.chain.from_iterable(self._random.sample(faults, len(faults)) for _ in itertools.repeat(None))
        while self._await_requests(self._random.randint(*REQUESTS)):
            name, fault = next(deck)
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            with fault():
                self._stop.wait(self._random.uniform(*FAULT_SECONDS))

    def _await_requests(self, count: int) -> bool:
        """Wait until the receiver has got so many more requests; return False if stopped meanwhile."""
        before = len(self._read_received())
        while len(self._read_received()) < before + count:
            if self._stop.wait(0.2):
                return False
        return not self._stop.is_set()

    def _read_received(self) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = requests.get(
            f"{self._receiver}/_received", {"bodies": "0"}, timeout=120
        ).json()
        return received

    @contextmanager
    def _kill(self) -> Iterator[None]:
        self._killed += kill_senders()
        yield

    @contextmanager
    def _kill_before_logging(self, dynamodb: FaultyService) -> Iterator[None]:
        with dynamodb.silent():
            self._stop.wait(1)
            with self._kill():
                yield

    def _wait(self, share: float) -> None:
        """Wait until this share of the messages has succeeded, according to the log."""
        total, ends = sum(map(len, self._queued.values())), time.monotonic() + SETTLE_SECONDS
        while (done := sum(len(self._succeeded(webhook_id)) for webhook_id in self._queued)) < share * total:
            print(f"{time.strftime('%H:%M:%S')} {done} of {total} messages have succeeded", flush=True)
            if time.monotonic() > ends:
                return
            time.sleep(5)

    def _succeeded(self, webhook_id: str) -> set[str]:
        return {each["message_id"] for each in self._read_log(webhook_id) if each["success"]}

    def _read_log(self, webhook_id: str) -> list[dict[str, Any]]:
        url = f"{self._outputs['ApiUrl']}/webhooks/{webhook_id}/executions"
        executions: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            parameters = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            page = requests.get(url, parameters, headers=self._headers, timeout=60).json()
            executions += page["executions"]
            cursor = page["next_cursor"]
        return executions

    def _report(self) -> bool:
        requests_of: dict[str, list[Attempt]] = {webhook_id: [] for webhook_id in self._queued}
        for request in self._read_received():
            headers = {name.lower(): value for name, value in request["headers"]}
            if (webhook_id := headers.get("x-hooklog-webhook")) in requests_of:
                requests_of[webhook_id].append((headers["webhook-id"], headers["x-hooklog-attempt"]))
        correct = [self._report_webhook(webhook_id, received) for webhook_id, received in requests_of.items()]
        return all(correct)

    def _report_webhook(self, webhook_id: str, received: Sequence[Attempt]) -> bool:
        executions = self._read_log(webhook_id)
        redelivered = Counter(each["message_id"] for each in executions if each.get("redelivered"))
        logged = {each["message_id"] for each in executions if each["success"]}
        wrong = find_disorder(self._queued[webhook_id], received, redelivered)
        wrong += [
            f"{message_id} has not succeeded" for message_id in self._queued[webhook_id] if message_id not in logged
        ]
        repeated = sum(count - 1 for count in Counter(received).values())
        print(
            f"{webhook_id}: {len(self._queued[webhook_id])} messages, {len(received)} requests, {repeated} repeated, "
            f"{len(executions)} executions, {redelivered.total()} marked redelivered, {self._killed} senders killed; "
            f"{wrong or 'in order, none lost'}",
            flush=True,
        )
        return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--webhooks", type=int, default=6)
    parser.add_argument("--messages", type=int, default=20)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with run_receiver() as receiver:
        return 0 if OrderedSoak(arguments.seed, arguments.webhooks, arguments.messages, receiver).run() else 1


if __name__ == "__main__":
    sys.exit(main())
