"""The capacity model: cases with known answers, and the documents that quote it."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import lean
from benchmarks.bill import (
    HISTORY_MONTHS,
    Capacity,
    Terms,
    count_key_rotations,
    counting_bill,
    monthly_bill,
    monthly_load,
    read_units,
    standing_cost,
    write_units,
)
from benchmarks.capacity import LOG_SECONDS, Deployment, Load, Receivers, ScaleUp, scale_up
from benchmarks.prices import ALTERNATIVES, PRICES, Unit
from benchmarks.quotas import QUOTAS, Quota
from benchmarks.stats_model import Counting
from benchmarks.usage import USAGE
from docs import charts, tables
from tests.template import ROOT, TEMPLATE

STEADY = Receivers(median_seconds=1, slow_seconds=1, failing=0, hanging=0)
"""Receivers that respond after one second."""
ONE_AT_A_TIME = Deployment(batch_size=1, delays=())


def near(value: float) -> object:
    return pytest.approx(value, rel=0.05)


def test_littles_law() -> None:
    """Fifty arrive per second and stay for one second: fifty are present."""
    load = Load(50, (STEADY,), ONE_AT_A_TIME)
    assert load.concurrency == near(50)
    assert load.in_flight == near(50)
    assert load.invocations == 50


def test_a_full_batch_is_one_invocation() -> None:
    load = Load(500, (STEADY,), Deployment(delays=()))
    assert load.batch_fill == 10
    assert (load.invocations, load.concurrency, load.in_flight) == (50, near(50), near(500))


def test_batches_fill_when_five_pollers_are_busy() -> None:
    """Twenty per second, five pollers each busy for a second: four per batch."""
    assert Load(20, (STEADY,)).batch_fill == near(4)


def test_a_webhook_is_rarely_the_only_one_in_its_batch() -> None:
    assert Load(0.1, (STEADY,)).batch_fill == 1


def test_a_batch_window_fills_batches_and_delays_messages() -> None:
    load = Load(10, (STEADY,), Deployment(window_seconds=2, delays=()))
    assert load.batch_fill == near(6)  # ten per second, five pollers, each busy for three seconds
    assert load.in_flight == near(10 * (1 + 1))  # one second in the batch and, on average, half of the window


def test_a_batch_takes_as_long_as_its_slowest_receiver() -> None:
    """If one receiver in ten hangs, 1 - 0.9 ^ 10 of all batches of ten contain one."""
    load = Load(1000, (replace(STEADY, hanging=0.1, lasting=0),), Deployment(delays=()))
    share = 1 - 0.9**10
    assert load.batch_seconds == near(share * 15 + (1 - share) * 1)


def test_half_of_the_responses_arrive_within_the_median() -> None:
    receivers = Receivers(median_seconds=0.2, slow_seconds=2)
    assert receivers.answered_within(0.2) == pytest.approx(0.5)
    assert receivers.answered_within(2) == pytest.approx(0.99)


def test_our_own_time_grows_as_the_memory_shrinks() -> None:
    large, small = (Load(1, (STEADY,), Deployment(memory_mb=memory)).batch_duration(10) for memory in (1769, 256))
    assert small - 1 - LOG_SECONDS == near((large - 1 - LOG_SECONDS) * 1769 / 256)


def test_failures_are_retried_while_they_last() -> None:
    load = Load(100, (Receivers(failing=0.1, hanging=0, lasting=0.5),), Deployment(delays=(5, 300, 1800)))
    assert load.executions == pytest.approx(100 + 10 + 5 + 2.5)
    assert load.failures == pytest.approx(10 + 5 + 2.5 + 1.25)
    assert load.messages_delayed == pytest.approx(10 * 5 + 5 * 300)
    assert load.schedules_set == pytest.approx(2.5)
    assert load.schedules_kept == pytest.approx(2.5 * 1800)


def test_a_recent_failure_has_had_few_retries() -> None:
    dead = Receivers(failing=1, hanging=0, lasting=1)
    load = Load(1, (dead,), Deployment(delays=(5, 300, 1800)), since_seconds=1000)
    assert load.executions == 3
    assert load.schedules_set == 1
    assert load.schedules_kept == 1000 - 305


def test_write_units_match_the_counted_usage() -> None:
    """A failure, and the success after it, also write one unit each to the registry."""
    load = Load(100, (Receivers(failing=0.1, hanging=0, lasting=0),), Deployment(delays=(5,)))
    assert load.write_units == pytest.approx(90 * 2 + 10 * 5 + 10 * 5)


def test_the_hottest_partition_is_the_busiest_webhooks() -> None:
    others, busiest = replace(STEADY, share=0.8), replace(STEADY, share=0.2, one_webhook=True)
    assert Load(100, (others, busiest)).hottest_partition == pytest.approx(20)


def test_each_environment_decrypts_each_webhooks_key_once() -> None:
    few = Load(1, (STEADY,), ONE_AT_A_TIME, webhooks=72)
    assert few.decrypts == pytest.approx(few.concurrency * 72 / 7200)
    assert replace(few, webhooks=10**9).decrypts == few.executions


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.name)
def test_a_quota_breaks_at_its_limit(quota: Quota) -> None:
    dead = Load(1, (Receivers(failing=0.5, hanging=0.5, lasting=1, one_webhook=True),))
    rate = quota.breaks_at(dead)
    assert rate < math.inf
    assert quota.usage(replace(dead, per_second=rate)) == pytest.approx(quota.limit, rel=0.01)


def test_the_logs_units_are_the_sum_of_its_tables_and_indexes() -> None:
    """The sum over tables and indexes must equal the counted usage."""
    load = Load(100, (Receivers(failing=0.1),))
    registry_writes = load.failures + load.recovered  # a failure, and the success after it
    assert sum(write_units(load)) + registry_writes == pytest.approx(load.write_units)
    of_registry = (load.executions - 100) * USAGE["not cached"].read_units
    assert sum(read_units(load)) + of_registry == pytest.approx((load.executions - 100) * USAGE["retried"].read_units)


def test_provisioned_capacity_is_billed_whether_used_or_not() -> None:
    """A hundred successes per second need 100 units in the table and in one index."""
    load = Load(100, (STEADY,), Deployment(delays=()))
    assert Capacity(5, 2, used=0.5).write_units(load) == 200 + 200 + 5 + 5
    assert Capacity(5, 2, used=0.5).read_units(load) == 4 * 2


def test_infrequent_access_makes_storage_cheaper_and_writes_dearer() -> None:
    load = monthly_load(10**8)
    usual = monthly_bill(10**8, load, Terms(counting=False))
    infrequent = monthly_bill(10**8, load, Terms(counting=False, infrequent=True))
    registry = PRICES[Unit.WRITE_UNIT].of(30 * 86_400 * (load.failures + load.recovered))
    assert infrequent[Unit.WRITE_UNIT] - registry == pytest.approx(1.25 * (usual[Unit.WRITE_UNIT] - registry))
    assert infrequent[Unit.STORED_GB] == pytest.approx(0.4 * usual[Unit.STORED_GB])


def test_one_webhook_is_counted_once_per_batch_and_hour() -> None:
    """Its shard's batches are five minutes long; one in twelve begins before a full hour and ends after it."""
    busy = Counting(executions=10, webhooks=1)
    assert busy.webhooks_of_batches == near(1 / 300)
    assert busy.hours_of_batches == near(13 / 12 / 300)
    assert busy.items == near(1 / 3600)
    assert Counting(executions=1000, webhooks=1).hours_of_batches > 2 * busy.hours_of_batches  # its batches are full


