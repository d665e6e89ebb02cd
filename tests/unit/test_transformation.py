"""Transformations: results, errors, and limits of CPU time and memory."""

import contextlib
import json
import re
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hooklog.errors import ErrorType, HardError, InvalidRequest, NoTimeLeft
from hooklog.messages.message import Message
from hooklog.webhooks.transformation import Transformer

ORDER = {"order": 1742, "items": [{"name": "tea", "price": 4.5}, {"name": "cup", "price": 9}], "note": None}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    return Transformer()


def message(payload: Any = ORDER) -> Message:
    fields = {"webhook_id": "acme.orders", "payload": payload, "event_type": "order.created", "message_id": "msg_1"}
    return Message.parse(fields, "059f36b4")


def body(transformer: Transformer, expression: str, payload: Any = ORDER) -> bytes | None:
    transformed = transformer.transform(message(payload), expression)
    assert transformed is None or transformed.is_transformed
    return transformed.body if transformed else None


def failure(transformer: Transformer, expression: str, payload: Any = ORDER) -> str:
    with pytest.raises(HardError) as failed:
        transformer.transform(message(payload), expression)
    assert failed.value.error_type is ErrorType.TRANSFORMATION_ERROR
    assert len(failed.value.message) < 300
    return failed.value.message


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("payload", ORDER),
        (
            '{"text": "Order " & payload.order & ": " & $join(payload.items.name, ", ")}',
            {"text": "Order 1742: tea, cup"},
        ),
        (
            "[event_type, message_id, webhook_id, $sum(payload.items.price)]",
            ["order.created", "msg_1", "acme.orders", 13.5],
        ),
        ("payload.order", 1742),
        ("payload.items[0].name", "tea"),
        ('{"kept": payload.note, "dropped": payload.none}', {"kept": None}),
        ("[1..3]", [1, 2, 3]),
        ("payload.items[price > 100][]", None),
        ("payload.order > 2000 ? payload", None),
        ("payload.note", None),
        ('$replace(event_type, /\\.(\\w+)/, "/$1")', "order/created"),
        ("$eval('payload.order')", 1742),
        ("false", False),
        ('"ü😀"', "ü😀"),
        ("$count([1..100000])", 100_000),
        ("$count([-99999..0])", 100_000),
    ],
)
def test_the_result_of_an_expression_is_sent_as_json(transformer: Transformer, expression: str, expected: Any) -> None:
    assert body(transformer, expression) == (
        None if expected is None else json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()
    )


@settings(max_examples=100, deadline=None)
@given(payload=JSON)
def test_a_payload_that_is_only_referenced_is_unchanged_to_the_byte(transformer: Transformer, payload: Any) -> None:
    assert body(transformer, "payload", payload) == (None if payload is None else message(payload).body)


def test_without_an_expression_no_process_is_started_and_the_body_is_unchanged() -> None:
    before = psutil.Process().children()
    assert Transformer().transform(message(), None) == message()._replace(is_transformed=True)
    assert psutil.Process().children() == before


def test_a_message_that_was_sent_before_is_not_transformed_again(transformer: Transformer) -> None:
    sent = transformer.transform(message(), "payload.items")
    assert sent
    assert transformer.transform(sent, "payload.order") == sent


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("payload.order + event_type", "The right side of the + operator must evaluate to a number (T2002)"),
        ('$error("no such customer")', "no such customer (D3137, character 7)"),
        ('$assert(false, "only ours")', "only ours (D3141, character 8)"),
        ("$nope()", "Attempted to invoke a non-function (T1006, character 6)"),
        ("payload.", "Unexpected end of expression (S0207, character 8)"),
        ("$substring(event_type, 'x')", "Argument 1 of function substring does not match"),
        ("$sum(event_type)", "Argument 1 of function sum must be an array of numbers (T0412, character 5)"),
        ("$uppercase()", "Context value is not a compatible type with argument 1 of function … (T0411, character 11)"),
        ("payload ~> |order|{}| ~> $uppercase()", "of function"),
        ("1/0", "it divides by zero"),
        ("$number(event_type)", "such as a text that is not a number"),
        ("$formatInteger(1, '')", "the picture of a date"),
        ("$formatBase(1, payload.order)", "between 2 and 36.  It was given … (D3100)"),
        ("$parseInteger('x', 'w')", "a function or an operator does not accept"),
        ("function($x) {$x}", "a value that JSON cannot represent"),
        ('$join([1..1100].$pad("9", 1000))', "bytes; the limit is 1048576"),
        ("($f := function($n) {1 + $f($n)}; $f(1))", "Stack overflow"),
        ("(" * 5000, "nested too deeply"),
        ("$count([1..100001])", "a range (..) has more than 100,000 items"),
        ("[payload.order-100001..payload.order]", "a range (..) has more than 100,000 items"),
        ("$count([1..5000000])", "a range (..) has more than 100,000 items"),
        ("$reduce([1..200], function($product, $next) {$product * $next})", "Number out of range: … (D1001"),
    ],
)
def test_the_error_of_an_expression_is_explained(transformer: Transformer, expression: str, reason: str) -> None:
    error = failure(transformer, expression)
    assert reason in error
    assert not re.search(r"jsonata|Error\b|<class", error)


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.characters(), max_size=300)
    | st.text(st.sampled_from("a\ud800\udbff\udc00\udfff\0\x1b\n"), min_size=1)
)
def test_any_error_message_of_an_expression_can_be_logged_and_printed(transformer: Transformer, text: str) -> None:
    for expression in (f"$error({json.dumps(text)})", "$assert(false, payload)"):
        error = failure(transformer, expression, text)
        assert error.encode()
        assert not re.search(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]", error)


