"""The trace of a producer's message is continued in the request."""

import re

import pytest

from hooklog.messages.trace import add_traceparent, get_trace_id

ROOT = "Root=1-6743a1b0-4f3c2a1d5e6b7a8c9d0e1f2a"
TRACE_ID = "6743a1b04f3c2a1d5e6b7a8c9d0e1f2a"


@pytest.mark.parametrize(
    ("sampled", "flags"), [(";Sampled=1", "01"), (";Sampled=0", "00"), (";Sampled=?", "00"), ("", "00")]
)
def test_the_producers_trace_is_continued(sampled: str, flags: str) -> None:
    headers = add_traceparent({"X-Shop": "berlin"}, f"{ROOT};Parent=53995c3f42cd8ad8{sampled}")
    assert headers == {"X-Shop": "berlin", "traceparent": f"00-{TRACE_ID}-53995c3f42cd8ad8-{flags}"}
    assert get_trace_id(headers) == TRACE_ID


def test_a_trace_started_by_lambda_is_continued_if_sampled() -> None:
    """The SDK adds a trace header even without tracing, to detect loops."""
    lambdas = f"{ROOT};Parent=53995c3f42cd8ad8;Sampled={{}};Lineage=1:a87bd80c:1"
    assert add_traceparent({}, lambdas.format(1)) == {"traceparent": f"00-{TRACE_ID}-53995c3f42cd8ad8-01"}
    for sampled in ("0", "?", ""):
        assert add_traceparent({"X-Shop": "berlin"}, lambdas.format(sampled)) == {"X-Shop": "berlin"}


def test_a_trace_without_a_segment_gets_one() -> None:
    assert re.fullmatch(f"00-{TRACE_ID}-[0-9a-f]{{16}}-01", add_traceparent({}, f"{ROOT};Sampled=1")["traceparent"])


@pytest.mark.parametrize("header", ["", "Self=1-2-3", "Root=1-6743a1b0-4f3c", f"{ROOT}\r\nX: y", "Root"])
def test_an_invalid_trace_is_omitted(header: str) -> None:
    assert add_traceparent({"X-Shop": "berlin"}, header) == {"X-Shop": "berlin"}


def test_a_messages_own_trace_wins() -> None:
    own = {"TraceParent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    assert add_traceparent(own, ROOT) == own
    assert get_trace_id(own) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("value", ["s3cr3t-t0ken", "00-s3cr3t-t0ken-01", ""])
def test_an_invalid_trace_is_not_shown(value: str) -> None:
    assert get_trace_id({"traceparent": value}) is None
