"""The details of executions: the only module that writes, reads and erases them.

They are one compressed JSON document, split into as many items of the table `ExecutionDetails` as it needs.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from hooklog.delivery.delivery import Response
from hooklog.executions.execution import Execution
from hooklog.executions.masking import SensitiveHeaders
from hooklog.executions.rows import ExecutionRow
from hooklog.executions.text import decode_text
from hooklog.messages import codec
from hooklog.messages.message import METHOD, Message
from hooklog.tables import AttachedTable, Item, Key

MAX_PART_BYTES: Final = 380_000
"""Of compressed details in one item, below DynamoDB's limit of 400 KB."""

_RESEND_FIELDS = "repeat"
_ERASED = "#erased"
_HEADERS = ("request_headers", "response_headers")
_KEYS = ["webhook_id", "executed_at"]


class DetailsRow(AttachedTable):
    """A part of an execution's details, or the mark that they were erased."""

    class Meta:
        table_name = ""

    webhook_id = UnicodeAttribute(hash_key=True)
    part_id = UnicodeAttribute(range_key=True, attr_name="executed_at")
    """The execution ID; with `#1`, `#2`… for later parts, and `#erased` for the mark."""
    content = BinaryAttribute(legacy_encoding=False)
    parts = NumberAttribute()
    expires_at = NumberAttribute()


