"""Conversion of X-Ray's trace header to the receiver's `traceparent` header."""

import re
import secrets
from collections.abc import Mapping
from typing import Final

HEADER: Final = "traceparent"

_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_PARENT = re.compile(r"[0-9a-f]{16}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, section 3.2


def add_traceparent(headers: Mapping[str, str], xray_header: str) -> Mapping[str, str]:
    """Add the trace of an X-Ray header, unless the headers already have a trace.

    Adds nothing unless `xray_header` contains a trace: `Root=1-…;Parent=…;Sampled=1`.
    """
    fields = _parse_xray_header(xray_header)
    root = _ROOT.fullmatch(fields.get("Root", ""))
    if not root or _is_added_by_lambda(fields) or _find_traceparent(headers) is not None:
        return headers
    parent = fields.get("Parent", "")
    span = parent if _PARENT.fullmatch(parent) else secrets.token_hex(8)
    flags = "01" if fields.get("Sampled") == "1" else "00"
    return {**headers, HEADER: f"00-{root[1]}{root[2]}-{span}-{flags}"}


def _is_added_by_lambda(fields: Mapping[str, str]) -> bool:
    """Return whether the header only serves Lambda's loop detection, not tracing.

    The AWS SDK adds such a header, with a `Lineage`, to all that a function sends. `Sampled=1` means traced.
    """
    return "Lineage" in fields and fields.get("Sampled") != "1"


def get_trace_id(headers: Mapping[str, str]) -> str | None:
    """Return the trace ID of 32 hex digits; None without a valid `traceparent`."""
    traceparent = _TRACEPARENT.fullmatch(_find_traceparent(headers) or "")
    return traceparent and traceparent[1]


def _find_traceparent(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == HEADER), None)


def _parse_xray_header(xray_header: str) -> Mapping[str, str]:
    pairs = (field.strip().partition("=") for field in xray_header.split(";"))
    return {name: value for name, _, value in pairs}
