"""The deployments of samconfig.toml.

For each there is the template as AWS transforms it.
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
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


def transformed(changes: Iterable[Mapping[str, Any]]) -> list[Resources]:
    """Return the transformed resources for each change of parameters.

    See tests/sam_transform.py.
    """
    found: list[Resources] = json.loads(stack_python("tests.sam_transform", stdin=list(changes)))
    return found


def stack_python(module: str, *arguments: str, stdin: Any) -> str:
    """Run a module in the SAM CLI's environment and return its output.

    Its stdin is JSON.
    """
    command = [str(places.STACK_BIN / "python"), "-m", module, *arguments]
    environment = {"AWS_DEFAULT_REGION": places.REGION}
    process = subprocess.run(
        command, input=json.dumps(stdin), capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    assert process.returncode == 0, process.stderr
    return process.stdout
