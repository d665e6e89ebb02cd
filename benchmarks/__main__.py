"""python -m benchmarks [sender|parts|imports|pages|chains|cost|transformations]: all groups of figures, or one.

The table goes to stderr, one JSON line for each figure to stdout. The exit code is 1 if a figure is not held.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from benchmarks import chains, cost, imports, pages, parts, sender, transformations
from benchmarks.figures import Figure
from local.failure import LocalFailure

GROUPS = {
    "sender": sender.figures,
    "parts": parts.figures,
    "imports": imports.figures,
    "pages": pages.figures,
    "chains": chains.figures,
    "cost": cost.figures,
    "transformations": transformations.figures,
}

console = Console(stderr=True, highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What Hooklog costs, as ratios.")
    parser.add_argument("group", nargs="?", choices=GROUPS, help="default: all")
    chosen = parser.parse_args().group
    try:
        measured = list(_measure([chosen] if chosen else GROUPS))
    except LocalFailure as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    console.print(_table(measured))
    return 0 if all(figure.held for figure in measured) else 1


def _measure(groups: Iterable[str]) -> Iterator[Figure]:
    for group in groups:
        with console.status(f"measuring: {group}"):
            for figure in GROUPS[group]():
                print(json.dumps(figure.line()), flush=True)
                yield figure


def _table(measured: Iterable[Figure]) -> Table:
    table = Table("figure", "unit")
    for column in ("value", "at most", "held"):
        table.add_column(column, justify="right")
    for figure in measured:
        bound = f"{figure.at_most:g}" if figure.at_most is not None else ""
        held = ("yes" if figure.held else "[bold red]no") if bound else ""
        table.add_row(figure.name, figure.unit, _shown(figure), bound, held)
    return table


def _shown(figure: Figure) -> str:
    return f"{figure.value:,}" if isinstance(figure.value, int) else f"{figure.value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
