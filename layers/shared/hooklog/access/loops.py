"""Webhooks that lead back to this API: each call would cause the next."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from hooklog.errors import Forbidden, InvalidRequest
from hooklog.messages.fields import ATTEMPT_HEADER


def refuse_attempts(event: Mapping[str, Any]) -> None:
    """Raise Forbidden if the call is an attempt of Hooklog's own, whatever its token grants.

    Every attempt carries ATTEMPT_HEADER, which no webhook and no message can remove or replace.
    """
    for headers in (event.get("headers"), event.get("multiValueHeaders")):
        if any(name.lower() == ATTEMPT_HEADER for name in headers or ()):
            raise Forbidden(f"a webhook must not call this API: the request carries {ATTEMPT_HEADER}")


def refuse_own_url(url: str, context: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for a webhook's URL that leads to the API which a call with this `requestContext` came to.

    It is known by the host of the call and by the API's id: API Gateway's own host names begin with the id (those of a
    private API with the id and `-vpce-…`), and emulators serve the API on a path that names it. Any other domain name
    of the API is not known here; `refuse_attempts` refuses what is sent there. `url` is one that `parse_target` takes.
    """
    from hooklog.delivery.target import DEFAULT_PORTS, parse_target

    target = parse_target(url, tuple(DEFAULT_PORTS))
    host = target.host.rstrip(".")
    named = {host.partition(".")[0].partition("-vpce-")[0], *unquote(target.path.partition("?")[0]).split("/")}
    if host == (context.get("domainName") or "").lower() or context.get("apiId") in named:
        raise InvalidRequest("url: a webhook must not call Hooklog's own API")
