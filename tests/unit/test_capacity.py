"""The capacity model: cases whose answers are known without it, and the documents that quote it."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import recipe
from benchmarks.bill import HISTORY_MONTHS, Capacity, Terms, load_of, monthly, reads, rotations, standing, writes
from benchmarks.capacity import LOG_SECONDS, Deployment, Load, Receivers, Rise, rise
from benchmarks.prices import OFFERS, PRICES, Unit
from benchmarks.quotas import QUOTAS, Quota
from benchmarks.taken import TAKEN
from docs import charts, tables
from tests.template import ROOT, TEMPLATE

STEADY = Receivers(median_seconds=1, slow_seconds=1, failing=0, hanging=0)
"""Each answers after one second."""
ONE_AT_A_TIME = Deployment(batch_size=1, delays=())


def near(value: float) -> object:
    return pytest.approx(value, rel=0.05)


def test_little_s_law() -> None:
    """Fifty come a second and stay for a second: fifty are there."""
    load = Load(50, (STEADY,), ONE_AT_A_TIME)
    assert load.concurrency == near(50)
    assert load.in_flight == near(50)
    assert load.invocations == 50


def test_a_full_batch_is_one_invocation() -> None:
    load = Load(500, (STEADY,), Deployment(delays=()))
    assert load.fill == 10
    assert (load.invocations, load.concurrency, load.in_flight) == (50, near(50), near(500))


def test_batches_fill_as_far_as_five_pollers_leave_waiting() -> None:
    """Twenty a second, and each of five pollers away for a second: four come meanwhile."""
    assert Load(20, (STEADY,)).fill == near(4)


def test_few_webhooks_go_alone() -> None:
    assert Load(0.1, (STEADY,)).fill == 1


def test_a_window_fills_batches_and_keeps_messages() -> None:
    load = Load(10, (STEADY,), Deployment(window_seconds=2, delays=()))
    assert load.fill == near(6)  # ten a second, for five pollers that are away for three seconds
    assert load.in_flight == near(10 * (1 + 1))  # a second in their batch, and half of the window on average


def test_a_batch_takes_as_long_as_its_slowest_receiver() -> None:
    """Of ten receivers of which one in ten hangs, one does in 1 - 0.9 ^ 10 of all batches."""
    load = Load(1000, (replace(STEADY, hanging=0.1, lasting=0),), Deployment(delays=()))
    share = 1 - 0.9**10
    assert load.batch_seconds == near(share * 15 + (1 - share) * 1)


def test_half_of_the_answers_come_within_the_median() -> None:
    receivers = Receivers(median_seconds=0.2, slow_seconds=2)
    assert receivers.answered_within(0.2) == pytest.approx(0.5)
    assert receivers.answered_within(2) == pytest.approx(0.99)


def test_our_own_time_grows_as_the_memory_shrinks() -> None:
    large, small = (Load(1, (STEADY,), Deployment(memory_mb=memory)).seconds_of(10) for memory in (1769, 256))
    assert small - 1 - LOG_SECONDS == near((large - 1 - LOG_SECONDS) * 1769 / 256)


def test_failures_come_again_as_long_as_they_last() -> None:
    load = Load(100, (Receivers(failing=0.1, hanging=0, lasting=0.5),), Deployment(delays=(5, 300, 1800)))
    assert load.executions == pytest.approx(100 + 10 + 5 + 2.5)
    assert load.failures == pytest.approx(10 + 5 + 2.5 + 1.25)
    assert load.messages_delayed == pytest.approx(10 * 5 + 5 * 300)
    assert load.schedules_set == pytest.approx(2.5)
    assert load.schedules_kept == pytest.approx(2.5 * 1800)


def test_a_failure_that_began_lately_has_had_few_retries() -> None:
    dead = Receivers(failing=1, hanging=0, lasting=1)
    load = Load(1, (dead,), Deployment(delays=(5, 300, 1800)), since_seconds=1000)
    assert load.executions == 3
    assert load.schedules_set == 1
    assert load.schedules_kept == 1000 - 305


def test_write_units_are_those_that_were_counted() -> None:
    """Of a failure, and of the success behind it, one is the registry's."""
    load = Load(100, (Receivers(failing=0.1, hanging=0, lasting=0),), Deployment(delays=(5,)))
    assert load.write_units == pytest.approx(90 * 2 + 10 * 5 + 10 * 5)


def test_the_hottest_partition_is_the_busiest_webhook_s() -> None:
    others, busiest = replace(STEADY, share=0.8), replace(STEADY, share=0.2, one_webhook=True)
    assert Load(100, (others, busiest)).hottest_partition == pytest.approx(20)


def test_each_environment_decrypts_each_webhook_s_key_once() -> None:
    few = Load(1, (STEADY,), ONE_AT_A_TIME, webhooks=72)
    assert few.decrypts == pytest.approx(few.concurrency * 72 / 7200)
    assert replace(few, webhooks=10**9).decrypts == few.executions


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.name)
def test_a_quota_breaks_where_it_is_reached(quota: Quota) -> None:
    dead = Load(1, (Receivers(failing=0.5, hanging=0.5, lasting=1, one_webhook=True),))
    rate = quota.breaks_at(dead)
    assert rate < math.inf
    assert quota.taken(replace(dead, per_second=rate)) == pytest.approx(quota.limit, rel=0.01)


