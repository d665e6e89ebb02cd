"""What API Gateway gets back: a call is checked against its route, handled, and answered."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

from hooklog.access.loops import refuse_attempts
from hooklog.access.routes import ROUTES
from hooklog.api.request import Event, Request
from hooklog.errors import ApiError, NotFound, describe_error

MAX_LIST_BYTES: Final = 6_000_000
"""Of a list in a response, as Lambda counts it: its text in JSON once more. In all, Lambda takes 6,291,556 bytes."""

_ROUTES: Final = {(route.method, route.resource): route for route in ROUTES}


class Logger(Protocol):
    """What the handlers log with; Powertools' Logger is no logging.Logger."""

    def error(self, msg: object, *, event: str, call: str, cause: str) -> None: ...


class Response(NamedTuple):
    """A response whose status is not 200."""

    status: HTTPStatus
    body: Mapping[str, Any]


_Made = Mapping[str, Any] | Response | None

Handler = Callable[[Request], _Made]
"""Gives the body of a 200, a response of another status, or None for a 204."""


def respond(event: Event, handlers: Mapping[str, Handler], origin: str, logger: Logger) -> dict[str, Any]:
    """Answer a call with what the handler of its route gives or raises; what is not a refusal is our fault, and logged.

    A call that a webhook makes is refused first. The route's scope is checked before the handler runs, and that the
    token covers the webhook in the path.
    """
    try:
        refuse_attempts(event)
        return _answered(_handled(event, handlers), origin)
    except ApiError as refusal:
        return _json(refusal.status, _error(refusal.code, str(refusal), refusal.details), origin)
    except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets an answer and we a log line
        call, cause = f"{event.get('httpMethod')} {event.get('resource')}", describe_error(error)
        logger.error("an API call failed", event="api_call_failed", call=call, cause=cause)  # noqa: TRY400 - its text may quote what was sent
        fault = _error("internal_error", "Something failed on our side; try again.")
        return _json(HTTPStatus.INTERNAL_SERVER_ERROR, fault, origin)


def _handled(event: Event, handlers: Mapping[str, Handler]) -> _Made:
    """API Gateway has matched method and resource already. Raises ApiError, and what the handler raises."""
    route = _ROUTES.get((event.get("httpMethod", ""), event.get("resource", "")))
    if route is None or route.handler not in handlers:
        raise NotFound("there is no such endpoint")
    request = Request.parse(event, route.parameters)
    request.require(route)
    return handlers[route.handler](request)


def _answered(made: _Made, origin: str) -> dict[str, Any]:
    if made is None:
        return {"statusCode": int(HTTPStatus.NO_CONTENT), "headers": _headers(origin), "body": ""}
    response = made if isinstance(made, Response) else Response(HTTPStatus.OK, made)
    return _json(response.status, response.body, origin)


def fitting(shown: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """As many from the first on as fit into a response."""
    size = 0
    for position, each in enumerate(shown):
        size += len(json.dumps(json.dumps(each, ensure_ascii=False)))
        if size > MAX_LIST_BYTES:
            return shown[:position]
    return shown


def _error(code: str, message: str, details: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return {"error": {"code": code, "message": message, **(details or {})}}


def _json(status: int, body: Mapping[str, Any], origin: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **_headers(origin)}
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return {"statusCode": int(status), "headers": headers, "body": text}


def _headers(origin: str) -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Date",
    }
