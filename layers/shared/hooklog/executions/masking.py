"""Masking of sensitive headers, whose values the API never shows.

The log stores the values, because retries send them.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hooklog.errors import InvalidSetting
from hooklog.messages.fields import HEADER_NAME, normalize_header_name

MASK: Final = "••••"
"""Replaces a value; its length does not depend on the value."""

ALWAYS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
"""Masked in requests and responses of every deployment."""


class SensitiveHeaders(NamedTuple):
    """The lower-case names that a deployment masks, in addition to ALWAYS."""

    names: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "SensitiveHeaders":
        """Parse `X-Shop-Token, X-Signature`; may be empty. Raises InvalidSetting."""
        names = [name.strip() for name in text.split(",")] if text.strip() else []
        for name in names:
            if not HEADER_NAME.fullmatch(name):
                raise InvalidSetting(f"SENSITIVE_HEADERS must be header names separated by commas, not {name!r}")
        return cls(frozenset(name.lower() for name in names))

    def add(self, more: Iterable[str]) -> "SensitiveHeaders":
        """Return these names and more, given in any case."""
        return SensitiveHeaders(self.names | {name.lower() for name in more})

    def mask(self, headers: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
        """Mask the values of sensitive headers, and of those in `more`.

        Ignores case and punctuation of names.
        """
        hidden = {_normalize(name) for name in (*ALWAYS, *self.names, *more)}
        return {name: MASK if _normalize(name) in hidden else value for name, value in headers.items()}


def _normalize(name: str) -> str:
    """Remove case and punctuation.

    `X_Api_Key` contains the same secret as `X-Api-Key`.
    """
    return normalize_header_name(name).replace("-", "")
