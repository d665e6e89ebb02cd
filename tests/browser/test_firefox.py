"""A short pass through the page in Firefox, where it is installed."""

from pathlib import Path

import pytest

from tests.browser import firefox
from tests.browser.conftest import Stack
from tests.browser.test_layout import FIND_CUT

pytestmark = pytest.mark.skipif(firefox.PATH is None, reason="Firefox is not installed")

# Waits for an element of the component, and returns it.
FIND = """
    const find = async (selector, text = "") => {
        for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((wake) => setTimeout(wake, 50))) {
            const found = [...document.querySelector("webhook-history").shadowRoot.querySelectorAll(selector)];
            const shown = found.find((element) => element.checkVisibility() && element.textContent.includes(text));
            if (shown) return shown;
        }
        throw new Error(`no ${selector} with ${text}`);
    };
"""


def test_the_page_in_firefox(stack: Stack, orders: str, tmp_path: Path) -> None:
    with firefox.firefox(tmp_path) as browser:
        browser.open(stack.page_url(orders))
        browser.run(FIND + "await find('tbody tr'); window.errors = []; onerror = (said) => errors.push(said);")
        for width in (320, 768, 1200):
            cut = browser.run(
                f"const component = document.querySelector('webhook-history'); component.style.width = '{width}px';"
                f"return ({FIND_CUT})(component);"
            )
            assert cut == [], width
        browser.run(FIND + "(await find('tbody td.open button')).click(); await find('dialog h3', 'Attempts');")
        assert browser.run(FIND + "return (await find('dialog .facts')).textContent").startswith("Result")
        browser.run(FIND + "(await find('dialog button', 'Close')).click();")
        browser.run(FIND + "(await find('.views label + label input, .views input[value=webhooks]')).click();")
        browser.run(FIND + "await find('h2', 'Webhooks'); (await find('button', 'Add webhook')).click();")
        assert browser.run(FIND + "return (await find('dialog form')).elements.url.value") == ""
        assert browser.run("return errors") == []
