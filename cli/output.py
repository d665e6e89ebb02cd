"""Terminal output: tables for people, JSON lines for scripts."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

Record = Mapping[str, Any]
Column = tuple[str, Callable[[Record], object]]

_PIPED_WIDTH: Final = 200
_WIDEST: Final = 10_000
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters by which a response could control the terminal, or that cannot be printed. Tabs and newlines are fine."""


@dataclass(frozen=True, slots=True)
class Output:
    """Results go to standard output; notes, errors and progress to standard error."""

    as_json: bool
    console: Console = field(default_factory=lambda: _create_console(sys.stdout))
    stderr: Console = field(default_factory=lambda: _create_console(sys.stderr))

    def print_table(self, columns: Sequence[Column], records: Sequence[Record]) -> None:
        """Print a table, or one line per record if the terminal is too narrow.

        No ID is cut.
        """
        if self.as_json:
            self.print_json_lines(records)
            return
        table = Table()
        for name, _ in columns:
            table.add_column(name, no_wrap=True)
        for record in records:
            table.add_row(*(to_text(value(record)) for _, value in columns))
        if self._fits(table):
            self.console.print(table)
            return
        for record in records:
            self.print_row(columns, record)

    def _fits(self, table: Table) -> bool:
        unbounded = self.console.options.update(max_width=_WIDEST)
        return self.console.measure(table, options=unbounded).maximum <= self.console.width

    def print_row(self, columns: Sequence[Column], record: Record) -> None:
        """Print one record of a stream on one line."""
        if self.as_json:
            self.print_json_lines([record])
        else:
            _print_lines(self.console, Text("  ").join(to_text(value(record)) for _, value in columns), indent=4)

    def print_fields(self, record: Record) -> None:
        """Print one record, one row per field."""
        if self.as_json:
            self.print_json_lines([record])
            return
        table = Table(show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in record.items():
            table.add_row(name, to_text(value))
        self.console.print(table)

    def print_json_lines(self, records: Iterable[Record]) -> None:
        """Print each record as a line of JSON.

        Flushes each line, so that the reader of a pipe gets it at once.
        """
        for record in records:
            line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace")  # unpaired surrogates
            sys.stdout.write(line.decode() + "\n")
            sys.stdout.flush()

    def print_result(self, sentence: str, record: Record) -> None:
        """Print what was done: `sentence` for people, `record` for scripts."""
        if self.as_json:
            self.print_json_lines([record])
        else:
            _print_lines(self.console, Text(escape_controls(sentence)))

    def print_note(self, sentence: str) -> None:
        """Print a note or an error to standard error."""
        _print_lines(self.stderr, Text(escape_controls(sentence)))


def _print_lines(console: Console, text: Text, indent: int = 0) -> None:
    """Print lines, wrapped between words on a terminal.

    An ID stays whole. Lines into a pipe are unchanged.
    """
    for line in text.split("\n", allow_blank=True):
        breaks = _find_breaks(line.plain, console.width - indent) if console.is_terminal else ()
        for number, part in enumerate(line.divide(breaks)):
            part.rstrip()
            console.print(Text(" " * indent if number else "").append_text(part), soft_wrap=True)


def _find_breaks(line: str, width: int) -> Iterator[int]:
    start = 0
    for word in re.finditer(r"\S+", line):
        if word.end() - start > width and word.start() > start:
            start = word.start()
            yield start


def to_text(value: object) -> Text:
    """Convert a value for the terminal: strings as they are, other values as JSON."""
    if isinstance(value, Text):
        return value
    return Text(escape_controls(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)))


def escape_controls(text: str) -> str:
    """Replace control characters by escapes.

    Otherwise a receiver's text could control the terminal.
    """
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _create_console(stream: Any) -> Console:
    console = Console(file=stream, highlight=False)
    return console if console.is_terminal else Console(file=stream, highlight=False, width=_PIPED_WIDTH)
