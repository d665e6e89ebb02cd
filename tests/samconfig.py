"""The deployments of samconfig.toml.

For each there is the template as AWS transforms it.
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local import places
from tests.template import ROOT

Resources = dict[str, dict[str, Any]]

SAMCONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
SECTIONS = [name for name in SAMCONFIG if name != "version"]


def overrides(section: str) -> dict[str, str]:
    """Return the parameters that a section sets."""
    text = SAMCONFIG[section]["deploy"]["parameters"].get("parameter_overrides", "")
    return dict(re.findall(r'(\w+)="?([^\s"]*)"?', text))


class SamTransform:
    """SAM's transform, in a process of the SAM CLI's environment.

    It is one process for all transforms, because its imports take as long as ten of them. See tests/sam_transform.py.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._responses: dict[str, str] = {}

    def transformed(self, changes: Iterable[Mapping[str, Any]]) -> list[Resources]:
        """Return the transformed resources for each change of parameters."""
        return [self._call("transformed", change) for change in changes]

    def schemas(self, kinds: Iterable[str]) -> dict[str, dict[str, list[str]]]:
        """Return what CloudFormation's schemas of these resource types say about updates."""
        return {kind: self._call("schema", {"kind": kind}) for kind in kinds}

    def _call(self, function: str, arguments: Mapping[str, Any]) -> Any:
        call = json.dumps([function, arguments], sort_keys=True)
        if call not in self._responses:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(call + "\n")
            self._process.stdin.flush()
            self._responses[call] = self._process.stdout.readline()
        return json.loads(self._responses[call])


@contextmanager
def sam_transform() -> Iterator[SamTransform]:
    """Start the process; it ends with its input."""
    command = [str(places.STACK_BIN / "python"), "-m", "tests.sam_transform"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"AWS_DEFAULT_REGION": places.REGION},
    ) as process:
        yield SamTransform(process)
