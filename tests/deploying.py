"""What samconfig.toml deploys, and what AWS makes of the template with it."""

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
    """The parameters that a section sets."""
    text = SAMCONFIG[section]["deploy"]["parameters"].get("parameter_overrides", "")
    return dict(re.findall(r'(\w+)="?([^\s"]*)"?', text))


def transformed(changes: Iterable[Mapping[str, Any]]) -> list[Resources]:
    """The template's resources for each change, as AWS transforms them; see tests/transformed.py."""
    found: list[Resources] = json.loads(stack_python("tests.transformed", given=list(changes)))
    return found


def stack_python(module: str, *arguments: str, given: Any) -> str:
    """What a module prints that runs where the SAM CLI is, and reads JSON."""
    command = [str(places.STACK_BIN / "python"), "-m", module, *arguments]
    environment = {"AWS_DEFAULT_REGION": places.REGION}
    ended = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
