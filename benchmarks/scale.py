"""A comparison of the model with 20,000 registered webhooks on the local AWS, which it starts.

Usage: python -m benchmarks.scale [--webhooks 20000] [--messages 2000] [--seconds 480]

Registers the webhooks, lists them, fans a topic's message out to them, and sends messages to random ones. A proxy
between the functions and the local AWS counts their requests. Prints what the model predicts next to what was counted.
"""

import argparse
import json
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.cached_webhooks import make_webhook
from benchmarks.counting import Request, Tally
from benchmarks.figures import Figure
from benchmarks.sender import PAYLOAD
from benchmarks.usage import USAGE
from hooklog.sending.fan_out import PAGE_SIZE
from hooklog.webhooks.rows import EncryptedKeys, Registered, to_row
from local import aws, places, stack
from local.failure import LocalFailure
from tests.faults import FaultyService
from tests.proxy import AwsRequest, AwsResponse
from tests.soak import run_receiver
from tests.stack_changes import changed_environment, physical_id

TOPIC: Final = "scale.all"
SUBSCRIBED: Final = "scale.fan"
"""The event type that one webhook in SHARE accepts. The others accept none that is sent to the topic."""
SHARE: Final = 20
LIST_PAGE: Final = 100
BATCH_GET_KEYS: Final = 100
BATCH_WRITE_ITEMS: Final = 25
BATCH_SEND_ENTRIES: Final = 10
KEYS_PER_ENTRY_BYTES: Final = 35
"""Of a row in the index `listed`: the names and values of its two keys."""
TOPIC_ENTRY_BYTES: Final = 68
"""Of a row in the index `by_topic`."""
EXACT: Final = (1.0, 1.0)
NEAR: Final = (0.9, 1.1)

UNSHOWN: Final = """The local AWS has no quotas and no throttling, and its own way to fill batches, to scale pollers
and to share a queue. So this run counts requests, items and units, which do not depend on the machine. It says nothing
about rates, latencies, or how long the last webhook of a fair queue waits on AWS."""


class Recorder(FaultyService):
    """A proxy that records the functions' requests, with the template's names of tables."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    def respond(self, request: AwsRequest) -> AwsResponse:
        response = super().respond(request)
        asked, answered = _name_tables(request.body), _name_tables(response.body)
        with self._lock:
            self._requests.append(Request(request.operation, asked, answered))
        return response

    def count_logged(self) -> int:
        """Return how many executions the recorded requests have logged."""
        with self._lock:
            writes = [each for each in self._requests if each.operation == "BatchWriteItem"]
        return sum(len(each.asked["RequestItems"].get("Executions", ())) for each in writes)

    def take(self) -> list[Request]:
        """Return the requests since the last call."""
        with self._lock:
            taken, self._requests = self._requests, []
        return taken


def _name_tables(body: bytes) -> dict[str, Any]:
    named = re.sub(rf'"{places.STACK_NAME}-(\w+)-[0-9A-F]+"', r'"\1"', body.decode())
    return json.loads(named) if named.startswith("{") else {}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value that the model predicts, and what the run counted; `bounds` are those of the ratio."""

    name: str
    predicted: float
    measured: float
    bounds: tuple[float, float]


