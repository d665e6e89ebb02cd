"""Headers whose values the log keeps for the retry and nobody is shown."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hooklog.errors import InvalidSetting
from hooklog.messages.fields import HEADER_NAME, normalize_header_name

MASK: Final = "••••"
"""What is shown instead; its length tells nothing of what it hides."""

ALWAYS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
"""Masked in every deployment, of a request and of an answer alike."""


class SensitiveHeaders(NamedTuple):
    """The names, in lower case, that a deployment masks beside those that are always masked."""

    names: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "SensitiveHeaders":
        """Read `X-Shop-Token, X-Signature`; none is none. Raises InvalidSetting with what is no header name."""
        names = [name.strip() for name in text.split(",")] if text.strip() else []
        for name in names:
            if not HEADER_NAME.fullmatch(name):
                raise InvalidSetting(f"SENSITIVE_HEADERS must be header names and commas between, not {name!r}")
        return cls(frozenset(name.lower() for name in names))

    def joined_by(self, more: Iterable[str]) -> "SensitiveHeaders":
        """These, and more, in any case."""
        return SensitiveHeaders(self.names | {name.lower() for name in more})

    def mask(self, headers: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
        """The headers as they may be shown; `more` names what is sensitive in them alone.

        Case and punctuation tell no names apart.
        """
        hidden = {_letters(name) for name in (*ALWAYS, *self.names, *more)}
        return {name: MASK if _letters(name) in hidden else value for name, value in headers.items()}


def _letters(name: str) -> str:
    """The name without case and punctuation: who writes `X_Api_Key` means the same secret."""
    return normalize_header_name(name).replace("-", "")
