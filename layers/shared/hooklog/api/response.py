"""Responses to API calls, built from what the handler of a call's route returns."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

from hooklog.access.cors import AllowedOrigins
from hooklog.access.loops import refuse_attempts
from hooklog.access.routes import ROUTES
from hooklog.api.request import Event, Request
from hooklog.errors import ApiError, NotFound, describe_error

MAX_LIST_BYTES: Final = 6_000_000
"""Of a list in a response, JSON-encoded twice as Lambda does. Lambda's limit for the whole response is 6,291,556."""

_ROUTES: Final = {(route.method, route.resource): route for route in ROUTES}


class Logger(Protocol):
    """The logger of the handlers; Powertools' Logger is not a logging.Logger."""

    def error(self, msg: object, *, event: str, call: str, cause: str) -> None: ...


class Response(NamedTuple):
    """A response with a status other than 200."""

    status: HTTPStatus
    body: Mapping[str, Any]


_Result = Mapping[str, Any] | Response | None

Handler = Callable[[Request], _Result]
"""Returns the body of a 200, a response with another status, or None for a 204."""


def respond(event: Event, handlers: Mapping[str, Handler], origins: AllowedOrigins, logger: Logger) -> dict[str, Any]:
    """Call the handler of the event's route and build the response.

    Other exceptions than ApiError are logged as a 500.

    Calls that webhooks make are rejected first. Before the handler runs, the route's scope is checked, and that the
    token covers the webhook in the path.
    """
    cors = origins.build_headers(event)
    try:
        refuse_attempts(event)
        return _build_response(_handle(event, handlers), cors)
    except ApiError as error:
        return _build_json(error.status, _build_error(error.code, str(error), error.details), cors)
    except Exception as error:  # noqa: BLE001 - the caller must get a response
        call, cause = f"{event.get('httpMethod')} {event.get('resource')}", describe_error(error)
        logger.error("an API call failed", event="api_call_failed", call=call, cause=cause)  # noqa: TRY400 - its text may quote what was sent
        body = _build_error("internal_error", "Something failed on our side; try again.")
        return _build_json(HTTPStatus.INTERNAL_SERVER_ERROR, body, cors)


def _handle(event: Event, handlers: Mapping[str, Handler]) -> _Result:
    """Call the handler.

    API Gateway has already matched method and resource. Raises ApiError.
    """
    route = _ROUTES.get((event.get("httpMethod", ""), event.get("resource", "")))
    if route is None or route.handler not in handlers:
        raise NotFound("there is no such endpoint")
    request = Request.parse(event, route.parameters)
    request.require(route)
    return handlers[route.handler](request)


def _build_response(result: _Result, cors: Mapping[str, str]) -> dict[str, Any]:
    if result is None:
        return {"statusCode": int(HTTPStatus.NO_CONTENT), "headers": _build_headers(cors), "body": ""}
    response = result if isinstance(result, Response) else Response(HTTPStatus.OK, result)
    return _build_json(response.status, response.body, cors)


def truncate_list(items: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the first items that fit into a response."""
    size = 0
    for position, item in enumerate(items):
        size += len(json.dumps(json.dumps(item, ensure_ascii=False)))
        if size > MAX_LIST_BYTES:
            return items[:position]
    return items


def _build_error(code: str, message: str, details: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return {"error": {"code": code, "message": message, **(details or {})}}


def _build_json(status: int, body: Mapping[str, Any], cors: Mapping[str, str]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **_build_headers(cors)}
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return {"statusCode": int(status), "headers": headers, "body": text}


def _build_headers(cors: Mapping[str, str]) -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Expose-Headers": "Date",
        **cors,
    }
