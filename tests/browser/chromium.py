"""Chromium as Debian, Ubuntu or the user has installed it.

`make chromium` installs it if there is none. The headless shell is preferred, because it starts no window for a page.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
DISABLED_FEATURES = (
    # Two pages that each new window loads for its address bar. They took half of a test's CPU.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    # What Playwright disables: of two such switches Chromium reads only the last, this one.
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
    f"--disable-features={','.join(DISABLED_FEATURES)}",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run it, headless and calling nobody."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, "There is no Chromium: make chromium installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()
