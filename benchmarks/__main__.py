"""Entry point of the benchmarks, which runs all groups or one.

Usage: python -m benchmarks
[sender|steps|imports|cold_starts|pages|reads|bodies|list|lookups|stats|cost|transformations|comparison|hot|cache]

Prints a table to stderr and one JSON line per figure to stdout. Exits with 1 if a figure is out of its bounds. Each
group runs in its own process, because its figures would depend on what ran before.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from benchmarks import (
    bodies,
    cached_webhooks,
    cold_starts,
    comparison,
    cost,
    hot_webhook,
    imports,
    long_list,
    lookups,
    pages,
    reads,
    sender,
    stats,
    steps,
    transformations,
)
from benchmarks.figures import Figure
from local.failure import LocalFailure

GROUPS = {
    "sender": sender.measure,
    "steps": steps.measure,
    "imports": imports.measure,
    "cold_starts": cold_starts.measure,
    "pages": pages.measure,
    "reads": reads.measure,
    "bodies": bodies.measure,
    "list": long_list.measure,
    "lookups": lookups.measure,
    "stats": stats.measure,
    "cost": cost.measure,
    "transformations": transformations.measure,
    "comparison": comparison.measure,
    "hot": hot_webhook.measure,
    "cache": cached_webhooks.measure,
}

console = Console(stderr=True, highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what Hooklog costs, as ratios.")
    parser.add_argument("group", nargs="?", choices=GROUPS, help="default: all")
    if group := parser.parse_args().group:
        return _run(group)
    return max([subprocess.call([sys.executable, "-m", "benchmarks", each]) for each in GROUPS])


def _run(group: str) -> int:
    try:
        figures = list(_measure(group))
    except LocalFailure as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    console.print(_build_table(figures))
    return 0 if all(figure.is_held for figure in figures) else 1


def _measure(group: str) -> Iterator[Figure]:
    with console.status(f"measuring: {group}"):
        for figure in GROUPS[group]():
            print(json.dumps(figure.as_json()), flush=True)
            yield figure


def _build_table(figures: Iterable[Figure]) -> Table:
    table = Table("figure", "unit")
    for column in ("value", "at least", "at most", "within"):
        table.add_column(column, justify="right")
    for figure in figures:
        bounds = ["" if bound is None else f"{bound:g}" for bound in (figure.at_least, figure.at_most)]
        is_held = ("yes" if figure.is_held else "[bold red]no") if any(bounds) else ""
        table.add_row(figure.name, figure.unit, _format(figure), *bounds, is_held)
    return table


def _format(figure: Figure) -> str:
    return f"{figure.value:,}" if isinstance(figure.value, int) else f"{figure.value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
