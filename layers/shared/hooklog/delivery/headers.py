"""The header section of a response, parsed as leniently as curl and browsers do."""

from collections.abc import Iterator, Mapping
from typing import Final

MAX_CAPTURED_HEADERS: Final = 16_384
"""Characters captured of a response's headers, names and values together."""

_MAX_CUT_VALUE = 1_024
_CAPTURED_FIRST = frozenset({"retry-after", "location", "content-type", "content-encoding", "content-length"})


class Headers:
    """Header fields by case-insensitive name.

    Fields with one name form a list (RFC 9110 section 5.3).
    """

    def __init__(self, section: bytes) -> None:
        """Parse the bytes between the status line and the empty line.

        Ignores lines without a colon or a name.
        """
        self._fields: dict[str, list[str]] = {}
        """By lower-case name: the name as received first, then the values."""
        for line in _unfold_lines(section):
            name, colon, value = line.partition(":")
            name = name.strip()
            if name and colon:
                self._fields.setdefault(name.lower(), [name]).append(value.strip())

    def get(self, name: str) -> str | None:
        """Return the value of the field with this lower-case name.

        Several values are joined by commas.
        """
        field = self._fields.get(name)
        return ", ".join(field[1:]) if field else None

    def get_items(self, name: str) -> list[str]:
        """Return the items of a comma-separated list, in lower case, without empty ones."""
        value = self.get(name)
        return [item for item in (part.strip().lower() for part in value.split(",")) if item] if value else []

    def get_codings(self, name: str) -> list[str]:
        """Return the codings in a field, without their parameters and without `identity`."""
        codings = [item.partition(";")[0].rstrip() for item in self.get_items(name)]
        return [coding for coding in codings if coding not in ("", "identity")]

    def capture(self) -> tuple[Mapping[str, str], bool]:
        """Return names and values to capture, and whether anything was cut.

        Together they have up to `MAX_CAPTURED_HEADERS` characters. If there are more, long values are cut, and headers
        with a meaning for Hooklog are captured first.
        """
        headers = {field[0]: field[1] if len(field) == 2 else ", ".join(field[1:]) for field in self._fields.values()}
        if sum(map(len, headers)) + sum(map(len, headers.values())) <= MAX_CAPTURED_HEADERS:
            return headers, False
        room, captured = MAX_CAPTURED_HEADERS, set()
        for name in sorted(headers, key=lambda name: name.lower() not in _CAPTURED_FIRST):
            size = len(name) + min(len(headers[name]), _MAX_CUT_VALUE)
            if size <= room:
                room -= size
                captured.add(name)
        return {name: value[:_MAX_CUT_VALUE] for name, value in headers.items() if name in captured}, True


def _unfold_lines(section: bytes) -> Iterator[str]:
    """Join folded lines (RFC 9112 section 5.2).

    A line without a colon cannot be continued.
    """
    parts: list[str] = []
    for line in _split_lines(section):
        if not parts or line[0] not in " \t":
            yield " ".join(parts)
            parts = [line.rstrip()]
        elif ":" in parts[0]:
            parts.append(line.strip())
    yield " ".join(parts)


def _split_lines(section: bytes) -> Iterator[str]:
    """Split at LF into non-empty lines, decoded as UTF-8 if valid, else as Latin-1."""
    try:
        lines = section.decode().split("\n")
    except UnicodeDecodeError:
        lines = [_decode_line(line) for line in section.split(b"\n")]
    for line in lines:
        stripped = line.rstrip("\r")
        if stripped:
            yield stripped


def _decode_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
