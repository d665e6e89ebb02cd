"""Tests of messages in flight during an update.

A sender of release 0.1.0 wrote each form, and would read it.
"""

import base64
import gzip
import json
from typing import Any

import pytest

from hooklog.executions.details import read_message
from hooklog.executions.rows import ExecutionRow
from hooklog.messages.codec import from_inline, to_details, to_fan_out_copy, to_inline
from hooklog.messages.fields import parse_object
from hooklog.messages.message import Message
from hooklog.queues.retry_tasks import RetryTask
from hooklog.sending.fan_out import FanOutTask, Origin
from hooklog.sending.queue_message import QueueMessage
from tests.aws import MockAws
from tests.template import ROOT

SAMPLES: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "tests/message_formats.json").read_text())
QUEUE_ID = "059f36b4-87a3-44ab-83d2-661975830a7d"


def samples(form: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sample", SAMPLES[form], ids=[sample["name"] for sample in SAMPLES[form]])


def received(body: str) -> Any:
    attributes = {"SentTimestamp": "1795455360000", "ApproximateReceiveCount": "1"}
    return QueueMessage.parse({"messageId": QUEUE_ID, "body": body, "attributes": attributes}).content


def expected(sample: dict[str, Any]) -> Message:
    fields = {**sample["message"], "body": sample["message"]["body"].encode()}
    return Message(is_transformed=fields.pop("as_sent"), **fields)


def payload_text(body: str) -> str:
    return body.partition(', "payload": ')[2]


@samples("producer")
def test_a_producers_message_is_parsed(sample: dict[str, Any]) -> None:
    assert received(sample["body"]) == expected(sample)


@samples("copy")
def test_a_fan_out_copy_is_parsed_and_written(sample: dict[str, Any]) -> None:
    message = received(sample["body"])
    assert message == expected(sample)
    origin = Origin(sample["queue_message_id"], sample["unique_until"])
    written = to_fan_out_copy(message, {"webhook_id": message.webhook_id, **origin.to_fields()})
    assert json.loads(written) == json.loads(sample["body"])
    assert payload_text(written) == payload_text(sample["body"])


@samples("continuation")
def test_a_fan_out_task_is_parsed_and_written(sample: dict[str, Any]) -> None:
    task = received(sample["body"])
    assert task == FanOutTask(expected(sample), Origin(*sample["origin"]), sample["after"], sample["copies"])
    own = {"topic": task.message.webhook_id, "after": task.after, "copies": task.copies, **task.origin.to_fields()}
    written = to_fan_out_copy(task.message, own)
    assert json.loads(written) == json.loads(sample["body"])
    assert payload_text(written) == payload_text(sample["body"])


@samples("retry")
def test_a_retry_is_parsed_and_written(sample: dict[str, Any]) -> None:
    task = received(sample["body"])
    assert isinstance(task, RetryTask)
    document = json.loads(sample["body"])
    assert json.loads(task.to_body()) == (json.loads(document["MessageBody"]) if "QueueUrl" in document else document)
    if sample["message"] is None:
        assert task.inline_payload == ""
        return
    message = from_inline(task.inline_payload, task.webhook_id, task.message_id)
    assert message == expected(sample)
    assert holds(unpacked(to_inline(message)), unpacked(task.inline_payload))


def unpacked(inline: str) -> Any:
    return parse_object(gzip.decompress(base64.b85decode(inline)).decode("utf-8", "surrogateescape"))


def holds(written: dict[str, Any], sample: dict[str, Any]) -> bool:
    """Return whether it has all of the sample's names and values.

    A field that is newer than the sample is null.
    """
    return written == {**dict.fromkeys(written), **sample}


@samples("log")
def test_the_message_of_a_logged_failure_is_read_and_written(sample: dict[str, Any], aws: MockAws) -> None:
    aws.start("SendWebhooksFunction")
    content = base64.b64decode(sample["details"]["content"]["B"])
    aws.dynamodb.put_item(TableName=aws.refs["ExecutionDetails"], Item={**sample["details"], "content": {"B": content}})
    aws.dynamodb.put_item(TableName=aws.refs["Executions"], Item=sample["summary"])
    ids = (sample["summary"][name]["S"] for name in ("webhook_id", "executed_at"))
    message = read_message(ExecutionRow.get(*ids))
    assert message == expected(sample)
    stored = json.loads(gzip.decompress(content))["repeat"]
    assert holds(to_details(message), {name: value for name, value in stored.items() if name != "sensitive"})
