"""The build of template.yaml and its deployment to the local AWS.

It is skipped if the sources have not changed.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local import aws, places
from local.ministack import Ministack
from local.ministack_gaps import close_gaps
from local.tool import run_tool

_BUILT: Final = places.LOCAL / "built"
_RECORD: Final = places.STATE / "deployed.json"
_SOURCES: Final = ("template.yaml", "samconfig.toml", "functions", "layers")


def is_deployed(ministack: Ministack) -> bool:
    """Return whether this MiniStack process runs the current sources."""
    return _RECORD.exists() and json.loads(_RECORD.read_text()) == _record(ministack)


def is_built() -> bool:
    """Return whether the build is of the current sources."""
    return _BUILT.exists() and _BUILT.read_text() == _fingerprint()


def build() -> None:
    _BUILT.unlink(missing_ok=True)
    sources = _fingerprint()
    _run_sam("build")
    _BUILT.write_text(sources)


def deploy(ministack: Ministack) -> None:
    _RECORD.unlink(missing_ok=True)
    record = _record(ministack)
    aws.client("s3").create_bucket(Bucket=places.BUCKET)
    _run_sam("deploy")
    close_gaps()
    _RECORD.write_text(json.dumps(record))


def _run_sam(command: str) -> None:
    program = [str(places.STACK_BIN / "python"), "-P", str(places.ROOT / "local/sam.py")]
    run_tool(command, [*program, command, "--config-env", "local"])


def read_stack_outputs() -> dict[str, str]:
    """Return the Outputs of the deployed stack."""
    stack = aws.cloudformation().describe_stacks(StackName=places.STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _record(ministack: Ministack) -> dict[str, str | int]:
    return {"sources": _fingerprint(), "pid": ministack.pid, "port": ministack.port}


def _fingerprint() -> str:
    """Hash every source file of the deployment."""
    digest = hashlib.sha256()
    for path in _source_files():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(places.ROOT)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for source in _SOURCES:
        root = places.ROOT / source
        found = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        yield from (path for path in found if "__pycache__" not in path.parts)
