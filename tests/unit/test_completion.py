"""Shell completion, asked of the real shells."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.failure import ExitCode

COMPLETED = {
    "hooklog red": {"redrive"},
    "hooklog re": {"resend", "recover", "redrive"},
    "hooklog --stack prod sta": {"stats"},
    "hooklog redrive ": {"webhooks", "ordered", "log", "recoveries"},
    "hooklog recover --status ": {"failure", "success", "all"},
    "hooklog recover acme.orders --d": {"--dry-run"},
    "hooklog stats --interval ": {"hour", "day"},
    "hooklog stats acme.orders --interval d": {"day"},
    "hooklog failures --error-type tls": {"tls_error"},
    "hooklog token acme.orders --scope executions:r": {"executions:read", "executions:resend"},
    "hooklog tail --wi": {"--within"},
    "hooklog --vers": {"--version"},
    "hooklog completion ": {"bash", "zsh", "fish"},
    "hooklog send mess": {"messages.json"},
    "hooklog tail acme.orders": set(),
}
BASH = """
source script
complete_words() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    local specification=$(complete -p hooklog)
    specification=${specification##*-F }
    ${specification%% *} hooklog "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"
}
"""


@pytest.fixture
def scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == ExitCode.OK
        (tmp_path / shell).write_text(capsys.readouterr().out)
    (tmp_path / "messages.json").write_text("[]")
    return tmp_path


def ask(shell: str, program: str, folder: Path) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command = [shell, "-c", program]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout


def test_bash_completes_commands_options_and_choices(scripts: Path) -> None:
    words = [f"complete_words {line}" + (' ""' if line.endswith(" ") else "") for line in COMPLETED]
    answers = ask("bash", BASH.replace("script", "./bash") + "\n".join(words), scripts).splitlines()
    assert {line: {*answer.split()} for line, answer in zip(COMPLETED, answers, strict=True)} == COMPLETED


def test_fish_completes_commands_options_and_choices(scripts: Path) -> None:
    asked = "\n".join(f"complete -C '{line}' | string split -f1 \\t; echo =" for line in COMPLETED)
    answers = ask("fish", f"source fish\n{asked}", scripts).split("=\n")[:-1]
    assert [{*answer.split()} for answer in answers] == [*COMPLETED.values()]


def test_zsh_completes_commands_and_choices(scripts: Path) -> None:
    """Type into an interactive shell on a pseudo-terminal, and press the tab key."""
    (scripts / "zsh").rename(scripts / "_hooklog")
    program = """
zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell 'PS1= fpath=(FOLDER $fpath); autoload -U compinit; compinit -u -D'
zpty -w shell 'hooklog() { echo "got:" "$@" }; echo ready'
await() { local line; while zpty -r shell line; do [[ $line == *$1* ]] && print -r -- $line && return; done }
await $'ready\\r'
zpty -w shell $'hooklog redr\\trec\\t'
await 'got:'
zpty -w shell $'hooklog stats --interval h\\t'
await 'got:'
zpty -d shell
"""
    printed = ask("zsh", program.replace("FOLDER", str(scripts)), scripts)
    assert "got: redrive recoveries" in printed
    assert "got: stats --interval hour" in printed
