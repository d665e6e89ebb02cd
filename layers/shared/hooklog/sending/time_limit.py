"""The time limit of a webhook test, so that the API can respond with its outcome."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Final, TypeVar

from hooklog.errors import NoTimeLeft

GATEWAY_SECONDS: Final = 29.0
"""How long API Gateway waits for a function before it responds with 504."""

RESPONSE_SECONDS: Final = 1.0
"""Reserved for the response."""

T = TypeVar("T")


class TimeLimit:
    """The time limit of an API call, counted from its creation."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def left(self, reserve: float = 0) -> float:
        """Return the seconds left, less a reserve; negative after the deadline."""
        return self._deadline - time.monotonic() - reserve

    def run(self, step: Callable[[], T], name: str, reserve: float = 0) -> T:
        """Run a step within the time left, and return its result.

        `name` is for the error's text.

        Raises the step's exceptions, and NoTimeLeft if it takes longer. It then continues in the background until its
        requests time out.
        """
        result: Future[T] = Future()
        if self.left(reserve) > 0:
            Thread(target=_run_step, args=(result, step), name=name, daemon=True).start()
            wait([result], timeout=max(self.left(reserve), 0))
        if not result.done():
            raise NoTimeLeft(f"{name} took too long")
        return result.result()


def _run_step(result: Future[T], step: Callable[[], T]) -> None:
    try:
        result.set_result(step())
    except BaseException as error:  # noqa: BLE001 - `result` raises it in the caller's thread
        result.set_exception(error)
