"""Tests that no handler fails on any input.

Calls are answered as documented; messages are logged or sent to the DLQ.
"""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import template
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.openapi import operations
from tests.webhooks import CONTEXT

EVERYTHING = "executions:read executions:resend webhooks:read webhooks:manage"

bounded = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""All examples of a test share the tables, so one may find the rows of another."""

URLS = st.sampled_from(["https://127.0.0.1/", "https://[::1]:1/", "http://10.1/", "ftp://x.example/", "//", "", "x"])
TEXTS = st.text(max_size=20) | URLS | st.sampled_from(["wh_1", "20261123T173600.123456Z-9f3a2c1d", "2026-11-23", "1e9"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)
FIELDS = {
    "url": URLS | VALUES,
    "since": TEXTS | VALUES,
    "name": VALUES,
    "headers": VALUES | st.dictionaries(TEXTS, TEXTS, max_size=2),
    "event_types": VALUES,
    "timeout_seconds": VALUES,
    "retry_schedule": VALUES,
    "max_per_second": VALUES,
    "client_certificate": VALUES | st.fixed_dictionaries({"certificate": TEXTS | VALUES, "key": TEXTS | VALUES}),
    "version": VALUES,
    "transformation": VALUES,
    "payload": VALUES,
    "event_type": TEXTS | VALUES,
    "dry_run": st.booleans() | VALUES,
    "secret": st.just("whsec_" + "A" * 32) | VALUES,
    "overlap_hours": st.integers(0, 168) | VALUES,
}
BODIES = st.none() | st.text() | VALUES.map(json.dumps) | st.fixed_dictionaries({}, optional=FIELDS).map(json.dumps)
IDS = st.sampled_from(["wh_1", "20261123T173600.123456Z-9f3a2c1d", "%2e%2e", "a%2Fb", "%00", "\ud800"]) | st.text()
PARAMETERS = st.dictionaries(
    st.sampled_from(["limit", "cursor", "status", "from", "to"]) | st.text(max_size=5),
    st.lists(TEXTS, min_size=1, max_size=2),
    max_size=3,
)


def routes() -> dict[str, tuple[str, str]]:
    """Return the method and path of each function of the API.

    The History page's is left out: its only parameters are file names.
    """
    return {
        function: (event["Properties"]["Method"].upper(), event["Properties"]["Path"])
        for function, properties in template.functions().items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "Api" and function != "HistoryPageFunction"
    }


@pytest.mark.parametrize("function", routes())
def test_any_request_gets_a_documented_response(aws: MockAws, function: str) -> None:
    app, documented = aws.start(function), operations()[routes()[function]]["responses"]

    @bounded
    @given(st.fixed_dictionaries(dict.fromkeys(_names(function), IDS)), PARAMETERS, BODIES, st.booleans())
    def call(path: dict[str, str], parameters: dict[str, list[str]], body: str | None, encoded: bool) -> None:
        event = api_event(path, scope=EVERYTHING)
        event |= {"multiValueQueryStringParameters": parameters, "body": body, "isBase64Encoded": encoded}
        response = app.lambda_handler(event, CONTEXT)
        assert response["statusCode"] < 500
        assert str(response["statusCode"]) in documented
        json.dumps(response).encode()

    call()


def _names(function: str) -> list[str]:
    return [part.strip("{}") for part in routes()[function][1].split("/") if part.startswith("{")]


MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "webhook_id": st.just("wh_1") | VALUES,
        "message_id": st.just("msg_1") | VALUES,
        "url": URLS | VALUES,
        "payload": VALUES,
        "headers": VALUES | st.dictionaries(TEXTS, TEXTS, max_size=2),
        "event_type": TEXTS | VALUES,
        "timeout_seconds": st.just(1) | VALUES,
        "repeat_of": st.just("20261123T173600.123456Z-9f3a2c1d") | VALUES,
        "trigger": st.sampled_from(["retry", "resend"]) | VALUES,
        "once": st.booleans() | VALUES,
        "deferrals": st.integers(0, 100) | VALUES,
    },
)
LIKELY = st.fixed_dictionaries({"webhook_id": st.just("wh_1"), "url": URLS, "payload": VALUES})


def test_any_queue_message_is_logged_or_sent_to_the_dlq(aws: MockAws) -> None:
    """Send any message and find nothing lost and nothing on the queue.

    Only messages that wait for their execution to be logged return to the queue.
    """
    app = aws.start("SendWebhooksFunction", RETRY_SCHEDULE="")
    queues = ("WebhookDeadLetterQueue", "WebhookQueue")

    @bounded
    @given(st.lists((MESSAGES | LIKELY).map(json.dumps) | st.text(min_size=1), min_size=1, max_size=4))
    def send(bodies: list[str]) -> None:
        before = len(aws.rows("Executions")) + sum(map(aws.waiting, queues))
        assert app.lambda_handler(sqs_event(*bodies), CONTEXT) == {"batchItemFailures": []}
        assert len(aws.rows("Executions")) + sum(map(aws.waiting, queues)) == before + len(bodies)

    send()
