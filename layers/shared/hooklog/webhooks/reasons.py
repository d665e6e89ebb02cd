"""Error texts for the authors of JSONata expressions.

They contain no value of the payload, because they are stored even where payloads are not, and nothing about Python.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from jsonata.jexception import JException

from hooklog.webhooks.arithmetic import MAX_RANGE, RangeTooLong

MAX_REASON_LENGTH: Final = 200

_AUTHORS_TEXTS = frozenset({"D3137", "D3141"})  # texts that the expression passes to $error and $assert
_WITHOUT_POSITION = frozenset({"D3050", "D3060", "D3061", "D3100", "D3138"})  # jsonata's position is wrong
_PLACEHOLDER = re.compile(r"\{{2,3}(\w+)\}{2,3}")
_EXPRESSION_PLACEHOLDERS = frozenset({"token", "function_name"})
_ARRAY_TYPES: Final[Mapping[Any, str]] = {
    "a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings",
}  # fmt: skip


class Incomplete(Exception):
    """An expression ends too early."""


_REASONS: Final[Mapping[type[Exception], str]] = {
    Incomplete: "it is not a complete expression",
    RangeTooLong: f"a range (..) has more than {MAX_RANGE:,} items",
    RecursionError: "it is nested too deeply",
    re.error: "a regular expression is not valid",
    ZeroDivisionError: "it divides by zero",
    OverflowError: "a number is too large",
    ValueError: "a value cannot be converted or computed with, such as a text that is not a number or a time",
    RuntimeError: "the picture of a date, a time or a number is not valid",
    Exception: "a function or an operator does not accept a value",
}
"""Texts for exceptions without a JSONata code; the first match applies."""


def explain_error(error: Exception, expression: str) -> str:
    """Explain what is wrong with the expression.

    Includes JSONata's error code and position, if there are any.
    """
    if isinstance(error, JException):
        return _format_message(error, expression)
    return next(reason for exception, reason in _REASONS.items() if isinstance(error, exception))


def _format_message(error: JException, expression: str) -> str:
    """Format JSONata's message."""
    code = _get_code(error)
    template = JException.error_codes.get(code)
    if template is None:
        return f"an operation fails ({code})"
    values = iter(_get_values(error))

    def fill(placeholder: re.Match[str]) -> str:
        value = next(values, None)
        if code.startswith("S") or code in _AUTHORS_TEXTS:
            return "…" if value is None else str(value)[:MAX_REASON_LENGTH]
        return _format_value(placeholder[1], value, expression)

    # jsonata's messages were translated from Java: "Second argument of replace Object"
    reason = _PLACEHOLDER.sub(fill, template.replace("Object", "function"))
    has_position = error.location >= 0 and code not in _WITHOUT_POSITION
    return f"{reason} ({code}, character {error.location})" if has_position else f"{reason} ({code})"


def _get_code(error: JException) -> str:
    """Return JSONata's code.

    For invalid escape sequences, jsonata has that of an empty regular expression.
    """
    return "S0103" if error.error == "S0301" and error.current is not None else str(error.error)


def _get_values(error: JException) -> tuple[Any, ...]:
    """Return the values in the order of the message's placeholders.

    jsonata ignores that order for one code.
    """
    if error.error == "T0411":
        return (error.expected,)
    return error.current, error.expected, error.extra


def _format_value(name: str, value: Any, expression: str) -> str:
    """Format a value that the expression itself contains; hide any other."""
    if name == "index" and type(value) is int:
        return str(value)
    if name == "type" and isinstance(value, str) and value in _ARRAY_TYPES:
        return _ARRAY_TYPES[value]
    if name in _EXPRESSION_PLACEHOLDERS and isinstance(value, str) and value in expression:
        return value[:MAX_REASON_LENGTH]
    return "…"
