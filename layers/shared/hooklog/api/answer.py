"""The answers that API Gateway gets back."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

from hooklog.access.loops import refuse_attempts
from hooklog.api.request import Event
from hooklog.errors import RequestRefused, cause_of

MAX_LIST_BYTES: Final = 6_000_000
"""Of a list in an answer, as Lambda counts it: its text in JSON once more. In all, Lambda takes 6,291,556 bytes."""

Answer = dict[str, Any]


class Logger(Protocol):
    """What the handlers log with; Powertools' Logger is no logging.Logger."""

    def error(self, msg: object, *, event: str, cause: str) -> None: ...


class Reply(NamedTuple):
    """An answer whose status depends on what was done."""

    status: HTTPStatus
    body: Mapping[str, Any]


def answer(
    event: Event,
    handle: Callable[[Event], Mapping[str, Any] | Reply | None],
    origin: str,
    logger: Logger,
    status: HTTPStatus = HTTPStatus.OK,
) -> Answer:
    """Answer an API call with what `handle` gives or raises; what is not a refusal is our fault, and logged.

    Where it gives None, the answer is 204. A call that a webhook makes is refused before anything is done.
    """
    try:
        refuse_attempts(event)
        made = handle(event)
        if made is None:
            return _no_content(origin)
        reply = made if isinstance(made, Reply) else Reply(status, made)
        return _json(reply.status, reply.body, origin)
    except RequestRefused as refusal:
        return _json(refusal.status, _error(refusal.code, str(refusal), refusal.details), origin)
    except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets an answer and we a log line
        logger.error("an API call failed", event="api_call_failed", cause=cause_of(error))  # noqa: TRY400 - its text may quote what was sent
        fault = _error("internal_error", "Something failed on our side; try again.")
        return _json(HTTPStatus.INTERNAL_SERVER_ERROR, fault, origin)


def fitting(shown: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """As many from the first on as fit into an answer."""
    size = 0
    for position, each in enumerate(shown):
        size += len(json.dumps(json.dumps(each, ensure_ascii=False)))
        if size > MAX_LIST_BYTES:
            return shown[:position]
    return shown


def _error(code: str, message: str, details: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return {"error": {"code": code, "message": message, **(details or {})}}


def _json(status: int, body: Mapping[str, Any], origin: str) -> Answer:
    headers = {"Content-Type": "application/json", **_headers(origin)}
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return {"statusCode": int(status), "headers": headers, "body": text}


def _no_content(origin: str) -> Answer:
    return {"statusCode": int(HTTPStatus.NO_CONTENT), "headers": _headers(origin), "body": ""}


def _headers(origin: str) -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Date",
    }
