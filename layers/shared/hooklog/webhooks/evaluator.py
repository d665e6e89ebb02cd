"""The program that evaluates JSONata expressions; `child_process` starts it.

Each line of its input is a request: `{"seconds": 0.5, "expression": "…", "input": {…}}`. Without `input`, the
expression is only compiled. Each line of its output is a response: SUCCEEDED and the resulting JSON, SKIPPED if there
is no result, FAILED and an error text as JSON, or TIMED_OUT after so many seconds of CPU time. Too much memory, or too
much time within one C function, ends the process. Evaluations share no state.
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
from hooklog.webhooks.child_process import FAILED, NO_MEMORY, SKIPPED, SUCCEEDED, TIMED_OUT
from hooklog.webhooks.reasons import MAX_REASON_LENGTH, Incomplete, explain_error

MAX_DEPTH: Final = 200
"""Of nested evaluations."""

MAX_MEMORY_BYTES: Final = 160 * 1024 * 1024
"""Of the process, without leaks of earlier evaluations: ten times what a few lines need for a payload of 1 MiB."""

MAX_LEAKED_BYTES: Final = 32 * 1024 * 1024
"""Memory that evaluations may leak before the process ends after its response."""

MAX_RESULT_BYTES: Final = 1_048_576
"""The size of the largest payload."""

MAX_CACHED_LENGTH: Final = 16_384
"""Characters of all cached expressions. Each character takes about a kilobyte when compiled."""


class _TimedOut(BaseException):
    """The end of the CPU time. No `except Exception` catches this BaseException."""


class Evaluator:
    """An evaluator of expressions, which caches compiled ones.

    For one thread only, because jsonata uses thread-local state.
    """

    def __init__(self) -> None:
        self._compiled: dict[str, Any] = {}

    def respond(self, line: bytes) -> bytes:
        """Evaluate a request and return the response. Raises MemoryError."""
        expression = ""
        try:
            request = json.loads(line)
            _Timer.start(request["seconds"])
            expression = request["expression"]
            return self._respond(request)
        except MemoryError:
            raise
        except _InvalidResult as error:
            return _build_failure(str(error))
        except Exception as error:  # noqa: BLE001 - the author gets every error of an expression
            return _build_failure(explain_error(error, expression))

    def _respond(self, request: dict[str, Any]) -> bytes:
        compiled = self._compile(request["expression"])
        if "input" not in request:
            return SKIPPED
        result = _evaluate(compiled, request["input"])
        if result is None:
            return SKIPPED
        return SUCCEEDED + _build_body(result)

    def _compile(self, expression: str) -> Any:
        if (compiled := self._compiled.get(expression)) is None:
            compiled = _compile(expression)
            compiled.set_validate_input(False)  # json.loads has validated it
            self._compiled[expression] = compiled
            while len(self._compiled) > 1 and sum(map(len, self._compiled)) > MAX_CACHED_LENGTH:
                del self._compiled[next(iter(self._compiled))]
        return compiled


class _InvalidResult(Exception):
    """A result that cannot be sent; says why."""


def _compile(expression: str) -> Any:
    try:
        return Expression(expression)
    except IndexError:
        raise Incomplete from None


def _evaluate(compiled: Any, document: Any) -> Any:
    """Evaluate in a new frame, so that no variable outlives the evaluation."""
    Jsonata.CURRENT.jsonata = compiled  # otherwise $now and $eval use the expression that was compiled last
    frame = compiled.create_frame()
    frame.set_runtime_bounds(None, MAX_DEPTH)
    return compiled.evaluate(document, frame)


def _build_body(result: Any) -> bytes:
    try:
        body = to_compact_json(result)
    except (TypeError, ValueError):
        raise _InvalidResult("its result contains a value that JSON cannot represent, such as a function") from None
    if len(body) > MAX_RESULT_BYTES:
        raise _InvalidResult(f"its result has {len(body)} bytes; the limit is {MAX_RESULT_BYTES}")
    return body


def _build_failure(reason: str) -> bytes:
    return FAILED + to_compact_json(reason[:MAX_REASON_LENGTH])


class _Timer:
    """A limit of the CPU time of an evaluation."""

    is_running = False

    @classmethod
    def start(cls, seconds: float) -> None:
        """Start a timer that interrupts Python code after so many seconds of CPU time.

        It interrupts regular expressions, too. Code in C or in the kernel is not interrupted: the process ends 10%, or
        at least 20 ms, later.
        """
        cls.is_running = True
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        signal.setitimer(signal.ITIMER_PROF, seconds + max(seconds / 10, 0.02))  # SIGPROF ends the process by default

    @classmethod
    def stop(cls) -> None:
        cls.is_running = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)

    @classmethod
    def interrupt(cls, *_: Any) -> None:
        """Handle SIGVTALRM."""
        if cls.is_running:
            cls.is_running = False
            raise _TimedOut


def serve(requests: Iterator[bytes], responses: BinaryIO, measure_memory: Callable[[], int]) -> None:
    """Respond until the requests end or evaluations have leaked too much memory."""
    evaluator, initial = Evaluator(), measure_memory()
    while (leaked := measure_memory() - initial) <= MAX_LEAKED_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES + max(leaked, 0), resource.RLIM_INFINITY))
        if (request := next(requests, None)) is None:
            return
        try:
            response = evaluator.respond(request)
            _Timer.stop()
        except _TimedOut:
            _Timer.stop()
            response = TIMED_OUT
        except MemoryError:
            os._exit(NO_MEMORY)  # a regular exit could need more memory
        responses.write(response + b"\n")
        responses.flush()


def _make_memory_meter() -> Callable[[], int]:
    """Return a function that measures the address space, which RLIMIT_AS limits."""
    statm, page = os.open("/proc/self/statm", os.O_RDONLY), resource.getpagesize()
    return lambda: int(os.pread(statm, 64, 0).split()[0]) * page


def main() -> None:
    """Respond to the requests on stdin."""
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - jsonata prints to stdout
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGVTALRM, _Timer.interrupt)
    serve(iter(sys.stdin.buffer), responses, _make_memory_meter())


if __name__ == "__main__":
    main()
