"""Escapes for characters that a terminal obeys or does not show.

A receiver chooses its responses: printed as they are, they could control the terminal, or show another text than they
contain.
"""

import re
import unicodedata
from typing import Final

from hooklog.messages.fields import INVISIBLE

_SPACE: Final = "Zs"
_LINE_BREAKS: Final = {"\n": r"\n", "\t": r"\t"}
_INVISIBLE: Final = re.compile(INVISIBLE)


class _Escapes(dict[int, str | int]):
    """A table of str.translate that is filled as characters occur."""

    def __missing__(self, code: int) -> str | int:
        self[code] = self._escape(code) if _is_hidden(chr(code)) else code
        return self[code]

    def _escape(self, code: int) -> str:
        if code <= 0xFF:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class _JsonEscapes(_Escapes):
    def _escape(self, code: int) -> str:
        units = chr(code).encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_hidden(character: str) -> bool:
    """Return whether a terminal would obey the character or not show it.

    That is a control, format, surrogate, private or unassigned character, or one without a shape.
    """
    if character.isprintable():
        return _INVISIBLE.match(character) is not None
    return unicodedata.category(character) != _SPACE


_TEXT: Final = _Escapes({ord("\n"): ord("\n"), ord("\t"): ord("\t")})
_LINE: Final = _Escapes({ord(character): escape for character, escape in _LINE_BREAKS.items()})
_JSON: Final = _JsonEscapes()


def escape_text(text: str) -> str:
    """Replace hidden characters by escapes such as `\\x9b`, but no tabs and newlines."""
    return text.translate(_TEXT)


def escape_line(text: str) -> str:
    """Replace hidden characters, tabs and newlines by escapes: one field of a line."""
    return text.translate(_LINE)


def escape_json(text: str) -> str:
    """Replace hidden characters in a JSON text on one line. Its value stays."""
    return text.translate(_JSON)
