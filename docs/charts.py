"""Charts of the tables about cost, scaling and performance.

Draws docs/cost.svg, docs/scaling.svg and docs/comparison.svg from the same numbers as the tables: python -m docs.charts
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.peers import CANDIDATES, MEASURED_ON, Candidate
from benchmarks.prices import ALTERNATIVES
from benchmarks.quotas import QUOTAS, SCENARIOS
from docs.tables import MILLION, VOLUMES, lean_per_million, per_million

FOLDER: Final = Path(__file__).parent
WIDTH: Final = 860
COLOURS: Final = ("#1d4ed8", "#60a5fa", "#b91c1c", "#b45309", "#64748b")
INK, FAINT = "#1e293b", "#cbd5e1"
GOAL_USD: Final = 2

BARS_LEFT, BAR_ROW, MS_PIXELS = 260, 32, 36


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic axis: from `low` at the pixel `start` to `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def decades(self) -> Iterator[float]:
        value = self.low
        while value <= self.high * 1.0001:
            yield value
            value *= 10


def main() -> None:
    for name, draw in CHARTS.items():
        (FOLDER / name).write_text(draw())


def draw_cost() -> str:
    """Draw USD per million webhooks by monthly volume."""
    across, up = Scale(VOLUMES[0], VOLUMES[-1], 70, WIDTH - 250), Scale(1, 1000, 400, 50)
    lines: dict[str, Callable[[float], float]] = {
        "Hooklog, defaults": per_million,
        "Hooklog, lean": lean_per_million,
        **{alternative.name: _to_per_million(alternative.usd) for alternative in ALTERNATIVES},
    }
    marks = [_text(20, 26, "USD per million webhooks, by webhooks per month (list prices)", weight="bold")]
    for value in up.decades():
        marks += [
            _line(across.start, up.at(value), across.end, up.at(value)),
            _text(60, up.at(value) + 4, f"${value:g}", "end"),
        ]
    for value in across.decades():
        marks.append(_text(across.at(value), 422, f"{value / MILLION:,.0f} million", "middle"))
    marks += [
        _line(across.start, up.at(GOAL_USD), across.end, up.at(GOAL_USD), dashes="2 4"),
        _text(across.start + 6, up.at(GOAL_USD) - 5, f"goal: ${GOAL_USD} at 100 million"),
    ]
    volumes = [VOLUMES[0] * 10 ** (step / 10) for step in range(31)]
    ends = _spread([up.at(usd(VOLUMES[-1])) for usd in lines.values()], 16)
    for (label, usd), colour, end in zip(lines.items(), COLOURS, ends, strict=True):
        marks.append(_path([(across.at(volume), up.at(usd(volume))) for volume in volumes], colour))
        marks.append(_text(across.end + 8, end + 4, f"{label}: ${usd(VOLUMES[-1]):.2f}", colour=colour))
    return _svg(440, marks)


def _to_per_million(usd: Callable[[float], float]) -> Callable[[float], float]:
    return lambda volume: usd(volume) * MILLION / volume


def draw_scaling() -> str:
    """Draw the webhooks per second at which each quota is reached."""
    left, row = 400, 30
    across = Scale(10, MILLION, left, WIDTH - 40)
    bottom = 90 + row * len(QUOTAS)
    marks = [_text(20, 26, "Webhooks per second at which a quota is reached", weight="bold")]
    for number, (name, colour) in enumerate(zip(SCENARIOS, COLOURS[::2], strict=True)):
        at = 24 + (0, 150, 500)[number]
        marks += [_dot(at, 50, colour), _text(at + 12, 54, name, colour=colour)]
    for value in across.decades():
        marks += [
            _line(across.at(value), 75, across.at(value), bottom - 10),
            _text(across.at(value), bottom + 8, f"{value:,.0f}", "middle"),
        ]
    for number, quota in enumerate(QUOTAS):
        height = 92 + number * row
        marks.append(_text(left - 14, height + 4, _shorten(quota.name), "end"))
        places = [across.at(min(quota.breaks_at(scenario), across.high)) for scenario in SCENARIOS.values()]
        marks.append(_line(min(places), height, max(places), height, colour=INK))
        marks += [_dot(place, height, colour) for place, colour in zip(places, COLOURS[::2], strict=True)]
    return _svg(bottom + 24, marks)


def draw_comparison() -> str:
    """Draw the CPU of a delivery and the time of a page, as bars on one scale of milliseconds."""
    pages = [(each, each.page_ms) for each in CANDIDATES if each.page_ms]
    marks = [
        _text(20, 30, f"CPU per delivery, ms (two cores, {MEASURED_ON})", weight="bold"),
        _text(20, 54, "Convoy, Svix, Outpost: with their HTTP intake, without their database"),
        _text(20, 76, "Hooklog: without SQS and DynamoDB. Loop: without log and checks"),
    ]
    for number, each in enumerate(CANDIDATES):
        marks.append(_bar(108 + BAR_ROW * number, each, each.cpu_ms, each.cpu))
    bottom = 124 + BAR_ROW * len(CANDIDATES)
    marks.append(_text(20, bottom, "A page of 50 executions, ms", weight="bold"))
    for number, (each, page_ms) in enumerate(pages):
        marks.append(
            _bar(bottom + 32 + BAR_ROW * number, each, (page_ms, page_ms), f"{page_ms:g} {each.page_clock} time")
        )
    return _svg(bottom + 22 + BAR_ROW * len(pages), marks, font_size=16)


def _bar(y: float, candidate: Candidate, span: tuple[float, float], label: str) -> str:
    """Draw a bar up to the lower value, and a paler one up to the higher."""
    low, high = (round(MS_PIXELS * value, 1) for value in span)
    colour = COLOURS[0] if candidate.name == "Hooklog" else COLOURS[4]
    name = candidate.name.replace("`", "")
    return "\n".join(
        [
            _text(BARS_LEFT - 12, y + 5, f"{name} ({candidate.written_in})", "end"),
            f'<rect x="{BARS_LEFT}" y="{y - 11:g}" width="{high:g}" height="22" fill="{colour}" fill-opacity="0.5"/>',
            f'<rect x="{BARS_LEFT}" y="{y - 11:g}" width="{low:g}" height="22" fill="{colour}"/>',
            _text(BARS_LEFT + high + 8, y + 5, label),
        ]
    )


def _shorten(name: str) -> str:
    return (
        name.replace("`", "")
        .replace(", of an account and of one queue", "")
        .replace(" (a partition)", "")
        .partition(", if")[0]
    )


def _spread(heights: list[float], minimum: float) -> list[float]:
    """Move heights apart, so that no two are closer than `minimum`."""
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    moved = list(heights)
    for above, below in pairwise(order):
        moved[below] = round(max(moved[below], moved[above] + minimum), 1)
    return moved


def _svg(height: int, marks: Iterable[str], font_size: int = 12) -> str:
    body = "\n".join(marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="Inter, system-ui, sans-serif" font-size="{font_size}">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = INK, weight: str = "normal") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = FAINT, dashes: str = "none") -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" stroke-dasharray="{dashes}"/>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="{colour}"/>'


def _path(points: Iterable[tuple[float, float]], colour: str) -> str:
    places = " ".join(f"{x:g} {y:g}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'


CHARTS: Final[dict[str, Callable[[], str]]] = {
    "cost.svg": draw_cost,
    "scaling.svg": draw_scaling,
    "comparison.svg": draw_comparison,
}

if __name__ == "__main__":
    main()