class Run:
    """One run, in four steps."""

    def __init__(self, webhooks: int, messages: int, seconds: float, recorder: Recorder, receiver: str) -> None:
        self._webhooks, self._messages = webhooks, messages
        others = [number for number in range(webhooks) if number % SHARE]
        self._chosen = random.Random(2026).choices(others, k=messages)
        self._with_keys = set(self._chosen)
        self._ends = time.monotonic() + seconds
        self._recorder, self._receiver = recorder, receiver
        self._outputs = stack.up()
        self.comparisons: list[Comparison] = []

    def run(self) -> None:
        for step in (self._register, self._list, self._fan_out, self._send):
            started = time.monotonic()
            self._recorder.take()
            step()
            print(f"{step.__name__.lstrip('_')}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)

    def _register(self) -> None:
        """Write the rows that the API would write, with keys that KMS has encrypted."""
        kms, dynamodb, key_id = aws.client("kms"), aws.client("dynamodb"), physical_id("WebhookKey")
        table = physical_id("Webhooks")

        def put(numbers: Sequence[int]) -> None:
            rows = [to_row(self._make(number, kms, key_id)).serialize() for number in numbers]
            answer = dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": row}} for row in rows]})
            assert not answer["UnprocessedItems"]

        batches = [range(at, min(at + 25, self._webhooks)) for at in range(0, self._webhooks, BATCH_WRITE_ITEMS)]
        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(put, batches):
                self._check_time()

    def _make(self, number: int, kms: Any, key_id: str) -> Registered:
        """Make a webhook. Only those that get a message have a key of their own, which saves most of the time."""
        is_subscribed = number % SHARE == 0
        event_type = SUBSCRIBED if is_subscribed else "scale.none"
        webhook = make_webhook(number, f"{self._receiver}/status/200", TOPIC, (event_type,))
        if not is_subscribed and number not in self._with_keys:
            return webhook
        context = {"webhook_id": webhook.webhook.webhook_id}
        encrypted = kms.encrypt(KeyId=key_id, Plaintext=random.randbytes(32), EncryptionContext=context)
        return webhook._replace(keys=EncryptedKeys(encrypted["CiphertextBlob"]))

    def _list(self) -> None:
        """Read the list of webhooks to its end."""
        headers = {"Authorization": f"Bearer {self._outputs['Token']}"}
        url, parameters, found, pages = f"{self._outputs['ApiUrl']}/webhooks", {"limit": str(LIST_PAGE)}, 0, 0
        while pages == 0 or "cursor" in parameters:
            page = requests.get(url, parameters, headers=headers, timeout=60).json()
            if "webhooks" not in page:
                raise LocalFailure("The local AWS is too slow on this machine: a query took longer than the API waits.")
            found, pages = found + len(page["webhooks"]), pages + 1
            parameters = {"limit": str(LIST_PAGE), **({"cursor": page["next_cursor"]} if page["next_cursor"] else {})}
            self._check_time()
        calls, tally = self._tally({"Query", "BatchGetItem"})
        self._add("list: pages", self._webhooks / LIST_PAGE, pages, EXACT)
        self._add("list: webhooks", self._webhooks, found, EXACT)
        self._add("list: requests per page", 1 + -(-(LIST_PAGE + 1) // BATCH_GET_KEYS), calls.total() / pages, NEAR)
        keys = (LIST_PAGE + 1) * KEYS_PER_ENTRY_BYTES
        units = 0.5 * -(-keys // 4096) + 0.5 * (LIST_PAGE + 1)
        self._add("list: read units per page", units, tally.read_units / pages, NEAR)

    def _fan_out(self) -> None:
        """Publish one message to the topic of all webhooks."""
        copies = -(-self._webhooks // SHARE)
        self._publish([{"topic": TOPIC, "event_type": SUBSCRIBED, "message_id": "scale-fan", "payload": PAYLOAD}])
        self._wait(copies)
        operations, tally = self._tally({"Query", "SendMessageBatch"})
        pages = self._webhooks // PAGE_SIZE + 1
        per_page = -(-(PAGE_SIZE // SHARE + 1) // BATCH_SEND_ENTRIES)
        self._add("fan-out: queries (pages)", pages, operations["Query"], EXACT)
        self._add("fan-out: requests to SQS", (pages - 1) * per_page, operations["SendMessageBatch"], EXACT)
        units = pages * 0.5 * -(-PAGE_SIZE * TOPIC_ENTRY_BYTES // 4096)
        self._add("fan-out: read units", units, tally.read_units, NEAR)

    def _send(self) -> None:
        """Send messages to random webhooks which have not had one."""
        bodies = [
            {
                "webhook_id": f"scale.{number:05}",
                "message_id": f"scale-{count}",
                "event_type": "scale.none",
                "payload": PAYLOAD,
            }
            for count, number in enumerate(self._chosen)
        ]
        self._publish(bodies)
        self._wait(self._messages)
        operations, tally = self._tally({"GetItem", "BatchWriteItem", "Decrypt", "SendMessageBatch"})
        usage = USAGE["not cached"]
        least = len(set(self._chosen)) / self._messages
        decrypts = tally.decrypts / self._messages
        self._add("send: keys decrypted per message, at least", least, decrypts, (1.0, 1.0 / least))
        for name, predicted, counted in (
            ("read units", usage.read_units, tally.read_units),
            ("write units", usage.write_units, tally.write_units.total()),
            ("bytes in Executions", usage.summary_bytes, tally.kept_bytes["Executions"]),
            ("bytes in indexes", usage.index_bytes, sum(n for name, n in tally.kept_bytes.items() if "/" in name)),
        ):
            self._add(f"send: {name} per message", predicted, counted / self._messages, NEAR)
        self._add(
            "send: messages per request to log them", 10, self._messages / operations["BatchWriteItem"], (0.1, 1.0)
        )

    def _publish(self, bodies: Sequence[dict[str, Any]]) -> None:
        sqs = aws.sqs()
        for at in range(0, len(bodies), BATCH_SEND_ENTRIES):
            entries: list[Any] = [
                {"Id": str(n), "MessageBody": json.dumps(body), "MessageGroupId": body.get("webhook_id", TOPIC)}
                for n, body in enumerate(bodies[at : at + BATCH_SEND_ENTRIES])
            ]
            assert not sqs.send_message_batch(QueueUrl=self._outputs["QueueUrl"], Entries=entries).get("Failed")

    def _wait(self, executions: int) -> None:
        """Wait until so many executions have been logged."""
        logged = 0
        while logged < executions:
            time.sleep(1)
            self._check_time()
            logged = self._recorder.count_logged()

    def _tally(self, expected: set[str]) -> tuple[Counter[str], Tally]:
        taken, tally = self._recorder.take(), Tally()
        for request in taken:
            if request.operation in expected:
                tally.add(request)
        return Counter(request.operation for request in taken if request.operation in expected), tally

    def _add(self, name: str, predicted: float, measured: float, bounds: tuple[float, float]) -> None:
        self.comparisons.append(Comparison(name, predicted, measured, bounds))

    def _check_time(self) -> None:
        if time.monotonic() > self._ends:
            raise LocalFailure("The run exceeded its time: use fewer --webhooks and --messages, or more --seconds.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--webhooks", type=int, default=20_000, help="registered webhooks, in hundreds")
    parser.add_argument("--messages", type=int, default=2000, help="messages to random webhooks")
    parser.add_argument("--seconds", type=float, default=480, help="stop after this time")
    arguments = parser.parse_args()
    endpoint = stack.up()["EndpointUrl"]
    with run_receiver() as receiver, Recorder(endpoint) as recorder, ExitStack() as changes:
        variables = {f"AWS_ENDPOINT_URL_{service}": recorder.url for service in ("DYNAMODB", "SQS", "KMS")}
        for function in ("SendWebhooksFunction", "ReadApiFunction"):
            changes.enter_context(changed_environment(function, **variables))
        run = Run(arguments.webhooks, arguments.messages, arguments.seconds, recorder, receiver)
        run.run()
    return 0 if show(run.comparisons) else 1


def show(comparisons: Sequence[Comparison]) -> bool:
    """Print the comparisons. Return whether all are within their bounds."""
    table = Table("", "predicted", "measured", "measured / predicted", "at least", "at most")
    figures = []
    for each in comparisons:
        low, high = each.bounds
        figures.append(Figure(f"scale: {each.name}", each.measured / each.predicted, at_least=low, at_most=high))
        print(json.dumps(figures[-1].as_json()))
        numbers = (each.predicted, each.measured, figures[-1].value, low, high)
        table.add_row(each.name, *(f"{number:,.2f}" for number in numbers))
    console = Console(stderr=True)
    console.print(table)
    console.print(UNSHOWN.replace("\n", " "))
    return all(figure.is_held for figure in figures)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LocalFailure as failure:
        sys.exit(str(failure))
