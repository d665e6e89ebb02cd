"""Tests of the History page's handler.

They cover what it serves, to which clients, and what it does not disclose.
"""

import base64
import gzip
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from hooklog.access.routes import ROUTES
from tests.aws import load_app
from tests.template import ROOT

FOLDER = ROOT / "functions/history_page"
BUDGET_BYTES_GZIPPED = 45_000
ASSETS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".js", ".css"))


ENTRY = "webhook-history.js"
BROWSERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br, zstd"}


def start(**environment: str) -> ModuleType:
    defaults = {"POWERTOOLS_SERVICE_NAME": "hooklog", "ALLOWED_ORIGINS": "*", "FRAME_ANCESTORS": ""}
    with patch.dict(os.environ, {**defaults, **environment}):
        return load_app("HistoryPageFunction")


@pytest.fixture(scope="module")
def app() -> ModuleType:
    return start()


@pytest.fixture(scope="module")
def version(app: ModuleType) -> str:
    """The version in the addresses of the current files."""
    (found,) = set(re.findall(r'"history/([0-9a-f]{16})/', get(app)["body"]))
    return str(found)


def get(app: ModuleType, asset: str | None = None, **headers: str) -> dict[str, Any]:
    """Get /history, or below it a file, or a version and a file."""
    names = dict(zip(("asset", "file"), asset.split("/", 1), strict=False)) if asset is not None else None
    response: dict[str, Any] = app.lambda_handler({"pathParameters": names, "headers": headers or None}, None)
    return response


def unzipped(response: dict[str, Any]) -> str:
    assert response["isBase64Encoded"] is True
    return gzip.decompress(base64.b64decode(response["body"])).decode()


def policy(response: dict[str, Any]) -> dict[str, str]:
    directives = response["headers"]["Content-Security-Policy"].split("; ")
    return {name: sources for name, _, sources in (directive.partition(" ") for directive in directives)}


