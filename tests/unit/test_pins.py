"""Dependencies of product, build and tests are pinned by version and hash."""

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from local import places
from tests.template import ROOT

REQUIREMENTS = [
    path
    for folder in (".", "layers/*", "functions/*", "cli", "local", "docs", "tests", "benchmarks")
    for path in sorted(ROOT.glob(f"{folder}/requirements*.txt"))
]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*"))
BUILDS = {"layers/shared": "build-SharedLayer", "functions/authorize": "build-AuthorizeFunction"}
ENVIRONMENTS = [".venv/ready", ".venv-stack/ready", ".venv-runtime/ready", ".venv-checkov/ready"]

_PINNED = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[^ *]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


def requirements(file: Path) -> list[str]:
    """Return each requirement with its hashes as one line, without comments."""
    joined = file.read_text().replace("\\\n", " ")
    lines = [re.sub(r"\s+", " ", line).strip() for line in joined.splitlines() if not line.lstrip().startswith("#")]
    return [line for line in lines if line]


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_requirement_is_one_version_with_its_hashes(file: Path) -> None:
    found = requirements(file)
    assert found
    assert [line for line in found if not _PINNED.fullmatch(line)] == []


def commands(folder: Path, *targets: str) -> list[str]:
    """Return the commands with which make would build the targets from scratch."""
    command = ["make", "-Bn", f"ARTIFACTS_DIR={folder}/built", *targets]
    environment = {"PATH": os.environ["PATH"]}
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return process.stdout.replace("\\\n", " ").splitlines()


def test_nothing_is_installed_without_a_hash() -> None:
    lines = commands(ROOT, *ENVIRONMENTS)
    for folder, target in BUILDS.items():
        lines += commands(ROOT / folder, target)
    installing = [line for line in lines if re.search(r"\bpip (install|sync)\b", line)]
    assert len(installing) == len(REQUIREMENTS)
    assert [line for line in installing if "--require-hashes" not in line] == []


def wheel(folder: Path) -> str:
    """Write a wheel to `folder` and return its hash."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny.py", "")
        file.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        file.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tiny-1.0.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("folder", BUILDS)
def test_a_build_installs_only_locked_hashes(folder: str, tmp_path: Path) -> None:
    build = tmp_path / "build"
    shutil.copytree(ROOT / folder, build)
    digest = wheel(tmp_path)
    (tmp_path / "uv.toml").write_text(f'no-index = true\nfind-links = ["{tmp_path}"]\n')
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "UV_CONFIG_FILE": str(tmp_path / "uv.toml")}

    def installed(pin: str) -> bool:
        (build / "requirements.txt").write_text(pin)
        built = tmp_path / "built"
        built.mkdir()
        command = ["make", BUILDS[folder], f"ARTIFACTS_DIR={built}", f"UV={places.DEV_BIN / 'uv'}"]
        subprocess.run(command, cwd=build, env=environment, capture_output=True, check=False)
        is_installed = bool(list(built.glob("*/tiny.py")))
        shutil.rmtree(built)
        return is_installed

    assert installed(f"tiny==1.0 --hash=sha256:{digest}")
    assert not installed(f"tiny==1.0 --hash=sha256:{'0' * 64}")
    assert not installed("tiny==1.0")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_to_a_commit(file: Path) -> None:
    jobs = yaml.safe_load(file.read_text())["jobs"].values()
    used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []
