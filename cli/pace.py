"""How fast a command calls the API, and how it waits if that was too fast."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

CALLS_PER_SECOND: Final = 10
"""A fifth of the API's default limit per method (the parameter ApiRateLimit), which all callers share."""
MAX_WAITS: Final = 5
"""How often in a row a call waits after a 429."""
_MAX_WAIT_SECONDS: Final = 60.0


@dataclass(slots=True)
class Pace:
    """At most `per_second` calls a second. Not thread-safe."""

    per_second: float = CALLS_PER_SECOND
    sleep: Callable[[float], None] = time.sleep
    _next: float = field(default=0.0, init=False)

    def wait(self) -> None:
        """Wait until the next call is due."""
        now = time.monotonic()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second

    def back_off(self, waits: int, retry_after: str | None) -> None:
        """Wait after a 429 as Retry-After says, or 1, 2, 4 … s, at most a minute."""
        seconds = float(retry_after) if retry_after and retry_after.isdecimal() else 2.0**waits
        self.sleep(min(seconds, _MAX_WAIT_SECONDS))
