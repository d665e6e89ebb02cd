"""What goes to the terminal: tables for people, one JSON object a line for scripts."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
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
"""What a receiver may have answered to take over the terminal, or no terminal takes; tabs and line ends may stay."""


@dataclass(frozen=True, slots=True)
class Output:
    """Standard output for what was asked for; standard error for all that is beside it."""

    as_json: bool
    console: Console = field(default_factory=lambda: _console(sys.stdout))
    aside: Console = field(default_factory=lambda: _console(sys.stderr))

    def table(self, columns: Sequence[Column], records: Sequence[Record]) -> None:
        """All records at once. Where the terminal is too narrow for a table, each on a line: no id is cut."""
        if self.as_json:
            self.lines(records)
            return
        table = Table()
        for name, _ in columns:
            table.add_column(name, no_wrap=True)
        for record in records:
            table.add_row(*(shown(value(record)) for _, value in columns))
        if self._fits(table):
            self.console.print(table)
            return
        for record in records:
            self.row(columns, record)

    def _fits(self, table: Table) -> bool:
        unbounded = self.console.options.update(max_width=_WIDEST)
        return self.console.measure(table, options=unbounded).maximum <= self.console.width

    def row(self, columns: Sequence[Column], record: Record) -> None:
        """One record of a stream, on one line."""
        if self.as_json:
            self.lines([record])
        else:
            self.console.print(Text("  ").join(shown(value(record)) for _, value in columns), soft_wrap=True)

    def fields(self, record: Record) -> None:
        """One thing, field by field."""
        if self.as_json:
            self.lines([record])
            return
        table = Table(show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in record.items():
            table.add_row(name, shown(value))
        self.console.print(table)

    def lines(self, records: Iterable[Record]) -> None:
        """JSON, each written through: whoever reads a pipe gets them as they come."""
        for record in records:
            line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace")  # unpaired surrogates
            sys.stdout.write(line.decode() + "\n")
            sys.stdout.flush()

    def say(self, sentence: str, record: Record) -> None:
        """What has been done: a sentence for people, `record` for scripts."""
        if self.as_json:
            self.lines([record])
        else:
            self.console.print(Text(visible(sentence)), soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Beside what was asked for."""
        self.aside.print(Text(visible(sentence)), soft_wrap=True)


def shown(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text(visible(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)))


def visible(text: str) -> str:
    """Control characters as escapes: what a receiver wrote is shown and not obeyed."""
    return _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _console(stream: Any) -> Console:
    console = Console(file=stream, highlight=False)
    return console if console.is_terminal else Console(file=stream, highlight=False, width=_PIPED_WIDTH)
