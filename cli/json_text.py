"""JSON texts as they were received, with indentation."""

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_DEEPEST: Final = 100
_LONGEST: Final = 100_000
"""In characters. Laying out a table of a million indented ones takes seconds."""
_OPENING, _CLOSING = ("[", "{"), ("]", "}")


def indent_json(text: str) -> str:
    """Indent a JSON text. Its digits, escapes and repeated names stay.

    Returns what is no JSON, has more than 100 levels or is longer than 100,000 characters unchanged.
    """
    if len(text) > _LONGEST:
        return text
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return text
    parts = _TOKEN.findall(text)
    depths = accumulate((part in _OPENING) - (part in _CLOSING) for part in parts)
    return text if max(depths) > _DEEPEST else "".join(_indent(parts))


def _indent(parts: list[str]) -> Iterator[str]:
    depth, previous = 0, ""
    for part in parts:
        depth -= part in _CLOSING
        if previous not in _OPENING if part in _CLOSING else previous in (*_OPENING, ","):
            yield "\n" + 2 * depth * " "
        yield ": " if part == ":" else part
        depth += part in _OPENING
        previous = part
