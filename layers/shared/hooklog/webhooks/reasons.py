"""Why a JSONata expression does not compile or fails, told to its author.

No reason quotes a value of the payload: reasons are kept where payloads are not. Nor does it name what is Python's.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from jsonata.jexception import JException

from hooklog.webhooks.arithmetic import MAX_RANGE, LongRange

MAX_REASON_LENGTH: Final = 200

_OWN_WORDS = frozenset({"D3137", "D3141"})  # what an expression itself says by $error and $assert
_MISPLACED = frozenset({"D3050", "D3060", "D3061", "D3100", "D3138"})  # jsonata gives another number for their place
_PLACEHOLDER = re.compile(r"\{{2,3}(\w+)\}{2,3}")
_OF_THE_EXPRESSION = frozenset({"token", "function_name"})
_ARRAYS_OF: Final[Mapping[Any, str]] = {
    "a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings",
}  # fmt: skip


class Incomplete(Exception):
    """An expression ends before it is one."""


_REASONS: Final[Mapping[type[Exception], str]] = {
    Incomplete: "it is no complete expression",
    LongRange: f"a range (..) has more than {MAX_RANGE:,} items",
    RecursionError: "it is nested too deeply",
    re.error: "a regular expression is not valid",
    ZeroDivisionError: "it divides by zero",
    OverflowError: "a number is too large",
    ValueError: "a value cannot be converted or computed with, such as a text that is no number or no time",
    RuntimeError: "the picture of a date, a time or a number is not valid",
    Exception: "a value is not one that a function or an operator takes",
}
"""Of what jsonata has no code for: the first that fits."""


def reason_of(error: Exception, expression: str) -> str:
    """What went wrong in the expression, with JSONata's code and the place where it has them."""
    if isinstance(error, JException):
        return _jsonatas(error, expression)
    return next(reason for kind, reason in _REASONS.items() if isinstance(error, kind))


def _jsonatas(error: JException, expression: str) -> str:
    """JSONata's own message for its code."""
    code = _code(error)
    template = JException.error_codes.get(code)
    if template is None:
        return f"an operation fails ({code})"
    values = iter(_values(error))

    def quoted(placeholder: re.Match[str]) -> str:
        value = next(values, None)
        if code.startswith("S") or code in _OWN_WORDS:
            return "…" if value is None else str(value)[:MAX_REASON_LENGTH]
        return _shown(placeholder[1], value, expression)

    # jsonata was translated from Java, and its messages with it: "Second argument of replace Object"
    reason = _PLACEHOLDER.sub(quoted, template.replace("Object", "function"))
    placed = error.location >= 0 and code not in _MISPLACED
    return f"{reason} ({code}, character {error.location})" if placed else f"{reason} ({code})"


def _code(error: JException) -> str:
    """JSONata's, but for an escape sequence, to which jsonata gives that of an empty regular expression."""
    return "S0103" if error.error == "S0301" and error.current is not None else str(error.error)


def _values(error: JException) -> tuple[Any, ...]:
    """In the order of the message's placeholders, of which jsonata gives one code's in another."""
    if error.error == "T0411":
        return (error.expected,)
    return error.current, error.expected, error.extra


def _shown(name: str, value: Any, expression: str) -> str:
    """What stands in the expression itself, and nothing else."""
    if name == "index" and type(value) is int:
        return str(value)
    if name == "type" and isinstance(value, str) and value in _ARRAYS_OF:
        return _ARRAYS_OF[value]
    if name in _OF_THE_EXPRESSION and isinstance(value, str) and value in expression:
        return value[:MAX_REASON_LENGTH]
    return "…"
