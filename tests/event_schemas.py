"""Validates events against the JSON Schemas in docs/events."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests import template

FOLDER = template.ROOT / "docs/events"


@cache
def schema(event_type: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{event_type}.json").read_text())
    return found


def check_event(event: Mapping[str, Any]) -> None:
    """Validate an event. Schemas allow fields that later releases add, but the events of this one have none."""
    expected = schema(event["type"])
    Draft202012Validator(expected, format_checker=FormatChecker(["date-time"])).validate(event)
    assert event.keys() <= expected["properties"].keys()