def test_the_page_loads_its_files_from_one_version(app: ModuleType, version: str) -> None:
    response = get(app)
    assert (response["statusCode"], response["headers"]["Cache-Control"]) == (200, "no-cache")
    assert response["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert response["body"].replace(f"history/{version}/", "history/") == (FOLDER / "index.html").read_text()
    assert response["body"].count(version) == 2


def test_the_first_list_needs_one_script(app: ModuleType, version: str) -> None:
    """The entry contains all that it imports, and other modules take that from it, so that each exists once."""
    first = get(app, f"{version}/{ENTRY}")["body"]
    assert not re.findall(r"^\s*import\b(?!\()", first, re.MULTILINE)
    assert all(f"const ${Path(name).stem.replace('-', '_')} = " in first for name in reached(ENTRY))
    for asset in set(ASSETS) - {ENTRY, "webhook-history.css"}:
        module = get(app, f"{version}/{asset}")["body"]
        imported = re.findall(r"^\s*import\b(?!\()[^;]*?[\"']([^\"']*)[\"'];", module, re.MULTILINE)
        assert set(imported) <= {f"./{ENTRY}"}, asset
        assert (asset in reached(ENTRY)) == (module.count("\n") == 2 and "(() =>" not in module), asset


def reached(name: str) -> set[str]:
    """Return a module and all that it imports, in any form that does not load on demand."""
    found, waiting = set(), [name]
    while waiting:
        found.add(module := waiting.pop())
        code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", (FOLDER / module).read_text(), flags=re.DOTALL | re.MULTILINE)
        imports = re.findall(r"^(?:import|export)\b[^;]*?[\"'](\.[^\"']*)[\"'];?$", code, re.MULTILINE)
        waiting += {each.removeprefix("./") for each in imports} - found
    return found


@pytest.mark.parametrize("asset", ASSETS)
def test_a_file_of_the_current_version_is_served_to_any_origin_and_never_changes(
    app: ModuleType, version: str, asset: str
) -> None:
    content_type = {".js": "text/javascript", ".css": "text/css"}[Path(asset).suffix]
    response = get(app, f"{version}/{asset}")
    assert response["statusCode"] == 200
    assert asset.endswith(".js") or response["body"] == (FOLDER / asset).read_text()
    assert response["headers"]["Content-Type"] == f"{content_type}; charset=utf-8"
    assert response["headers"]["Access-Control-Allow-Origin"] == "*"
    assert response["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "export default" not in response["body"]  # `export *` would not forward it


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("folder", ["", "0123456789abcdef/"])
def test_every_other_address_of_a_file_leads_to_the_current_version(
    app: ModuleType, version: str, folder: str, asset: str
) -> None:
    """A page that was opened before a deployment gets modules that fit together."""
    response = get(app, folder + asset)
    if asset.endswith(".js"):
        prefix = f"{'..' if folder else '.'}/{version}"
        assert response["body"] == f'export * from "{prefix}/{asset}";\n'
    else:
        assert response["body"] == (FOLDER / asset).read_text()
    assert response["statusCode"] == 200
    assert response["headers"]["Cache-Control"] == "no-cache"
    assert response["headers"]["Access-Control-Allow-Origin"] == "*"


def test_the_version_depends_on_every_file(tmp_path: Path, version: str) -> None:
    """A changed, an added and a renamed file make new addresses; an unchanged folder makes the same."""
    changes: dict[str, Any] = {
        "none": lambda folder: None,
        "stylesheet": lambda folder: (folder / "webhook-history.css").write_text("a{}"),
        "module": lambda folder: (folder / "texts.js").write_text("export const ENGLISH = {};\n"),
        "added": lambda folder: (folder / "added.js").write_text(""),
        "renamed": lambda folder: (folder / "shell.js").rename(folder / "shells.js"),
    }
    found = {}
    for name, change in changes.items():
        folder = shutil.copytree(FOLDER, tmp_path / name)
        change(folder)
        with patch.dict(os.environ, ALLOWED_ORIGINS="*", FRAME_ANCESTORS=""):
            found[name] = runpy.run_path(str(folder / "app.py"))["VERSION"]
    assert found["none"] == version
    assert len(set(found.values())) == len(changes)


@pytest.mark.parametrize("asset", [None, ENTRY, "{version}/webhook-history.css", "{version}/texts.js"])
def test_browsers_get_gzip_and_others_plain_text(app: ModuleType, version: str, asset: str | None) -> None:
    path = asset and asset.format(version=version)
    plain = get(app, path)
    assert "Content-Encoding" not in plain["headers"]
    assert not plain.get("isBase64Encoded")
    for accept in ("*/*", "text/css,*/*;q=0.1", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"):
        for codings in ("gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.8", "*", "deflate, gzip;q=1.0, *;q=0.5"):
            response = get(app, path, **{"accept": accept, "accept-encoding": codings})
            assert unzipped(response) == plain["body"]
            assert response["headers"]["Content-Encoding"] == "gzip"
            assert response["headers"]["ETag"] != plain["headers"]["ETag"]
            assert response["headers"]["Vary"] == plain["headers"]["Vary"] == "Accept-Encoding"
    for codings in ("", "br", "identity", "gzip;q=0", "gzip; q=0.000, br", "*;q=0", "gzip;q=0, *", "x-gzipped"):
        assert get(app, path, **{"Accept": "*/*", "Accept-Encoding": codings}) == plain
    assert get(app, path, **{"Accept-Encoding": "gzip"}) == plain  # API Gateway would not decode base64


def test_a_cold_start_imports_no_library() -> None:
    """A first visit waits for several cold starts. The logger alone would take more than everything else."""
    code = f"import runpy, sys; runpy.run_path({str(FOLDER / 'app.py')!r}); print(*sys.modules)"
    environment = {**os.environ, "ALLOWED_ORIGINS": "*", "FRAME_ANCESTORS": "", "PYTHONPATH": "layers/shared"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    packages = {name.partition(".")[0] for name in ran.stdout.split()} - sys.stdlib_module_names
    assert packages & {"aws_lambda_powertools", "boto3", "botocore", "pynamodb", "urllib3", "jwt"} == set()


def test_another_environment_serves_the_same_bytes(app: ModuleType) -> None:
    """An ETag must identify them."""
    assert get(start(), "texts.js", **BROWSERS) == get(app, "texts.js", **BROWSERS)


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
    for accepted in ({}, BROWSERS):
        etag = get(app, asset, **accepted)["headers"]["ETag"]
        for header in ("If-None-Match", "if-none-match"):
            for value in (etag, f'"other", {etag}', f"W/{etag}"):
                response = get(app, asset, **{header: value}, **accepted)
                assert (response["statusCode"], response["body"], response["headers"]["ETag"]) == (304, "", etag)
                assert "Content-Encoding" not in response["headers"]
        assert get(app, asset, **{"If-None-Match": '"other"'}, **accepted)["statusCode"] == 200


@pytest.mark.parametrize(
    "asset",
    [
        *("", "index.html", "app.py", "Makefile", "../app.py", "..%2fapp.py", "/etc/passwd", "webhook-history.js/"),
        *("{version}/app.py", "{version}/index.html", "{version}/../app.py", "{version}/{version}", "/texts.js"),
        *("\0", "../texts.js", "v1/texts.js", "0123456789ABCDEF/texts.js", "{version}\n/texts.js"),
    ],
)
def test_any_other_path_is_a_404(app: ModuleType, version: str, asset: str) -> None:
    response = get(app, asset.format(version=version))
    assert response["statusCode"] == 404
    assert json.loads(response["body"]) == {"error": {"code": "not_found", "message": "There is no such page."}}
    assert response["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("parameter", "sources"),
    [
        ("", "'none'"),
        ("'self'", "'self'"),
        ("self", "'self'"),
        (
            "https://app.example.com 'self'  http://localhost:3000",
            "https://app.example.com 'self' http://localhost:3000",
        ),
    ],
)
def test_a_deployment_says_who_may_show_the_page_in_an_iframe(parameter: str, sources: str) -> None:
    response = get(start(FRAME_ANCESTORS=parameter))
    assert policy(response)["frame-ancestors"] == sources
    assert "X-Frame-Options" not in response["headers"]


@pytest.mark.parametrize("headers", [{"origin": "https://a.example"}, {"Origin": "http://localhost:3000"}])
def test_a_preflight_allows_every_route_to_each_of_the_origins(headers: dict[str, str]) -> None:
    app = start(ALLOWED_ORIGINS="https://a.example,http://localhost:3000")
    event = {"httpMethod": "OPTIONS", "resource": "/{path+}", "pathParameters": {"path": "webhooks"}}
    allowed = app.lambda_handler({**event, "headers": headers}, None)
    (origin,) = headers.values()
    assert (allowed["statusCode"], allowed["headers"]["Access-Control-Allow-Origin"]) == (200, origin)
    assert allowed["headers"]["Vary"] == "Origin"
    assert {"Authorization", "Content-Type"} == set(allowed["headers"]["Access-Control-Allow-Headers"].split(","))
    assert {route.method for route in ROUTES} <= set(allowed["headers"]["Access-Control-Allow-Methods"].split(","))
    refused = app.lambda_handler({**event, "headers": {"Origin": "https://a.example.evil.example"}}, None)
    assert "Access-Control-Allow-Origin" not in refused["headers"]
    assert refused["headers"]["Vary"] == "Origin"
    anyone = start().lambda_handler({**event, "headers": headers}, None)
    assert anyone["headers"]["Access-Control-Allow-Origin"] == "*"


def test_the_page_has_no_inline_code_and_no_foreign_resources() -> None:
    page = (FOLDER / "index.html").read_text()
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses == ["data:,", "history/webhook-history.css", "history/webhook-history.js"]
    assert not re.search(r"<style|style=| on\w+=|<script[^>]*>[^<]", page)


def test_the_component_is_small_and_inserts_only_text(app: ModuleType, version: str) -> None:
    first = [get(app, f"{version}/{name}")["body"] for name in (ENTRY, "webhook-history.css")]
    assert sum(len(gzip.compress(text.encode())) for text in first) < BUDGET_BYTES_GZIPPED
    code = "".join((FOLDER / asset).read_text() for asset in ASSETS)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", code)
    assert not re.search(r"url\(|@import", first[1])


def test_each_module_is_short() -> None:
    assert {path.name for path in FOLDER.glob("*.js") if path.read_text().count("\n") >= 300} == set()


def test_every_file_is_the_code_or_is_served() -> None:
    """The whole folder is deployed."""
    package = {"package.json", "webhook-history.d.ts", "react.d.ts"}
    assert {path.name for path in FOLDER.iterdir()} == {"app.py", "index.html", *package, *ASSETS}
