"""Cross-Origin Resource Sharing: front ends that may call the API in a browser."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hooklog.access.headers import read_header

ANY: Final = "*"
ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")

_DEFAULT_PORT: Final = re.compile(r"(?<=^http:)(//.+):80$|(?<=^https:)(//.+):443$")
_PREFLIGHT_SECONDS: Final = 7200
"""Browsers store a preflight's response for at most two hours (Chrome) or a day (Firefox)."""


class AllowedOrigins(NamedTuple):
    """The origins that may read the API's responses."""

    origins: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "AllowedOrigins":
        """Parse `*`, or origins separated by commas, and write them as browsers do.

        Raises ValueError.
        """
        origins = frozenset(_normalize(each.strip()) for each in text.split(","))
        if origins != {ANY} and (wrong := sorted(each for each in origins if not ORIGIN.fullmatch(each))):
            raise ValueError(f"not an origin such as https://app.example.com: {wrong[0]!r}")
        return cls(origins)

    def build_headers(self, event: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers that let the caller's origin read a response if allowed."""
        if ANY in self.origins:
            return {"Access-Control-Allow-Origin": ANY}
        origin = read_header(event, "origin")
        return {"Vary": "Origin"} | ({"Access-Control-Allow-Origin": origin} if origin in self.origins else {})

    def build_preflight_headers(self, event: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers of a response to OPTIONS, the same for every route."""
        return self.build_headers(event) | {
            "Access-Control-Allow-Headers": "Authorization,Content-Type",
            "Access-Control-Allow-Methods": "DELETE,GET,OPTIONS,POST,PUT",
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
        }


def _normalize(origin: str) -> str:
    return _DEFAULT_PORT.sub(r"\1\2", origin.lower())
