"""The details of an execution, what the log keeps besides its summary: the one place that writes and reads them.

They are one JSON document, compressed, in as many items of the table `ExecutionDetails` as it takes.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from hooklog.delivery.delivery import Response
from hooklog.executions.execution import Execution
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import ExecutionRow
from hooklog.executions.text import as_text
from hooklog.messages import codec
from hooklog.messages.message import METHOD, Message
from hooklog.tables import AttachedTable

MAX_PART_BYTES: Final = 380_000
"""Of compressed details in one item, under DynamoDB's 400 KB an item."""

_REPEAT = "repeat"
_ERASED = "#erased"  # behind the execution's id, where a part has its number
_HEADERS = ("request_headers", "response_headers")


class DetailsRow(AttachedTable):
    """A part of an execution's details; parts after the first have `#1`, `#2`… behind the execution's id.

    `#erased` there is the mark of one whose details were erased.
    """

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    executed_at = UnicodeAttribute(range_key=True)
    content = BinaryAttribute(legacy_encoding=False)
    parts = NumberAttribute()
    expires_at = NumberAttribute()


def pack(execution: Execution, days: int) -> Iterator[DetailsRow]:
    """The items that hold an execution's details for so many days, and what a retry needs that View does not show."""
    call, message = execution.delivery.call, execution.delivery.message
    repeat = codec.to_details(message)
    if call.sensitive_headers:
        repeat["sensitive"] = sorted(call.sensitive_headers)
    document = {**details_of(execution), _REPEAT: repeat}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    content = gzip.compress(text.encode("utf-8", "backslashreplace"), compresslevel=6, mtime=0)
    for part, start in enumerate(range(0, len(content), MAX_PART_BYTES)):
        yield DetailsRow(
            webhook_id=execution.webhook_id,
            executed_at=f"{execution.execution_id}#{part}" if part else execution.execution_id,
            content=content[start : start + MAX_PART_BYTES],
            parts=-(-len(content) // MAX_PART_BYTES),
            expires_at=execution.expires_at(days),
        )


def details_of(execution: Execution) -> dict[str, Any]:
    """What View shows besides the summary, unmasked, as JSON values."""
    delivery = execution.delivery
    return {
        **({"url": delivery.call.url} if delivery.call.url else {}),
        "method": METHOD,
        "request_headers": dict(delivery.request_headers),
        **_body("request_body", delivery.message.body),
        **(_response(delivery.response) if delivery.response else {}),
        **({"error": {"type": str(error.error_type), "message": error.message}} if (error := delivery.error) else {}),
    }


def masked_details(execution: Execution, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """What View shows of an execution that has just taken place, masked, whatever the log keeps of it."""
    return _masked(details_of(execution), sensitive, execution.delivery.call.sensitive_headers)


def read_details(webhook_id: str, execution_id: str, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """What View shows, masked; empty if nothing is kept (any more), or if not all of it has arrived yet."""
    document = _unpack(webhook_id, execution_id)
    repeat: Mapping[str, Any] = document.pop(_REPEAT, {})
    return _masked(document, sensitive, repeat.get("sensitive", ()))


def read_message(row: ExecutionRow) -> Message | None:
    """The message of this execution, to be sent again; None as `read_details` is empty."""
    document = _unpack(row.webhook_id, row.executed_at)
    if not document:
        return None
    kept = document.pop(_REPEAT, {})
    ids = {"webhook_id": row.webhook_id, "message_id": row.message_id}
    return codec.from_details(kept, document, **ids, event_type=row.event_type)


def are_kept(webhook_id: str, execution_id: str) -> bool:
    """Whether there is anything to send again."""
    return any(True for _ in DetailsRow.query(webhook_id, DetailsRow.executed_at == execution_id, limit=1))


def mark(webhook_id: str, execution_id: str, expires_at: int) -> None:
    """Say that these details are erased: from now on they read as empty, even if some are still to come."""
    key = f"{execution_id}{_ERASED}"
    DetailsRow(webhook_id=webhook_id, executed_at=key, content=b"", parts=0, expires_at=expires_at).save()


def marked(executions: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the executions, by webhook id and execution id, whose details are erased."""
    keys = [(webhook_id, f"{execution_id}{_ERASED}") for webhook_id, execution_id in executions]
    rows = DetailsRow.batch_get(keys, consistent_read=True)
    return [(row.webhook_id, row.executed_at.removesuffix(_ERASED)) for row in rows]


def delete(webhook_id: str, execution_id: str) -> None:
    """Every part that is there; the mark stays."""
    keys = ["webhook_id", "executed_at"]
    for row in DetailsRow.query(
        webhook_id, DetailsRow.executed_at.startswith(execution_id), consistent_read=True, attributes_to_get=keys
    ):
        if not row.executed_at.endswith(_ERASED):
            row.delete()


def _unpack(webhook_id: str, execution_id: str) -> dict[str, Any]:
    rows = list(DetailsRow.query(webhook_id, DetailsRow.executed_at.startswith(execution_id)))
    erased = any(row.executed_at.endswith(_ERASED) for row in rows)
    if not rows or erased or len(rows) < rows[0].parts:
        return {}
    parts = {int(row.executed_at.partition("#")[2] or 0): row.content for row in rows}
    content = b"".join(parts[number] for number in sorted(parts))
    document: dict[str, Any] = json.loads(gzip.decompress(content))
    return document


def _masked(document: Mapping[str, Any], sensitive: SensitiveHeaders, own: Iterable[str]) -> dict[str, Any]:
    """The document as it may be shown; `own` names headers that are sensitive in it only."""
    hidden = {name: sensitive.mask(document[name], own) for name in _HEADERS if name in document}
    return {**document, **hidden}


def _response(answer: Response) -> Mapping[str, Any]:
    body = as_text(answer.body, answer.get_header("content-type"), is_cut=answer.truncated)
    note = answer.note if body.is_base64 and answer.note else " ".join(filter(None, (answer.note, body.note)))
    optional = {
        "response_body_encoding": "base64" if body.is_base64 else "",
        "response_body_charset": body.charset,
        "response_body_note": note,
        "response_headers_truncated": answer.headers_truncated,
        "response_incomplete": answer.incomplete,
    }
    return {
        "response_headers": dict(answer.headers),
        "response_body": body.text,
        "response_body_truncated": answer.truncated,
        "response_body_bytes": answer.length,
        **{name: value for name, value in optional.items() if value},
    }


def _body(name: str, body: bytes) -> Mapping[str, str]:
    try:
        return {name: body.decode()}
    except UnicodeDecodeError:
        return {name: base64.b64encode(body).decode(), f"{name}_encoding": "base64"}