@pytest.mark.parametrize(
    "expression", ["-payload.k", "$number(payload.k)", "$toMillis(payload.k)", "{payload: 1}", "payload.k ~> payload.k",
                   "$eval(payload.k)", "$sum([payload.k])", "payload ~> |$|$.k|", "$formatNumber(1, payload.k)",
                   "[payload, payload]^($)", "[payload, {'k': 1}]^(k)", "$fromMillis(1, '[' & payload.k)",
                   "$uppercase()", "payload.$substring(1)", "payload.[k].$trim()", "payload.$pad(k)", "payload.$sum(k)",
                   "$formatBase(1, payload.n)", "payload.n ~> payload.k", "payload.$sift(k)",
                   "$each(payload.k, payload.k)"],
)  # fmt: skip
def test_a_failure_quotes_no_value(transformer: Transformer, expression: str) -> None:
    error = failure(transformer, expression, {"k": "s3cr3t!(", "n": 4711})
    assert not re.search("s3cr3t|4711", error)


@pytest.mark.parametrize(
    "expression",
    [
        "$reduce([1..40], function($a, $b) {$a & $a}, 'xx')",
        "$reduce([1..40], function($a, $b) {$append($a, $a)}, [1, 2])",
        "$pad('x', 1e9)",
        "$replace($pad('a', 1e6), 'a', $pad('b', 1e6))",
        "[1..9999999]",
    ],
)
def test_an_expressions_cost_is_limited(transformer: Transformer, expression: str) -> None:
    failure(transformer, expression)
    assert body(transformer, "payload.order") == b"1742"


