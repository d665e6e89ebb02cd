"""Retry schedules: when a failed webhook is sent again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hooklog.delivery.delivery import Delivery, Response
from hooklog.errors import ErrorType, HardError, InvalidSetting
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from hooklog.webhooks.retry import RetrySchedule
from tests import template

NOW = datetime(2026, 11, 24, 9, 0, 0, tzinfo=UTC)
CALL = Call.from_message(Message("w", "m", "https://example.com/", b"1", {}, None, 15))
STANDARD = RetrySchedule.parse(template.TEMPLATE["Parameters"]["RetrySchedule"]["Default"])


def failure(status: int = 500, retry_after: str | None = None, name: str = "Retry-After") -> Delivery:
    headers = {} if retry_after is None else {name: retry_after}
    return Delivery(CALL, 1, NOW, 5, {}, Response(status, headers, b"", truncated=False, length=0), None)


def hard_error(error_type: ErrorType) -> Delivery:
    return Delivery(CALL, 1, NOW, 5, {}, None, HardError(error_type, "no"))


def delay(delivery: Delivery, retries_used: int = 0, chance: float = 0.5) -> float | None:
    at = STANDARD.next_attempt(delivery, retries_used, NOW, lambda low, high: low + (high - low) * chance)
    return (at - NOW).total_seconds() if at else None


def test_the_default_is_the_schedule_of_standard_webhooks() -> None:
    hours = [2, 5, 10, 14, 20, 24]
    assert STANDARD.delays == (5, 5 * 60, 30 * 60, *[hour * 3600 for hour in hours])
    assert [delay(failure(), used) for used in range(10)] == [*STANDARD.delays, None]


def test_jitter_moves_a_delay_by_up_to_a_fifth() -> None:
    assert (delay(failure(), 1, 0), delay(failure(), 1, 1)) == (240, 360)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_schedule_disables_retries(text: str) -> None:
    assert RetrySchedule.parse(text).next_attempt(failure(), 0, NOW, max) is None


@pytest.mark.parametrize("text", ["5,", ",", "0", "86401", "-5", "5;300", "five", "5.5", "1," * 20 + "1", "\u0665"])
def test_an_invalid_schedule_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="RETRY_SCHEDULE"):
        RetrySchedule.parse(text)


IN_3_HOURS = NOW + timedelta(hours=3)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("000120", 120),
        ("30.5", 30.5),
        ("30.", 30),
        (format_datetime(IN_3_HOURS, usegmt=True), 3 * 3600),
        (f"{IN_3_HOURS:%A, %d-%b-%y %H:%M:%S} GMT", 3 * 3600),
        (f"{IN_3_HOURS:%a %b %d %H:%M:%S %Y}", 3 * 3600),
        (f"{IN_3_HOURS:%a, %d %b %Y %H:%M:%S}", 3 * 3600),
    ],
)
def test_retry_after_is_honoured(status: int, name: str, retry_after: str, seconds: float) -> None:
    assert delay(failure(status, retry_after, name), chance=0) == seconds
    assert delay(failure(status, retry_after, name), chance=1) == pytest.approx(seconds * 1.2)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120, 60", 120),
        ("60,120", 120),
        ("soon, 120", 120),
        (f"120, {format_datetime(IN_3_HOURS, usegmt=True)}", 3 * 3600),
        (f"{format_datetime(IN_3_HOURS, usegmt=True)}, 120", 3 * 3600),
    ],
)
def test_the_longest_of_several_retry_after_is_honoured(retry_after: str, seconds: float) -> None:
    assert delay(failure(503, retry_after), chance=0) == seconds


@pytest.mark.parametrize(
    "retry_after",
    ["86400", "86400.5", "9" * 400, "99999999999999.9", format_datetime(NOW + timedelta(days=9), usegmt=True)],
)
def test_retry_after_is_honoured_up_to_a_day(retry_after: str) -> None:
    assert delay(failure(503, retry_after), chance=1) == 86_400
    assert delay(failure(503, retry_after), retries_used=8, chance=1) == 86_400 * 1.2


OVERFLOWING = f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}"


@pytest.mark.parametrize(
    "retry_after",
    [
        *("0", "0.0", ".5", "1", "3.3"),
        *(format_datetime(NOW - timedelta(days=days), usegmt=True) for days in (0, 1, 9999)),
        *("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"),
        *("", " ", ",", "soon", "-5", "+120", "1e9", "nan", "inf", "120 s", "1_000", ".", "\u0665"),
        *("2026-11-25T10:00:00Z", "Tue, 99 Nov 2026 10:00:00 GMT", OVERFLOWING, "\ud800", "," * 300_000 + "9"),
    ],
)
def test_retry_after_never_brings_an_attempt_forward(retry_after: str) -> None:
    for used in range(len(STANDARD.delays)):
        for chance in (0, 1):
            assert delay(failure(503, retry_after), used, chance) == delay(failure(), used, chance)


@pytest.mark.parametrize("retry_after", ["0", "1", format_datetime(NOW - timedelta(hours=1), usegmt=True)])
def test_a_retry_after_of_zero_does_not_shorten_the_delay(retry_after: str) -> None:
    """If the receiver answers 503 for a minute, attempts are left after it."""
    delays = [delay(failure(503, retry_after), used, chance=0) or 0 for used in range(len(STANDARD.delays))]
    assert sum(delays[:-1]) > 60


@pytest.mark.parametrize("status", [500, 302, 404])
def test_retry_after_counts_only_with_429_and_503(status: int) -> None:
    assert delay(failure(status, "120")) == 5


def test_retry_after_does_not_add_attempts() -> None:
    assert delay(failure(503, "120"), retries_used=9) is None


def test_a_410_ends_the_retries() -> None:
    assert delay(failure(410)) is None


@pytest.mark.parametrize("error_type", ErrorType)
def test_a_hard_error_is_retried_depending_on_its_type(error_type: ErrorType) -> None:
    assert delay(hard_error(error_type)) == (5 if error_type.is_retried else None)
