"""Sketches of screenshots.

One character for every 20 pixels shows how strongly they are marked.
"""

import base64
from typing import Final

import pytest
from playwright.sync_api import Locator

from local import places
from tests.template import ROOT

PICTURES: Final = places.STATE / "pictures"
"""The screenshots of the last run."""

_SKETCHES: Final = ROOT / "tests/browser/sketches"

_DRAW: Final = """async encoded => {
    const [bytes, side] = [Uint8Array.from(atob(encoded), character => character.charCodeAt()), 20];
    const picture = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d", { willReadFrequently: true });
    canvas.drawImage(picture, 0, 0);
    const lightness = ([red, green, blue]) => 0.3 * red + 0.6 * green + 0.1 * blue;
    const blank = lightness(canvas.getImageData(0, 0, 1, 1).data);
    const mark = (left, top) => {
        const [width, height] = [Math.min(side, picture.width - left), Math.min(side, picture.height - top)];
        const { data } = canvas.getImageData(left, top, width, height);
        let most = 0;
        for (let at = 0; at < data.length; at += 4) {
            most = Math.max(most, Math.abs(lightness(data.subarray(at, at + 3)) - blank));
        }
        return most < 3 ? " " : most < 80 ? "." : "#";
    };
    const lines = [];
    for (let top = 0; top < picture.height; top += side) {
        let line = "";
        for (let left = 0; left < picture.width; left += side) line += mark(left, top);
        lines.push(line.trimEnd());
    }
    return lines.join("\\n").trimEnd() + "\\n";
}"""


def expect_like_sketch(shown: Locator, name: str) -> None:
    """Assert that a screenshot looks like the sketch of that name.

    The tolerance allows for other fonts.
    """
    page = shown.page
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
    drawn = page.evaluate(_DRAW, base64.b64encode(shown.screenshot()).decode())
    assert _similarity(drawn, _load_sketch(name, drawn)) > 0.7, (
        f"{PICTURES / name}.png differs from its sketch:\n{drawn}"
    )


def _load_sketch(name: str, drawn: str) -> str:
    """Load the sketch of that name. If there is none, write it and fail."""
    path = _SKETCHES / f"{name}.txt"
    if not path.exists():
        path.write_text(drawn)
        pytest.fail(f"{path} is new: check {PICTURES / name}.png, then commit it")
    return path.read_text()


def _similarity(one: str, other: str) -> float:
    """Return the share of marks in either sketch that are in both, from 0 to 1."""
    marks = [
        {(row, column, mark) for row, line in enumerate(sketch.splitlines()) for column, mark in enumerate(line)}
        for sketch in (one, other)
    ]
    drawn, kept = ({mark for mark in sketch if mark[2] != " "} for sketch in marks)
    return len(drawn & kept) / len(drawn | kept)