def test_the_log_s_units_are_those_of_its_tables_and_indexes() -> None:
    """By the request, each is paid for; so places that are summed here wrongly would not add up to what was counted."""
    load = Load(100, (Receivers(failing=0.1),))
    noted = load.failures + load.recovered  # in the registry: a failure, and the success behind it
    assert sum(writes(load)) + noted == pytest.approx(load.write_units)
    of_registry = (load.executions - 100) * TAKEN["met first"].read_units
    assert sum(reads(load)) + of_registry == pytest.approx((load.executions - 100) * TAKEN["retried"].read_units)


def test_capacity_is_paid_for_as_it_stands_there() -> None:
    """A hundred successes a second: a hundred units in the table, as many in an index, five in each of the others."""
    load = Load(100, (STEADY,), Deployment(delays=()))
    assert Capacity(5, 2, used=0.5).write_units(load) == 200 + 200 + 5 + 5
    assert Capacity(5, 2, used=0.5).read_units(load) == 4 * 2


def test_a_class_for_infrequent_access_stores_for_less_and_writes_for_more() -> None:
    load = load_of(10**8)
    usual, infrequent = monthly(10**8, load), monthly(10**8, load, Terms(infrequent=True))
    registry = PRICES[Unit.WRITE_UNIT].of(30 * 86_400 * (load.failures + load.recovered))
    assert infrequent[Unit.WRITE_UNIT] - registry == pytest.approx(1.25 * (usual[Unit.WRITE_UNIT] - registry))
    assert infrequent[Unit.STORED_GB] == pytest.approx(0.4 * usual[Unit.STORED_GB])


def test_scaling_makes_alarms_that_are_paid_for() -> None:
    load = load_of(10**8)
    bills = monthly(10**8, load), monthly(10**8, load, Terms(capacity=Capacity(5, 5)))
    assert bills[1][Unit.STANDING] - bills[0][Unit.STANDING] == pytest.approx(4 * 2 * 4 * 0.10)


def test_a_hundred_million_a_month_can_be_had_for_less_than_two_dollars_each() -> None:
    """With the history kept for 90 days, by samconfig.toml's section `lean`."""
    assert recipe.overrides().keys() <= TEMPLATE["Parameters"].keys()
    assert " ".join("=".join(each) for each in recipe.overrides().items()) in (ROOT / "docs/cost.md").read_text()
    assert HISTORY_MONTHS == 3
    assert tables.lean_per_million(10**8, used=0.6) < 2


def test_others_prices_begin_behind_what_they_include() -> None:
    svix, *_ = OFFERS
    assert (svix.usd(50_000), svix.usd(1_050_000)) == (490, 590)


NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def agree(written: str, reckoned: str) -> bool:
    """The same words, and numbers within a tenth: one metric more or less need not be in every table at once."""
    if NUMBER.sub("", written) != NUMBER.sub("", reckoned):
        return False
    found, expected = (
        [float(number.replace(",", "")) for number in NUMBER.findall(text)] for text in (written, reckoned)
    )
    return found == pytest.approx(expected, rel=0.1, abs=0.011)


def test_numbers_agree_within_a_tenth() -> None:
    assert agree("| a | 1,050 |", "| a | 1,000 |")
    assert not agree("| a | 1,150 |", "| a | 1,000 |")
    assert not agree("| a | 1 |", "| b | 1 |")


def test_capacity_rises_in_steps_of_what_was_consumed() -> None:
    assert rise(5, 5) == Rise(0, 0)
    assert rise(7, 5) == Rise(minutes=3, late=2 * 180)
    assert rise(11, 5) == Rise(minutes=6, late=(6 + 3) * 180)
    assert rise(1000, 5).minutes > 40


def test_both_keys_are_paid_for_twice_more() -> None:
    assert rotations() == 4


@pytest.mark.parametrize("document", tables.DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_tables_are_the_model_s(document: Path) -> None:
    text = document.read_text()
    assert "<!-- end -->" in text
    assert agree(text, tables.filled(text)), "run: .venv/bin/python -m docs.tables"


def test_the_readme_s_prices_are_the_model_s() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    (claim,) = re.findall(r"From \$(\S+) per million webhooks .* to \$(\S+) at ten .* and \$(\S+) a month", readme)
    reckoned = tables.per_million(10**9), tables.per_million(10**7), standing()
    assert tuple(map(float, claim)) == pytest.approx(reckoned, rel=0.1)
    (claim,) = re.findall(r"hundred million a month it is \$(\S+), or \[\$(\S+) with six parameters\]", readme)
    assert tuple(map(float, claim)) == pytest.approx(
        (tables.per_million(10**8), tables.lean_per_million(10**8)), rel=0.1
    )
    assert len(recipe.overrides()) == 6


def test_every_table_is_in_a_document() -> None:
    text = "".join(document.read_text() for document in tables.DOCUMENTS)
    assert all(f"<!-- {name} -->" in text for name in tables.TABLES)


@pytest.mark.parametrize(("name", "draw"), charts.CHARTS.items())
def test_the_charts_are_the_model_s(name: str, draw: Callable[[], str]) -> None:
    assert agree((charts.FOLDER / name).read_text(), draw()), "run: .venv/bin/python -m docs.charts"
