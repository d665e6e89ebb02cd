"""Detection of webhooks that call this API, where each call could cause the next."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from hooklog.errors import Forbidden, InvalidRequest
from hooklog.messages.fields import ATTEMPT_HEADER


def refuse_attempts(event: Mapping[str, Any]) -> None:
    """Raise Forbidden if a webhook makes the call, whatever its token grants.

    Every attempt has ATTEMPT_HEADER, which no webhook and no message can remove or replace.
    """
    for headers in (event.get("headers"), event.get("multiValueHeaders")):
        if any(name.lower() == ATTEMPT_HEADER for name in headers or ()):
            raise Forbidden(f"a webhook must not call this API: the request has the header {ATTEMPT_HEADER}")


def refuse_own_url(url: str, context: Mapping[str, Any]) -> None:
    """Raise InvalidRequest if a webhook's URL leads to the API that was called.

    `context` is the call's `requestContext`. Compares the call's host and the API's ID: API Gateway's host names begin
    with the ID (for private APIs, with the ID and `-vpce-…`), and emulators have it in the path. Other domain names of
    the API are unknown here, but `refuse_attempts` rejects their calls. `url` must be valid for `parse_target`.
    """
    from hooklog.delivery.target import DEFAULT_PORTS, parse_target

    target = parse_target(url, tuple(DEFAULT_PORTS))
    host = target.host.rstrip(".")
    possible_ids = {host.partition(".")[0].partition("-vpce-")[0], *unquote(target.path.partition("?")[0]).split("/")}
    if host == (context.get("domainName") or "").lower() or context.get("apiId") in possible_ids:
        raise InvalidRequest("url: a webhook must not call Hooklog's own API")
