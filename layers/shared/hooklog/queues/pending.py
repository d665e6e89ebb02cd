"""Pending log writes: items that wait on a queue until DynamoDB accepts them."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hooklog.aws import Clients
from hooklog.errors import InvalidMessage
from hooklog.executions.log import Put
from hooklog.queues.sqs import send_all


class PendingLogWrites:
    """The queue of pending log writes.

    Each message has one item; details of a large body are split into parts.
    """

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def put(self, puts: Sequence[Put]) -> None:
        """Queue the items, so that webhooks share the queue fairly. Raises NotQueued unless all were accepted."""
        entries = [{"MessageBody": to_body(put), "MessageGroupId": put.execution[0]} for put in puts]
        send_all(self._clients.sqs, self._queue_url, entries)


def to_body(put: Put) -> str:
    return json.dumps({"table": put.table, "item": put.item}, default=_base64, ensure_ascii=False)


def from_body(body: str) -> Put:
    """Parse what `to_body` wrote. Raises InvalidMessage."""
    try:
        message: Mapping[str, Any] = json.loads(body)
        item = {name: _decode_value(value) for name, value in message["item"].items()}
        put = Put(str(message["table"]), item, len(body))
        _ = put.execution
    except (ValueError, TypeError, AttributeError, KeyError):
        raise InvalidMessage("not an item of the log") from None
    return put


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decode_value(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"B": base64.b64decode(value["B"])} if "B" in value else value
