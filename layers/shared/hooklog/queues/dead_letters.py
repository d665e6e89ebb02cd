"""The dead-letter queue: messages that can never be sent, each with its reason."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any, Final

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage, WrongQueue
from hooklog.messages.fields import IDENTIFIER

MAX_MESSAGE_BYTES: Final = 1_048_576
"""SQS's limit for body and attributes together."""

MAX_ATTRIBUTES: Final = 10
"""SQS's limit of message attributes."""

ID_ATTRIBUTE: Final = "QueueMessageId"
"""The message attribute of a dead letter with the ID of its original queue message."""

TRACE_ATTRIBUTE: Final = "TraceHeader"
"""The message attribute of a dead letter with its original X-Ray header."""

QUEUE_ATTRIBUTE: Final = "Queue"
"""The message attribute of a dead letter that says where a redrive moves it: ORDERED, or missing for WEBHOOKS."""

EXPLAINING_ATTRIBUTES: Final = ("Reason", ID_ATTRIBUTE, "BodyEncoding", TRACE_ATTRIBUTE, QUEUE_ATTRIBUTE)
"""The message attributes that are added to a dead letter."""

WEBHOOKS: Final = "webhooks"
ORDERED: Final = "ordered"
"""The names of the webhook queue and the ordered queue."""

_ATTRIBUTE_BYTES = 8_192


class DeadLetterQueue:
    """The dead-letter queue."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def send(self, record: Mapping[str, Any], reason: InvalidMessage | str) -> None:
        """Send the record with its own attributes and those that explain it.

        The latter are `Reason`, `QueueMessageId`, `TraceHeader` and `Queue`. A body that leaves no room for these is
        compressed, or truncated if it is still too long; `BodyEncoding` says which. If the record's own attributes
        leave no room, they are omitted. Raises botocore's exceptions; then return the record to its queue.
        """
        own = {name: each for name, each in record.get("messageAttributes", {}).items() if name != QUEUE_ATTRIBUTE}
        body, encoding = _shorten(record["body"])
        if len(body.encode()) + len(json.dumps(own)) > MAX_MESSAGE_BYTES - _ATTRIBUTE_BYTES:
            own = {}
        system = record.get("attributes", {})
        trace = "" if is_redriven(record) else system.get("AWSTraceHeader")
        attributes = {
            "Reason": str(reason)[:1000],
            ID_ATTRIBUTE: get_queue_message_id(record),
            **encoding,
            **({TRACE_ATTRIBUTE: trace} if trace else {}),
            **({QUEUE_ATTRIBUTE: ORDERED} if _get_redrive_queue(record, reason) == ORDERED else {}),
        }
        group = system.get("MessageGroupId")
        self._clients.sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes=build_attributes(attributes, own),
            **({"MessageGroupId": group} if group else {}),
        )


def is_from_ordered_queue(record: Mapping[str, Any]) -> bool:
    """Return whether a record of an SQS event is from the ordered queue, the only FIFO queue."""
    return str(record.get("eventSourceARN", "")).endswith(".fifo")


def _get_redrive_queue(record: Mapping[str, Any], reason: InvalidMessage | str) -> str:
    if isinstance(reason, WrongQueue):
        return reason.right_queue
    return ORDERED if is_from_ordered_queue(record) else WEBHOOKS


def is_redriven(record: Mapping[str, Any]) -> bool:
    """Return whether a record of an SQS event is a redriven dead letter, or the copy of a message that waits.

    Its message ID then differs from the original one.
    """
    return ID_ATTRIBUTE in record.get("messageAttributes", {})


def get_queue_message_id(record: Mapping[str, Any]) -> str:
    """Return the ID of a record's original queue message.

    It differs from the record's if this is a redriven dead letter or the copy of a message that waits.
    """
    value = record.get("messageAttributes", {}).get(ID_ATTRIBUTE, {}).get("stringValue", "")
    return str(value if IDENTIFIER.fullmatch(value) else record["messageId"])


def get_trace_header(record: Mapping[str, Any]) -> str:
    """Return the record's original X-Ray header; empty if there is none.

    The AWS SDK adds the sender's own header to dead letters, which is ignored.
    """
    if is_redriven(record):
        return str(record["messageAttributes"].get(TRACE_ATTRIBUTE, {}).get("stringValue", ""))
    return str(record["attributes"].get("AWSTraceHeader", ""))


def _shorten(body: str) -> tuple[str, dict[str, str]]:
    encoded = body.encode()
    if len(encoded) <= MAX_MESSAGE_BYTES - _ATTRIBUTE_BYTES:
        return body, {}
    compressed = base64.b64encode(gzip.compress(encoded)).decode()
    if len(compressed) <= MAX_MESSAGE_BYTES - _ATTRIBUTE_BYTES:
        return compressed, {"BodyEncoding": "gzip+base64"}
    cut = encoded[: MAX_MESSAGE_BYTES - _ATTRIBUTE_BYTES].decode(errors="ignore")
    return cut, {"BodyEncoding": "truncated"}


def build_attributes(added: Mapping[str, str], original: Mapping[str, Any]) -> dict[str, Any]:
    """Build message attributes of SendMessage: texts, and as many of a record's own as SQS allows."""
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in added.items()}
    for name, value in original.items():
        if len(attributes) < MAX_ATTRIBUTES and name not in attributes:
            attributes[name] = _convert_attribute(value)
    return attributes


def _convert_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an attribute from an event's format to that of SQS's API.

    Events have lower camel case and base64.
    """
    if value["dataType"].startswith("Binary"):
        return {"DataType": value["dataType"], "BinaryValue": base64.b64decode(value["binaryValue"])}
    return {"DataType": value["dataType"], "StringValue": value["stringValue"]}
