"""Tests of the History page's handler.

They cover what it serves, to which clients, and what it does not disclose.
"""

import gzip
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.aws import load_app
from tests.template import ROOT

FOLDER = ROOT / "functions/history_page"
BUDGET_BYTES_GZIPPED = 45_000
ASSETS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".js", ".css"))
ENTRY = "webhook-history.js"


@pytest.fixture(scope="module")
def app() -> ModuleType:
    return load_app("HistoryPageFunction")


def get(app: ModuleType, asset: str | None = None, **headers: str) -> dict[str, Any]:
    event = {"pathParameters": None if asset is None else {"asset": asset}, "headers": headers or None}
    response: dict[str, Any] = app.lambda_handler(event, None)
    return response


def policy(response: dict[str, Any]) -> dict[str, str]:
    directives = response["headers"]["Content-Security-Policy"].split("; ")
    return {name: sources for name, _, sources in (directive.partition(" ") for directive in directives)}


def test_the_page_is_served(app: ModuleType) -> None:
    response = get(app)
    assert (response["statusCode"], response["body"]) == (200, (FOLDER / "index.html").read_text())
    assert response["headers"]["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("asset", ASSETS)
def test_its_assets_are_served_to_any_origin(app: ModuleType, asset: str) -> None:
    content_type = {".js": "text/javascript", ".css": "text/css"}[Path(asset).suffix]
    response = get(app, asset)
    assert (response["statusCode"], response["body"]) == (200, (FOLDER / asset).read_text())
    assert response["headers"]["Content-Type"] == f"{content_type}; charset=utf-8"
    assert response["headers"]["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("asset", [None, *ASSETS, "none"])
def test_every_response_has_security_headers(app: ModuleType, asset: str | None) -> None:
    response = get(app, asset)
    directives = policy(response)
    assert directives["default-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert "unsafe" not in response["headers"]["Content-Security-Policy"]
    assert (directives["require-trusted-types-for"], directives["trusted-types"]) == ("'script'", "'none'")
    assert response["headers"]["X-Content-Type-Options"] == "nosniff"
    assert response["headers"]["Referrer-Policy"] == "no-referrer"
    assert response["headers"]["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("asset", [None, *ASSETS])
def test_an_unchanged_page_is_a_304(app: ModuleType, asset: str | None) -> None:
    etag = get(app, asset)["headers"]["ETag"]
    for header in ("If-None-Match", "if-none-match"):
        for value in (etag, f'"other", {etag}', f"W/{etag}"):
            response = get(app, asset, **{header: value})
            assert (response["statusCode"], response["body"], response["headers"]["ETag"]) == (304, "", etag)
    assert get(app, asset, **{"If-None-Match": '"other"'})["statusCode"] == 200


@pytest.mark.parametrize(
    "asset",
    ["", "index.html", "app.py", "Makefile", "../app.py", "..%2fapp.py", "/etc/passwd", "webhook-history.js/", "\0"],
)
def test_any_other_path_is_a_404(app: ModuleType, asset: str) -> None:
    response = get(app, asset)
    assert response["statusCode"] == 404
    assert json.loads(response["body"]) == {"error": {"code": "not_found", "message": "There is no such page."}}
    assert response["headers"]["Cache-Control"] == "no-store"


def test_the_page_has_no_inline_code_and_no_foreign_resources() -> None:
    page = (FOLDER / "index.html").read_text()
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses == ["data:,", "history/webhook-history.css", "history/webhook-history.js"]
    assert not re.search(r"<style|style=| on\w+=|<script[^>]*>[^<]", page)


def reached(name: str) -> set[str]:
    """Return a module and all that it imports, in any form that does not load on demand."""
    found, waiting = set(), [name]
    while waiting:
        found.add(module := waiting.pop())
        code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", (FOLDER / module).read_text(), flags=re.DOTALL | re.MULTILINE)
        imports = re.findall(r"^(?:import|export)\b[^;]*?[\"'](\.[^\"']*)[\"'];?$", code, re.MULTILINE)
        waiting += {each.removeprefix("./") for each in imports} - found
    return found


def test_the_component_is_small_and_inserts_only_text() -> None:
    files = {asset: (FOLDER / asset).read_bytes() for asset in ASSETS}
    first = {*reached(ENTRY), "webhook-history.css"}
    assert sum(len(gzip.compress(files[name])) for name in first) < BUDGET_BYTES_GZIPPED
    code = "".join(content.decode() for content in files.values())
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", code)
    assert not re.search(r"url\(|@import", files["webhook-history.css"].decode())


def test_each_module_is_short() -> None:
    assert {path.name for path in FOLDER.glob("*.js") if path.read_text().count("\n") >= 300} == set()


def test_every_file_is_the_code_or_is_served() -> None:
    """The whole folder is deployed."""
    assert {path.name for path in FOLDER.iterdir()} == {"app.py", "index.html", *ASSETS}
