"""The CPU time of a cold start's imports and initialisation.

It is compared with `boto3.client("dynamodb")`. Each program runs in its own process with only the deployed files on its
path, under the Python that runs the benchmarks, with cached bytecode. The deployed runtime is `python3.13` on `arm64`:
the layer's compiled modules do not load here, so their pure-Python fallbacks are imported.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.environment import function_environment
from benchmarks.figures import Figure
from local import deployment, places
from tests import template

BUILD: Final = places.BUILD
LAYER: Final = BUILD / "SharedLayer" / "python"
ROUNDS: Final = 10

BOUNDS: Final = {"SendWebhooksFunction": 0.85, "ReadApiFunction": 0.75}

_CLIENT: Final = 'import botocore.session; botocore.session.get_session().create_client("dynamodb")'
_LAST_LINE: Final = "import os, time; os.write(1, str(time.process_time()).encode())"


@dataclass(frozen=True, slots=True)
class Start:
    """CPU seconds of one process: until it is initialised, and until it has ended."""

    ready: float
    ended: float


@dataclass(frozen=True, slots=True)
class Program:
    """The code of one process, and the only folders that it imports from."""

    code: str
    path: tuple[str, ...]
    environment: Mapping[str, str]

    def start(self, bytecode: str) -> Start:
        """Run it, isolated (-I) and without site-packages (-S)."""
        lines = f"import sys; sys.path[:0] = {list(self.path)!r}\n{self.code}\n{_LAST_LINE}"
        command = [sys.executable, "-I", "-S", "-X", f"pycache_prefix={bytecode}", "-c", lines]
        with subprocess.Popen(command, env=dict(self.environment), stdout=subprocess.PIPE) as process:
            assert process.stdout
            ready = float(process.stdout.read())
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, self.code
        return Start(ready, usage.ru_utime + usage.ru_stime)


def measure() -> Iterator[Figure]:
    """Measure the fastest of ROUNDS interleaved runs of each program."""
    places.STATE.mkdir(exist_ok=True)
    deployment.build()
    fastest = _find_fastest(_reference_programs() | {name: _program_of(name) for name in BOUNDS})
    boto3 = fastest["boto3"]
    for name, bound in BOUNDS.items():
        yield Figure(f"imports: {name} / boto3 client", fastest[name].ended / boto3.ended, at_most=bound)
    for name in BOUNDS:
        yield Figure(f"imports: {name} / boto3 client, without the process's end", fastest[name].ready / boto3.ready)
    yield Figure(
        "imports: trimmed botocore's client / botocore's", fastest["trimmed"].ended / fastest["botocore"].ended
    )
    yield Figure("imports: boto3 client", boto3.ended * 1000, unit="ms of CPU")
    yield Figure("imports: Python itself", fastest["python"].ended * 1000, unit="ms of CPU")


def _find_fastest(programs: Mapping[str, Program]) -> Mapping[str, Start]:
    with tempfile.TemporaryDirectory() as bytecode:
        for program in programs.values():
            program.start(bytecode)
        rounds = [{name: program.start(bytecode) for name, program in programs.items()} for _ in range(ROUNDS)]
    return {
        name: Start(min(starts[name].ready for starts in rounds), min(starts[name].ended for starts in rounds))
        for name in programs
    }


def _program_of(function: str) -> Program:
    folders = template.ROOT / template.functions()[function]["CodeUri"], LAYER
    return Program("import app", tuple(map(str, folders)), function_environment(function))


def _reference_programs() -> dict[str, Program]:
    installed, layer = sysconfig.get_path("purelib"), str(LAYER)
    return {
        "python": _program("pass"),
        "boto3": _program('import boto3; boto3.client("dynamodb")', installed),
        "botocore": _program(_CLIENT, installed),
        "trimmed": _program(_CLIENT, layer),
    }


def _program(code: str, *path: str) -> Program:
    return Program(code, path, function_environment("SendWebhooksFunction"))
