"""The function that serves the History page, and answers CORS preflights.

It handles GET of /history, /history/{asset} and /history/{asset}/{file}, and OPTIONS of every path.
"""

from hooklog.startup import end_startup

import base64
import gzip
import hashlib
import json
import re
from functools import cached_property, lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from hooklog.access.headers import read_header
from hooklog.access.loops import refuse_attempts
from hooklog.api import bundle
from hooklog.errors import ApiError
from hooklog.settings import HistoryPageSettings

settings = HistoryPageSettings.from_environment()

PAGE = "index.html"
ENTRY = "webhook-history.js"
"""The address that front ends embed."""

CONTENT_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
FILES = {
    path.name: path.read_text(encoding="utf-8")
    for path in sorted(Path(__file__).parent.iterdir())
    if path.suffix in CONTENT_TYPES
}
BUNDLER = bundle.Bundler(FILES, ENTRY)
SOURCES = {**FILES, "bundle.py": Path(bundle.__file__).read_text(encoding="utf-8")}
VERSION = hashlib.sha256("\0".join(part for file in SOURCES.items() for part in file).encode()).hexdigest()[:16]
"""Of all files. Their addresses contain it, so that a browser never combines files of two deployments."""

REVALIDATED = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        f"frame-ancestors {settings.frame_ancestors}",
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


class Asset:
    """A file as it is served. What depends only on its content is computed once."""

    def __init__(self, name: str, text: str, caching: str) -> None:
        self.text = text
        self.headers = {
            "Content-Type": f"{CONTENT_TYPES[Path(name).suffix]}; charset=utf-8",
            "Cache-Control": caching,
            "Vary": "Accept-Encoding",
            **SECURITY_HEADERS,
            **({} if name == PAGE else SHARED_HEADERS),
        }

    @cached_property
    def tag(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @cached_property
    def gzipped(self) -> str:
        """The compressed file in base64, in which Lambda returns bytes to API Gateway."""
        return base64.b64encode(gzip.compress(self.text.encode(), mtime=0)).decode()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    try:
        refuse_attempts(event)
    except ApiError as refusal:
        return refused(refusal.status, refusal.code, str(refusal))
    if event.get("httpMethod") == "OPTIONS":
        headers = settings.allowed_origins.build_preflight_headers(event)
        return {"statusCode": int(HTTPStatus.OK), "headers": headers, "body": ""}
    path = event.get("pathParameters") or {}
    asset = find(path.get("asset"), path.get("file"))
    if asset is None:
        from aws_lambda_powertools import Logger  # late: importing it takes longer than everything else

        logger = Logger()
        logger.info("no such asset", event="asset_not_found")
        return refused(HTTPStatus.NOT_FOUND, "not_found", "There is no such page.")
    return serve(asset, event)


@lru_cache(maxsize=200)
def find(asset: str | None, file: str | None) -> Asset | None:
    """Return the page, a file of this version, or what replaces it at another address.

    `asset` is a file's name, or the version before it. A page that was opened before a deployment loads modules on
    demand from the addresses of its own version, and a deployment replaces the function's environments one by one. So
    a module of another version is a module that exports this version's: all that it imports has this version, too. The
    addresses without a version are such modules.
    """
    if asset is None:
        return Asset(PAGE, FILES[PAGE].replace('="history/', f'="history/{VERSION}/'), REVALIDATED)
    version, name, folder = (None, asset, ".") if file is None else (asset, file, "..")
    if name == PAGE or name not in FILES or (version is not None and not re.fullmatch("[0-9a-f]{16}", version)):
        return None
    is_module = name.endswith(".js")
    if version == VERSION:
        return Asset(name, BUNDLER.bundle(name) if is_module else FILES[name], IMMUTABLE)
    return Asset(name, f'export * from "{folder}/{VERSION}/{name}";\n' if is_module else FILES[name], REVALIDATED)


def serve(asset: Asset, event: dict[str, Any]) -> dict[str, Any]:
    """Return the asset, or 304 if the browser has it."""
    compressed = accepts_gzip(event)
    etag = f'"{asset.tag}-gzip"' if compressed else f'"{asset.tag}"'
    headers = asset.headers | {"ETag": etag}
    if etag in read_header(event, "if-none-match"):
        return {"statusCode": int(HTTPStatus.NOT_MODIFIED), "headers": headers, "body": ""}
    response = {"statusCode": int(HTTPStatus.OK), "headers": headers, "body": asset.text}
    if compressed:
        headers["Content-Encoding"] = "gzip"
        response |= {"body": asset.gzipped, "isBase64Encoded": True}
    return response


def accepts_gzip(event: dict[str, Any]) -> bool:
    """Return whether the client accepts gzip.

    API Gateway decodes a body in base64 only if the request's Accept matches the API's BinaryMediaTypes. These contain
    `*/*`, which every Accept matches, but not a missing one.
    """
    codings = (each.partition(";") for each in read_header(event, "accept-encoding").lower().split(","))
    weights = {coding.strip(): weight.replace(" ", "") for coding, _, weight in codings}
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return bool(read_header(event, "accept")) and not re.fullmatch(r"q=0(\.0*)?", weight)


def refused(status: int, code: str, message: str) -> dict[str, Any]:
    error = {"error": {"code": code, "message": message}}
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **SECURITY_HEADERS}
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(error)}


end_startup()
