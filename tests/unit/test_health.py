"""A webhook's counts decide which events are raised, and when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.errors import ErrorType
from hooklog.events.event import EventType, build_disabled, is_exhausted
from hooklog.events.health import MAX_PENDING, Health, add_exhausted, evaluate, is_failing
from hooklog.executions.execution import Trigger, compact_time
from hooklog.executions.rows import StreamedExecution
from hooklog.statistics.counts import Counts
from hooklog.statistics.hours import hour_of
from tests.event_schemas import check_event

ID = "acme.orders"
NOW = datetime(2026, 11, 28, 14, 5, tzinfo=UTC)
FAILS, WORKS = Counts(failed=3), Counts(succeeded=3)


def hour(ago: int = 0) -> str:
    return hour_of(NOW - timedelta(hours=ago))


def events(health: Health, at: datetime = NOW) -> list[str]:
    """Return the type and hour of each event that is due, and check all pending ones."""
    for pending in health.pending:
        check_event(pending.event)
    due = [each.event for each in health.due(at)]
    return [f"{event['type'].rpartition('.')[2]} {event['hour'][11:13]}" for event in due]


def count(text: str) -> Counts:
    """Read `2/10`: two of ten attempts failed."""
    failed, _, attempts = text.partition("/")
    return Counts(failed=int(failed), succeeded=int(attempts) - int(failed))


@pytest.mark.parametrize(
    ("counts", "fails"),
    [
        ("3/3", True),
        ("2/2", False),
        ("9/9", True),
        ("8/9", False),
        ("6/10", True),
        ("5/10", False),
        ("10/10", True),
        ("501/1000", True),
        ("500/1000", False),
        ("0/0", False),
    ],
)
def test_a_webhook_fails_if_most_of_ten_or_all_of_three_attempts_failed(counts: str, fails: bool) -> None:
    health = evaluate(Health(), ID, {hour(): count(counts)}, NOW)
    assert events(health) == (["failing 14"] if fails else [])


@pytest.mark.parametrize(("counts", "recovers"), [("3/7", True), ("3/6", False), ("0/1", True), ("1/1", False)])
def test_a_failing_webhook_recovers_if_more_attempts_succeeded_than_failed(counts: str, recovers: bool) -> None:
    failing = evaluate(Health(), ID, {hour(1): FAILS}, NOW)
    health = evaluate(failing, ID, {hour(): count(counts)}, NOW)
    assert events(health) == ["failing 13", *(["recovered 14"] if recovers else [])]
    assert bool(health.failing_since) is not recovers


def test_excluded_executions_and_skipped_messages_are_no_attempts() -> None:
    ignored = Counts(failed=50, excluded_failures=48, succeeded=9, excluded_successes=9, skipped=9)
    assert evaluate(Health(), ID, {hour(): ignored}, NOW) == Health()
    failing = evaluate(Health(), ID, {hour(): FAILS}, NOW)
    assert evaluate(failing, ID, {hour(): FAILS + ignored}, NOW) == failing


def test_an_events_fields_say_what_happened() -> None:
    health = evaluate(Health(), ID, {hour(2): count("6/10"), hour(1): count("1/9")}, NOW)
    failing, recovered = (pending.event for pending in health.pending)
    assert failing == {
        "type": "webhook.failing",
        "version": 1,
        "event_id": "webhook.failing:acme.orders:2026-11-28T14",
        "webhook_id": "acme.orders",
        "at": "2026-11-28T14:05:00.000000Z",
        "hour": "2026-11-28T12:00:00Z",
        "attempts": 10,
        "failed": 6,
    }
    changed = {"type": "webhook.recovered", "event_id": "webhook.recovered:acme.orders:2026-11-28T14"}
    counts = {"attempts": 9, "failed": 1, "hour": "2026-11-28T13:00:00Z", "failing_since": "2026-11-28T12:00:00Z"}
    assert recovered == {**failing, **changed, **counts}


def test_the_same_counts_again_raise_nothing() -> None:
    hours = {hour(2): FAILS, hour(1): FAILS, hour(): WORKS}
    health = evaluate(Health(), ID, hours, NOW)
    assert events(health) == ["failing 12", "recovered 14"]
    assert evaluate(health, ID, hours, NOW) == health


def test_hours_that_are_older_than_a_day_raise_nothing() -> None:
    assert evaluate(Health(), ID, {hour(25): FAILS, hour(30): FAILS}, NOW) == Health()
    assert events(evaluate(Health(), ID, {hour(24): FAILS}, NOW)) == ["failing 14"]


def test_an_old_hour_does_not_contradict_what_later_ones_said() -> None:
    hours = {hour(4): FAILS, hour(2): WORKS}
    health = evaluate(Health(), ID, hours, NOW)
    assert evaluate(health, ID, {hour(3): FAILS}, NOW) == health
    assert evaluate(health, ID, {hour(5): FAILS}, NOW) == health
    failing = evaluate(Health(), ID, {hour(1): FAILS}, NOW)
    assert evaluate(failing, ID, {hour(3): WORKS}, NOW) == failing


def test_several_hours_at_once_raise_one_event_of_a_type_now() -> None:
    """The functions were down for hours: the second outage is published in the next hour."""
    health = evaluate(Health(), ID, {hour(4): FAILS, hour(3): WORKS, hour(2): FAILS}, NOW)
    assert events(health) == ["failing 10", "recovered 11"]
    later = NOW.replace(hour=15, minute=0)
    assert events(health, later) == ["failing 10", "recovered 11", "failing 12"]


def test_a_deferred_event_is_withdrawn_if_the_opposite_happens() -> None:
    deferred = evaluate(Health(), ID, {hour(4): FAILS, hour(3): WORKS, hour(2): FAILS}, NOW)
    health = evaluate(deferred, ID, {hour(1): WORKS}, NOW)
    assert (events(health, NOW + timedelta(days=1)), health.failing_since) == (["failing 10", "recovered 11"], "")
    again = evaluate(health, ID, {hour(): FAILS}, NOW)
    assert events(again, NOW + timedelta(hours=1))[2:] == ["failing 14"], "in the next hour, not the one after"


@pytest.mark.parametrize(
    ("steps", "published"),
    [
        (["3/3", "3/7", "23/27"], ["failing", "recovered", "failing"]),
        (["3/3", "3/7", "23/27", "23/50"], ["failing", "recovered"]),
        (["3/3", "3/7", "23/27", "23/50", "40/67"], ["failing", "recovered", "failing"]),
        (["3/3", "0/1", "20/21"], ["failing", "recovered", "failing"]),
    ],
)
def test_what_an_hour_says_last_is_published_in_the_next_one(steps: list[str], published: list[str]) -> None:
    health = Health()
    for counts in steps:
        health = evaluate(health, ID, {hour(): count(counts)}, NOW)
    assert [event.rpartition(" ")[0] for event in events(health, NOW + timedelta(hours=1))] == published


def test_a_webhook_that_fails_again_in_the_hour_of_its_recovery_recovers_again() -> None:
    health = evaluate(Health(), ID, {hour(1): FAILS}, NOW - timedelta(hours=1))
    for counts in ("0/1", "20/21", "20/121"):
        health = evaluate(health, ID, {hour(1): FAILS, hour(): count(counts)}, NOW)
    published = ["failing 13", "recovered 14", "failing 14", "recovered 14"]
    assert (events(health, NOW + timedelta(hours=1)), health.failing_since) == (published, "")


def test_a_withdrawn_recovery_leaves_the_webhook_failing_since_its_first_hour() -> None:
    hours = {hour(5): FAILS, hour(4): WORKS, hour(3): FAILS}
    health = evaluate(Health(), ID, hours, NOW)
    published = health.without(frozenset(each.event["event_id"] for each in health.pending))
    recovered = evaluate(published, ID, {hour(2): WORKS}, NOW)
    assert (events(recovered), len(recovered.pending)) == ([], 1)
    failing = evaluate(recovered, ID, {hour(1): FAILS}, NOW)
    assert (failing.pending, failing.failing_since) == ((), hour(3))


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 12), st.integers(0, 12)), max_size=60))
def test_any_history_raises_at_most_one_event_of_a_type_an_hour(steps: list[tuple[int, int, int]]) -> None:
    """Events alternate, also while a webhook flaps, and the last one says what the state says."""
    health, now, counts, published = Health(), NOW, dict[str, Counts](), list[tuple[str, dict[str, Any]]]()

    def publish() -> None:
        nonlocal health
        due = health.due(now)
        published.extend((hour_of(now), dict(each.event)) for each in due)
        health = health.without(frozenset(each.event["event_id"] for each in due))

    for minutes, failed, succeeded in steps:
        now += timedelta(minutes=minutes)
        executed_at = hour_of(now - timedelta(minutes=5))
        counts[executed_at] = counts.get(executed_at, Counts()) + Counts(failed=failed, succeeded=succeeded)
        health = evaluate(health, ID, counts, now)
        publish()
    now += timedelta(hours=2)
    publish()
    assert health.pending == ()
    assert len({event["event_id"] for _, event in published}) == len(published)
    assert len({(event["type"], slot) for slot, event in published}) == len(published)
    types = [event["type"] for _, event in published]
    assert (
        types == [str(EventType.FAILING), str(EventType.RECOVERED)] * (len(types) // 2) + types[len(types) // 2 * 2 :]
    )
    assert bool(health.failing_since) == (len(types) % 2 == 1)
    if counts and is_failing(newest := counts[max(counts)]):
        assert health.failing_since
    elif counts and newest.succeeded > newest.failed:
        assert not health.failing_since


def execution(at: datetime = NOW, **changes: Any) -> StreamedExecution:
    fields = {"message_id": "m1", "event_type": None, "attempt": 10, "duration_ms": 5, "result": 500, "success": False}
    flags = {"skipped": False, "hard_error": False, "error_type": None, "exhausted": True, "trigger": Trigger.RETRY}
    ids = {"webhook_id": ID, "execution_id": f"{compact_time(at)}-00000000"}
    return StreamedExecution(**{**ids, **fields, **flags, **changes})


def test_an_exhausted_message_raises_an_event_once_an_hour() -> None:
    health = add_exhausted(Health(), execution(), NOW)
    assert events(health) == ["exhausted 14"]
    assert add_exhausted(health, execution(message_id="m2"), NOW) == health
    assert health.pending[0].event == {
        "type": "message.exhausted",
        "version": 1,
        "event_id": "message.exhausted:acme.orders:20261128T140500.000000Z-00000000",
        "webhook_id": "acme.orders",
        "at": "2026-11-28T14:05:00.000000Z",
        "hour": "2026-11-28T14:00:00Z",
        "message_id": "m1",
        "execution_id": "20261128T140500.000000Z-00000000",
        "attempts": 10,
        "result": 500,
    }


def test_exhausted_messages_of_several_hours_raise_one_event_when_they_are_counted() -> None:
    health = Health()
    for hours in (4, 5, 3, 2, 30):
        health = add_exhausted(health, execution(NOW - timedelta(hours=hours)), NOW)
    assert events(health) == events(health, NOW + timedelta(days=1)) == ["exhausted 10"]


def test_an_exhausted_message_is_published_when_it_is_counted_hour_after_hour() -> None:
    """The first one was counted in the hour after its execution."""
    health = Health()
    for hours in range(5):
        now = NOW + timedelta(hours=hours)
        health = add_exhausted(health, execution(now - timedelta(minutes=6 if hours == 0 else 1)), now)
        assert len(health.due(now)) == hours + 1


def test_an_earlier_hour_that_is_counted_later_raises_its_event() -> None:
    health = add_exhausted(Health(), execution(NOW), NOW)
    later = NOW + timedelta(hours=1)
    assert events(add_exhausted(health, execution(NOW - timedelta(hours=2)), later), later)[1:] == ["exhausted 12"]


@pytest.mark.parametrize("error_type", [None, *ErrorType])
def test_every_error_type_that_can_exhaust_a_message_is_in_the_schema(error_type: str | None) -> None:
    failed = execution(result=0, hard_error=True, error_type=error_type, event_type="order.created")
    if is_exhausted(failed):
        check_event(add_exhausted(Health(), failed, NOW).pending[0].event)
    else:
        assert error_type in {"disabled_webhook", "unknown_webhook"}


@pytest.mark.parametrize("changes", [{"trigger": Trigger.TEST}, {"exhausted": False}])
def test_a_webhook_test_or_a_failure_with_a_retry_is_not_exhausted(changes: dict[str, Any]) -> None:
    assert is_exhausted(execution())
    assert not is_exhausted(execution(**changes))


def test_the_newest_events_are_kept_if_too_many_wait() -> None:
    health, at = Health(), NOW
    for _ in range(MAX_PENDING + 1):
        at += timedelta(seconds=1)
        event = build_disabled(ID, "gone", at)
        health = health.with_pending(event, event["at"]).with_pending(event, event["at"])
        check_event(event)
    assert len(health.pending) == MAX_PENDING
    assert health.pending[-1].due_at == "2026-11-28T14:08:21.000000Z"
