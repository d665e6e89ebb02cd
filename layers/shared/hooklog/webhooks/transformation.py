"""What a webhook's transformation makes of a payload: the body that is sent.

Expressions are customers' code. They are evaluated in a process of their own, which is given no credentials, little
memory and little time, and is started anew where that is not enough for it.
"""

import json
import math
from collections.abc import Callable
from typing import Final

from hooklog.errors import ErrorType, HardError, InvalidRequest, NoTimeLeft
from hooklog.messages.message import Message
from hooklog.webhooks.child_process import (
    ANSWER_SECONDS,
    FAILED,
    OVERTIME,
    SKIPPED,
    START_SECONDS,
    TOO_MUCH,
    Evaluator,
)
from hooklog.webhooks.fair_queue import FairQueue, Lane, Owner

MAX_CPU_SECONDS: Final = 0.5
"""For all of an evaluation: the wall clock would count what other processes do."""

QUICK_CPU_SECONDS: Final = 0.02
"""What an expression has at first, a hundred times what most take. One that needs more waits until no other has to wait
for its first turn, and begins again."""

EVALUATION_SECONDS: Final = START_SECONDS + 2 * ANSWER_SECONDS
"""What one evaluation may take: in a process that has to be started first, or in one that is there and a new one."""

_TOO_MUCH = "it needs too much memory, or is nested too deeply"
_TOO_LONG = f"it takes more than {MAX_CPU_SECONDS:g} s to evaluate"


class _Failed(Exception):
    """An expression does not compile, fails or runs out of bounds; says how, without a value of the payload."""


class Transformer:
    """Has expressions evaluated, one at a time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._queue = FairQueue()
        self._evaluator = Evaluator()

    def transform(
        self, message: Message, expression: str | None, seconds_left: Callable[[], float] = lambda: math.inf
    ) -> Message | None:
        """Return the message to send; None if the expression returns undefined or null.

        A message that was transformed before does not change. Raises HardError if the expression fails or exceeds its
        limits, NoTimeLeft if fewer than EVALUATION_SECONDS remain when it could start, and EvaluatorUnavailable.
        """
        if expression is None or message.is_transformed:
            return message._replace(is_transformed=True)
        try:
            owner = Owner(message.webhook_id, expression)
            answer = self._ask(owner, _request(expression, message), seconds_left)
        except _Failed as failed:
            reason = f"The transformation failed: {failed}"
            raise HardError(ErrorType.TRANSFORMATION_ERROR, reason) from None
        if answer[:1] == SKIPPED:
            return None
        return message._replace(body=answer[1:], is_transformed=True)

    def check(self, expression: str) -> None:
        """Raises InvalidRequest where it does not compile, EvaluatorUnavailable where that is our fault."""
        try:
            self._evaluate(Owner("", expression), b'"expression":%b}' % _json(expression), Lane.SLOW, lambda: math.inf)
        except _Failed as failed:
            raise InvalidRequest(f"transformation does not compile: {failed}") from None

    def _ask(self, owner: Owner, request: bytes, seconds_left: Callable[[], float]) -> bytes:
        answer = self._evaluate(owner, request, self._queue.lane_of(owner), seconds_left)
        return self._evaluate(owner, request, Lane.SLOW, seconds_left) if answer == OVERTIME else answer

    def _evaluate(self, owner: Owner, request: bytes, lane: Lane, seconds_left: Callable[[], float]) -> bytes:
        """The answer; OVERTIME only to one that had a first turn. Raises _Failed, NoTimeLeft."""
        seconds = QUICK_CPU_SECONDS if lane is Lane.QUICK else MAX_CPU_SECONDS
        with self._queue.turn(owner, lane, seconds_left() - EVALUATION_SECONDS):
            if seconds_left() < EVALUATION_SECONDS:  # those before it may have taken as long
                raise NoTimeLeft(f"{EVALUATION_SECONDS:g} s may be needed to evaluate this")
            answer = self._evaluator.ask(b'{"seconds":%g,%b' % (seconds, request))
            goes_on = answer == OVERTIME and lane is Lane.QUICK
            if answer in (OVERTIME, TOO_MUCH):
                self._queue.remember(owner, Lane.SLOW if goes_on else Lane.OVERTIME)
        if answer[:1] == FAILED:
            raise _Failed(json.loads(answer[1:]))
        if answer in (OVERTIME, TOO_MUCH) and not goes_on:
            raise _Failed(_TOO_MUCH if answer == TOO_MUCH else _TOO_LONG)
        return answer


def _request(expression: str, message: Message) -> bytes:
    """The payload as it is: nothing of it is parsed here. What is on one line cannot be taken for two requests."""
    return b'"expression":%b,"input":{"payload":%b,"event_type":%b,"message_id":%b,"webhook_id":%b}}' % (
        _json(expression),
        message.body.replace(b"\n", b" "),
        _json(message.event_type),
        _json(message.message_id),
        _json(message.webhook_id),
    )


def _json(value: str | None) -> bytes:
    return json.dumps(value).encode()
