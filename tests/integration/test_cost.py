"""What one webhook takes of AWS: the documents' prices are reckoned from it."""

from dataclasses import asdict

from benchmarks.cost import count
from benchmarks.taken import TAKEN


def test_what_is_counted_is_what_is_recorded() -> None:
    """Bytes may differ a little, by the digits of durations and as lines of the log change."""
    counted = count()
    assert counted.keys() == TAKEN.keys()
    for kind, taken in counted.items():
        recorded = asdict(TAKEN[kind])
        for name, value in asdict(taken).items():
            slack = 0.05 * recorded[name] + 5 if name.endswith("_bytes") else 0
            message = f"{kind}, {name}: see .venv/bin/python -m benchmarks cost, and benchmarks/taken.py"
            assert abs(value - recorded[name]) <= slack, message
