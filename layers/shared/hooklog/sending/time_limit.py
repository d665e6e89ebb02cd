"""The time in which a webhook test has to be over, for its outcome to be answered."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Final, TypeVar

from hooklog.errors import NoTimeLeft

GATEWAY_SECONDS: Final = 29.0
"""How long API Gateway waits for a function; then it answers 504, whatever the function has done."""

ANSWER_SECONDS: Final = 1.0
"""Kept free for the answer itself."""

T = TypeVar("T")


class TimeLimit:
    """Counts down what is left of a call's time."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self, reserve: float = 0) -> float:
        """Seconds, with so many kept free for what comes after; negative when it is over."""
        return self._ends - time.monotonic() - reserve

    def run(self, step: Callable[[], T], what: str, reserve: float = 0) -> T:
        """The step's result; `what` names it. Raises what the step raises, and NoTimeLeft where it takes longer.

        It goes on then, but nobody waits for it: each request that it makes has a time-out of its own.
        """
        result: Future[T] = Future()
        if self.left(reserve) > 0:
            Thread(target=_settle, args=(result, step), name=what, daemon=True).start()
            wait([result], timeout=max(self.left(reserve), 0))
        if not result.done():
            raise NoTimeLeft(f"{what} took too long")
        return result.result()


def _settle(result: Future[T], step: Callable[[], T]) -> None:
    try:
        result.set_result(step())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the result is asked for
        result.set_exception(error)
