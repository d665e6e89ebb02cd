"""Tests of histograms of durations, and of which counts an execution belongs to."""

import math
import random
from typing import Any

import pytest

from hooklog.errors import ErrorType
from hooklog.executions.rows import from_stream
from hooklog.statistics.counts import NAMES, Counts, tally
from hooklog.statistics.durations import bucket_of, percentile
from tests.stream import Image, failure, hard_error, image

LONGEST = 30_000
"""Milliseconds of the longest exchange."""


def test_every_duration_is_in_the_bucket_whose_bounds_contain_it() -> None:
    assert bucket_of(0) == bucket_of(1) == 0
    for milliseconds in range(2, 2 * LONGEST):
        bucket = bucket_of(milliseconds)
        assert 1.25 ** (bucket - 1) < milliseconds <= 1.25**bucket


def test_a_duration_beyond_the_last_bucket_is_in_it() -> None:
    assert bucket_of(10**9) == bucket_of(10**12) == 60


@pytest.mark.parametrize("milliseconds", [*range(200), 1_000, 4_321, 15_000, LONGEST])
def test_an_estimated_duration_is_off_by_at_most_12_percent_or_1_ms(milliseconds: int) -> None:
    estimate = percentile({bucket_of(milliseconds): 3}, 0.95)
    assert estimate is not None
    assert abs(estimate - milliseconds) <= max(1, 0.12 * milliseconds)


@pytest.mark.parametrize("seed", range(20))
def test_percentiles_of_merged_histograms_are_those_of_all_executions(seed: int) -> None:
    """Compare with the nearest rank of skewed durations, which came in two parts."""
    chosen = random.Random(seed)
    durations = [min(int(chosen.lognormvariate(5, 1.5)), LONGEST) for _ in range(chosen.randint(1, 500))]
    cut = chosen.randint(0, len(durations))
    parts = [Counts(durations=_histogram(part)) for part in (durations[:cut], durations[cut:])]
    merged = (parts[0] + parts[1]).durations
    assert sum(merged.values()) == len(durations)
    for fraction in (0.5, 0.95, 1.0):
        exact = sorted(durations)[math.ceil(fraction * len(durations)) - 1]
        estimate = percentile(merged, fraction)
        assert estimate is not None
        assert abs(estimate - exact) <= max(1, 0.12 * exact)


def _histogram(durations: list[int]) -> dict[int, int]:
    return dict(tally(from_stream(image(duration_ms=each)) for each in durations).durations)


def test_there_is_no_percentile_without_executions() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({7: 0}, 0.5) is None


def test_counts_are_added_by_name_and_bucket() -> None:
    one = Counts(1, 2, 3, 4, 5, 6, {0: 1, 7: 2})
    other = Counts(10, 20, 30, 40, 50, 60, {7: 3, 9: 1})
    assert one + other == Counts(11, 22, 33, 44, 55, 66, {0: 1, 7: 5, 9: 1})
    assert one + Counts() == one


TEST: dict[str, Any] = {"trigger": "test"}
KINDS: dict[str, tuple[Image, set[str], bool]] = {
    "success": (image(), {"succeeded"}, True),
    "first attempt with a trigger": (image(trigger="event"), {"succeeded"}, True),
    "successful retry": (image(trigger="retry", attempt=3), {"succeeded"}, True),
    "answered 500": (failure(), {"failed"}, True),
    "failed resend": (failure(trigger="resend"), {"failed"}, True),
    "skipped": (image(skipped=True, result=0), {"skipped"}, False),
    "successful test": (image(**TEST), {"succeeded", "excluded_successes"}, True),
    "failed test": (failure(**TEST), {"failed", "excluded_failures"}, True),
    "test without a response": (hard_error(**TEST), {"failed", "hard_errors", "excluded_failures"}, True),
    "skipped test": (image(skipped=True, result=0, **TEST), {"skipped"}, False),
    "hard error of an earlier release": (hard_error(None), {"failed", "hard_errors"}, True),
    "hard error of a later release": (hard_error("quantum_failure"), {"failed", "hard_errors"}, True),
} | {
    str(each): (
        hard_error(str(each)),
        {"failed", "hard_errors"} | (set() if each.was_attempted else {"excluded_failures"}),
        each.was_attempted,
    )
    for each in ErrorType
}


@pytest.mark.parametrize(("item", "kinds", "has_duration"), KINDS.values(), ids=KINDS)
def test_an_execution_is_counted_under_its_kinds(item: Image, kinds: set[str], has_duration: bool) -> None:
    counted = tally([from_stream(item)])
    assert {name: getattr(counted, name) for name in NAMES} == {name: int(name in kinds) for name in NAMES}
    assert counted.durations == ({bucket_of(87): 1} if has_duration else {})
    assert counted.succeeded + counted.failed + counted.skipped == 1
    assert counted.hard_errors <= counted.failed


def test_attempts_exclude_tests_and_what_was_not_sent() -> None:
    items = [image(), image(**TEST), failure(), failure(**TEST), hard_error("disabled_webhook"), hard_error()]
    counted = tally(map(from_stream, items))
    assert (counted.attempts_succeeded, counted.attempts_failed) == (1, 2)
