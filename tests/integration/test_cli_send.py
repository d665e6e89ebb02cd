"""The messages that `hooklog send` enqueues or refuses."""

import json
from pathlib import Path

import boto3
import pytest

from cli.arguments import build_parser
from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.send import send, send_messages
from cli.stack import Stack
from tests.aws import MockAws
from tests.faults import FaultyService, rejecting_entry


def run_send(aws: MockAws, *words: str) -> None:
    stack = Stack("hooklog-local", {"QueueUrl": aws.refs["WebhookQueue"]}, lambda _: aws.sqs, is_local=True)
    send(stack, build_parser().parse_args(["send", *words]), Output(as_json=True))


def test_a_message_to_a_topic_is_queued(aws: MockAws, capsys: pytest.CaptureFixture[str]) -> None:
    run_send(aws, "--topic", "acme", "--message-id", "m1", "--payload", "1")
    assert json.loads(capsys.readouterr().out) == {"topic": "acme", "message_id": "m1"}
    (record,) = aws.take("WebhookQueue")["Records"]
    assert json.loads(record["body"]) == {"message_id": "m1", "topic": "acme", "payload": 1}
    assert record["attributes"]["MessageGroupId"] == "acme"


def test_a_message_contains_every_option(aws: MockAws) -> None:
    words = "--webhook a --url https://shop.example/ --event order.paid --message-id m1 --timeout 5 --payload 1"
    run_send(aws, *words.split(), "--header", "X-Shop: berlin", "--header", "X-Till:7")
    (record,) = aws.take("WebhookQueue")["Records"]
    assert json.loads(record["body"]) == {
        "webhook_id": "a",
        "url": "https://shop.example/",
        "event_type": "order.paid",
        "message_id": "m1",
        "timeout_seconds": 5,
        "headers": {"X-Shop": "berlin", "X-Till": "7"},
        "payload": 1,
    }


def test_ordered_messages_keep_their_order_if_sqs_rejects_one_at_first(aws: MockAws, aws_endpoint: str) -> None:
    """Of two webhooks; SQS may reject single entries of a batch."""
    messages = [{"webhook_id": f"acme.{name}", "message_id": f"m{n}", "payload": 1} for n in range(4) for name in "ab"]
    with FaultyService(aws_endpoint) as faulty, faulty.breaking(rejecting_entry(faulty, "m1")):
        sqs = boto3.client("sqs", endpoint_url=faulty.url)
        send_messages(sqs, aws.refs["OrderedQueue"], messages)
    received = [json.loads(record["body"]) for record in aws.take("OrderedQueue", len(messages))["Records"]]
    order = {name: [each["message_id"] for each in received if each["webhook_id"] == f"acme.{name}"] for name in "ab"}
    assert order == {name: ["m0", "m1", "m2", "m3"] for name in "ab"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--payload", "1"], "--topic"),
        (["--topic", "acme", "--webhook", "a"], "webhook_id is not allowed with topic"),
        (["--topic", "acme", "--url", "https://shop.example/"], "url is not allowed with topic"),
        (["--topic", "a b"], "topic must be"),
        (["--webhook", "a b"], "webhook_id must be"),
    ],
)
def test_a_message_that_can_never_be_sent_is_refused(aws: MockAws, words: list[str], reason: str) -> None:
    with pytest.raises(CliFailure, match=reason):
        run_send(aws, *words)
    assert aws.waiting("WebhookQueue") == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [(None, "Cannot read .*: No such file or directory$"), (b"\xff", "Cannot read .*: it is not UTF-8$")],
)
def test_a_file_that_cannot_be_read_is_refused(aws: MockAws, tmp_path: Path, data: bytes | None, reason: str) -> None:
    if data is not None:
        (tmp_path / "messages.json").write_bytes(data)
    with pytest.raises(CliFailure, match=reason) as failed:
        run_send(aws, str(tmp_path / "messages.json"))
    assert failed.value.code == ExitCode.USAGE
