"""Which expression the fair queue evaluates next."""

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hooklog.errors import NoTimeLeft
from hooklog.webhooks.fair_queue import MAX_REMEMBERED, MEMORY_SECONDS, FairQueue, Lane, Owner


class Turns:
    """Waits for turns in separate threads and records the order of the turns."""

    def __init__(self) -> None:
        self.queue = FairQueue()
        self.order: list[str] = []
        self._threads: list[threading.Thread] = []

    def wait(self, webhook_id: str, lane: Lane) -> None:
        """Start a thread that waits for a turn; return when it waits."""
        thread = threading.Thread(target=self._take, args=(webhook_id, lane))
        self._threads.append(thread)
        waiting = self.queue.waiting
        thread.start()
        while self.queue.waiting == waiting:
            time.sleep(0.001)

    def join(self) -> list[str]:
        for thread in self._threads:
            thread.join()
        return self.order

    def _take(self, webhook_id: str, lane: Lane) -> None:
        with self.queue.turn(Owner(webhook_id, "1"), lane, math.inf):
            self.order.append(webhook_id)


def owner(webhook_id: str, expression: str = "1") -> Owner:
    return Owner(webhook_id, expression)


@pytest.fixture
def turns() -> Iterator[Turns]:
    turns = Turns()
    yield turns
    turns.join()


def test_quick_expressions_run_in_order_and_before_slow_ones(turns: Turns) -> None:
    with turns.queue.turn(owner("evil.now"), Lane.QUICK, math.inf):
        for webhook_id, lane in (
            ("evil.c", Lane.OVERTIME),
            ("evil.b", Lane.SLOW),
            ("evil.a", Lane.QUICK),
            ("acme.a", Lane.QUICK),
            ("evil.d", Lane.QUICK),
        ):
            turns.wait(webhook_id, lane)
    assert turns.join() == ["evil.a", "acme.a", "evil.d", "evil.b", "evil.c"]


def test_slow_expressions_alternate_between_tenants(turns: Turns) -> None:
    with turns.queue.turn(owner("evil.0"), Lane.SLOW, math.inf):
        for webhook_id in ("evil.1", "evil.2", "acme.1", "evil.3", "acme.2", "single"):
            turns.wait(webhook_id, Lane.SLOW)
    assert turns.join() == ["acme.1", "single", "evil.1", "acme.2", "evil.2", "evil.3"]


def test_a_tenant_that_used_much_time_queues_its_quick_expressions_behind_others(turns: Turns) -> None:
    with turns.queue.turn(owner("evil.0"), Lane.QUICK, math.inf):
        for webhook_id in ("evil.1", "evil.2", "acme.1", "acme.2", "single"):
            turns.wait(webhook_id, Lane.QUICK)
        turns.queue.remember(owner("evil.0"), Lane.OVERTIME)
    assert turns.join() == ["acme.1", "acme.2", "single", "evil.1", "evil.2"]


def test_an_expired_expression_stops_waiting_and_delays_no_other(turns: Turns) -> None:
    with turns.queue.turn(owner("evil.1"), Lane.SLOW, math.inf):
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(turns.queue.turn(owner("acme.1"), Lane.QUICK, 0.01).__enter__)
            assert isinstance(late.exception(60), NoTimeLeft)
        turns.wait("acme.2", Lane.SLOW)
    assert turns.join() == ["acme.2"]


def test_an_exception_frees_the_queue() -> None:
    queue = FairQueue()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"), queue.turn(owner("a"), Lane.QUICK, 0):
            raise ValueError("no")


def test_a_slow_expression_is_remembered_for_a_while_only_for_its_webhook() -> None:
    now = 0.0
    queue = FairQueue(lambda: now)
    queue.remember(owner("a"), Lane.OVERTIME)
    assert queue.find_lane(owner("a")) is Lane.OVERTIME
    assert queue.find_lane(owner("a", "2")) is queue.find_lane(owner("b")) is Lane.QUICK
    now = MEMORY_SECONDS
    assert queue.find_lane(owner("a")) is Lane.QUICK


def test_the_number_of_remembered_entries_is_limited() -> None:
    queue = FairQueue()
    for number in range(MAX_REMEMBERED + 1):
        queue.remember(owner(str(number)), Lane.SLOW)
    assert queue.find_lane(owner("0")) is Lane.QUICK
    assert queue.find_lane(owner("1")) is queue.find_lane(owner(str(MAX_REMEMBERED))) is Lane.SLOW
