"""JSONata numbers that keep all digits of integers.

Decimals are formatted as JavaScript does. The library computes with doubles and formats numbers with 15 digits, which
changes IDs of 16 digits. It has no option for that, so importing this module replaces the operators, `$string` and the
functions of numbers.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Final

from jsonata import Jsonata, parser, tokenizer
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.utils import Utils

Number = int | float

MAX_BITS: Final = 1024
"""Of computed integers. A double cannot represent more, and JSONata rejects them."""

MAX_RANGE: Final = 100_000
"""Items of a range such as `[1..9]`."""

_SAFE: Final = 2.0**53
"""Below it, doubles represent integers exactly."""

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: _divide(one, other),
    "%": lambda one, other: _remainder(one, other),
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
}


class RangeTooLong(Exception):
    """A range has more items than MAX_RANGE."""


class Expression(Jsonata):  # type: ignore[misc]  # it has no types
    """An expression whose operators keep every digit of integers."""

    def evaluate_numeric_expression(self, lhs: Any, rhs: Any, op: str | None) -> Any:
        if not (_is_number(lhs) and _is_number(rhs) and op):
            return super().evaluate_numeric_expression(lhs, rhs, op)
        return check_number(_OPERATORS[op](lhs, rhs))

    def evaluate_comparison_expression(self, lhs: Any, rhs: Any, op: str | None) -> Any:
        if not (_is_number(lhs) and _is_number(rhs) and op):
            return super().evaluate_comparison_expression(lhs, rhs, op)
        return _OPERATORS[op](lhs, rhs)

    def evaluate_equality_expression(self, lhs: Any, rhs: Any, op: str | None) -> Any:
        if not (_is_number(lhs) and _is_number(rhs) and op):
            return super().evaluate_equality_expression(lhs, rhs, op)
        return _OPERATORS[op](lhs, rhs)

    def evaluate_unary(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - the library's name
        if expr.value != "-":
            return super().evaluate_unary(expr, input, environment)
        value = self.eval(expr.expression, input, environment)
        if value is None:
            return None
        if not _is_number(value):
            raise JException("D1002", expr.position, expr.value, value)
        return check_number(-value)

    def evaluate_range_expression(self, lhs: Any, rhs: Any) -> Any:
        if type(lhs) is int and type(rhs) is int and rhs - lhs >= MAX_RANGE:
            raise RangeTooLong
        return super().evaluate_range_expression(lhs, rhs)


class ExactFunctions:
    """Functions of numbers, with the library's names."""

    @staticmethod
    def number(arg: Any) -> Any:
        return _parse_number(arg) if isinstance(arg, str) else Functions.number(arg)

    @staticmethod
    def sum(args: Sequence[Number] | None) -> Number | None:
        """Add one after another, as JavaScript does.

        Since Python 3.12, `sum` compensates rounding errors.
        """
        if args is None:
            return None
        total: Number = 0
        for each in args:
            total += each
        return total

    @staticmethod
    def average(args: Sequence[Number] | None) -> Number | None:
        total = ExactFunctions.sum(args)
        return _divide(total, len(args)) if args and total is not None else None

    @staticmethod
    def floor(arg: Number | None) -> Number | None:
        return arg if arg is None or _is_whole(arg) else math.floor(arg)

    @staticmethod
    def ceil(arg: Number | None) -> Number | None:
        return arg if arg is None or _is_whole(arg) else math.ceil(arg)

    @staticmethod
    def round(arg: Number | None, precision: Number | None) -> Number | None:
        places = int(precision or 0)
        if arg is None or (_is_whole(arg) and places >= 0):
            return arg
        if -places > MAX_BITS:
            return 0
        if isinstance(arg, int):
            return round(arg, places)
        exact = Decimal(repr(arg))
        return arg if places >= -int(exact.as_tuple().exponent) else float(round(exact, places))

    @staticmethod
    def power(arg: Number | None, exp: Number | None) -> Number | None:
        if isinstance(arg, int) and isinstance(exp, int) and exp >= 0 and (arg.bit_length() - 1) * exp <= MAX_BITS:
            power = int(arg**exp)
            if power.bit_length() <= MAX_BITS:
                return power
        result: Number | None = Functions.power(arg, exp)
        return result

    @staticmethod
    def format_base(value: Number | None, radix: Number | None) -> str | None:
        whole = ExactFunctions.round(value, 0)
        if whole is None:
            return None
        base = 10 if radix is None else int(radix)
        if not 2 <= base <= 36:
            raise JException("D3100", base)
        return str(Functions.base_repr(int(whole), base)).lower()


