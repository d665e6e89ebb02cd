"""How long an API call may take."""

import time
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from hooklog.api.time_limit import compute_time_limit
from hooklog.errors import NotFound, NoTimeLeft
from hooklog.sending.time_limit import GATEWAY_SECONDS, RESPONSE_SECONDS, TimeLimit

MAXIMUM = GATEWAY_SECONDS - RESPONSE_SECONDS


def left(received_ago: float | None, lambda_seconds: float | None) -> float:
    milliseconds = None if received_ago is None else (time.time() - received_ago) * 1000
    event: dict[str, Any] = {"requestContext": {"requestTimeEpoch": milliseconds}} if milliseconds else {}
    context = lambda_seconds and SimpleNamespace(get_remaining_time_in_millis=lambda: lambda_seconds * 1000)
    return compute_time_limit(event, context).left()


@pytest.mark.parametrize(
    ("received_ago", "lambda_seconds", "expected"),
    [
        (0.01, 29, MAXIMUM),
        (4, 29, MAXIMUM - 4),  # a cold start
        (4, 12, 12 - RESPONSE_SECONDS),
        (28.5, 29, MAXIMUM - 28.5),
        (30, 29, MAXIMUM),  # a replayed event
        (4 * 86_400, 29, MAXIMUM),
        (-3, 29, MAXIMUM),  # the clocks differ
        (None, 29, MAXIMUM),
        (None, None, MAXIMUM),
        (0.01, 60, MAXIMUM),
    ],
)
def test_a_call_has_the_shorter_of_both_remaining_times(
    received_ago: float | None, lambda_seconds: float | None, expected: float
) -> None:
    assert left(received_ago, lambda_seconds) == pytest.approx(expected, abs=0.4)


def test_a_step_returns_its_result() -> None:
    limit = TimeLimit(60)
    assert limit.run(lambda: 7, "counting") == 7

    def fail() -> None:
        raise NotFound("gone")

    with pytest.raises(NotFound, match="gone"):
        limit.run(fail, "looking")


def test_a_slow_step_is_not_awaited() -> None:
    released = Event()
    try:
        with pytest.raises(NoTimeLeft, match="waiting took too long"):
            TimeLimit(1.1).run(released.wait, "waiting", reserve=1)
    finally:
        released.set()


def test_a_step_without_time_is_not_started() -> None:
    started: list[int] = []
    with pytest.raises(NoTimeLeft):
        TimeLimit(1).run(lambda: started.append(1), "writing", reserve=2)
    assert started == []
