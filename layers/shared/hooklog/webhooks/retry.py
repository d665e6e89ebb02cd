"""The retry schedule, and Retry-After."""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, NamedTuple

from hooklog.delivery.delivery import Delivery
from hooklog.errors import InvalidSetting

LONGEST_DELAY_SECONDS: Final = 86_400
"""The longest delay of a schedule, and the longest `Retry-After` that is honoured."""

MAX_RETRIES: Final = 20
JITTER: Final = 0.2
"""The fraction by which a delay may be shorter or longer, so that retries of simultaneous failures spread out."""

_SECONDS = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_READ_LENGTH = 1000  # characters of Retry-After: several dates
# The statuses for which RFC 6585 and RFC 9110 define Retry-After
_RETRY_AFTER_STATUSES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class RetrySchedule(NamedTuple):
    """The seconds between one attempt and the next; empty disables retries."""

    delays: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "RetrySchedule":
        """Parse `5,300,1800`; empty disables retries. Raises InvalidSetting."""
        items = [item.strip() for item in text.split(",")] if text.strip() else []
        if not all(item.isascii() and item.isdecimal() and 1 <= int(item) <= LONGEST_DELAY_SECONDS for item in items):
            raise InvalidSetting(
                f"RETRY_SCHEDULE must be whole seconds from 1 to {LONGEST_DELAY_SECONDS}"
                f", separated by commas, not {text!r}"
            )
        if len(items) > MAX_RETRIES:
            raise InvalidSetting(f"RETRY_SCHEDULE must have at most {MAX_RETRIES} delays, not {len(items)}")
        return cls(tuple(map(int, items)))

    @classmethod
    def from_list(cls, delays: Iterable[int]) -> "RetrySchedule":
        return cls(tuple(delays))

    def to_list(self) -> list[int]:
        return list(self.delays)

    def next_attempt(
        self, delivery: Delivery, retries_used: int, now: datetime, uniform: Callable[[float, float], float]
    ) -> datetime | None:
        """Return when to retry this failure, or None.

        There is no retry after a 410, a permanent hard error or the schedule's end.
        """
        if delivery.result == HTTPStatus.GONE or (delivery.error and not delivery.error.error_type.is_retried):
            return None
        if retries_used >= len(self.delays):
            return None
        delay = self.delays[retries_used] * uniform(1 - JITTER, 1 + JITTER)
        requested = min(parse_retry_after(delivery, now) * uniform(1, 1 + JITTER), LONGEST_DELAY_SECONDS)
        return now + timedelta(seconds=max(delay, requested))


def parse_retry_after(delivery: Delivery, now: datetime) -> float:
    """Return the seconds in the response's Retry-After.

    0 if it has none, a past time, or a status other than 429 and 503.
    """
    if delivery.result not in _RETRY_AFTER_STATUSES or delivery.response is None:
        return 0
    return max([0, *_parse_values(delivery.response.get_header("retry-after")[:_READ_LENGTH], now)])


def _parse_values(values: str, now: datetime) -> Iterator[float]:
    """Parse each value of a repeated header to seconds.

    Splitting a date at its comma removes only the weekday.
    """
    for value in map(str.strip, values.split(",")):
        if _SECONDS.fullmatch(value):
            yield float(value)
            continue
        try:
            at = parsedate_to_datetime(value)  # in any of the three forms of RFC 9110, section 5.6.7
        except (ValueError, OverflowError):
            continue
        yield ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def draw_jitter(low: float, high: float) -> float:
    """Draw a random number for `next_attempt`."""
    return random.uniform(low, high)  # noqa: S311 - spreads load, guards nothing
