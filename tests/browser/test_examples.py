"""The examples of docs/history-page.md, each built as their readers would and opened in a page of another origin."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from hooklog.version import __version__
from tests.browser.conftest import Stack
from tests.template import ROOT

TOOLS = ROOT / "tests/embedding/node_modules"
PACKAGE = ROOT / "functions/history_page"
FENCED = re.compile(r"^```(html|tsx|vue)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(FENCED.findall((ROOT / "docs/history-page.md").read_text()))
MAIN = {
    "tsx": """
        import { StrictMode } from "react";
        import { createRoot } from "react-dom/client";
        import { WebhookHistoryTab } from "./example";
        createRoot(document.body.appendChild(document.createElement("div"))).render(
            <StrictMode><WebhookHistoryTab webhook="acme.orders" /></StrictMode>);
    """,
    "vue": """
        import { createApp } from "vue";
        import Example from "./example.vue";
        createApp(Example, { webhook: "acme.orders" }).mount(document.body.appendChild(document.createElement("div")));
    """,
}
VITE_CONFIG = """
    import vue from "@vitejs/plugin-vue";
    const isCustomElement = (tag) => tag === "webhook-history";
    export default {
        plugins: [vue({ template: { compilerOptions: { isCustomElement } } })],
        build: { target: "es2022" }, logLevel: "warn",
    };
"""
needs_node = pytest.mark.skipif(
    not (TOOLS / "vite").exists() or shutil.which("npm") is None, reason="Vite and React need Node.js with npm"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A front end's folder in which the packed package is installed."""
    folder = tmp_path_factory.mktemp("front_end")
    modules = folder / "node_modules"
    modules.mkdir()
    for module in TOOLS.iterdir():
        (modules / module.name).symlink_to(module)
    packed = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True, text=True
    )
    subprocess.run(["tar", "-xzf", packed.stdout.split()[-1]], cwd=folder, check=True)
    (folder / "package").rename(modules / "hooklog-webhook-history")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "vite.config.js").write_text(VITE_CONFIG)
    return folder


Serve = Callable[[str, Path | None], Page]


@pytest.fixture
def serve(
    context: BrowserContext, stack: Stack, orders: str, front_end_url: str, front_end_pages: dict[str, str]
) -> Serve:
    """Return a function that serves a page and a folder of assets at the front end, opens it and an execution."""

    def serve(html: str, assets: Path | None = None) -> Page:
        front_end_pages["/hooklog-token"] = stack.token(webhooks=[orders])
        front_end_pages["/example"] = html
        for asset in assets.iterdir() if assets else []:
            front_end_pages[f"/assets/{asset.name}"] = asset.read_text()
        page, logged = context.new_page(), list[str]()
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.on("console", lambda message: logged.append(message.text))
        page.goto(f"{front_end_url}example")
        expect(page.locator("tbody tr").first).to_be_visible()
        page.get_by_role("button", name=re.compile("^View")).first.click()
        expect(page.get_by_role("heading", name="Attempts")).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_css("padding", "0px")
        assert [line[:9] for line in logged] == ["opened 20"]
        return page

    return serve


def adapt(example: str, stack: Stack, orders: str) -> str:
    return example.replace("https://<api>/v1", stack.outputs["ApiUrl"]).replace("acme.orders", orders)


def test_plain_html(stack: Stack, orders: str, serve: Serve) -> None:
    serve(adapt(EXAMPLES["html"], stack, orders), None)


@needs_node
@pytest.mark.parametrize("kind", ["tsx", "vue"])
def test_a_framework(stack: Stack, orders: str, serve: Serve, project: Path, kind: str) -> None:
    (project / f"example.{kind}").write_text(adapt(EXAMPLES[kind], stack, orders))
    main = "main.tsx" if kind == "tsx" else "main.ts"
    (project / main).write_text(adapt(MAIN[kind], stack, orders))
    (project / "index.html").write_text(f'<body><script type="module" src="/{main}"></script>')
    built = project / f"built-{kind}"
    vite = [str(TOOLS / ".bin/vite"), "build", "--outDir", str(built)]
    subprocess.run(vite, cwd=project, check=True)
    serve((built / "index.html").read_text(), built / "assets")


@needs_node
def test_the_react_example_has_the_right_types(project: Path) -> None:
    """One run checks the example, and a copy that reads a field that the event does not have."""
    options = ["--noEmit", "--strict", "--jsx", "react-jsx", "--module", "esnext", "--moduleResolution", "bundler"]
    options += ["--target", "es2022", "--skipDefaultLibCheck"]
    (project / "example.tsx").write_text(EXAMPLES["tsx"])
    (project / "wrong.tsx").write_text(EXAMPLES["tsx"].replace("detail.executionId", "detail.execution"))
    command = [str(TOOLS / ".bin/tsc"), *options, "example.tsx", "wrong.tsx"]
    checked = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert re.fullmatch(r"wrong\.tsx\(.*'execution' does not exist.*\n", checked.stdout), checked.stdout


@needs_node
def test_the_package_can_be_imported_without_a_browser(project: Path) -> None:
    """A server that renders pages imports it, too."""
    subprocess.run(["node", "-e", "await import('hooklog-webhook-history')"], cwd=project, check=True)


def test_the_package_has_the_version_of_the_project() -> None:
    assert json.loads((PACKAGE / "package.json").read_text())["version"] == __version__
