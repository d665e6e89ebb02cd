"""Every line that a handler logs has an event, which queries and alarms use."""

import ast
import re
from collections.abc import Iterator

import pytest

from cli.sender_log import BATCH_PROCESSED, EXECUTION_FAILED
from tests.template import ROOT

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
PATHS = [*ROOT.glob("functions/*/*.py"), *ROOT.glob("layers/shared/hooklog/**/*.py")]
SOURCES = {path: text for path in PATHS if "logger." in (text := path.read_text())}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a logger with its position."""
    for path, text in SOURCES.items():
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "logger"
            ):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def event_of(call: ast.Call) -> object:
    (event,) = [word.value for word in call.keywords if word.arg == "event"] or [ast.Constant(None)]
    return ast.literal_eval(event)


CALLS = dict(log_calls())
EVENTS = {event for call in CALLS.values() if isinstance(event := event_of(call), str)}


@pytest.mark.parametrize("place", CALLS)
def test_every_line_has_a_stable_event(place: str) -> None:
    event = event_of(CALLS[place])
    assert isinstance(event, str), place
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", event)


def test_operators_find_every_event_in_the_table() -> None:
    section = (ROOT / "docs/operations.md").read_text().partition("\n## Log lines\n")[2].partition("\n## ")[0]
    table = section.partition("| `event` | level | fields |\n| --- | --- | --- |\n")[2].partition("\n\n")[0]
    rows = [re.match(r"\| `(\w+)` \| (\w+) \|", row) for row in table.splitlines()]
    documented = {(row[1], row[2]) for row in rows if row}
    assert len(documented) == len(rows)
    logged = {(str(event_of(call)), ast.unparse(call.func).removeprefix("logger.").upper()) for call in CALLS.values()}
    assert documented == logged


@pytest.mark.parametrize("file", ["template.yaml", "docs/operations.md"])
def test_queries_filter_events_that_are_logged(file: str) -> None:
    text = (ROOT / file).read_text()
    filtered = re.findall(r'event = \\?"(\w+)\\?"', text) + re.findall(r'"\$\.event", "In": \["(\w+)"\]', text)
    assert filtered
    assert set(filtered) <= EVENTS
    assert not re.search(r'message (=|like) \\?"|\$\.message', text)


def test_the_command_line_reads_events_that_are_logged() -> None:
    assert {EXECUTION_FAILED, BATCH_PROCESSED} <= EVENTS
