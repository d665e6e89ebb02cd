"""The duration of a transformation.

The first one in an environment starts a process; it is measured apart from later ones.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Final

from benchmarks.figures import Figure
from hooklog.messages.message import Message
from hooklog.webhooks.transformation import Transformer

ROUNDS: Final = 1000
STARTS: Final = 5
EXPRESSION: Final = '{"text": "Order " & payload.order & ": " & $join(payload.items.name, ", ")}'
PAYLOAD: Final = {"order": 1742, "items": [{"name": f"thing {number}", "price": number} for number in range(25)]}


def measure() -> Iterator[Figure]:
    """Measure the wall time of a transformation with a payload of 1 KB.

    CPU time would miss the work, because another process does it.
    """
    message = Message.parse({"webhook_id": "acme.orders", "payload": PAYLOAD}, "msg_1")
    first = [_measure_seconds(lambda: Transformer().transform(message, EXPRESSION)) for _ in range(STARTS)]
    yield Figure("transformation: the first", min(first) * 1000, unit="ms")
    transformer = Transformer()
    further = [_measure_seconds(lambda: transformer.transform(message, EXPRESSION)) for _ in range(ROUNDS)]
    yield Figure("transformation: each further one", median(further) * 1_000_000, unit="µs")


def _measure_seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
