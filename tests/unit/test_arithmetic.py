"""Numbers in transformations: exact integers, decimals as in JavaScript."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hooklog.errors import HardError
from hooklog.messages.message import Message
from hooklog.webhooks.transformation import Transformer

LARGE = [
    5890840712243077, -5890840712243077, 2**53, 2**53 + 1, -(2**53) - 1, 10**15, 10**15 + 1, 10**20, 10**21, 10**22 + 1,
    -(10**30) - 7, 123456789012345680000, 9223372036854775807, 18446744073709551615, int("9" * 300), 0, 7, -1,
]  # fmt: skip
INTEGERS = st.integers() | st.integers(-(2**70), 2**70) | st.integers(10**15, 10**300)
DECIMALS = st.floats(allow_nan=False, allow_infinity=False)
JAVASCRIPT = re.compile(r"0|-?(?:[1-9]\d{0,20}|(?:0|[1-9]\d*)\.\d*[1-9]|[1-9](?:\.\d*[1-9])?e[+-][1-9]\d*)")
"""The results of ECMA-262's Number::toString, except infinities and NaN."""


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    return Transformer()


def evaluate(transformer: Transformer, expression: str, payload: Any = None) -> Any:
    message = Message.parse({"webhook_id": "acme.orders", "payload": payload}, "059f36b4")
    transformed = transformer.transform(message, expression)
    return transformed and json.loads(transformed.body)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("payload", "{}"),
        ('"Order " & payload', '"Order {}"'),
        ("$string(payload)", '"{}"'),
        ("$string([payload, [payload]])", '"[{0},[{0}]]"'),
        ('$string({"a": {"b": payload}})', '"{{\\"a\\":{{\\"b\\":{}}}}}"'),
        ('$join([$string(payload), "x"], "-")', '"{}-x"'),
        ("$number($string(payload))", "{}"),
        ("$max([payload])", "{}"),
        ("$sum([payload, 0])", "{}"),
        ("$average([payload])", "{}"),
        ("payload + 0", "{}"),
        ("payload * 1", "{}"),
        ("payload / 1", "{}"),
        ("-(-payload)", "{}"),
        ("$floor(payload)", "{}"),
        ("$ceil(payload)", "{}"),
        ("$round(payload)", "{}"),
        ("$round(payload, 2)", "{}"),
        ("$formatBase(payload)", '"{}"'),
        ('$formatNumber(payload, "0")', '"{}"'),
        ("$eval($string(payload))", "{}"),
        ('({"a": payload} ~> |$|{"b": 1}|).a', "{}"),
        ("[payload][0] = payload ? payload", "{}"),
        ("$sort([payload, payload])[0]", "{}"),
    ],
)
def test_integers_keep_every_digit(transformer: Transformer, expression: str, expected: str) -> None:
    for number in LARGE:
        message = Message.parse({"webhook_id": "acme.orders", "payload": number}, "059f36b4")
        transformed = transformer.transform(message, expression)
        assert transformed
        assert transformed.body.decode() == expected.format(number)


