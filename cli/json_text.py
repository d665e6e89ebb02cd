"""JSON texts as they were received, with indentation."""

import json
import re
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_OPENING, _CLOSING = ("[", "{"), ("]", "}")


def indent_json(text: str) -> str:
    """Indent a JSON text. Its tokens stay as they are: digits, escapes and repeated names.

    Returns what is no JSON, or nested too deeply for Python's parser, unchanged.
    """
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return text
    return "".join(_indent(_TOKEN.findall(text)))


def _indent(tokens: list[str]) -> Iterator[str]:
    depth, previous = 0, ""
    for part in tokens:
        depth -= part in _CLOSING
        if previous not in _OPENING if part in _CLOSING else previous in (*_OPENING, ","):
            yield "\n" + 2 * depth * " "
        yield ": " if part == ":" else part
        depth += part in _OPENING
        previous = part
