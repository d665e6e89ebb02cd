"""The languages of the component: built-in, replaced by the host, and two at once."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Stack

GERMAN_DATE = re.compile(r"^\w+tag, \d+\. \w+ 20|^Mittwoch, \d")
FRENCH_DATE = re.compile(r"^(lun|mar|mercre|jeu|vendre|same)di \d|^dimanche \d")
SHAPES = """async () => {
    const [{ ENGLISH }, { TEXTS_ON_DEMAND }, { TEXTS }] = await Promise.all(
        ["texts.js", "texts-on-demand.js", "texts-de.js"].map(
            (name) => import(new URL(`history/${name}`, document.baseURI))));
    const shape = (text) => typeof text === "string"
        ? (text.match(/{\\w+}/g) ?? []).sort()
        : Object.entries(text).map(([form, text]) => [form, shape(text)]);
    return [{ ...ENGLISH, ...TEXTS_ON_DEMAND }, TEXTS].map((texts) =>
        Object.entries(texts).map(([key, text]) => [key, shape(text)]).sort());
}"""


def test_a_translation_has_the_same_keys_and_values(opened: Open, orders: str, page: Page) -> None:
    opened(orders)
    english, german = page.evaluate(SHAPES)
    assert len(english) > 100
    assert german == english


def test_the_language_decides_texts_plurals_dates_and_numbers(opened: Open, orders: str, page: Page) -> None:
    opened(orders)
    page.locator("webhook-history").evaluate("component => component.setAttribute('lang', 'de')")
    expect(page.get_by_role("button", name="Mehr laden")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("50 Ausführungen, weitere sind vorhanden")
    expect(page.locator("tbody .badge").filter(has_text="Verbindung abgelehnt")).to_have_count(1)
    expect(page.locator("tbody time").first).to_have_attribute("title", GERMAN_DATE)
    page.get_by_role("button", name="ansehen").first.click()
    expect(page.get_by_role("heading", name="Versuche")).to_be_visible()


def test_the_host_replaces_texts_and_languages_do_not_mix(
    page: Page, stack: Stack, orders: str, front_end_url: str
) -> None:
    page.goto(front_end_url)
    page.evaluate(
        """async ([api, webhook, token]) => {
            document.documentElement.lang = "de";
            const german = Object.assign(document.createElement("webhook-history"), { texts: { live: "Mitlesen" } });
            const french = document.createElement("webhook-history");
            french.lang = "fr";
            french.texts = { refresh: "Actualiser", "executions.counted.more": { one: "", other: "{count} envois" } };
            for (const component of [german, french]) {
                component.setAttribute("api", api);
                component.setAttribute("webhook", webhook);
                component.setAttribute("token", token);
            }
            // the document's language also counts in a shadow root
            const card = document.createElement("div");
            card.attachShadow({ mode: "open" }).append(german);
            document.body.append(card, french);
        }""",
        [stack.outputs["ApiUrl"], orders, stack.outputs["Token"]],
    )
    german, french = page.locator("webhook-history:not([lang])"), page.locator("webhook-history[lang=fr]")
    expect(german.get_by_text("Mitlesen")).to_be_visible()
    expect(german.get_by_role("button", name="Aktualisieren")).to_be_visible()
    expect(french.get_by_role("button", name="Actualiser")).to_be_visible()
    expect(french.get_by_role("status")).to_have_text("50 envois")
    expect(french.locator("tbody time").first).to_have_attribute("title", FRENCH_DATE)
    french.evaluate("component => { component.texts = { refresh: 'Encore' }; }")
    expect(french.get_by_role("button", name="Encore")).to_be_visible()


def test_an_invalid_language_is_english(opened: Open, orders: str, page: Page) -> None:
    opened(orders)
    page.locator("webhook-history").evaluate("component => component.setAttribute('lang', 'x y')")
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()
    expect(page.locator("tbody tr").first).to_be_visible()
