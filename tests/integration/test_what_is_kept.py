"""What the log keeps of a message, what of that is shown, and what no line of the functions' own logs may hold."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.receiver import Receiver

WEBHOOK = "acme.orders"
SECRET = "s3cr3t-t0ken"
CONTEXT = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 60_000)


@pytest.fixture(autouse=True)
def _fresh_books(receiver: Receiver) -> None:
    receiver.reset()


@pytest.fixture
def app(aws: MockAws) -> ModuleType:
    return start(aws)


def start(aws: MockAws, **settings: str) -> ModuleType:
    return aws.start("SendWebhooksFunction", **{"ALLOW_HTTP": "true", "RETRY_SCHEDULE": "1,1", **settings})


def message(url: str, **fields: Any) -> dict[str, Any]:
    return {"webhook_id": WEBHOOK, "message_id": "msg_1", "url": url, "payload": {"order": 1742}, **fields}


def send(app: ModuleType, event: dict[str, Any]) -> None:
    assert app.lambda_handler(event, CONTEXT) == {"batchItemFailures": []}


def chain(aws: MockAws, message_id: str = "msg_1") -> list[dict[str, Any]]:
    answer = aws.start("ListMessageExecutionsFunction").lambda_handler(api_event({"message_id": message_id}), None)
    executions: list[dict[str, Any]] = json.loads(answer["body"])["executions"]
    return executions


def show(aws: MockAws, execution_id: str, **settings: str) -> dict[str, Any]:
    event = api_event({"webhook_id": WEBHOOK, "execution_id": execution_id})
    answer = aws.start("GetExecutionFunction", **settings).lambda_handler(event, None)
    assert answer["statusCode"] == 200, answer
    execution: dict[str, Any] = json.loads(answer["body"])
    return execution


MASKED = ["Authorization", "authorization", "COOKIE", "X-Api-Key", "x-api-KEY"]


@pytest.mark.parametrize("name", MASKED)
def test_a_secret_header_is_sent_on_every_attempt_and_never_shown(
    app: ModuleType, aws: MockAws, receiver: Receiver, name: str
) -> None:
    url = receiver.url("/sequence/masked", codes="500,500")
    send(app, sqs_event(message(url, headers={name: SECRET, "X-Shop": "berlin"})))
    send(app, aws.take("WebhookQueue"))
    assert [request.header(name) for request in receiver.requests] == [SECRET, SECRET]
    for summary in chain(aws):
        execution = show(aws, summary["execution_id"])
        assert SECRET not in json.dumps(execution)
        assert (execution["request_headers"][name], execution["request_headers"]["X-Shop"]) == ("••••", "berlin")
        assert "headers" not in execution


@pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie", "Authorization"])
def test_a_secret_that_a_receiver_answers_is_not_shown(
    app: ModuleType, aws: MockAws, receiver: Receiver, name: str
) -> None:
    send(app, sqs_event(message(receiver.url("/status/500", header=f"{name}:{SECRET}"))))
    execution = show(aws, chain(aws)[0]["execution_id"])
    assert execution["response_headers"][name] == "••••"
    assert execution["response_headers"]["Content-Length"] != "••••"


def test_what_the_deployment_names_is_masked_in_what_was_logged_before(
    app: ModuleType, aws: MockAws, receiver: Receiver
) -> None:
    answered = receiver.url("/status/500", header=f"X-Session:{SECRET}")
    send(app, sqs_event(message(answered, headers={"X-Shop-Token": SECRET})))
    (summary,) = chain(aws)
    assert SECRET in json.dumps(show(aws, summary["execution_id"])["request_headers"])
    execution = show(aws, summary["execution_id"], SENSITIVE_HEADERS=" x-shop-TOKEN , X-Session")
    assert execution["request_headers"]["X-Shop-Token"] == execution["response_headers"]["X-Session"] == "••••"
