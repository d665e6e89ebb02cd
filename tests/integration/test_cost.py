"""What one webhook takes of AWS: the documents' prices are reckoned from it."""

from dataclasses import asdict

from benchmarks.cost import count, slack
from benchmarks.taken import TAKEN


def test_what_is_counted_is_what_is_recorded() -> None:
    counted = count()
    assert counted.keys() == TAKEN.keys()
    for kind, taken in counted.items():
        recorded = asdict(TAKEN[kind])
        for name, value in asdict(taken).items():
            message = f"{kind}, {name}: see .venv/bin/python -m benchmarks cost, and benchmarks/taken.py"
            assert abs(value - recorded[name]) <= slack(name, recorded[name]), message