def to_items(execution: Execution, days: int) -> Iterator[dict[str, dict[str, Any]]]:
    """Create the rows of an execution's details in DynamoDB's format, which expire after `days`.

    They contain fields that only a retry needs.
    """
    call, message = execution.delivery.call, execution.delivery.message
    resend_fields = codec.to_details(message)
    if call.sensitive_headers:
        resend_fields["sensitive"] = sorted(call.sensitive_headers)
    document = {**build_details(execution), _RESEND_FIELDS: resend_fields}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    content = gzip.compress(text.encode("utf-8", "backslashreplace"), compresslevel=6, mtime=0)
    for part, start in enumerate(range(0, len(content), MAX_PART_BYTES)):
        yield {
            "webhook_id": {"S": execution.webhook_id},
            "executed_at": {"S": f"{execution.execution_id}#{part}" if part else execution.execution_id},
            "content": {"B": content[start : start + MAX_PART_BYTES]},
            "parts": {"N": str(-(-len(content) // MAX_PART_BYTES))},
            "expires_at": {"N": str(execution.expires_at(days))},
        }


def build_details(execution: Execution) -> dict[str, Any]:
    """Build what the API shows besides the summary, unmasked, as JSON values."""
    delivery = execution.delivery
    return {
        **({"url": delivery.call.url} if delivery.call.url else {}),
        "method": METHOD,
        "request_headers": dict(delivery.request_headers),
        **_format_body("request_body", delivery.message.body),
        **(_format_response(delivery.response) if delivery.response else {}),
        **({"error": {"type": str(error.error_type), "message": error.message}} if (error := delivery.error) else {}),
    }


def build_masked_details(execution: Execution, sensitive: SensitiveHeaders) -> dict[str, Any]:
    """Build the masked details of an execution that just took place.

    Unlike `read_details`, it does not depend on what the log stores.
    """
    return _mask_headers(build_details(execution), sensitive, execution.delivery.call.sensitive_headers)


def build_keys(webhook_id: str, execution_id: str) -> list[Key]:
    """Build the keys of what `read_details` needs: the first part and the mark that the details were erased."""
    return [DetailsRow.get_key(webhook_id, key) for key in (execution_id, f"{execution_id}{_ERASED}")]


def read_details(
    webhook_id: str, execution_id: str, found: Sequence[Item], sensitive: SensitiveHeaders
) -> dict[str, Any]:
    """Return the masked details, of which those items of `build_keys` were found. Reads further parts if there are any.

    Empty if none are stored (any more), or some parts are still missing.
    """
    is_partial = min((int(item["parts"]["N"]) for item in found), default=0) > 1  # the mark of an erasure has no parts
    others = _query(webhook_id, f"{execution_id}#") if is_partial else []
    document = _to_document([*found, *others])
    resend_fields: Mapping[str, Any] = document.pop(_RESEND_FIELDS, {})
    return _mask_headers(document, sensitive, resend_fields.get("sensitive", ()))


def read_message(row: ExecutionRow) -> Message | None:
    """Read the message of this execution, to send it again.

    None if `read_details` would be empty.
    """
    document = _to_document(_query(row.webhook_id, row.execution_id))
    if not document:
        return None
    resend_fields = document.pop(_RESEND_FIELDS, {})
    ids = {"webhook_id": row.webhook_id, "message_id": row.message_id}
    return codec.from_details(resend_fields, document, **ids, event_type=row.event_type)


def are_stored(webhook_id: str, execution_id: str) -> bool:
    """Return whether details are stored, so that the message can be sent again."""
    part = DetailsRow.part_id == execution_id
    return any(True for _ in DetailsRow.query(webhook_id, part, limit=1, attributes_to_get=_KEYS))


def mark_erased(webhook_id: str, execution_id: str, expires_at: int) -> None:
    """Mark details as erased.

    From now on they read as empty, even if parts are still written later.
    """
    key = f"{execution_id}{_ERASED}"
    DetailsRow(webhook_id=webhook_id, part_id=key, content=b"", parts=0, expires_at=expires_at).save()


def find_erased(executions: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those of the executions whose details are marked as erased.

    Each is a webhook ID and an execution ID.
    """
    keys = [(webhook_id, f"{execution_id}{_ERASED}") for webhook_id, execution_id in executions]
    rows = DetailsRow.batch_get(keys, consistent_read=True)
    return [(row.webhook_id, row.part_id.removesuffix(_ERASED)) for row in rows]


def delete(webhook_id: str, execution_id: str) -> None:
    """Delete all stored parts, but not the mark."""
    parts = DetailsRow.part_id.startswith(execution_id)
    for row in DetailsRow.query(webhook_id, parts, consistent_read=True, attributes_to_get=_KEYS):
        if not row.part_id.endswith(_ERASED):
            row.delete()


def _query(webhook_id: str, prefix: str) -> list[Item]:
    """Query the parts, and the mark of an erasure, whose IDs begin like this."""
    rows = DetailsRow.query(webhook_id, DetailsRow.part_id.startswith(prefix))
    return [item for page in rows.page_iter for item in page["Items"]]


def _to_document(items: Sequence[Item]) -> dict[str, Any]:
    ids = [item["executed_at"]["S"] for item in items]
    if not items or any(each.endswith(_ERASED) for each in ids) or len(items) < int(items[0]["parts"]["N"]):
        return {}
    parts = {int(each.partition("#")[2] or 0): item["content"]["B"] for each, item in zip(ids, items, strict=True)}
    document: dict[str, Any] = json.loads(gzip.decompress(b"".join(parts[number] for number in sorted(parts))))
    return document


def _mask_headers(document: Mapping[str, Any], sensitive: SensitiveHeaders, more: Iterable[str]) -> dict[str, Any]:
    masked = {name: sensitive.mask(document[name], more) for name in _HEADERS if name in document}
    return {**document, **masked}


def _format_response(response: Response) -> Mapping[str, Any]:
    body = decode_text(response.body, response.get_header("content-type"), is_cut=response.truncated)
    note = response.note if body.is_base64 and response.note else " ".join(filter(None, (response.note, body.note)))
    optional = {
        "response_body_encoding": "base64" if body.is_base64 else "",
        "response_body_charset": body.charset,
        "response_body_note": note,
        "response_headers_truncated": response.headers_truncated,
        "response_incomplete": response.incomplete,
    }
    return {
        "response_headers": dict(response.headers),
        "response_body": body.text,
        "response_body_truncated": response.truncated,
        "response_body_bytes": response.length,
        **{name: value for name, value in optional.items() if value},
    }


def _format_body(name: str, body: bytes) -> Mapping[str, str]:
    try:
        return {name: body.decode()}
    except UnicodeDecodeError:
        return {name: base64.b64encode(body).decode(), f"{name}_encoding": "base64"}