def cpu_seconds() -> float:
    """Return the CPU time of all evaluators of this process, including ended ones."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = [process.cpu_times() for process in psutil.Process().children()]
    return ended.ru_utime + ended.ru_stime + sum(each.user + each.system for each in running)


@pytest.mark.parametrize(
    "expression",
    [
        "($f := function($n) {$f($n)}; $f(1))",  # Python
        '$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", /(a+)+$/)',  # a regular expression
        """($of := function($list) {{"k": $map([1..2000], function($i) {{"k": $list}})}};
            $of([1..100000]) in $of([1..100000]))""",  # one comparison, in C
        '$map([1..2000], function($i) {{"k": payload}})',  # one list, written as JSON in C
        '$eval($pad("1+", 300000, "1+") & "1")',  # compilation
        "[1..100000].[1..100000]",  # memory; allocating it takes system time rather than user time
    ],
)
def test_an_expression_has_half_a_second_of_cpu_on_a_busy_machine(transformer: Transformer, expression: str) -> None:
    """A busy machine also spends more CPU time on the same work, so the bound contains a measured start."""
    before = cpu_seconds()
    body(Transformer(), "1")
    start = cpu_seconds() - before
    before = cpu_seconds()
    error = failure(transformer, expression, list(range(100_000)))
    assert "it takes more than 0.5 s to evaluate" in error or "too much memory" in error
    # 0.05 s: the kernel's grace period; 0.1 s: a first turn; two processes start, at most at twice the measured cost
    assert cpu_seconds() - before < 0.5 + 0.05 + 0.1 + 4 * start


SLOW = "($f := function($n) {$f($n)}; $f(1))"


def evaluate_all(transformer: Transformer, *expressions: tuple[str, str]) -> list[str]:
    """Evaluate expressions concurrently.

    They are queued in the given order. Returns the webhooks in the order of completion.
    """
    done: list[str] = []

    def evaluate(webhook_id: str, expression: str) -> None:
        with contextlib.suppress(HardError):
            transformer.transform(message()._replace(webhook_id=webhook_id), expression)
        done.append(webhook_id)

    with ThreadPoolExecutor(len(expressions)) as pool:
        for each in expressions:
            pool.submit(evaluate, *each)
    return done


def test_a_quick_expression_waits_for_at_most_one_slow_one(transformer: Transformer) -> None:
    """They are known as slow, so each gets its whole time in one turn."""
    evil = [(f"evil.w{number}", f"{SLOW}{' ' * number}") for number in range(2)]
    evaluate_all(transformer, *evil)
    assert "acme.orders" in evaluate_all(transformer, *evil, ("acme.orders", "payload.order"))[:2]


@pytest.mark.parametrize("expression", ["$pad('x', 1e12)", "$length($pad('x', 4e8))"])
def test_a_quick_expression_waits_for_few_that_end_the_process(expression: str) -> None:
    """Each makes the next one wait for a new process.

    Two may have had a turn before the quick one is queued.
    """
    evil = [(f"evil.w{number}", f"{expression}{' ' * number}") for number in range(5)]
    assert "acme.orders" in evaluate_all(Transformer(), *evil, ("acme.orders", "payload.order"))[:3]


def test_a_slow_expression_waits_for_at_most_one_of_another_tenant(transformer: Transformer) -> None:
    evil = [(f"evil.w{number}", SLOW) for number in range(3)]
    acme = ("acme.orders", "$count($map([1..6000], function($n) {$n * 2}))")
    assert "acme.orders" in evaluate_all(transformer, *evil, acme)[:2]


def test_an_expression_is_not_started_if_no_time_is_left(transformer: Transformer) -> None:
    started = threading.Event()

    def report_start() -> float:
        started.set()
        return 60.0

    with pytest.raises(HardError):
        transformer.transform(message(), SLOW)  # once known as slow, it gets its whole time in one turn
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(transformer.transform, message(), SLOW, report_start)
        assert started.wait(60)
        waits_until = time.monotonic() + 0.3  # the slow expression takes longer
        with pytest.raises(NoTimeLeft):
            transformer.transform(message(), "payload", lambda: 60.0 if time.monotonic() < waits_until else 1.0)
        assert isinstance(slow.exception(), HardError)


def test_memory_is_limited(transformer: Transformer) -> None:
    assert "too much memory" in failure(transformer, "$length($pad('x', 4e8))")


def test_evaluations_share_no_state(transformer: Transformer) -> None:
    expression = "($seen := $exists($seen) ? $seen : payload; $seen)"
    assert body(transformer, expression, 1) == b"1"
    assert body(transformer, expression, 2) == b"2"


def test_a_body_with_a_line_break_is_one_request(transformer: Transformer) -> None:
    sent = Message("acme.orders", "msg_1", None, b"[1,\n2]", {}, None, None)
    transformed = transformer.transform(sent, "payload[1]")
    assert transformed
    assert (transformed.body, body(transformer, "payload.order")) == (b"2", b"1742")


def test_a_cached_expression_knows_the_current_time(transformer: Transformer) -> None:
    first = int(body(transformer, "$millis()") or 0)
    body(transformer, "[$millis()]")
    while time.time() * 1000 < first + 2:
        pass
    assert int(body(transformer, "$millis()") or 0) > first


def test_each_thread_gets_its_own_result(transformer: Transformer) -> None:
    with ThreadPoolExecutor(10) as pool:
        results = pool.map(lambda number: body(transformer, f"payload + {number}", number), range(200))
    assert list(results) == [b"%d" % (2 * number) for number in range(200)]


def test_a_dead_process_is_restarted_and_ends_with_its_owner() -> None:
    existing = set(psutil.Process().children())
    transformer = Transformer()
    body(transformer, "1")
    (first,) = set(psutil.Process().children()) - existing
    first.kill()
    assert body(transformer, "payload.order") == b"1742"
    (second,) = set(psutil.Process().children()) - existing
    assert first != second
    del transformer
    assert not second.is_running()


def test_the_process_is_given_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    existing = set(psutil.Process().children())
    transformer = Transformer()
    body(transformer, "1")
    (process,) = set(psutil.Process().children()) - existing
    assert process.environ().keys() <= {"PYTHONPATH", "LD_LIBRARY_PATH"}


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("payload.(", "Expected ) before end of expression (S0203, character 9)"),
        ("{'a' 1}", "Expected"),
        ("'a", "String literal must be terminated by a matching quote (S0101, character 2)"),
        ("payload/(", "S0"),
        (r"'\q'", r"Unsupported escape sequence: \q (S0103, character 2)"),
        ("//", "Empty regular expressions are not allowed (S0301, character 1)"),
        ("/* nothing */", "it is not a complete expression"),
        ("/a**/", "a regular expression is not valid"),
    ],
)
def test_an_expression_that_does_not_compile_is_refused(transformer: Transformer, expression: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        transformer.check(expression)
    assert str(refused.value).startswith("transformation does not compile: ")
    assert reason in str(refused.value)


def test_checking_an_expression_does_not_evaluate_it(transformer: Transformer) -> None:
    transformer.check("$error('evaluated')")