def test_webhooks_with_rare_executions_are_counted_once_per_execution() -> None:
    rare = Counting(executions=10, webhooks=10**7)
    assert rare.webhooks_of_batches == near(10)
    assert rare.hours_of_batches <= 10
    assert rare.items == near(10)


def test_counting_costs_at_most_15_cents_per_million() -> None:
    """At 100 million a month, up to the number of active webhooks that docs/cost.md names."""
    (named,) = re.findall(r"no more than about ([\d,]+) webhooks", (ROOT / "docs/cost.md").read_text())
    assert int(named.replace(",", "")) == 1800 <= tables.count_webhooks_within(0.15, 10**8)
    assert tables.counting_per_million(10**8, 1800) <= 0.15


def test_a_deployment_that_does_not_count_pays_nothing_for_it() -> None:
    load = monthly_load(10**8)
    with_counts, without = (monthly_bill(10**8, load, Terms(counting=counting)) for counting in (True, False))
    difference = sum(with_counts.values()) - sum(without.values())
    assert difference == pytest.approx(sum(counting_bill(10**8, load).values()))
    assert lean.to_terms({"CountExecutions": "false"}).counting is False


def test_auto_scaling_adds_billed_alarms() -> None:
    load = monthly_load(10**8)
    bills = monthly_bill(10**8, load), monthly_bill(10**8, load, Terms(capacity=Capacity(5, 5)))
    assert bills[1][Unit.STANDING] - bills[0][Unit.STANDING] == pytest.approx(4 * 2 * 4 * 0.10)


