"""Evaluates JSONata expressions: the process that `transformation` starts, with this module as its program, and asks.

Each line of its input is a request: `{"seconds": 0.5, "expression": "…", "input": {…}}`; without `input` it is compiled
only. Each line of its output is the answer: ANSWERED and the JSON that came out, SKIPPED where nothing did, FAILED and
why as JSON, OVERTIME where it took more CPU than those seconds. What takes too much memory, or too much time within one
operation of C, ends the process. No evaluation sees anything of another.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from jsonata import Jsonata

from hooklog.messages.fields import to_compact_json
from hooklog.webhooks.arithmetic import Expression
from hooklog.webhooks.child_process import ANSWERED, FAILED, NO_MEMORY, OVERTIME, SKIPPED
from hooklog.webhooks.reasons import MAX_REASON_LENGTH, Incomplete, reason_of

MAX_DEPTH: Final = 200
"""Of expressions within one another, as they are evaluated."""

MAX_MEMORY_BYTES: Final = 160 * 1024 * 1024
"""Of the process, without what earlier evaluations left: ten times what an expression of some lines needs for a payload
of 1 MiB."""

MAX_LEFT_BYTES: Final = 32 * 1024 * 1024
"""Of what evaluations leave; a process with more than that ends when it has answered."""

MAX_RESULT_BYTES: Final = 1_048_576
"""As much as the largest payload."""

MAX_KEPT_LENGTH: Final = 16_384
"""Of all expressions that are kept compiled, in characters: a kilobyte each, about."""


class _Overtime(BaseException):
    """No `except Exception` on the way holds it up."""


class Evaluator:
    """Keeps what it has compiled. For one thread: jsonata's functions look up the expression that runs by thread."""

    def __init__(self) -> None:
        self._compiled: dict[str, Any] = {}

    def answer(self, request: bytes) -> bytes:
        """Raises MemoryError."""
        expression = ""
        try:
            asked = json.loads(request)
            _Clock.start(asked["seconds"])
            expression = asked["expression"]
            return self._answer(asked)
        except MemoryError:
            raise
        except _NoJson as refused:
            return _failed(str(refused))
        except Exception as error:  # noqa: BLE001 - whatever an expression does, its author is told
            return _failed(reason_of(error, expression))

    def _answer(self, request: dict[str, Any]) -> bytes:
        compiled = self._compile(request["expression"])
        if "input" not in request:
            return SKIPPED
        result = _evaluate(compiled, request["input"])
        if result is None:
            return SKIPPED
        return ANSWERED + _body(result)

    def _compile(self, expression: str) -> Any:
        if (compiled := self._compiled.get(expression)) is None:
            compiled = _compile(expression)
            compiled.set_validate_input(False)  # it comes from JSON
            self._compiled[expression] = compiled
            while len(self._compiled) > 1 and sum(map(len, self._compiled)) > MAX_KEPT_LENGTH:
                del self._compiled[next(iter(self._compiled))]
        return compiled


class _NoJson(Exception):
    """A result that cannot be sent; says why."""


def _compile(expression: str) -> Any:
    try:
        return Expression(expression)
    except IndexError:
        raise Incomplete from None


def _evaluate(compiled: Any, document: Any) -> Any:
    """In a frame of its own, so that no variable outlives it."""
    Jsonata.CURRENT.jsonata = compiled  # else $now and $eval take the one that was compiled last
    frame = compiled.create_frame()
    frame.set_runtime_bounds(None, MAX_DEPTH)
    return compiled.evaluate(document, frame)


def _body(result: Any) -> bytes:
    try:
        body = to_compact_json(result)
    except (TypeError, ValueError):
        raise _NoJson("its result holds what JSON has not, such as a function") from None
    if len(body) > MAX_RESULT_BYTES:
        raise _NoJson(f"its result has {len(body)} bytes; {MAX_RESULT_BYTES} can be sent")
    return body


def _failed(reason: str) -> bytes:
    return FAILED + to_compact_json(reason[:MAX_REASON_LENGTH])


class _Clock:
    """The time of an evaluation, in CPU."""

    runs = False

    @classmethod
    def start(cls, seconds: float) -> None:
        """From when that much is used, Python code and regular expressions are interrupted.

        What is at work in C or in the kernel is not: a tenth later, or 20 ms if that is more, the process ends.
        """
        cls.runs = True
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        signal.setitimer(signal.ITIMER_PROF, seconds + max(seconds / 10, 0.02))  # its signal's default: the end

    @classmethod
    def stop(cls) -> None:
        cls.runs = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)

    @classmethod
    def ring(cls, *_: Any) -> None:
        if cls.runs:
            cls.runs = False
            raise _Overtime


def serve(requests: Iterator[bytes], answers: BinaryIO, size: Callable[[], int]) -> None:
    """Answer until the requests end, or too much is left behind by those that were answered."""
    evaluator, initial = Evaluator(), size()
    while (left := size() - initial) <= MAX_LEFT_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES + max(left, 0), resource.RLIM_INFINITY))
        if (request := next(requests, None)) is None:
            return
        try:
            answer = evaluator.answer(request)
            _Clock.stop()
        except _Overtime:
            _Clock.stop()
            answer = OVERTIME
        except MemoryError:
            os._exit(NO_MEMORY)  # an orderly end would need memory, too
        answers.write(answer + b"\n")
        answers.flush()


def _sizes() -> Callable[[], int]:
    """What tells the bytes of the process's address space, which is what RLIMIT_AS bounds."""
    statm, page = os.open("/proc/self/statm", os.O_RDONLY), resource.getpagesize()
    return lambda: int(os.pread(statm, 64, 0).split()[0]) * page


def main() -> None:
    """Answer what comes in."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - jsonata prints
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGVTALRM, _Clock.ring)
    serve(iter(sys.stdin.buffer), answers, _sizes())


if __name__ == "__main__":
    main()
