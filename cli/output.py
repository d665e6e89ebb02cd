"""Output: tables on a terminal, tab-separated lines in a pipe, or JSON lines."""

import json
import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.escaping import escape_json, escape_line, escape_text
from cli.failure import CliFailure

Record = Mapping[str, Any]

_PIPED_WIDTH: Final = 200
_UNKNOWN_WIDTH: Final = 80
_WIDEST: Final = 10_000
_INDENT: Final = 4
_GAP: Final = 2
_NARROWEST: Final = 8


class Column(NamedTuple):
    """A column of a table or a stream."""

    name: str
    value: Callable[[Record], object]
    width: int = 0
    """How wide it is at least, so that the rows of a stream line up. A negative width aligns to the right."""
    folds: bool = False
    """Whether a value may be broken into lines. An ID may not: it could not be copied."""


@dataclass(frozen=True, slots=True)
class Output:
    """Results go to standard output; notes, errors and progress to standard error."""

    as_json: bool
    console: Console = field(default_factory=lambda: _create_console(sys.stdout))
    stderr: Console = field(default_factory=lambda: _create_console(sys.stderr))

    @property
    def is_plain(self) -> bool:
        """Whether to print tab-separated lines, because standard output is not a terminal."""
        return not self.console.is_terminal

    @property
    def is_unicode(self) -> bool:
        """Whether the terminal can show more than ASCII."""
        return self.console.encoding.lower().startswith("utf")

    def print_table(self, columns: Sequence[Column], records: Sequence[Record]) -> None:
        """Print a table, or several lines per record if the terminal is too narrow.

        No ID is cut. In a pipe there is no heading.
        """
        if self.as_json or self.is_plain:
            for record in records:
                self.print_row(columns, record)
            return
        table = Table()
        for column in columns:
            table.add_column(column.name, no_wrap=True)
        rows = [[self._to_text(column.value(record)) for column in columns] for record in records]
        for row in rows:
            table.add_row(*row)
        if self._fits(table):
            self.console.print(table)
        else:
            self._print_narrow(columns, rows)

    def _fits(self, table: Table) -> bool:
        unbounded = self.console.options.update(max_width=_WIDEST)
        return self.console.measure(table, options=unbounded).maximum <= self.console.width

    def _print_narrow(self, columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> None:
        """Print each record on several lines, with each column in the same place."""
        heading = [Text(column.name, "bold") for column in columns]
        widths = [max(map(_measure, cells)) for cells in zip(heading, *rows, strict=True)]
        lines = _arrange(widths, self.console.width)
        for row in (heading, *rows):
            for number, line in enumerate(lines):
                self._print_cells(row[line], widths[line], columns[line], indent=_INDENT if number else 0)

    def _print_cells(
        self, cells: Sequence[Text], widths: Sequence[int], columns: Sequence[Column], indent: int
    ) -> None:
        """Print cells on one line, or fold those that may be folded.

        Other lines break between words.
        """
        room = self.console.width - indent
        widths = _shrink(widths, columns, room)
        if _add_up(widths) > room:
            _print_lines(self.console, Text(" " * indent).append_text(Text(" " * _GAP).join(cells)), indent)
            return
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        for width, column in zip(widths, columns, strict=True):
            grid.add_column(width=width, overflow="fold", justify="right" if column.width < 0 else "left")
        grid.add_row(*cells)
        self.console.print(Padding(grid, (0, 0, 0, indent), expand=False))

    def print_row(self, columns: Sequence[Column], record: Record) -> None:
        """Print one record of a table without borders, or of a stream."""
        if self.as_json:
            self.print_json_lines([record])
        elif self.is_plain:
            self.print_values([column.value(record) for column in columns])
        else:
            cells = [self._to_text(column.value(record)) for column in columns]
            widths = [max(abs(column.width), _measure(cell)) for cell, column in zip(cells, columns, strict=True)]
            lines = _arrange([abs(column.width) for column in columns], self.console.width)
            for number, line in enumerate(lines):
                self._print_cells(cells[line], widths[line], columns[line], indent=_INDENT if number else 0)

    def print_fields(self, record: Record) -> None:
        """Print one record, one row per field."""
        if self.as_json:
            self.print_json_lines([record])
            return
        if self.is_plain:
            for name, value in record.items():
                self.print_values([name, value])
            return
        table = Table(show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in record.items():
            table.add_row(self._to_text(name), self._to_text(value))
        self.console.print(table)

    def print_values(self, values: Iterable[object]) -> None:
        """Print values on a line, separated by tabs; those in values become escapes."""
        self._write("\t".join(escape_line(_to_string(value)) for value in values))

    def print_json_lines(self, records: Iterable[Record]) -> None:
        """Print each record as a line of JSON.

        Flushes each line, so that the reader of a pipe gets it at once.
        """
        for record in records:
            self._write(escape_json(_dump(record, ensure_ascii=not self.is_unicode)))

    def print_result(self, sentence: str, record: Record) -> None:
        """Print what was done: `sentence` for people, `record` for scripts."""
        if self.as_json:
            self.print_json_lines([record])
        elif self.is_plain:
            self._write(escape_line(sentence))
        else:
            _print_lines(self.console, self._to_text(sentence))

    def print_note(self, sentence: str) -> None:
        """Print a note or an error to standard error."""
        _print_lines(self.stderr, to_text(sentence, self.stderr.encoding))

    def wait(self, seconds: float) -> None:
        """Sleep. Raises BrokenPipeError as soon as standard output is closed."""
        try:
            stdout = self.console.file.fileno()
        except (OSError, ValueError):  # no file of the system
            time.sleep(seconds)
            return
        poll = select.poll()
        poll.register(stdout, 0)  # an error is always reported
        if poll.poll(1000 * seconds):
            raise BrokenPipeError

    def _to_text(self, value: object) -> Text:
        return to_text(value, self.console.encoding)

    def _write(self, line: str) -> None:
        try:
            self.console.file.write(f"{line}\n")
            self.console.file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CliFailure(f"Cannot write to standard output: {error.strerror}") from None


def _arrange(widths: Sequence[int], limit: int) -> list[slice]:
    """Return which columns share a line of at most `limit` terminal columns.

    All lines but the first are indented.
    """
    lines, start, used = [], 0, 0
    for number, width in enumerate(widths):
        if number > start and used + width > limit:
            lines.append(slice(start, number))
            start, used = number, _INDENT
        used += width + _GAP
    return [*lines, slice(start, len(widths))]


def _shrink(widths: Sequence[int], columns: Sequence[Column], room: int) -> Sequence[int]:
    """Make columns that may be folded narrower, until the line fits if it can."""
    shrunk = list(widths)
    for number, column in enumerate(columns):
        if column.folds:
            excess = max(_add_up(shrunk) - room, 0)
            shrunk[number] = max(shrunk[number] - excess, min(shrunk[number], _NARROWEST))
    return shrunk


def _add_up(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _measure(cell: Text) -> int:
    return max((line.cell_len for line in cell.split("\n", allow_blank=True)), default=0)


def _print_lines(console: Console, text: Text, indent: int = 0) -> None:
    """Print lines, wrapped between words on a terminal.

    An ID stays whole. Lines into a pipe are unchanged.
    """
    if not console.is_terminal:
        console.file.write(f"{text.plain}\n")
        console.file.flush()
        return
    for line in text.split("\n", allow_blank=True):
        for number, part in enumerate(line.divide(_find_breaks(line.plain, console.width - indent))):
            part.rstrip()
            console.print(Text(" " * indent if number else "").append_text(part), soft_wrap=True)


def _find_breaks(line: str, width: int) -> Iterator[int]:
    start = 0
    for word in re.finditer(r"\S+", line):
        if cell_len(line[start : word.end()]) > width and line[start : word.start()].strip():
            start = word.start()
            yield start


def to_text(value: object, encoding: str = "utf-8") -> Text:
    """Convert a value for a terminal: a string, or indented JSON.

    What the encoding lacks is escaped here, so that columns are as wide as what is printed.
    """
    if isinstance(value, Text):
        return Text(_escape(value.plain, encoding), value.style)
    return Text(_escape(value if isinstance(value, str) else _dump(value, indent=2), encoding))


def _escape(text: str, encoding: str) -> str:
    return escape_text(text).encode(encoding, "backslashreplace").decode(encoding)


def _to_string(value: object) -> str:
    """Convert a value for a pipe: a string, or JSON on one line."""
    if isinstance(value, Text):
        return value.plain
    return value if isinstance(value, str) else _dump(value)


def _dump(value: object, indent: int | None = None, *, ensure_ascii: bool = False) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    except RecursionError:  # indenting recurses sooner
        if indent is None:
            raise CliFailure("The API's answer is nested too deeply") from None
        return _dump(value)


def _create_console(stream: TextIO) -> Console:
    """Create a console without colours if NO_COLOR is set or the terminal is dumb.

    Decides by the stream only whether it is a terminal: FORCE_COLOR does not change what is piped.
    """
    is_terminal = stream.isatty()
    is_colourless = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in {"dumb", "unknown"}
    console = Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=is_terminal,
        color_system=None if is_colourless or not is_terminal else "auto",
        width=None if is_terminal else _PIPED_WIDTH,
    )
    if not console.width:  # COLUMNS=0 stands for "unknown"
        console.width = _UNKNOWN_WIDTH
    return console
