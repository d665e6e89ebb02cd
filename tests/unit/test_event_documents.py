"""docs/events.md and the schemas in docs/events describe every event."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hooklog.events.event import VERSION, EventType
from tests.event_schemas import FOLDER, check_event, schema
from tests.receiver import Receiver
from tests.template import ROOT

DOCUMENT = (ROOT / "docs/events.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


EVENTS: list[dict[str, Any]] = [event for text in examples("json") if "event_id" in (event := json.loads(text))]


def test_every_type_has_a_schema_an_example_and_a_row() -> None:
    types = set(map(str, EventType))
    assert {path.name.removesuffix(".json") for path in FOLDER.iterdir()} == types
    assert {event["type"] for event in EVENTS} == types
    assert set(re.findall(r"^\| `([a-z._]+)` \| .+\[schema\]\(events/\1\.json\) \|$", DOCUMENT, re.MULTILINE)) == types


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event["type"]))
def test_an_example_is_valid(event: dict[str, Any]) -> None:
    check_event(event)


@pytest.mark.parametrize("event_type", EventType)
def test_a_schema_is_valid_and_describes_the_common_fields(event_type: str) -> None:
    found = schema(event_type)
    Draft202012Validator.check_schema(found)
    assert found["properties"]["version"]["const"] == VERSION
    assert {"type", "version", "event_id", "webhook_id", "at"} <= set(found["required"])
    assert "additionalProperties" not in found, "a later release may add fields"


def test_the_slack_example_posts_each_event(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.reset()
    monkeypatch.setenv("SLACK_WEBHOOK_URL", receiver.url("/status/200/slack"))
    (code,) = examples("python")
    function: dict[str, Any] = {}
    exec(compile(code, "lambda_function.py", "exec"), function)
    unknown = {"type": "webhook.unheard-of"}
    records = [{"Sns": {"Message": json.dumps(event)}} for event in (*EVENTS, unknown)]
    function["lambda_handler"]({"Records": records}, None)
    texts = [json.loads(request.body)["text"] for request in receiver.requests]
    assert len(texts) == len(EVENTS)
    assert all("acme.orders" in text for text in texts)
