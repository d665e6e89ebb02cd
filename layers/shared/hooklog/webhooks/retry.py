"""When a failed webhook is sent again."""

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
"""Share of a delay by which it may be shorter or longer, so that those who failed together do not return together."""

_SECONDS = re.compile(r"\d+\.?\d*|\.\d+", re.ASCII)
_READ_LENGTH = 1000  # characters of Retry-After: several dates
# The statuses for which RFC 6585 and RFC 9110 name Retry-After
_ASKING_TO_WAIT = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class RetrySchedule(NamedTuple):
    """The seconds between one attempt and the next; none at all turns retries off."""

    delays: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "RetrySchedule":
        """Read `5,300,1800`. Raises InvalidSetting with what is wrong with it."""
        items = [item.strip() for item in text.split(",")] if text.strip() else []
        if not all(item.isascii() and item.isdecimal() and 1 <= int(item) <= LONGEST_DELAY_SECONDS for item in items):
            raise InvalidSetting(
                f"RETRY_SCHEDULE must be whole seconds of 1 to {LONGEST_DELAY_SECONDS} and commas between, not {text!r}"
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
        """When to send again after this failure; None where that is not to be: 410, a URL that is refused, the end."""
        if delivery.result == HTTPStatus.GONE or (delivery.error and not delivery.error.error_type.is_retried):
            return None
        if retries_used >= len(self.delays):
            return None
        delay = self.delays[retries_used] * uniform(1 - JITTER, 1 + JITTER)
        asked = min(retry_after(delivery, now) * uniform(1, 1 + JITTER), LONGEST_DELAY_SECONDS)
        return now + timedelta(seconds=max(delay, asked))


def retry_after(delivery: Delivery, now: datetime) -> float:
    """The seconds that a 429 or 503 asks to wait at least; 0 if it does not ask, or for a time that is past."""
    if delivery.result not in _ASKING_TO_WAIT or delivery.response is None:
        return 0
    return max([0, *_asked(delivery.response.get_header("retry-after")[:_READ_LENGTH], now)])


def _asked(values: str, now: datetime) -> Iterator[float]:
    """The seconds that each value asks for: a header may come twice. A date's own comma only parts its weekday."""
    for value in map(str.strip, values.split(",")):
        if _SECONDS.fullmatch(value):
            yield float(value)
            continue
        try:
            at = parsedate_to_datetime(value)  # in any of the three forms of RFC 9110, section 5.6.7
        except (ValueError, OverflowError):
            continue
        yield ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def jitter(low: float, high: float) -> float:
    """Chance, as `next_attempt` takes it."""
    return random.uniform(low, high)  # noqa: S311 - spreads load, guards nothing
