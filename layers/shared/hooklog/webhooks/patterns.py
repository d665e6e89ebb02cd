"""Which names a token covers: the one rule for ids of webhooks and for topics.

A pattern is a whole name (`acme.orders`), a prefix that ends in `.*`, or `*` for every name. `acme.*` covers every name
that begins with `acme.`, and neither `acme` nor `acmeX`.
"""

import re
from collections.abc import Iterable
from typing import Final

from hooklog.messages.fields import IDENTIFIER

EVERY: Final = "*"

PATTERN_RULE: Final = 'a list of ids, and prefixes that end in ".*" such as "acme.*", or "*"'

_PREFIX: Final = re.compile(r"(?!\.{1,2}\.\*)[A-Za-z0-9_.-]{1,127}\.\*")
"""What stands before `.*` is a name of its own. Nothing in it means more than itself in an IAM policy."""


def is_pattern(text: str) -> bool:
    return text == EVERY or any(form.fullmatch(text) for form in (IDENTIFIER, _PREFIX))


def prefix_of(pattern: str) -> str | None:
    """What the names begin with that it covers: `acme.` of `acme.*`, nothing of `*`; None where it is a whole name."""
    return pattern[:-1] if pattern.endswith("*") else None


def widest_prefix(patterns: Iterable[str], name: str) -> str | None:
    """What the widest prefix that covers the name begins with: nothing for `*`; None where no prefix covers it."""
    prefixes = [prefix for pattern in patterns if (prefix := prefix_of(pattern)) is not None]
    return min((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)


def covers(patterns: Iterable[str], name: str) -> bool:
    return any(_covers(pattern, name) for pattern in patterns)


def _covers(pattern: str, name: str) -> bool:
    prefix = prefix_of(pattern)
    return name == pattern if prefix is None else name.startswith(prefix)
