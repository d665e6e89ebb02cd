"""Trace context: from the X-Ray header that came with a queue message to the `traceparent` that a receiver gets."""

import re
import secrets
from collections.abc import Mapping
from typing import Final

HEADER: Final = "traceparent"

_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_PARENT = re.compile(r"[0-9a-f]{16}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, section 3.2


def traced(headers: Mapping[str, str], xray_header: str) -> Mapping[str, str]:
    """The headers with the trace of `Root=1-…;Parent=…;Sampled=1`, unless they name one or there is none."""
    fields = _fields(xray_header)
    root = _ROOT.fullmatch(fields.get("Root", ""))
    if not root or _is_lambdas_own(fields) or _own(headers) is not None:
        return headers
    parent = fields.get("Parent", "")
    span = parent if _PARENT.fullmatch(parent) else secrets.token_hex(8)
    flags = "01" if fields.get("Sampled") == "1" else "00"
    return {**headers, HEADER: f"00-{root[1]}{root[2]}-{span}-{flags}"}


def _is_lambdas_own(fields: Mapping[str, str]) -> bool:
    """Whether nobody traces: the AWS SDK adds such a header to all that a Lambda function sends, to find loops.

    It has a `Lineage`; `Sampled=1` only where the function is traced.
    """
    return "Lineage" in fields and fields.get("Sampled") != "1"


def trace_id(headers: Mapping[str, str]) -> str | None:
    """The trace's id of 32 hex digits; None where the headers name no trace, or not as W3C spells it."""
    named = _TRACEPARENT.fullmatch(_own(headers) or "")
    return named and named[1]


def _own(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == HEADER), None)


def _fields(xray_header: str) -> Mapping[str, str]:
    pairs = (field.strip().partition("=") for field in xray_header.split(";"))
    return {name: value for name, _, value in pairs}
