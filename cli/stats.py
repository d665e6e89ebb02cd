"""The command stats: a webhook's executions by hour or day."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.api import Api, quote_segment
from cli.output import Output, Record, to_text
from cli.stack import Stack
from cli.times import format_time
from hooklog.access.grants import Scope

_BY_DAY_FROM: Final = timedelta(days=3)
"""From this period on, the default is one row per day."""
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS: Final = "._-=+*%#"
_MARGIN: Final = 24
"""Columns next to a sparkline: its name and its maximum."""
_COLUMNS: Final = ("Succeeded", "Failed", "Failed\n%", "Hard\nerrors", "Skipped", "p50", "p95")
_MILLION: Final = 1_000_000
LAG: Final = "Counts lag behind executions by up to six minutes."


def stats(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print a webhook's counts: a sparkline, and a row per hour or day."""
    interval = arguments.interval or ("day" if arguments.until - arguments.since >= _BY_DAY_FROM else "hour")
    found = Api(stack, Scope.EXECUTIONS_READ).get(
        f"/webhooks/{quote_segment(arguments.webhook)}/stats",
        **{"from": format_time(arguments.since), "to": format_time(arguments.until), "interval": interval},
    )
    if output.as_json:
        output.print_json_lines(found["intervals"])
        return
    if output.is_plain:
        for one in found["intervals"]:
            output.print_values([_format_start(interval, one), *_list_counts(one)])
        output.print_note(LAG)
        return
    heading = describe_period(arguments.webhook, interval, found["intervals"])
    sparklines = draw_sparklines(
        found["intervals"], output.console.width, _LEVELS if output.is_unicode else _ASCII_LEVELS
    )
    if _count_all(found["total"]):
        output.console.print(Group(to_text(heading), *sparklines, "", build_table(interval, found)))
    else:
        output.console.print(to_text(f"{heading}: no executions"))
    output.print_note(LAG)


def describe_period(webhook_id: str, interval: str, intervals: Sequence[Record]) -> str:
    first, last = (_format_start(interval, intervals[position]) for position in (0, -1))
    return f"{webhook_id} by {interval}, {first} to {last} UTC"


def draw_sparklines(intervals: Sequence[Record], width: int, levels: str = _LEVELS) -> Iterator[Text]:
    """Draw executions and failures, each in proportion to its own maximum.

    A bar stands for several intervals if there are more than fit into the width.
    """
    size = -(-len(intervals) // max(width - _MARGIN, 1))
    counts = {
        "executions": [_count_all(one) for one in intervals],
        "failures": [one["failed"] for one in intervals],
    }
    for name, style in (("executions", ""), ("failures", "red")):
        bars = [sum(counts[name][at : at + size]) for at in range(0, len(intervals), size)]
        yield Text.assemble(f"{name:<12}", (_draw_bars(bars, levels), style), f"  max {max(bars):,}")


def _count_all(counts: Mapping[str, Any]) -> int:
    return int(counts["succeeded"] + counts["failed"] + counts["skipped"])


def _draw_bars(values: Sequence[int], levels: str) -> str:
    """Draw a bar for each value; a blank is 0."""
    most = max(values)
    return "".join(levels[(len(levels) * value - 1) // most] if value else " " for value in values)


def build_table(interval: str, found: Mapping[str, Any]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, show_footer=True)
    table.add_column(f"{interval.capitalize()} (UTC)", "Total", no_wrap=True)
    for name, cell in zip(_COLUMNS, _format_counts(found["total"]), strict=True):
        table.add_column(name, cell, justify="right", vertical="bottom", no_wrap=True)
    for one in found["intervals"]:
        table.add_row(_format_start(interval, one), *_format_counts(one), style="" if _count_all(one) else "dim")
    return table


def _format_counts(counts: Record) -> Iterator[str]:
    for name in ("succeeded", "failed"):
        yield _format_count(counts[name])
    yield _format_failed_percent(counts)
    for name in ("hard_errors", "skipped"):
        yield _format_count(counts[name])
    for name in ("p50", "p95"):
        yield _format_duration(counts["duration_ms"][name])


def _list_counts(counts: Record) -> Iterator[object]:
    """Yield the same columns as numbers, with durations in milliseconds."""
    for name in ("succeeded", "failed"):
        yield counts[name]
    yield _format_failed_percent(counts)
    for name in ("hard_errors", "skipped"):
        yield counts[name]
    for name in ("p50", "p95"):
        milliseconds = counts["duration_ms"][name]
        yield "-" if milliseconds is None else milliseconds


def _format_failed_percent(counts: Record) -> str:
    ended = counts["succeeded"] + counts["failed"]
    return f"{100 * counts['failed'] / ended:.1f}" if ended else "-"


def _format_count(count: int) -> str:
    """Format a count in at most seven characters: the table fits into 80 columns."""
    return f"{count:,}" if count < _MILLION else f"{count / _MILLION:,.4g}M"


def _format_duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _format_start(interval: str, counts: Record) -> str:
    """Return the start of an interval: `2026-11-28`, or `2026-11-28 18:00`."""
    day, _, time = counts["start"].partition("T")
    return day if interval == "day" else f"{day} {time[:5]}"
