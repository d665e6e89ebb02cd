"""The billed AWS usage of one webhook, from which the documented prices are computed."""

import json
import subprocess
import sys
from dataclasses import asdict

from benchmarks.cost import tolerance
from benchmarks.usage import USAGE
from tests.template import ROOT

COUNT = """
import json
from dataclasses import asdict
from benchmarks.cost import count_usage
print(json.dumps({kind: asdict(usage) for kind, usage in count_usage().items()}))
"""
"""Runs in its own process, because Powertools has one logger per process."""


def test_the_recorded_usage_matches_the_counted_usage() -> None:
    result = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    counted = json.loads(result.stdout.splitlines()[-1])
    assert counted.keys() == USAGE.keys()
    for kind, usage in counted.items():
        recorded = asdict(USAGE[kind])
        for name, value in usage.items():
            message = f"{kind}, {name}: see .venv/bin/python -m benchmarks cost, and benchmarks/usage.py"
            assert abs(value - recorded[name]) <= tolerance(name, recorded[name]), message
