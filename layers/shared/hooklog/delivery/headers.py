"""The header section of a response, read as leniently as curl and browsers read it."""

from collections.abc import Iterator, Mapping
from typing import Final

MAX_CAPTURED_HEADERS: Final = 16_384
"""Characters kept of a response's headers, names and values together."""

_MAX_CUT_VALUE = 1_024
_DECIDING = frozenset({"retry-after", "location", "content-type", "content-encoding", "content-length"})


class Headers:
    """Header fields by name, in any case. Several of one name are one list, as RFC 9110 section 5.3 has it."""

    def __init__(self, section: bytes) -> None:
        """Read what stands between the status line and the empty line.

        A line without a colon, or without a name, is left out; the others stay what they are. Raises nothing.
        """
        self._fields: dict[str, list[str]] = {}
        """By name in lower case: the name as it came first, then the values."""
        for line in _unfolded(section):
            name, colon, value = line.partition(":")
            name = name.strip()
            if name and colon:
                self._fields.setdefault(name.lower(), [name]).append(value.strip())

    def get(self, name: str) -> str | None:
        """The value of the field of that lower-case name; several joined by commas."""
        field = self._fields.get(name)
        return ", ".join(field[1:]) if field else None

    def items_of(self, name: str) -> list[str]:
        """The items of a comma-separated list, in lower case; empty ones are left out."""
        value = self.get(name)
        return [item for item in (part.strip().lower() for part in value.split(",")) if item] if value else []

    def codings_in(self, name: str) -> list[str]:
        """The codings that a field names, without their parameters and without `identity`, which is none."""
        codings = [item.partition(";")[0].rstrip() for item in self.items_of(name)]
        return [coding for coding in codings if coding not in ("", "identity")]

    def capture(self) -> tuple[Mapping[str, str], bool]:
        """Names and values up to `MAX_CAPTURED_HEADERS`, and whether anything was cut.

        Where there is more, long values are cut first, and what others decide by is kept before all: no header hides
        another.
        """
        kept = {field[0]: field[1] if len(field) == 2 else ", ".join(field[1:]) for field in self._fields.values()}
        if sum(map(len, kept)) + sum(map(len, kept.values())) <= MAX_CAPTURED_HEADERS:
            return kept, False
        left, fitting = MAX_CAPTURED_HEADERS, set()
        for name in sorted(kept, key=lambda name: name.lower() not in _DECIDING):
            size = len(name) + min(len(kept[name]), _MAX_CUT_VALUE)
            if size <= left:
                left -= size
                fitting.add(name)
        return {name: value[:_MAX_CUT_VALUE] for name, value in kept.items() if name in fitting}, True


def _unfolded(section: bytes) -> Iterator[str]:
    """The lines, each with those that continue it, RFC 9112 section 5.2. A line without a colon is not continued."""
    parts: list[str] = []
    for line in _lines(section):
        if not parts or line[0] not in " \t":
            yield " ".join(parts)
            parts = [line.rstrip()]
        elif ":" in parts[0]:
            parts.append(line.strip())
    yield " ".join(parts)


def _lines(section: bytes) -> Iterator[str]:
    """The lines that are not empty: UTF-8 where a line is valid UTF-8, else Latin-1. A line ends with LF."""
    try:
        lines = section.decode().split("\n")
    except UnicodeDecodeError:
        lines = [_line(line) for line in section.split(b"\n")]
    for line in lines:
        stripped = line.rstrip("\r")
        if stripped:
            yield stripped


def _line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
