"""The command send: puts messages on the queue."""

import argparse
import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from cli.failure import CliFailure, ExitCode
from cli.input import STDIN, parse_json, read_text
from cli.output import Output
from cli.progress import show_bar
from cli.queues import ORDERED_QUEUE
from cli.stack import Stack
from hooklog.errors import InvalidMessage
from hooklog.messages.message import Message
from hooklog.queues.sqs import FIFO, MAX_BATCH_ENTRIES, send_all
from hooklog.sending.fan_out import FanOutTask, Origin

_ADDRESSES: Final = ("webhook_id", "topic")
"""A message has one of these fields."""


def send(stack: Stack, arguments: argparse.Namespace, output: Output) -> None:
    """Queue messages, after checking all of them.

    A message without a `message_id` gets one.
    """
    messages = [_check(number, fields) for number, fields in enumerate(_read_input(arguments), start=1)]
    if not messages:
        raise CliFailure("The input contains no messages", ExitCode.USAGE)
    sqs, queue_url = stack.client("sqs"), _find_queue(stack, is_ordered=arguments.ordered)
    with show_bar("sending", len(messages), output) as advance:
        for start in range(0, len(messages), MAX_BATCH_ENTRIES):
            batch = messages[start : start + MAX_BATCH_ENTRIES]
            send_messages(sqs, queue_url, batch)
            advance(len(batch))
    if output.as_json:
        output.print_json_lines(
            {name: one[name] for name in (*_ADDRESSES, "message_id") if name in one} for one in messages
        )
    else:
        queued = f"as {messages[0]['message_id']}" if len(messages) == 1 else f"{len(messages)} messages"
        output.print_result(f"Queued {queued}", {})


def _find_queue(stack: Stack, *, is_ordered: bool) -> str:
    if not is_ordered:
        return stack.outputs["QueueUrl"]
    if ORDERED_QUEUE not in stack.outputs:
        raise CliFailure(f"The stack {stack.name!r} has no ordered queue: deploy it with OrderedDelivery=enabled")
    return stack.outputs[ORDERED_QUEUE]


def send_messages(sqs: Any, queue_url: str, messages: Sequence[dict[str, Any]]) -> None:
    """Queue messages, grouped by webhook or topic.

    On a FIFO queue, none is a duplicate of another. Raises NotQueued unless SQS accepts all of them.
    """
    entries = [_entry(message) for message in messages]
    if queue_url.endswith(FIFO):
        entries = [{**entry, "MessageDeduplicationId": uuid.uuid4().hex} for entry in entries]
    send_all(sqs, queue_url, entries)


def _read_input(arguments: argparse.Namespace) -> Iterator[Any]:
    if arguments.file:
        return iter(_parse_messages(read_text(arguments.file)))
    if not (arguments.webhook or arguments.topic):
        raise CliFailure(
            "Nothing to send: give --webhook, --topic or a file of messages (- for standard input)", ExitCode.USAGE
        )
    return iter([_build_message(arguments)])


def _parse_messages(text: str) -> list[Any]:
    """Parse one JSON object, an array of them, or one per line."""
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except (ValueError, RecursionError):
        return [parse_json(line, f"Line {number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _build_message(arguments: argparse.Namespace) -> dict[str, Any]:
    payload = arguments.payload
    text = read_text(payload.removeprefix("@")) if payload == STDIN or payload.startswith("@") else payload
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
        "payload": parse_json(text, "The payload")
    }


def _check(number: int, fields: Any) -> dict[str, Any]:
    """Return the message with a `message_id`, by which its executions can be found.

    Raises CliFailure if invalid.
    """
    if not isinstance(fields, dict):
        raise CliFailure(f"Message {number} is not a JSON object", ExitCode.USAGE)
    message = {"message_id": f"cli_{uuid.uuid4().hex}", **fields}
    try:
        if "topic" in message:
            FanOutTask.parse(message, Origin("", 0))
        else:
            Message.parse(message, "")
    except InvalidMessage as error:
        raise CliFailure(f"Message {number}: {error}", ExitCode.USAGE) from None
    return message


def _entry(message: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(message, ensure_ascii=False)
    except RecursionError:
        raise CliFailure("A message is nested too deeply", ExitCode.USAGE) from None
    # An unpaired surrogate has no UTF-8 form: send it as a JSON escape.
    body = text.encode("utf-8", "backslashreplace").decode()
    group = next(message[name] for name in _ADDRESSES if name in message)
    return {"MessageBody": body, "MessageGroupId": group}
