"""Cursors: where a list goes on, opaque to who passes them on."""

import base64
import hashlib
import json
from typing import Final

from hooklog.errors import InvalidRequest
from hooklog.executions.history import Query
from hooklog.messages.fields import EXECUTION_ID, IDENTIFIER

_WEBHOOKS: Final = "webhooks:"


def make_cursor(query: Query, after: str | None) -> str | None:
    """An opaque cursor that goes on with this query behind the execution `after`."""
    return None if after is None else _closed(f"{_fingerprint(query)}{after}")


def read_cursor(cursor: str, query: Query | None) -> str:
    """The execution id in it. Raises InvalidRequest if it was not made for `query`, where there is one."""
    text = _opened(cursor)
    fingerprint, after = text[:16], text[16:]
    if not EXECUTION_ID.fullmatch(after):
        raise InvalidRequest("cursor is malformed; pass next_cursor as it was given")
    if query and not _is_of(query, fingerprint, after):
        raise InvalidRequest("cursor belongs to another query; keep webhook, status, from and to as they were")
    return after


def _is_of(query: Query, fingerprint: str, after: str) -> bool:
    return fingerprint == _fingerprint(query) and (query.since or "") <= after < (query.until or "~")


def make_webhook_cursor(after: str | None) -> str | None:
    """An opaque cursor that goes on with a list of webhooks behind the one with the id `after`."""
    return None if after is None else _closed(f"{_WEBHOOKS}{after}")


def read_webhook_cursor(cursor: str) -> str:
    """The webhook id in it. Raises InvalidRequest if it was not made for a list of webhooks."""
    kind, _, after = _opened(cursor).partition(_WEBHOOKS)
    if kind or not IDENTIFIER.fullmatch(after):
        raise InvalidRequest("cursor is malformed; pass next_cursor of a list of webhooks as it was given")
    return after


def _closed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str) -> str:
    """What is in it; nothing where it is no cursor."""
    try:
        return base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        return ""


def _fingerprint(query: Query) -> str:
    parts = [query.webhook_id, query.status, query.since, query.until]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