def test_metrics_are_billed_for_the_hours_in_which_they_have_values() -> None:
    """Four by service and two triggers, and those of batches, hard errors, retries and exhausted messages.

    A rare success has a value of three of the four, twice, and of its batch.
    """
    busy, rare = (monthly_bill(volume, monthly_load(volume))[Unit.METRIC] for volume in (10**9, 100))
    assert busy == pytest.approx(16 * 0.30)
    assert rare == pytest.approx(7 * 0.30 * 100 / 720, rel=0.1)


def test_an_idle_stack_costs_at_most_nine_dollars() -> None:
    assert standing_cost() <= 9


def test_lean_costs_less_than_two_dollars_per_million() -> None:
    """At 100 million per month, a history of 90 days and the section `lean`."""
    assert lean.read_overrides().keys() <= TEMPLATE["Parameters"].keys()
    assert " ".join("=".join(each) for each in lean.read_overrides().items()) in (ROOT / "docs/cost.md").read_text()
    assert HISTORY_MONTHS == 3
    assert tables.lean_per_million(10**8) <= 1.5
    assert tables.lean_per_million(10**8, used=0.6) < 2


def test_prices_of_alternatives_start_after_the_included_volume() -> None:
    svix, *_ = ALTERNATIVES
    assert (svix.usd(50_000), svix.usd(1_050_000)) == (490, 590)


NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def agree(written: str, computed: str) -> bool:
    """Compare words exactly and numbers within a tenth.

    A new metric then does not change every table.
    """
    if NUMBER.sub("", written) != NUMBER.sub("", computed):
        return False
    found, expected = (
        [float(number.replace(",", "")) for number in NUMBER.findall(text)] for text in (written, computed)
    )
    return found == pytest.approx(expected, rel=0.1, abs=0.011)


def test_numbers_agree_within_a_tenth() -> None:
    assert agree("| a | 1,050 |", "| a | 1,000 |")
    assert not agree("| a | 1,150 |", "| a | 1,000 |")
    assert not agree("| a | 1 |", "| b | 1 |")


def test_capacity_rises_in_steps_of_what_was_consumed() -> None:
    assert scale_up(5, 5) == ScaleUp(0, 0)
    assert scale_up(7, 5) == ScaleUp(minutes=3, late=2 * 180)
    assert scale_up(11, 5) == ScaleUp(minutes=6, late=(6 + 3) * 180)
    assert scale_up(1000, 5).minutes > 40


def test_the_first_two_rotations_of_both_keys_are_billed() -> None:
    assert count_key_rotations() == 4


@pytest.mark.parametrize("document", tables.DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_tables_match_the_model(document: Path) -> None:
    text = document.read_text()
    assert "<!-- end -->" in text
    assert agree(text, tables.fill_tables(text)), "run: .venv/bin/python -m docs.tables"


def test_the_readmes_prices_match_the_model() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    (claim,) = re.findall(r"From \$(\S+) per million webhooks .* to \$(\S+) at ten .* and \$(\S+) a month", readme)
    computed = tables.per_million(10**9), tables.per_million(10**7), standing_cost()
    assert tuple(map(float, claim)) == pytest.approx(computed, rel=0.1)
    (claim,) = re.findall(r"hundred million a month it is \$(\S+), or \[\$(\S+) with eight parameters\]", readme)
    assert tuple(map(float, claim)) == pytest.approx(
        (tables.per_million(10**8), tables.lean_per_million(10**8)), rel=0.1
    )
    assert len(lean.read_overrides()) == 8


def test_every_table_is_in_a_document() -> None:
    text = "".join(document.read_text() for document in tables.DOCUMENTS)
    assert all(f"<!-- {name} -->" in text for name in tables.TABLES)


@pytest.mark.parametrize(("name", "draw"), charts.CHARTS.items())
def test_the_charts_match_the_model(name: str, draw: Callable[[], str]) -> None:
    assert agree((charts.FOLDER / name).read_text(), draw()), "run: .venv/bin/python -m docs.charts"
