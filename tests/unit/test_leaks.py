"""The search for secrets: a test session fails if product code writes one."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.leaks import PLANTED, found_in

SESSION = """
import os
from aws_lambda_powertools import Logger
from tests.leaks import PLANTED, watched

logger = Logger("hooklog")

def test_a_secret_in_a_log_line_is_found():
    logger.warning("a line", extra={"header": PLANTED})

def test_a_secret_in_an_exception_is_found():
    logger.error("a line", exc_info=ValueError(PLANTED))

def test_a_secret_in_captured_output_is_found(capsys):
    watched(lambda event, context: print(event))(PLANTED, None)
    assert PLANTED in capsys.readouterr().out

def test_a_secret_printed_by_a_process_is_found():
    os.system(f"echo {PLANTED} >&2")

def test_output_without_secrets_passes():
    logger.warning("a line")
"""


def test_a_session_in_which_a_secret_is_written_fails(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SESSION)
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "tests.leaks", "-n", "1", "-rA"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 1, process.stderr
    outcomes = re.findall(r"^(PASSED|FAILED) test_it.py::(\w+)", process.stdout, re.MULTILINE)
    assert sorted(name for outcome, name in outcomes if outcome == "PASSED") == ["test_output_without_secrets_passes"]
    assert len(outcomes) == SESSION.count("def test")


@pytest.mark.parametrize(
    "written",
    [
        PLANTED,
        *(base64.b64encode(f"{before}{PLANTED} and more".encode()).decode() for before in ("", "a", "ab")),
        '{"order":1742}',
        r'"{\"order\": 1742}"',
        "{'order': 1742}",
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        "no connection to https://shop:pw@shop.example/",
    ],
)
def test_a_secret_is_recognised_by_its_form(written: str) -> None:
    assert found_in(["nothing", f"a line with {written} in it"])


def test_harmless_text_is_not_a_secret() -> None:
    assert not found_in(['{"message":"failed execution","webhook_id":"acme.orders","message_id":"order-1742-created"}'])
