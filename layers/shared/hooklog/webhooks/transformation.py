"""Transformation of payloads by webhooks' JSONata expressions.

Expressions are customers' code. A separate process evaluates them, without credentials and with little memory and time.
It is replaced when an expression exceeds these limits.
"""

import json
import math
from collections.abc import Callable
from typing import Final

from hooklog.errors import ErrorType, HardError, InvalidRequest, NoTimeLeft
from hooklog.messages.message import Message
from hooklog.webhooks.child_process import (
    FAILED,
    RESPONSE_SECONDS,
    SKIPPED,
    START_SECONDS,
    TIMED_OUT,
    TOO_LARGE,
    EvaluatorClient,
)
from hooklog.webhooks.fair_queue import FairQueue, Lane, Owner

MAX_CPU_SECONDS: Final = 0.5
"""Of an evaluation. Wall-clock time would depend on other processes."""

QUICK_CPU_SECONDS: Final = 0.02
"""CPU time of the first try, a hundred times what most expressions need. A slower expression starts again after the
first tries of all others."""

EVALUATION_SECONDS: Final = START_SECONDS + 2 * RESPONSE_SECONDS
"""The longest that an evaluation takes, including a start of the process and a second try."""

_TOO_LARGE = "it needs too much memory, or is nested too deeply"
_TOO_SLOW = f"it takes more than {MAX_CPU_SECONDS:g} s to evaluate"


class _ExpressionFailed(Exception):
    """An expression does not compile, fails or exceeds its limits.

    The text contains no value of the payload.
    """


class Transformer:
    """A transformer, which evaluates one expression at a time. Thread-safe."""

    def __init__(self) -> None:
        self._queue = FairQueue()
        self._evaluator = EvaluatorClient()

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
            response = self._evaluate(owner, _build_request(expression, message), seconds_left)
        except _ExpressionFailed as failed:
            reason = f"The transformation failed: {failed}"
            raise HardError(ErrorType.TRANSFORMATION_ERROR, reason) from None
        if response[:1] == SKIPPED:
            return None
        return message._replace(body=response[1:], is_transformed=True)

    def check(self, expression: str) -> None:
        """Compile an expression.

        Raises InvalidRequest if it does not compile, and EvaluatorUnavailable.
        """
        request = b'"expression":%b}' % _to_json(expression)
        try:
            self._evaluate_once(Owner("", expression), request, Lane.SLOW, lambda: math.inf)
        except _ExpressionFailed as failed:
            raise InvalidRequest(f"transformation does not compile: {failed}") from None

    def _evaluate(self, owner: Owner, request: bytes, seconds_left: Callable[[], float]) -> bytes:
        response = self._evaluate_once(owner, request, self._queue.find_lane(owner), seconds_left)
        return self._evaluate_once(owner, request, Lane.SLOW, seconds_left) if response == TIMED_OUT else response

    def _evaluate_once(self, owner: Owner, request: bytes, lane: Lane, seconds_left: Callable[[], float]) -> bytes:
        """Return the response; TIMED_OUT only in the lane QUICK.

        Raises _ExpressionFailed, NoTimeLeft.
        """
        seconds = QUICK_CPU_SECONDS if lane is Lane.QUICK else MAX_CPU_SECONDS
        with self._queue.turn(owner, lane, seconds_left() - EVALUATION_SECONDS):
            if seconds_left() < EVALUATION_SECONDS:  # the evaluations before may have taken long
                raise NoTimeLeft(f"{EVALUATION_SECONDS:g} s may be needed to evaluate this")
            response = self._evaluator.send(b'{"seconds":%g,%b' % (seconds, request))
            is_retried = response == TIMED_OUT and lane is Lane.QUICK
            if response in (TIMED_OUT, TOO_LARGE):
                self._queue.remember(owner, Lane.SLOW if is_retried else Lane.OVERTIME)
        if response[:1] == FAILED:
            raise _ExpressionFailed(json.loads(response[1:]))
        if response in (TIMED_OUT, TOO_LARGE) and not is_retried:
            raise _ExpressionFailed(_TOO_LARGE if response == TOO_LARGE else _TOO_SLOW)
        return response


def _build_request(expression: str, message: Message) -> bytes:
    """Build a request of one line.

    Inserts the payload without parsing it, with spaces instead of line feeds.
    """
    return b'"expression":%b,"input":{"payload":%b,"event_type":%b,"message_id":%b,"webhook_id":%b}}' % (
        _to_json(expression),
        message.body.replace(b"\n", b" "),
        _to_json(message.event_type),
        _to_json(message.message_id),
        _to_json(message.webhook_id),
    )


def _to_json(value: str | None) -> bytes:
    return json.dumps(value).encode()
