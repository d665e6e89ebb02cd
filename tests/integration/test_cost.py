"""What one webhook takes of AWS: the documents' prices are reckoned from it."""

import json
import subprocess
import sys
from dataclasses import asdict

from benchmarks.cost import slack
from benchmarks.taken import TAKEN
from tests.template import ROOT

COUNT = """
import json
from dataclasses import asdict
from benchmarks.cost import count
print(json.dumps({kind: asdict(taken) for kind, taken in count().items()}))
"""
"""In a process of its own: Powertools gives all functions of a process one logger, with the output of the first."""


def test_what_is_counted_is_what_is_recorded() -> None:
    result = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    counted = json.loads(result.stdout.splitlines()[-1])
    assert counted.keys() == TAKEN.keys()
    for kind, taken in counted.items():
        recorded = asdict(TAKEN[kind])
        for name, value in taken.items():
            message = f"{kind}, {name}: see .venv/bin/python -m benchmarks cost, and benchmarks/taken.py"
            assert abs(value - recorded[name]) <= slack(name, recorded[name]), message
