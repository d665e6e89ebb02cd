"""The layer's build: leftover files in a checkout do not change it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import places
from tests.template import ROOT

SOURCE = ROOT / "layers/shared"
TAG = sys.implementation.cache_tag
CHECKSUM = "import sys; from samcli.lib.utils.hash import dir_checksum; print(dir_checksum(sys.argv[1]))"
"""SAM's checksum of an artifact. A new one means a new version of the layer and the sender."""

LEFTOVERS = {
    "hooklog/__pycache__/version.cpython-39.pyc": "of another Python",
    "hooklog/sending/__pycache__/processor.cpython-312.pyc": "of another Python",
    f"hooklog/sending/__pycache__/queue_message.{TAG}.pyc": "of another source",
    "hooklog/gone/__pycache__/module.cpython-311.pyc": "of a deleted module",
    "hooklog/webhooks/rows.pyc": "of a very old Python",
    "hooklog/.mypy_cache/3.11/cache.json": "{}",
    "hooklog/api/.DS_Store": "a folder's view settings",
    "hooklog/api/request.py.orig": "left by a merge",
    "hooklog/api/.request.py.swp": "left by an editor",
}


@pytest.fixture
def checkouts(tmp_path: Path) -> tuple[Path, Path]:
    """A fresh clone, and a checkout with leftover files."""
    clean, used = tmp_path / "clean", tmp_path / "used"
    for checkout in (clean, used):
        shutil.copytree(SOURCE, checkout, ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in LEFTOVERS.items():
        (used / name).parent.mkdir(parents=True, exist_ok=True)
        (used / name).write_text(content)
    return clean, used


def build(checkout: Path, layer_python: str = sys.executable) -> Path:
    """Build the layer without its dependencies."""
    artifacts = checkout.with_name(f"{checkout.name}-built")
    command = ["make", "-s", "package", "bytecode", f"ARTIFACTS_DIR={artifacts}", f"LAYER_PYTHON={layer_python}"]
    subprocess.run(command, cwd=checkout, check=True)
    return artifacts


def checksum(folder: Path) -> str:
    command = [str(places.STACK_BIN / "python"), "-c", CHECKSUM, str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_layer_is_the_same_from_every_checkout(checkouts: tuple[Path, Path]) -> None:
    clean, used = map(build, checkouts)
    assert files(clean) == files(used)
    assert checksum(clean) == checksum(used)


def test_the_layer_contains_each_source_with_its_bytecode_and_nothing_else(checkouts: tuple[Path, Path]) -> None:
    _, used = checkouts
    sources = {f"python/{path.relative_to(SOURCE).as_posix()}" for path in SOURCE.glob("hooklog/**/*.py")}
    compiled = {f"{Path(name).parent}/__pycache__/{Path(name).stem}.{TAG}.pyc" for name in sources}
    assert files(build(used)) == sources | compiled | {"python/hooklog/py.typed"}


def test_without_the_deployed_python_the_layer_contains_only_sources(checkouts: tuple[Path, Path]) -> None:
    """pyenv's shim fails like this for a Python that is not installed."""
    clean, used = (build(checkout, layer_python="false") for checkout in checkouts)
    assert not any(name.endswith(".pyc") for name in files(used))
    assert checksum(clean) == checksum(used)


def test_rarely_needed_modules_are_not_on_the_import_path(tmp_path: Path) -> None:
    """urllib3 would import them at every cold start."""
    pinned = {name: (SOURCE / name).read_text() for name in ("requirements.txt", "requirements-codings.txt")}
    optional = re.findall(r"^(brotli|backports-zstd)==", pinned["requirements-codings.txt"], re.MULTILINE)
    assert sorted(optional) == ["backports-zstd", "brotli"]
    assert not re.search(r"^(brotli|brotlicffi|backports-zstd)==", pinned["requirements.txt"], re.MULTILINE)
    command = ["make", "-Bns", "dependencies", f"ARTIFACTS_DIR={tmp_path}"]
    commands = subprocess.run(command, cwd=SOURCE, check=True, capture_output=True, text=True).stdout.replace(
        "\\\n", " "
    )
    (line,) = (line for line in commands.splitlines() if "requirements-codings.txt" in line)
    assert f'--target "{tmp_path}/codings"' in line


def test_the_sender_loads_the_events_only_when_it_disables_a_webhook() -> None:
    """They would take 5 ms of every cold start."""
    code = (
        "import sys, hooklog.sending.batch; print([name for name in sys.modules if name.startswith('hooklog.events')])"
    )
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=SOURCE, check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"