def check_number(number: Number) -> Number:
    """Convert whole doubles to integers.

    Raises JException if the number is too large.
    """
    if isinstance(number, int):
        if number.bit_length() > MAX_BITS:
            raise JException("D1001", 0, number)
        return number
    if not math.isfinite(number):
        raise JException("D1001", 0, number)
    return int(number) if number.is_integer() and abs(number) < _SAFE else number


def format_number(number: Number) -> str:
    """Format a number as JavaScript does, but with all digits of integers.

    JavaScript's format is that of Number::toString in ECMA-262.
    """
    if isinstance(number, int):
        return str(number)
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if not number:
        return "0"
    return "-" * sign + _place_point(text, point)


def _place_point(digits: str, point: int) -> str:
    """Insert the decimal point after so many digits."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+}"


def _stringify(value: Any, prettify: bool) -> str:
    """Convert a value for `$string` and `&`, like JavaScript's JSON.stringify."""
    if _is_callable(value):
        return ""
    parts: list[str] = []
    _write(value, "\n" if prettify else "", parts.append)
    return "".join(parts)


def _write(value: Any, line: str, write: Callable[[str], None]) -> None:
    """Write a value as JSON.

    `line` is a line break with the indentation, or empty for one line.
    """
    if isinstance(value, str):
        write(encode_basestring(value))
    elif isinstance(value, dict):
        _write_members(value.items(), "{}", line, write)
    elif isinstance(value, list):
        _write_members(((None, each) for each in value), "[]", line, write)
    elif isinstance(value, bool):
        write("true" if value else "false")
    elif isinstance(value, int | float):
        write(format_number(check_number(value) if isinstance(value, float) else value))
    else:
        write('""' if _is_callable(value) else "null")


def _write_members(
    members: Iterable[tuple[str | None, Any]], brackets: str, line: str, write: Callable[[str], None]
) -> None:
    within, before = line and f"{line}  ", brackets[0]
    for name, value in members:
        write(before + within if name is None else f"{before}{within}{encode_basestring(name)}:{line and ' '}")
        _write(value, within, write)
        before = ","
    write(brackets if before == brackets[0] else line + brackets[1])


def _is_callable(value: Any) -> bool:
    return isinstance(value, Jsonata.JFunction | parser.Parser.Symbol)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(number: Number) -> bool:
    """Return whether rounding does not change it."""
    return isinstance(number, int) or abs(number) >= _SAFE


def _parse_number(text: Any) -> Any:
    """Parse a number, an integer with all its digits.

    The library handles other texts.
    """
    if not isinstance(text, str):
        return text
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() else Functions.number(text)


def _divide(one: Number, other: Number) -> Number:
    if isinstance(one, int) and isinstance(other, int) and other and not one % other:
        return one // other
    return one / other


def _remainder(one: Number, other: Number) -> Number:
    """Compute the remainder with the sign of the dividend, like JavaScript."""
    if not other:
        raise ZeroDivisionError
    if isinstance(one, int) and isinstance(other, int):
        return abs(one) % abs(other) * (-1 if one < 0 else 1)
    return math.fmod(one, other)


Utils.convert_number = staticmethod(check_number)
Functions._string = staticmethod(_stringify)  # noqa: SLF001 - every conversion to a string uses it
for _module in (tokenizer, parser):
    _module.float = _parse_number
for _name, _signature, _method in (
    ("number", "<(nsb)-:n>", "number"),
    ("sum", "<a<n>:n>", "sum"),
    ("average", "<a<n>:n>", "average"),
    ("floor", "<n-:n>", "floor"),
    ("ceil", "<n-:n>", "ceil"),
    ("round", "<n-n?:n>", "round"),
    ("power", "<n-n:n>", "power"),
    ("formatBase", "<n-n?:s>", "format_base"),
):
    Jsonata.static_frame.bind(_name, Jsonata.function(_name, _signature, ExactFunctions, _method))
