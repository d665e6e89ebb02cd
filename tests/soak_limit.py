"""A load test of a rate limit: a burst for one webhook through the local stack, with as many senders as it starts.

Prints how many requests the receiver got in the fullest second, and how long they all took.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import requests

from hooklog.limits.slots import MARGIN, SECOND
from local import aws, stack
from tests.integration.test_rate_limits import count_most
from tests.soak import run_receiver

MAX_FACTOR = 1.15
"""How much longer than at exactly the limit all requests may take."""


class LimitTest:
    def __init__(self, count: int, rate: int, receiver: str) -> None:
        self._count, self._rate, self._receiver = count, rate, receiver
        self._outputs = stack.up()
        self._sqs = aws.sqs()
        self._webhook_id = f"limit.{int(time.time())}"

    def run(self) -> bool:
        self._register()
        started = time.time()
        self._enqueue()
        print(f"enqueued {self._count} messages after {time.time() - started:.1f} s", flush=True)
        received = self._wait(started)
        return self._report(started, received)

    def _register(self) -> None:
        url = f"{self._outputs['ApiUrl']}/webhooks/{self._webhook_id}"
        fields = {"url": f"{self._receiver}/status/200", "enabled": True, "max_per_second": self._rate}
        headers = {"Authorization": f"Bearer {self._outputs['Token']}"}
        requests.put(url, json=fields, headers=headers, timeout=60).raise_for_status()

    def _enqueue(self) -> None:
        for start in range(0, self._count, 10):
            entries: list[Any] = [
                {
                    "Id": str(number),
                    "MessageBody": json.dumps(
                        {"webhook_id": self._webhook_id, "message_id": f"m{number}", "payload": {"number": number}}
                    ),
                    "MessageGroupId": self._webhook_id,
                }
                for number in range(start, min(start + 10, self._count))
            ]
            assert not self._sqs.send_message_batch(QueueUrl=self._outputs["QueueUrl"], Entries=entries).get("Failed")

    def _wait(self, started: float) -> list[tuple[str, float]]:
        """Wait until all messages have been received, at most four times as long as they should take."""
        ends = started + 4 * self._count / self._rate + 60
        while True:
            time.sleep(2)
            log = requests.get(f"{self._receiver}/_received", {"bodies": "0"}, timeout=120).json()
            headers = [{name.lower(): value for name, value in request["headers"]} for request in log]
            own = [
                (named["webhook-id"], request["received_at"])
                for request, named in zip(log, headers, strict=True)
                if named.get("x-hooklog-webhook") == self._webhook_id
            ]
            print(f"{time.time() - started:.0f} s: {len(own)} received", flush=True)
            if len({message_id for message_id, _ in own}) == self._count or time.time() > ends:
                return own

    def _report(self, started: float, received: Sequence[tuple[str, float]]) -> bool:
        times = [at for _, at in received]
        most, took, wanted = count_most(times), max(times) - started, self._count / self._rate
        duplicates = sum(count - 1 for count in Counter(message_id for message_id, _ in received).values())
        lost = self._count - len({message_id for message_id, _ in received})
        print(
            f"{len(received)} requests, {lost} lost, {duplicates} duplicates; at most {most} in a second (limit "
            f"{self._rate}); done after {took:.1f} s, {took / wanted:.3f} times {wanted:g} s "
            f"(planned: {1 + MARGIN / SECOND:g})",
            flush=True,
        )
        executed = self._read_executed()
        print(
            f"by the senders' clocks: {len(executed)} requests, at most {count_most(executed)} in a second", flush=True
        )
        seconds = Counter(int(at - started) for at in times)
        print("requests in each second:", " ".join(str(seconds[second]) for second in range(max(seconds) + 1)))
        return not (lost or duplicates) and most <= self._rate + 1 and took <= MAX_FACTOR * wanted

    def _read_executed(self) -> list[float]:
        """Return when the requests started, according to the log."""
        headers = {"Authorization": f"Bearer {self._outputs['Token']}"}
        url = f"{self._outputs['ApiUrl']}/webhooks/{self._webhook_id}/executions"
        times: list[float] = []
        cursor: str | None = ""
        while cursor is not None:
            parameters = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            page = requests.get(url, parameters, headers=headers, timeout=60).json()
            times += [datetime.fromisoformat(each["executed_at"]).timestamp() for each in page["executions"]]
            cursor = page["next_cursor"]
        return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=50)
    arguments = parser.parse_args()
    with run_receiver() as receiver:
        return 0 if LimitTest(arguments.count, arguments.rate, receiver).run() else 1


if __name__ == "__main__":
    sys.exit(main())
