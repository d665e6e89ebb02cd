"""The component's texts: every key is used, and every key in the code has a text."""

import re

from tests.template import ROOT

PAGE = ROOT / "functions/history_page"
KEY = re.compile(r'^\t(?:"([^"]+)"|(\w+)):', re.MULTILINE)
TEMPLATE = re.compile(r"`([^`\n]*)`")
VALUE = re.compile(r"\$\{[^}]*\}")
CALL = re.compile(r'\b(?:text|parts)\((?:[^()"`]*\? )?(?:"([^"\n]+)"|`([^`\n]+)`)')
ENGLISH = ("texts.js", "texts-execution.js", "texts-webhooks.js")
# forms of keys that locale.nameOf and PagedList complete
COMPLETED = {
    "trigger.*",
    "result.*",
    "filter.error.*",
    "executions.counted*",
    "webhooks.counted*",
    "execution.notFound*",
}


def read_keys() -> set[str]:
    return {quoted or word for name in ENGLISH for quoted, word in KEY.findall((PAGE / name).read_text())}


def read_code() -> str:
    return "\n".join(path.read_text() for path in PAGE.glob("*.js") if not path.name.startswith("texts"))


def matches(form: str, key: str) -> bool:
    """Whether the key has this form, in which `*` is a value."""
    return bool(re.fullmatch(re.escape(form).replace(r"\*", r"[\w.]*"), key))


def test_every_text_is_used() -> None:
    code, keys = read_code(), read_keys()
    quoted = set(re.findall(r'"([\w.]+)"', code))
    templates = {VALUE.sub("*", text) for text in TEMPLATE.findall(code)}
    forms = {text for text in templates if re.match(r"\w+\.", text)} | COMPLETED
    ends = [text.removeprefix("*") for text in templates if re.fullmatch(r"\*\.\w+", text)]
    used = quoted | {start + end for start in quoted for end in ends}
    assert len(keys) > 300
    assert {key for key in keys - used if not any(matches(form, key) for form in forms)} == set()


def test_every_key_has_a_text() -> None:
    code, keys = read_code(), read_keys()
    called = {VALUE.sub("*", text or template) for text, template in CALL.findall(code)}
    forms = {form for form in called if not form.startswith("*")}
    # a module's own function may add the first part of the key
    starts = ["", *(form.removesuffix("*") for form in forms if form.endswith(".*"))]
    assert len(forms) > 100
    missing = {form for form in forms if not any(matches(start + form, key) for start in starts for key in keys)}
    assert missing == set()


def test_the_stylesheet_has_no_words() -> None:
    """They would be in English whatever the language is."""
    stylesheet = (PAGE / "webhook-history.css").read_text()
    texts = [
        text for content in re.findall(r"content: ([^;]+)", stylesheet) for text in re.findall(r'"([^"]*)"', content)
    ]
    assert [text for text in texts if re.search("[a-z]", text)] == []
