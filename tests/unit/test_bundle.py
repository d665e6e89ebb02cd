"""Tests of joining ES modules. tests/browser runs the result."""

import pytest

from hooklog.api.bundle import Bundler, UnknownSyntaxError

FILES = {
    "entry.js": """import { area,
\tPI as pi } from "./circle.js";
import "./log.js";
show(area(pi));
""",
    "circle.js": """import { log } from "./log.js";
export const PI = 3;
export function area(r) {
\treturn log(PI * r);
}
""",
    "log.js": """export const [log, warn] = [String, String];
export class Logger {}
export async function* lines() {}
""",
    "late-part.js": """import { area } from "./circle.js";
import { half } from "./half.js";
export const third = half;
""",
    "half.js": "export let half = 1;\n",
}


def test_the_entry_contains_what_it_imports_in_order() -> None:
    bundle = Bundler(FILES, "entry.js").bundle("entry.js")
    assert (
        bundle.index("const $log = (() => {") < bundle.index("const $circle = (() => {") < bundle.index("const $entry")
    )
    assert "const { area, PI: pi } = $circle;" in bundle
    assert "return { log, warn, Logger, lines };" in bundle
    assert "\nfunction area(r)" in bundle
    assert bundle.endswith("export { $log, $circle, $entry };\n")
    assert bundle.count("export") == 1


def test_other_modules_take_from_the_entry_what_it_contains() -> None:
    bundler = Bundler(FILES, "entry.js")
    late = bundler.bundle("late-part.js")
    assert late.startswith('import { $circle } from "./entry.js";\nconst $half = (() => {')
    assert late.endswith("export const { third } = $late_part;\n")
    assert (
        bundler.bundle("circle.js") == 'import { $circle } from "./entry.js";\nexport const { PI, area } = $circle;\n'
    )


@pytest.mark.parametrize(
    "line",
    [
        "export default 1;",
        'export * from "./b.js";',
        "export { a };",
        'import b from "./b.js";',
        'import * as b from "./b.js";',
        'import { b } from "https://example.com/b.js";',
    ],
)
def test_other_syntax_is_an_error(line: str) -> None:
    with pytest.raises(UnknownSyntaxError, match=r"a\.js"):
        Bundler({"a.js": f"{line}\n", "b.js": "export const b = 1;\n"}, "a.js").bundle("a.js")


def test_modules_that_import_each_other_are_an_error() -> None:
    files = {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}
    with pytest.raises(UnknownSyntaxError, match=r"a\.js imports itself, through a\.js, b\.js"):
        Bundler(files, "a.js")


def test_import_on_demand_stays() -> None:
    text = 'const load = () => import("./b.js");\nimport("./c.js");\n'
    assert text in Bundler({"a.js": text}, "a.js").bundle("a.js")
