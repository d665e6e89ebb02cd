"""When a failed webhook is sent again."""

import math
import random
from collections.abc import Callable
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

    def next_attempt(
        self, delivery: Delivery, retries_used: int, now: datetime, uniform: Callable[[float, float], float]
    ) -> datetime | None:
        """When to send again after this failure; None where that is not to be: 410, a URL that is refused, the end."""
        if delivery.result == HTTPStatus.GONE or (delivery.error and not delivery.error.error_type.is_retried):
            return None
        if retries_used >= len(self.delays):
            return None
        asked = retry_after(delivery, now)
        if asked is not None:
            seconds = min(asked * uniform(1, 1 + JITTER), LONGEST_DELAY_SECONDS)
        else:
            seconds = self.delays[retries_used] * uniform(1 - JITTER, 1 + JITTER)
        return now + timedelta(seconds=seconds)


def retry_after(delivery: Delivery, now: datetime) -> float | None:
    """The seconds that a 429 or 503 asks to wait, from 1 to a day; None where it does not ask."""
    if delivery.result not in _ASKING_TO_WAIT or delivery.answer is None:
        return None
    asked = {name.lower(): value for name, value in delivery.answer.headers.items()}.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(min(max(int(asked[:9]), 1), LONGEST_DELAY_SECONDS))
    try:
        at = parsedate_to_datetime(asked)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(math.ceil((at - now).total_seconds()), 1), LONGEST_DELAY_SECONDS)


def jitter(low: float, high: float) -> float:
    """Chance, as `next_attempt` takes it."""
    return random.uniform(low, high)  # noqa: S311 - spreads load, guards nothing
