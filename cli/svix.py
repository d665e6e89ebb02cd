"""Endpoints as Svix exports them.

`GET /api/v1/app/{app_id}/endpoint` returns pages `{"data": [EndpointOut, …], "iterator": …, "done": …}`. What
`…/endpoint/{id}/secret` (`{"key": …}`) and `…/endpoint/{id}/headers` (`{"headers": …, "sensitive": …}`) return is
expected under `secret` and `headers` of each endpoint.
"""

from typing import Any, Final

from cli.endpoint import Endpoint, Export, read_count

_LOST: Final = {
    "channels": "use event types or several webhooks",
    "metadata": "",
    "transformationParams": "write a transformation in JSONata",
    "oauthConfig": "",
    "mtlsConfig": "",
}
_ASYMMETRIC: Final = "whsk_"


def read_endpoint(export: Export) -> Endpoint:
    """Convert an EndpointOut. Its ID is the `uid`, or, without one, the `id`."""
    endpoint = Endpoint(str(export.get("uid") or export["id"]))
    endpoint.set_name(export.get("description"))
    endpoint.fields |= {
        "url": export.get("url"),
        "event_types": export.get("filterTypes") or export.get("eventTypes") or [],
        "enabled": not export.get("disabled"),
    }
    _read_headers(endpoint, export.get("headers"))
    endpoint.set_rate(read_count(export.get("throttleRate") or export.get("rateLimit")))
    _read_secret(endpoint, export.get("secret"))
    endpoint.lose(export, _LOST)
    return endpoint


def _read_headers(endpoint: Endpoint, given: Any) -> None:
    """Read the response about headers, or a plain object of headers."""
    if not given:
        return
    headers = given.get("headers", given)
    sensitive = given.get("sensitive") or []
    endpoint.set_headers(headers, sensitive)
    known = {name.lower() for name in headers}
    for name in sensitive:
        if name.lower() not in known:
            endpoint.lost.append(f"header {name}, whose value Svix does not export: set it with hooklog webhooks set")


def _read_secret(endpoint: Endpoint, secret: Any) -> None:
    key = secret.get("key") if isinstance(secret, dict) else secret
    if not isinstance(key, str):
        endpoint.lost.append("secret, which is not in the file: a new one is generated, which its receiver needs")
    elif key.startswith(_ASYMMETRIC):
        endpoint.lost.append("asymmetric secret: a new one is generated, which its receiver needs")
    else:
        endpoint.set_secret(key)
