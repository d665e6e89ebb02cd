"""Endpoints and subscriptions as Convoy exports them.

`GET /api/v1/projects/{project_id}/endpoints` and `…/subscriptions` return pages `{"data": {"content": […],
"pagination": …}}`. A subscription holds its endpoint (`endpoint_metadata`) and its event types (`filter_config`).
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cli.endpoint import Endpoint, Export, read_count, read_seconds

_ALL: Final = "*"
_LOST: Final = {
    "owner_id": "to send one message to several webhooks, give them a topic",
    "support_email": "subscribe to Hooklog's events",
    "slack_webhook_url": "subscribe to Hooklog's events",
    "mtls_client_cert": "",
}
_LOST_OF_SUBSCRIPTIONS: Final = {
    "function": "write a transformation in JSONata",
    "rate_limit_config": "",
    "retry_config": "set retry_schedule",
}
_JSON: Final = frozenset({None, "", "application/json"})


def is_subscription(export: Export) -> bool:
    return "endpoint_metadata" in export or "filter_config" in export


def read_endpoint(export: Export, subscriptions: Iterable[Export]) -> Endpoint:
    """Convert an endpoint with its subscriptions.

    Without one, it receives every event, as in Convoy.
    """
    endpoint = Endpoint(str(export["uid"]))
    endpoint.set_name(export.get("name") or export.get("title") or export.get("description"))
    endpoint.fields |= {
        "url": export.get("url") or export.get("target_url"),
        "event_types": [],
        "enabled": export.get("status", "active") == "active" and not export.get("is_disabled"),
    }
    endpoint.set_timeout(read_seconds(export.get("http_timeout")))
    endpoint.set_rate(read_count(export.get("rate_limit")), read_seconds(export.get("rate_limit_duration")) or 1)
    _read_authentication(endpoint, export.get("authentication"))
    _read_secret(endpoint, export.get("secrets"))
    endpoint.lose(export, _LOST)
    if export.get("content_type") not in _JSON:
        endpoint.lost.append("content_type: bodies are JSON")
    _read_subscriptions(endpoint, list(subscriptions))
    return endpoint


def _read_subscriptions(endpoint: Endpoint, subscriptions: list[Export]) -> None:
    types: list[str] = []
    for subscription in subscriptions:
        config = subscription.get("filter_config") or {}
        types += config.get("event_types") or [_ALL]
        filters = config.get("filter") or {}
        if filters.get("body") or filters.get("headers"):
            endpoint.lost.append("filter by body or headers (write a transformation that returns nothing)")
        endpoint.lose(subscription, _LOST_OF_SUBSCRIPTIONS)
    endpoint.fields["event_types"] = [] if _ALL in types else list(dict.fromkeys(types))
    endpoint.lost = list(dict.fromkeys(endpoint.lost))


def _read_authentication(endpoint: Endpoint, authentication: Any) -> None:
    """Convert an API key or a password to a header that is masked."""
    given = authentication if isinstance(authentication, dict) else {}
    kind, name, value = given.get("type"), "Authorization", ""
    details: Mapping[str, Any] = given.get(str(kind)) or {}
    if kind == "api_key":
        name, value = details.get("header_name") or "", details.get("header_value") or ""
    elif kind == "basic_auth":
        pair = f"{details.get('username', '')}:{details.get('password', '')}"
        value = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif kind:
        endpoint.lost.append(f"authentication {kind}")
    if name and value:
        endpoint.set_headers({name: value}, [name])


def _read_secret(endpoint: Endpoint, secrets: Any) -> None:
    """Convert the secret without an end. Convoy signs with the bytes of its text."""
    valid = [one for one in secrets or () if isinstance(one, dict) and one.get("value") and not one.get("deleted_at")]
    current = [str(one["value"]) for one in valid if not one.get("expires_at")]
    if not current:
        endpoint.lost.append("secret, which is not in the file: a new one is generated, which its receiver needs")
        return
    endpoint.set_key(current[0].encode())
    if len(valid) > 1:
        endpoint.lost.append("secrets that are being replaced: only the current one signs")
