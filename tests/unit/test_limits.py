"""Limits of external input: the largest accepted and the smallest refused values.

Parameters of the template are in test_template.py, tokens in test_access.py.
"""

import json
from typing import Any

import pytest

from hooklog.api.request import MAX_BODY_LENGTH, Request
from hooklog.errors import InvalidMessage, InvalidRequest, InvalidSetting
from hooklog.messages.fields import parse_object
from hooklog.messages.message import Message
from hooklog.webhooks.retry import RetrySchedule
from hooklog.webhooks.webhook import Webhook
from tests.events import api_event

LONG = "https://example.com/"


def url(length: int) -> str:
    return LONG + "x" * (length - len(LONG))


def headers(length: int) -> dict[str, str]:
    """Return headers with this many characters of names and values."""
    return {"x-1": "v" * (length // 2), "x-2": "v" * (length - length // 2 - 6)}


OF_BOTH: list[tuple[str, list[Any], list[Any]]] = [
    ("url", [url(2048)], [url(2049), ""]),
    ("headers", [headers(16_384), {"n" * 256: "v"}], [headers(16_385), {"n" * 257: "v"}, {"": "v"}]),
    ("timeout_seconds", [1, 30], [0.999, 30.001, 0, 31]),
]
OF_MESSAGES: list[tuple[str, list[Any], list[Any]]] = [
    ("webhook_id", ["w", "w" * 128], ["", "w" * 129]),
    ("message_id", ["m", "m" * 128], ["", "m" * 129]),
    ("event_type", ["e", "e" * 128], ["", "e" * 129]),
    ("payload", [10**4299], []),
    *OF_BOTH,
]
OF_WEBHOOKS: list[tuple[str, list[Any], list[Any]]] = [
    ("name", ["", "n" * 256], ["n" * 257]),
    (
        "event_types",
        [[], ["e" * 128], ["e" * 128 + ".*"], [f"e{n}" for n in range(100)]],
        [["e" * 129], ["e" * 129 + ".*"], [f"e{n}" for n in range(101)]],
    ),
    ("sensitive_headers", [[f"x-{n}" for n in range(50)]], [[f"x-{n}" for n in range(51)], ["n" * 257]]),
    ("retry_schedule", [[], [1] * 20, [86_400]], [[1] * 21, [0], [86_401]]),
    ("topic", ["t" * 128], ["t" * 129]),
    ("max_per_second", [None, 1, 1000], [0, -1, 1001, 1.5, 10.0, True, "10", [10]]),
    *OF_BOTH,
]
OF_CALLS: list[tuple[str, str, list[str], list[str]]] = [
    ("limit", "executions_page", ["1", "200"], ["0", "201"]),
    ("limit", "webhooks_page", ["1", "100"], ["0", "101"]),
]


def read_message(**fields: Any) -> Message:
    return Message.parse(parse_object(json.dumps({"webhook_id": "w", "url": LONG, "payload": 1, **fields})), "id")


def read_webhook(**fields: Any) -> Webhook:
    return Webhook.parse({"url": LONG, **fields}, "w", None)


@pytest.mark.parametrize(("field", "accepted", "refused"), OF_MESSAGES)
def test_a_message_is_limited(field: str, accepted: list[Any], refused: list[Any]) -> None:
    for value in accepted:
        assert read_message(**{field: value})
    for value in refused:
        with pytest.raises(InvalidMessage, match="header" if field == "headers" else field):
            read_message(**{field: value})


def test_an_integer_has_at_most_4300_digits() -> None:
    with pytest.raises(InvalidMessage, match="4,300 digits"):
        parse_object(f'{{"webhook_id": "w", "url": "{LONG}", "payload": {"1" * 4301}}}')


@pytest.mark.parametrize(("field", "accepted", "refused"), OF_WEBHOOKS)
def test_a_webhook_is_limited(field: str, accepted: list[Any], refused: list[Any]) -> None:
    for value in accepted:
        assert read_webhook(**{field: value})
    for value in refused:
        with pytest.raises(InvalidRequest, match="header" if field == "headers" else field):
            read_webhook(**{field: value})


@pytest.mark.parametrize(("parameter", "name", "accepted", "refused"), OF_CALLS)
def test_a_parameter_is_limited(parameter: str, name: str, accepted: list[str], refused: list[str]) -> None:
    def read(value: str) -> Any:
        event = api_event({"webhook_id": "w"}, {parameter: value})
        return getattr(Request.parse(event, frozenset({parameter})), name)

    for value in accepted:
        assert int(value) in read(value)
    for value in refused:
        with pytest.raises(InvalidRequest, match=parameter):
            read(value)


def test_a_body_is_limited() -> None:
    def read(length: int) -> Any:
        return Request.parse({**api_event({}), "body": "{}".ljust(length)}).document

    assert read(MAX_BODY_LENGTH) == {}
    with pytest.raises(InvalidRequest, match="131,072 characters"):
        read(MAX_BODY_LENGTH + 1)


def test_a_retry_schedule_is_limited() -> None:
    for accepted in ("", "1", "86400", ",".join(["5"] * 20)):
        assert RetrySchedule.parse(accepted) is not None
    for refused in ("0", "86401", ",".join(["5"] * 21)):
        with pytest.raises(InvalidSetting):
            RetrySchedule.parse(refused)
