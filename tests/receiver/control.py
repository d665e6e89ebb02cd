"""The request log over HTTP, for tests in another process.

These requests are not recorded.
"""

import contextlib
import json

from tests.receiver.behaviours import KEEP_OPEN, Behaviour
from tests.receiver.exchange import Exchange

_JSON = [("Content-Type", "application/json")]


def received(exchange: Exchange) -> bool:
    """`GET /_received?since=0&path=`: list the requests numbered above `since`.

    `?count=3&timeout=10` first waits for three requests; `?bodies=0` omits the bodies.
    """
    parameters = exchange.parameters
    path = parameters.text("path") or None
    if "count" in parameters:
        with contextlib.suppress(TimeoutError):
            exchange.request_log.wait_for(parameters.integer("count", 1), parameters.seconds("timeout", 10), path)
    since = parameters.integer("since", 0)
    entries = [
        {"number": number, **request.as_json()}
        for number, request in enumerate(exchange.request_log.requests, start=1)
        if number > since and path in {None, request.path}
    ]
    if not parameters.integer("bodies", 1):
        for entry in entries:
            del entry["body"]
    exchange.respond("200", json.dumps(entries).encode(), _JSON)
    return KEEP_OPEN


def reset(exchange: Exchange) -> bool:
    """`POST /_reset`: empty the request log and restart every sequence."""
    exchange.request_log.reset()
    exchange.respond("204")
    return KEEP_OPEN


CONTROLS: dict[tuple[str, str], Behaviour] = {("GET", "_received"): received, ("POST", "_reset"): reset}
