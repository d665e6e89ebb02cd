"""Figures of other webhook senders, which were measured once, and of Hooklog.

docs/performance.md shows them. `python -m benchmarks comparison` measures Hooklog again. After a change of the sender
or of the reader, copy its figures here.
"""

from dataclasses import dataclass
from typing import Final

MEASURED_ON: Final = "28 November 2026"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sender, as measured on MEASURED_ON."""

    name: str
    written_in: str
    commit: str
    cpu_ms: tuple[float, float]
    """CPU per delivery: the lowest and the highest of several runs."""
    includes: str
    excludes: str
    page_ms: float | None = None
    """Time of a page of 50 executions."""
    page_clock: str = ""

    @property
    def cpu(self) -> str:
        low, high = self.cpu_ms
        return f"{low:.1f}" if low == high else f"{low:.1f} to {high:.1f}"


CANDIDATES: Final = (
    Candidate("Convoy", "Go", "2b60cc65", (10.8, 10.8), "HTTP intake", "database"),
    Candidate("Svix", "Rust", "4fc0cfb8", (2.2, 2.2), "HTTP intake", "database", 3.6, "wall"),
    Candidate("Outpost", "Go", "f67ae011", (2.1, 2.1), "HTTP intake", "database", 2.5, "wall"),
    Candidate("Hooklog", "Python", "", (1.0, 1.0), "log, checks", "intake (SQS), database (DynamoDB)", 3.3, "CPU"),
    Candidate("a loop over `requests`", "Python", "", (1.3, 1.4), "", "log, checks, intake, database"),
)

FLOORS_US: Final = {
    "`requests.Session`": 1376,
    "urllib3's pool": 635,
    "`http.client`": 368,
    "a raw socket": 178,
    "nothing: an empty task": 47,
}
"""CPU per delivery of ten threads, to the same receiver, in microseconds."""
