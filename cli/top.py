"""The command top: success rate, latency and failing webhooks.

The figures come from the sender's log lines.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any, Final

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.history import LABELS
from cli.output import Output, to_text
from cli.sender_log import BATCH_PROCESSED, EXECUTION_FAILED, LATENCY, LogLine, SenderLog
from cli.stack import Stack

_QUEUE_LATENCY: Final = "QueueLatency"
_REASONS: Final = 4
_LATE: Final = timedelta(seconds=30)
"""How much later CloudWatch may return a line than lines that were written after it."""


@dataclass(slots=True)
class Window:
    """The log lines of the last `span`; each is read once."""

    span: timedelta
    _events: dict[str, LogLine] = field(default_factory=dict)

    def refresh(self, log: SenderLog, now: datetime) -> Iterable[Mapping[str, Any]]:
        """Read new lines, and return all that are still in the window."""
        start = now - self.span
        since = start
        if self._events:
            newest = max(event.milliseconds for event in self._events.values())
            since = max(start, datetime.fromtimestamp(newest / 1000, UTC) - _LATE)
        self._events.update((event.event_id, event) for event in log.read_lines(since))
        oldest = start.timestamp() * 1000
        self._events = {key: event for key, event in self._events.items() if event.milliseconds >= oldest}
        return [event.line for event in self._events.values()]


def top(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Print the figures of the last --window.

    Updates them every --every until interrupted; with --once, prints them once.
    """
    log, window = SenderLog(stack.client("logs"), stack.outputs["SenderLogGroup"]), Window(arguments.window)

    def figures() -> dict[str, Any]:
        return {
            "window_seconds": int(arguments.window.total_seconds()),
            **summarise(window.refresh(log, datetime.now(UTC))),
        }

    if output.as_json:
        output.print_json_lines([figures()])
        while not arguments.once:
            time.sleep(arguments.every.total_seconds())
            output.print_json_lines([figures()])
    elif output.is_plain or output.console.is_dumb_terminal or arguments.once:
        _print_figures(output, stack.name, figures(), arguments.rows)
        while not arguments.once:
            time.sleep(arguments.every.total_seconds())
            _print_figures(output, stack.name, figures(), arguments.rows)
    else:
        with Live(console=output.console, screen=output.console.is_terminal, auto_refresh=False) as live:
            while True:
                live.update(render(stack.name, figures(), arguments.rows), refresh=True)
                time.sleep(arguments.every.total_seconds())


def _print_figures(output: Output, name: str, figures: Mapping[str, Any], rows: int) -> None:
    if not output.is_plain:
        output.console.print(render(name, figures, rows))
        return
    output.print_values(["stack", name])
    for label, value in _list_overall(figures):
        output.print_values([label, value])
    for one in figures["webhooks"][:rows]:
        output.print_values(["failing webhook", one["webhook_id"], one["failures"], _format_reasons(one["reasons"])])


def _list_overall(figures: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "sent", figures["delivered"] + figures["failed"]
    yield "success rate", _format_rate(figures["success_rate"])
    yield "delivery time", _format_percentiles(figures["delivery_ms"])
    yield "wait in queue", _format_percentiles(figures["queue_ms"])


def summarise(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up the lines. Rates and latencies are None if nothing was sent."""
    delivered, failed, latencies, waits = 0, 0, list[float](), list[float]()
    webhooks: dict[str, Counter[str]] = {}
    for line in lines:
        latencies += _values(line.get(LATENCY))
        waits += _values(line.get(_QUEUE_LATENCY))
        if line.get("event") == BATCH_PROCESSED:
            delivered, failed = delivered + line["delivered"], failed + line["failed"]
        elif line.get("event") == EXECUTION_FAILED:
            reason = line.get("error_type") or str(line["result"])
            webhooks.setdefault(line["webhook_id"], Counter())[reason] += 1
    sent = delivered + failed
    worst = sorted(webhooks.items(), key=lambda item: (-item[1].total(), item[0]))
    return {
        "delivered": delivered,
        "failed": failed,
        "success_rate": round(delivered / sent, 4) if sent else None,
        "delivery_ms": _percentiles(latencies),
        "queue_ms": _percentiles(waits),
        "webhooks": [
            {"webhook_id": name, "failures": reasons.total(), "reasons": dict(reasons.most_common())}
            for name, reasons in worst
        ],
    }


def _values(metric: Any) -> list[float]:
    """Return a metric's values.

    The embedded metric format has a list, or a single value.
    """
    return metric if isinstance(metric, list) else [] if metric is None else [metric]


def _percentiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    return {"p50": round(cuts[49]), "p99": round(cuts[98])}


def render(name: str, figures: Mapping[str, Any], rows: int) -> Group:
    heading = f"{name}, last {timedelta(seconds=figures['window_seconds'])}, at {datetime.now(UTC):%H:%M:%S} UTC"
    overall = Table(show_header=False)
    for label, value in _list_overall(figures):
        overall.add_row(label, to_text(value))
    worst = Table(title=f"Failing webhooks: {len(figures['webhooks'])}", title_justify="left")
    worst.add_column("Webhook", overflow="fold")
    worst.add_column("Failures", no_wrap=True)
    worst.add_column("Reasons", overflow="fold")
    for one in figures["webhooks"][:rows]:
        worst.add_row(to_text(one["webhook_id"]), to_text(one["failures"]), to_text(_format_reasons(one["reasons"])))
    return Group(to_text(heading), overall, *([worst] if figures["webhooks"] else []))


def _format_reasons(reasons: Mapping[str, int]) -> str:
    """List the most common reasons; --json has all of them, by error type."""
    labelled = Counter[str]()
    for reason, count in reasons.items():
        labelled[LABELS.get(reason, reason)] += count
    named = [f"{label} ({count})" for label, count in labelled.most_common(_REASONS)]
    left = len(labelled) - len(named)
    return ", ".join([*named, f"{left} more"] if left else named)


def _format_rate(rate: float | None) -> Text:
    return Text("-") if rate is None else Text(f"{rate:.2%}", "green" if rate >= 0.95 else "red")


def _format_percentiles(percentiles: Mapping[str, float] | None) -> Text:
    return Text("-") if percentiles is None else Text(f"p50 {percentiles['p50']} ms, p99 {percentiles['p99']} ms")
