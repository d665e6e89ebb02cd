"""Opaque pagination cursors."""

import base64
import hashlib
import json
from typing import Final

from hooklog.errors import InvalidRequest
from hooklog.executions.history import Query
from hooklog.messages.fields import EXECUTION_ID, IDENTIFIER

_WEBHOOKS: Final = "webhooks:"


def make_cursor(query: Query, after: str | None) -> str | None:
    """Create the cursor that continues this query after the execution `after`."""
    return None if after is None else _encode(f"{_fingerprint(query)}{after}")


def read_cursor(cursor: str, query: Query | None) -> str:
    """Return the execution ID of a cursor.

    Raises InvalidRequest if it was made for another query.
    """
    text = _decode(cursor)
    fingerprint, after = text[:16], text[16:]
    if not EXECUTION_ID.fullmatch(after):
        raise InvalidRequest("cursor is malformed; pass next_cursor unchanged")
    if query and not _belongs_to(query, fingerprint, after):
        raise InvalidRequest("cursor belongs to another query; change nothing but limit between pages")
    return after


def _belongs_to(query: Query, fingerprint: str, after: str) -> bool:
    return fingerprint == _fingerprint(query) and (query.since or "") <= after < (query.until or "~")


def make_webhook_cursor(after: str | None) -> str | None:
    """Create the cursor that continues a list of webhooks after the ID `after`."""
    return None if after is None else _encode(f"{_WEBHOOKS}{after}")


def read_webhook_cursor(cursor: str) -> str:
    """Return the webhook ID of a cursor.

    Raises InvalidRequest if it was not made for a list of webhooks.
    """
    head, _, after = _decode(cursor).partition(_WEBHOOKS)
    if head or not IDENTIFIER.fullmatch(after):
        raise InvalidRequest("cursor is malformed; pass next_cursor of a list of webhooks unchanged")
    return after


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    """Return the content of a cursor; empty if it is malformed."""
    try:
        return base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        return ""


def _fingerprint(query: Query) -> str:
    """Return a hash of the query.

    Filters that earlier releases did not have only count if they are given, so their cursors stay valid.
    """
    status, *later_filters = query.filters
    parts = [query.webhook_id, status, query.since, query.until, *(later_filters if any(later_filters) else ())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
