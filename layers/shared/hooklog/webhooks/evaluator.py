"""Evaluates JSONata expressions: the process that `transformation` starts, with this module as its program, and asks.

Each line of its input is a request: `{"expression": "…", "input": {…}}`; without `input` it is compiled only. Each line
of its output is the answer: ANSWERED and the JSON that came out, SKIPPED where nothing did, FAILED and why as JSON.
What costs too much memory ends the process. No evaluation sees anything of another.
"""

import json
import math
import os
import resource
import signal
import sys
import time
from typing import Any, Final, NoReturn

from jsonata import Jsonata

from hooklog.messages.fields import compact_json
from hooklog.webhooks.arithmetic import Expression
from hooklog.webhooks.reasons import MAX_REASON_LENGTH, Incomplete, reason_of
from hooklog.webhooks.transformation import ANSWERED, FAILED, SKIPPED

MAX_CPU_SECONDS: Final = 0.5
"""For all of an evaluation: the wall clock would count what other processes do."""

MAX_DEPTH: Final = 200
"""Of expressions within one another, as they are evaluated."""

MAX_MEMORY_BYTES: Final = 160 * 1024 * 1024
"""Of the process: ten times what an expression of some lines needs for a payload of 1 MiB."""

MAX_RESULT_BYTES: Final = 1_048_576
"""As much as the largest payload."""

MAX_KEPT_LENGTH: Final = 65_536
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
        _start_the_clock()
        try:
            asked = json.loads(request)
            expression = asked["expression"]
            return self._answer(asked)
        except MemoryError:
            raise
        except _Overtime:
            return _failed(f"it takes more than {MAX_CPU_SECONDS:g} s to evaluate")
        except _NoJson as refused:
            return _failed(str(refused))
        except Exception as error:  # noqa: BLE001 - whatever an expression does, its author is told
            return _failed(reason_of(error, expression))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

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
        body = compact_json(result)
    except (TypeError, ValueError):
        raise _NoJson("its result holds what JSON has not, such as a function") from None
    if len(body) > MAX_RESULT_BYTES:
        raise _NoJson(f"its result has {len(body)} bytes; {MAX_RESULT_BYTES} can be sent")
    return body


def _failed(reason: str) -> bytes:
    return FAILED + compact_json(reason[:MAX_REASON_LENGTH])


def _start_the_clock() -> None:
    """What is at work in C when MAX_CPU_SECONDS are over, the kernel ends with the process, a second or two later."""
    ends = math.ceil(time.process_time() + MAX_CPU_SECONDS) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (ends, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, MAX_CPU_SECONDS)


def _end(*_: Any) -> NoReturn:
    raise _Overtime


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - jsonata prints
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _end)  # reaches Python code, and regular expressions at work
    evaluator = Evaluator()
    for request in sys.stdin.buffer:
        try:
            answer = evaluator.answer(request)
        except MemoryError:
            os._exit(1)  # an orderly end would need memory, too
        answers.write(answer + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
