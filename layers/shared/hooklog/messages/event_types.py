"""Event types as filters and webhooks list them.

A pattern is a whole event type, or a prefix that ends in `.*`: `order.*` matches every type below `order.`, such as
`order.created` and `order.item.added`, but neither `order` nor `orders.created`. Other patterns with `*` are invalid.
"""

from collections.abc import Collection
from typing import Final

from hooklog.messages.fields import is_event_type

PATTERN_RULE: Final = "a type without * such as order.created, or a prefix that ends in .* such as order.*"

_PREFIX_END: Final = ".*"


def is_event_type_pattern(value: object) -> bool:
    if not isinstance(value, str):
        return False
    name = value.removesuffix(_PREFIX_END)
    return is_event_type(name) and "*" not in name


def get_prefix(pattern: str) -> str | None:
    """Return the prefix (`order.`) that a pattern matches; None for a whole type."""
    return pattern[:-1] if pattern.endswith(_PREFIX_END) else None


def matches(pattern: str, event_type: str | None) -> bool:
    """Return whether a pattern matches. A message without an event type matches none."""
    if event_type is None:
        return False
    prefix = get_prefix(pattern)
    return event_type == pattern if prefix is None else event_type.startswith(prefix)


def accepts(patterns: Collection[str], event_type: str | None) -> bool:
    """Return whether any of a webhook's patterns matches, or it has none."""
    return not patterns or any(matches(pattern, event_type) for pattern in patterns)
