"""The dead-letter queue, for messages that can never be sent: each with the reason why."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any, Final

from hooklog.aws import Clients
from hooklog.messages.fields import IDENTIFIER

MAX_MESSAGE_BYTES: Final = 1_048_576
"""What SQS takes, body and attributes together."""

MAX_ATTRIBUTES: Final = 10
"""What SQS takes of message attributes."""

IDENTITY: Final = "QueueMessageId"
"""The attribute of a dead letter that says which queue message it was."""

TRACE: Final = "TraceHeader"
"""The one that says with which X-Ray header it came."""

_ROOM_FOR_ATTRIBUTES = 8_192


class DeadLetterQueue:
    """Puts messages there."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def send(self, record: Mapping[str, Any], reason: str) -> None:
        """Send the record's body with the attributes `Reason`, `QueueMessageId` and `TraceHeader`, its own kept.

        A body that leaves no room for the reason is compressed, or cut off where that does not make it short enough;
        the attribute `BodyEncoding` says so. Own attributes that leave no room are left out. Raises
        what botocore raises; the record must then go back to the queue, whose redrive policy has the last word.
        """
        own = record.get("messageAttributes", {})
        body, encoding = _fitting(record["body"])
        if len(body.encode()) + len(json.dumps(own)) > MAX_MESSAGE_BYTES - _ROOM_FOR_ATTRIBUTES:
            own = {}
        system = record.get("attributes", {})
        trace = "" if is_redriven(record) else system.get("AWSTraceHeader")
        attributes = {
            "Reason": reason[:1000],
            IDENTITY: accepted_id(record),
            **encoding,
            **({TRACE: trace} if trace else {}),
        }
        group = system.get("MessageGroupId")
        self._clients.sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes=_attributes(attributes, own),
            **({"MessageGroupId": group} if group else {}),
        )


def is_redriven(record: Mapping[str, Any]) -> bool:
    """Whether a record of an SQS event was a dead letter of ours: its message is another than the one that was sent."""
    return IDENTITY in record.get("messageAttributes", {})


def accepted_id(record: Mapping[str, Any]) -> str:
    """The id of the queue message that a record of an SQS event was, before it was a dead letter if it has been one."""
    value = record.get("messageAttributes", {}).get(IDENTITY, {}).get("stringValue", "")
    return str(value if IDENTIFIER.fullmatch(value) else record["messageId"])


def trace_header(record: Mapping[str, Any]) -> str:
    """The X-Ray header that came with a record; of a dead letter of ours, with what it was before. Empty for none.

    A dead letter has one of the sender's besides, for the SDK adds it to what a function sends.
    """
    if is_redriven(record):
        return str(record["messageAttributes"].get(TRACE, {}).get("stringValue", ""))
    return str(record["attributes"].get("AWSTraceHeader", ""))


def _fitting(body: str) -> tuple[str, dict[str, str]]:
    encoded = body.encode()
    if len(encoded) <= MAX_MESSAGE_BYTES - _ROOM_FOR_ATTRIBUTES:
        return body, {}
    compressed = base64.b64encode(gzip.compress(encoded)).decode()
    if len(compressed) <= MAX_MESSAGE_BYTES - _ROOM_FOR_ATTRIBUTES:
        return compressed, {"BodyEncoding": "gzip+base64"}
    cut = encoded[: MAX_MESSAGE_BYTES - _ROOM_FOR_ATTRIBUTES].decode(errors="ignore")
    return cut, {"BodyEncoding": "truncated"}


def _attributes(ours: Mapping[str, str], own: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in ours.items()}
    for name, value in own.items():
        if len(attributes) < MAX_ATTRIBUTES and name not in attributes:
            attributes[name] = _attribute(value)
    return attributes


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """An event spells an attribute in lower camel case and its binary value in base64; the API does not."""
    if value["dataType"].startswith("Binary"):
        return {"DataType": value["dataType"], "BinaryValue": base64.b64decode(value["binaryValue"])}
    return {"DataType": value["dataType"], "StringValue": value["stringValue"]}