@settings(max_examples=150, deadline=None)
@given(one=INTEGERS, other=INTEGERS)
def test_integers_are_computed_exactly(transformer: Transformer, one: int, other: int) -> None:
    expression = """{"sum": one + other, "difference": one - other, "less": one < other, "equal": one = other,
                     "texts": [-one & "", $abs(one) & "", one & "/" & other]}"""
    expected = {"sum": one + other, "difference": one - other, "less": one < other, "equal": one == other,
                "texts": [str(-one), str(abs(one)), f"{one}/{other}"]}  # fmt: skip
    assert evaluate(
        transformer, expression.replace("one", "payload[0]").replace("other", "payload[1]"), [one, other]
    ) == (expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("9007199254740993", 9007199254740993),
        ("-9007199254740993", -9007199254740993),
        ("9007199254740993 = 9007199254740992", False),
        ("9007199254740993 in [9007199254740992]", False),
        ("9007199254740993 > 9007199254740992", True),
        ("3000000000000 * 3000000001", 9000000003000000000000),
        ("$power(3, 40)", 12157665459056928801),
        ("12345678901234567890 % 1000", 890),
        ("-7 % 3", -1),
        ("5.5 % 2", 1.5),
        ("7 / 2", 3.5),
        ("$round(12345678901234567885, -1)", 12345678901234567880),
        ("$round(2.5)", 2),
        ("$round(4.525, 2)", 4.52),
        ("$round(1.5, 400)", 1.5),
        ('$formatNumber(5890840712243077, "#,##0")', "5,890,840,712,243,077"),
        ('$formatInteger(9007199254740993, "0")', "9007199254740993"),
        ('$parseInteger("9007199254740993", "#0")', 9007199254740993),
        ("$formatBase(9007199254740993, 16)", "20000000000001"),
        ("$string(payload, true)", '{\n  "a": [\n    9007199254740993,\n    {}\n  ],\n  "ü": []\n}'),
    ],
)
def test_integers_in_expressions(transformer: Transformer, expression: str, expected: Any) -> None:
    assert evaluate(transformer, expression, {"a": [9007199254740993, {}], "ü": []}) == expected


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.1 + 0.2", "0.30000000000000004"), ("0.1", "0.1"), ("-0.5", "-0.5"), ("1/3", "0.3333333333333333"),
        ("100.0", "100"), ("1.50", "1.5"), ("0.0", "0"), ("-0.0", "0"), ("-0", "0"), ("1e-6", "0.000001"),
        ("1e-7", "1e-7"),
        ("1.5e-7", "1.5e-7"), ("-1.25e-10", "-1.25e-10"), ("1e15", "1000000000000000"),
        ("1e20", "100000000000000000000"),
        ("1.2345678901234568e20", "123456789012345680000"), ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"), ("1e300", "1e+300"),
        ("5e-324", "5e-324"), ("1.7976931348623157e308", "1.7976931348623157e+308"), ("123456.789", "123456.789"),
    ],
)  # fmt: skip
def test_decimals_are_written_as_javascript_writes_them(transformer: Transformer, number: str, text: str) -> None:
    expected = [text, text, f"[{text}]", f'{{"a":{text}}}', f"{text}|"]
    expression = '[{0} & "", $string({0}), $string([{0}]), $string({{"a": {0}}}), $join([$string({0}), ""], "|")]'
    assert evaluate(transformer, expression.format(f"({number})")) == expected
    if not re.search("[+/]", number.removeprefix("-")):
        assert evaluate(transformer, expression.format("payload"), float(number)) == expected


@settings(max_examples=200, deadline=None)
@given(number=DECIMALS)
def test_no_decimal_loses_or_gains_a_digit(transformer: Transformer, number: float) -> None:
    text = evaluate(transformer, "$string(payload)", number)
    assert JAVASCRIPT.fullmatch(text)
    assert float(text) == number
    digits = text.partition("e")[0].replace(".", "").strip("-0")
    assert digits == repr(number).partition("e")[0].replace(".", "").strip("-0")


@pytest.mark.parametrize(
    "expression",
    ["1e308 * 10", "-1e308 * 10", "$sum([1e308, 1e308])", "$power(10, 308) * $power(10, 308)", "$power(10, 1000)"],
)
def test_numbers_beyond_a_double_are_refused(transformer: Transformer, expression: str) -> None:
    with pytest.raises(HardError, match=r"out of range|number is too large"):
        evaluate(transformer, expression)


def test_a_sum_is_the_same_in_every_version_of_python(transformer: Transformer) -> None:
    total = 0.0
    for _ in range(10):
        total += 0.1
    assert not math.isclose(total, 1, rel_tol=0)
    assert evaluate(transformer, "$sum(payload)", [0.1] * 10) == total
