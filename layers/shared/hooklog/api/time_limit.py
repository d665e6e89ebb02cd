"""The time in which an API call has to be answered."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, Final, TypeVar

from hooklog.errors import NoTimeLeft

GATEWAY_SECONDS: Final = 29.0
"""How long API Gateway waits for a function; then it answers 504, whatever the function has done."""

ANSWER_SECONDS: Final = 1.0
"""Kept free for the answer itself."""

T = TypeVar("T")


class TimeLimit:
    """Counts down what is left of one call's time."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @classmethod
    def of_call(cls, event: Mapping[str, Any], context: Any) -> "TimeLimit":
        """What API Gateway and Lambda still give this call, less ANSWER_SECONDS.

        API Gateway's time runs from when it received the request, through the authorizer and a cold start. A time of
        receipt that is longer ago is not this call's: someone replays an event.
        """
        received_at = (event.get("requestContext") or {}).get("requestTimeEpoch") or 0
        waited = time.time() - received_at / 1000
        left = GATEWAY_SECONDS - (waited if 0 < waited < GATEWAY_SECONDS else 0)
        if context is not None:
            left = min(left, context.get_remaining_time_in_millis() / 1000)
        return cls(left - ANSWER_SECONDS)

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
