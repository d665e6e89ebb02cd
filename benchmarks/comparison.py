"""The CPU of a delivery in milliseconds, as `benchmarks.peers` records it for other webhook senders."""

import statistics
import time
from collections.abc import Callable, Iterator

from benchmarks.environment import function_environment, replace_environment
from benchmarks.figures import Figure
from benchmarks.sender import BATCH, CONTEXT, build_event, create_bare_loop, load_sender, silence_output
from benchmarks.stub import run_stub
from tests.aws import LOOPBACK

ROUNDS, BATCHES = 15, 20


def measure() -> Iterator[Figure]:
    """Measure the CPU of Hooklog's sender and of the bare loop, in milliseconds per delivery.

    They alternate, so that a busy machine slows down both.
    """
    variables = function_environment("SendWebhooksFunction", ALLOW_HTTP="true", ALLOWED_NETWORKS=LOOPBACK)
    with run_stub() as receivers, replace_environment(variables | {"AWS_ENDPOINT_URL": receivers.base}):
        app, bare, event = load_sender(), create_bare_loop(), build_event(f"{receivers.base}/status/200")
        senders: dict[str, Callable[[], object]] = {
            "Hooklog": lambda: app.lambda_handler(event, CONTEXT),
            "bare loop": lambda: bare(event),
        }
        rounds = [{name: _measure_cpu(send) for name, send in senders.items()} for _ in range(ROUNDS + 1)]
        for name in senders:
            milliseconds = statistics.median(spent[name] for spent in rounds[1:])
            yield Figure(f"comparison: CPU per delivery, {name}", milliseconds, unit="ms")


def _measure_cpu(send: Callable[[], object]) -> float:
    with silence_output():
        started = time.process_time()
        for _ in range(BATCHES):
            send()
        return 1000 * (time.process_time() - started) / (BATCHES * BATCH)
