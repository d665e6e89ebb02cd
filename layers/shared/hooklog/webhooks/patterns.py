"""Patterns of the webhook IDs and topics that a token covers.

A pattern is a whole name (`acme.orders`), a prefix that ends in `.*`, or `*` for all names. `acme.*` covers every name
that begins with `acme.`, but neither `acme` nor `acmeX`.
"""

import re
from collections.abc import Iterable
from typing import Final

from hooklog.messages.fields import IDENTIFIER

ALL: Final = "*"

PATTERN_RULE: Final = 'a list of IDs and prefixes that end in ".*", such as "acme.*", or "*"'

_PREFIX: Final = re.compile(r"(?!\.{1,2}\.\*)[A-Za-z0-9_.-]{1,127}\.\*")
"""The text before `.*` is a valid name. It has no characters with a special meaning in an IAM policy."""


def is_pattern(text: str) -> bool:
    return text == ALL or any(form.fullmatch(text) for form in (IDENTIFIER, _PREFIX))


def get_prefix(pattern: str) -> str | None:
    """Return the prefix of the names that a pattern covers; None for a whole name.

    For `acme.*` it is `acme.`, and for `*` it is empty.
    """
    return pattern[:-1] if pattern.endswith("*") else None


def find_widest_prefix(patterns: Iterable[str], name: str) -> str | None:
    """Return the shortest prefix that covers the name; None if none does."""
    prefixes = [prefix for pattern in patterns if (prefix := get_prefix(pattern)) is not None]
    return min((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)


def covers(patterns: Iterable[str], name: str) -> bool:
    return any(_covers(pattern, name) for pattern in patterns)


def _covers(pattern: str, name: str) -> bool:
    prefix = get_prefix(pattern)
    return name == pattern if prefix is None else name.startswith(prefix)
