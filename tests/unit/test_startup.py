"""Functions start without garbage collection, and collect garbage afterwards."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.template import ROOT

HANDLERS = sorted(ROOT.glob("functions/*/app.py"))


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda path: path.parent.name)
def test_a_start_begins_before_other_imports_and_ends(handler: Path) -> None:
    _, first, *others = ast.parse(handler.read_text()).body
    assert ast.unparse(first) == "from hooklog.startup import end_startup"
    assert [ast.unparse(each) for each in others].count("end_startup()") == 1


def test_garbage_is_collected_after_a_start() -> None:
    code = (
        "import gc; from hooklog.startup import end_startup; before = gc.isenabled(); end_startup();"
        "print(before, gc.isenabled(), gc.get_freeze_count() > 0)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False", "True", "True"]
