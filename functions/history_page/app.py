"""The function that serves the History page, its script and its stylesheet.

It handles GET /history and /history/{asset}.
"""

import base64
import hashlib
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger

from hooklog.access.loops import refuse_attempts
from hooklog.errors import ApiError

logger = Logger()

PAGE = "index.html"
CONTENT_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
SHARED_HEADERS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Let front ends on other origins load the component. None of these files is secret."""


class Asset(NamedTuple):
    """A file as it is served. Its `etag` depends only on its content."""

    body: str
    content_type: str
    etag: str

    @classmethod
    def read(cls, name: str) -> "Asset":
        body = (Path(__file__).parent / name).read_text(encoding="utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(body.encode()).digest()[:12]).decode()
        return cls(body, f"{CONTENT_TYPES[Path(name).suffix]}; charset=utf-8", f'"{digest}"')


ASSETS = {
    path.name: Asset.read(path.name) for path in sorted(Path(__file__).parent.iterdir()) if path.suffix in CONTENT_TYPES
}


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    try:
        refuse_attempts(event)
    except ApiError as refusal:
        return refused(refusal.status, refusal.code, str(refusal))
    name = (event.get("pathParameters") or {}).get("asset")
    asset = ASSETS.get(PAGE if name is None else name)
    if asset is None or name == PAGE:
        logger.info("no such asset", event="asset_not_found")
        return refused(HTTPStatus.NOT_FOUND, "not_found", "There is no such page.")
    return serve(asset, if_none_match(event))


def serve(asset: Asset, known: str) -> dict[str, Any]:
    """Return the asset, or 304 if the browser has it.

    Names do not change between deployments, so it always asks.
    """
    headers = {"Content-Type": asset.content_type, "Cache-Control": "no-cache", "ETag": asset.etag, **SECURITY_HEADERS}
    if asset is not ASSETS[PAGE]:
        headers |= SHARED_HEADERS
    if asset.etag in known:
        return {"statusCode": int(HTTPStatus.NOT_MODIFIED), "headers": headers, "body": ""}
    return {"statusCode": int(HTTPStatus.OK), "headers": headers, "body": asset.body}


def if_none_match(event: dict[str, Any]) -> str:
    headers = event.get("headers") or {}
    return next((value for name, value in headers.items() if name.lower() == "if-none-match"), "")


def refused(status: int, code: str, message: str) -> dict[str, Any]:
    error = {"error": {"code": code, "message": message}}
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **SECURITY_HEADERS}
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(error)}
