"""The documents are consistent: links, decisions, named tests, module order."""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.template import ROOT, functions, resources

LAYER = ROOT / "layers/shared"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))

_MAPPING = "AWS::Lambda::EventSourceMapping"
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(document: Path) -> str:
    """Return a document without its code, where `#` and brackets have other meanings."""
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub generates for the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(document: Path) -> None:
    for link in _LINK.findall(prose(document)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def table(document: str, first: str) -> list[list[str]]:
    """Return the cells of each table row, except header rows (`first`)."""
    rows = re.findall(rf"^\|(?! {first} | ---)(.+)\|$", (ROOT / "docs" / document).read_text(), re.MULTILINE)
    return [row.split("|") for row in rows]


@pytest.mark.parametrize(("document", "first", "column"), [("security.md", "who", -1), ("aws.md", "behaviour", -2)])
def test_every_row_names_existing_tests(document: str, first: str, column: int) -> None:
    rows = table(document, first)
    assert rows
    for row in rows:
        named = re.findall(r"`([^`]+)::([^`]+)`", row[column])
        assert named, row
        assert not re.sub(r"`[^`]+::[^`]+`", "", row[column]).strip(), row
        for path, name in named:
            assert re.search(rf"^ *def {re.escape(name)}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE), name


def test_every_behaviour_of_aws_says_where_it_is_documented_and_what_is_unverified() -> None:
    for _, documented, _, unverified in table("aws.md", "behaviour"):
        assert re.fullmatch(r" \[.+\]\(https://(docs\.aws\.amazon\.com|repost\.aws)/\S+\) ", documented)
        assert unverified.strip()


def test_decisions_are_numbered_once_each() -> None:
    assert len({path.name[:4] for path in DECISIONS}) == len(DECISIONS)


def test_every_decision_is_in_the_list_under_its_title() -> None:
    listed = re.findall(r"^(\d+\. )\[(.+)\]\((.+)\)", (ROOT / "docs/decisions/README.md").read_text(), re.MULTILINE)
    titles = [path.read_text().partition("\n")[0].removeprefix("# ") for path in DECISIONS]
    assert [(number + title, file) for number, title, file in listed] == [
        (title, path.name) for title, path in zip(titles, DECISIONS, strict=True)
    ]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_context_decision_and_consequences(decision: Path) -> None:
    text = decision.read_text()
    assert text.startswith(f"# {int(decision.name[:4])}. ")
    for part in ("Context", "Decision", "Consequences"):
        assert f"\n**{part}.** " in text


def inside(package: str) -> list[str]:
    """Return the modules that a package's docstring lists, in order."""
    listed = re.search(r":\s+((?:\w+,\s+)*\w+)[.\n]", import_module(package).__doc__ or "")
    assert listed, package
    return [f"{package}.{name}" for name in re.split(r",\s+", listed[1])]


def modules() -> list[str]:
    found: list[str] = []
    for name in inside("hooklog"):
        found += inside(name) if hasattr(import_module(name), "__path__") else [name]
    return found


def test_contributing_says_what_each_module_is_in_their_order() -> None:
    _, _, after = (ROOT / "CONTRIBUTING.md").read_text().partition("\nlayers/shared/hooklog/ ")
    package, listed = "hooklog", []
    for line in after.partition("\ncli/ ")[0].splitlines():
        if begun := re.match(r"    (\w+)/", line):
            package = f"hooklog.{begun[1]}"
        elif named := re.match(r"    ( *)(\w+(?:, \w+)*) +\S", line):
            package = package if named[1] else "hooklog"
            listed += [f"{package}.{name}" for name in named[2].split(", ")]
    assert listed == modules()


@cache
def files() -> dict[str, Path]:
    return {".".join(path.relative_to(LAYER).with_suffix("").parts): path for path in LAYER.glob("hooklog/**/*.py")}


@cache
def imports(code: Path) -> frozenset[str]:
    """Return the modules of the package that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(code.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("hooklog"):
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(found & files().keys())


def test_a_module_imports_only_modules_listed_before_it() -> None:
    order = modules()
    assert sorted(order) == sorted(name for name in files() if not name.endswith("__init__"))
    for position, name in enumerate(order):
        assert imports(files()[name]) <= set(order[:position]), name


def workers() -> dict[str, str]:
    """Return the functions that a queue or a stream invokes, with their code's folders."""
    own = {
        name
        for name, each in functions().items()
        if any(event["Type"] in {"SQS", "DynamoDB"} for event in each.get("Events", {}).values())
    }
    mapped = {name for name in functions() for mapping in resources(_MAPPING) if mapping.startswith(name)}
    return {name: functions()[name]["CodeUri"] for name in own | mapped}


def test_workers_do_not_import_the_api() -> None:
    assert workers().keys() >= {
        "SendWebhooksFunction",
        "LogUnloggedFunction",
        "RunRecoveryFunction",
        "CountExecutionsFunction",
    }
    for name, code in workers().items():
        reached: set[str] = set()
        new = set(imports(ROOT / code / "app.py"))
        while new:
            reached |= new
            new = set().union(*(imports(files()[each]) for each in new)) - reached
        assert reached
        assert not {each for each in reached if each.startswith("hooklog.api")}, name
