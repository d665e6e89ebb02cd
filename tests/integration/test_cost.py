"""The billed AWS usage of one webhook, from which the documented prices are computed."""

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.figures import tolerance
from benchmarks.usage import COUNTING, USAGE
from tests.template import ROOT

COUNT = """
import json
from dataclasses import asdict
from benchmarks.cost import count_usage
from tests.moto_server import moto_server
with moto_server():
    print(json.dumps({kind: asdict(usage) for kind, usage in count_usage().items()}))
"""
"""Runs in its own process, because Powertools has one logger per process. Clients are faster within `moto_server`."""

COUNT_COUNTING = """
import json
from dataclasses import asdict
from benchmarks.stats import count_usage
from tests.moto_server import moto_server
with moto_server():
    print(json.dumps(asdict(count_usage(webhooks=10))))
"""


def run(program: str) -> Any:
    """Run a program and return its last line, which is JSON."""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_the_recorded_usage_matches_the_counted_usage() -> None:
    counted = run(COUNT)
    assert counted.keys() == USAGE.keys()
    for kind, usage in counted.items():
        recorded = asdict(USAGE[kind])
        for name, value in usage.items():
            message = f"{kind}, {name}: see .venv/bin/python -m benchmarks cost, and benchmarks/usage.py"
            assert abs(value - recorded[name]) <= tolerance(name, recorded[name]), message


def test_the_recorded_usage_of_counting_matches_the_counted_usage() -> None:
    recorded = asdict(COUNTING)
    for name, value in run(COUNT_COUNTING).items():
        message = f"{name}: see .venv/bin/python -m benchmarks stats, and benchmarks/usage.py"
        assert abs(value - recorded[name]) <= tolerance(name, recorded[name]), message
