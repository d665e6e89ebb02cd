"""Accessibility checks with axe, in light and dark, wide and narrow."""

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

ColorScheme = Literal["light", "dark"]

LOOKS: list[tuple[ColorScheme, int]] = [("light", 1100), ("dark", 360)]


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def expect_accessible(page: Page) -> None:
    """Assert that axe finds no violation in any look of the page.

    Nothing may scroll sideways either.
    """
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 740})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("dialog").evaluate_all("all => all.every(it => it.scrollWidth <= it.clientWidth)")
