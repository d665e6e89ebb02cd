"""Request headers of API Gateway's events."""

from collections.abc import Mapping
from typing import Any


def read_header(event: Mapping[str, Any], name: str) -> str:
    """Return the value of the header, in any case, or an empty text."""
    headers = event.get("headers") or {}
    return next((value for given, value in headers.items() if given.lower() == name), "")
