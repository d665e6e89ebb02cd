"""Putting messages on the queue: send."""

import argparse
import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from cli.failure import CliFailure, ExitCode
from cli.output import Output
from cli.progress import bar
from cli.stack import Stack
from hooklog.errors import InvalidMessage
from hooklog.messages.message import Message
from hooklog.queues.sqs import MAX_BATCH_ENTRIES, send_all
from hooklog.sending.topics import Origin, Publication

_STDIN: Final = "-"
_ADDRESSES: Final = ("webhook_id", "topic")
"""Whom a message is for: one of the two."""


def send(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Put messages on the queue. All are checked before the first is sent; one without a `message_id` gets one."""
    messages = [_checked(number, fields) for number, fields in enumerate(_asked_for(arguments), start=1)]
    if not messages:
        raise CliFailure("There is no message to send", ExitCode.USAGE)
    sqs, queue_url = stack.client("sqs"), stack.outputs["QueueUrl"]
    with bar("sending", len(messages), output) as advance:
        for start in range(0, len(messages), MAX_BATCH_ENTRIES):
            batch = messages[start : start + MAX_BATCH_ENTRIES]
            send_messages(sqs, queue_url, batch)
            advance(len(batch))
    if output.as_json:
        output.lines({name: one[name] for name in (*_ADDRESSES, "message_id") if name in one} for one in messages)
    elif len(messages) == 1:
        output.console.print(f"On the queue as {messages[0]['message_id']}", soft_wrap=True)
    else:
        output.console.print(f"{len(messages)} messages are on the queue")


def send_messages(sqs: Any, queue_url: str, messages: Sequence[dict[str, Any]]) -> None:
    """Put messages on the queue, each in its webhook's or topic's group. Raises NotQueued unless all were taken."""
    send_all(sqs, queue_url, [_entry(message) for message in messages])


def _asked_for(arguments: argparse.Namespace) -> Iterator[Any]:
    if arguments.file:
        return iter(_read_messages(_text(arguments.file)))
    if not (arguments.webhook or arguments.topic):
        raise CliFailure("Say --webhook or --topic, or name a file of messages (- for standard input)", ExitCode.USAGE)
    return iter([_built(arguments)])


def _read_messages(text: str) -> list[Any]:
    """One JSON object, an array of them, or one on each line."""
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except ValueError:
        return [_json(line, f"line {number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _built(arguments: argparse.Namespace) -> dict[str, Any]:
    payload = arguments.payload
    text = _text(payload.removeprefix("@")) if payload == _STDIN or payload.startswith("@") else payload
    fields = {
        "webhook_id": arguments.webhook,
        "topic": arguments.topic,
        "url": arguments.url,
        "event_type": arguments.event,
        "message_id": arguments.message_id,
        "headers": dict(arguments.header) if arguments.header else None,
        "timeout_seconds": arguments.timeout,
    }
    return {name: value for name, value in fields.items() if value is not None} | {
        "payload": _json(text, "the payload")
    }


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == _STDIN else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliFailure(f"Cannot read {name}: {error}", ExitCode.USAGE) from None


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CliFailure(f"{what} is no JSON: {error}", ExitCode.USAGE) from None


def _checked(number: int, fields: Any) -> dict[str, Any]:
    """With an id, so that whoever sent it can ask for it."""
    if not isinstance(fields, dict):
        raise CliFailure(f"Message {number} is no JSON object", ExitCode.USAGE)
    message = {"message_id": f"cli_{uuid.uuid4().hex}", **fields}
    try:
        if "topic" in message:
            Publication.parse(message, Origin("", 0))
        else:
            Message.parse(message, "")
    except InvalidMessage as error:
        raise CliFailure(f"Message {number}: {error}", ExitCode.USAGE) from None
    return message


def _entry(message: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(message, ensure_ascii=False)
    # An unpaired surrogate has no UTF-8: it goes as the JSON escape that it came as.
    body = text.encode("utf-8", "backslashreplace").decode()
    group = next(message[name] for name in _ADDRESSES if name in message)
    return {"MessageBody": body, "MessageGroupId": group}
