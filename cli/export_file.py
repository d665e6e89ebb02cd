"""Files with exported endpoints: pages as the other product's API returns them, or their items."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from cli import convoy, svix
from cli.endpoint import Endpoint
from cli.failure import CliFailure, ExitCode
from cli.input import read_text


def read_endpoints(name: str) -> tuple[list[Endpoint], bool]:
    """Read the endpoints of a file, or of standard input for `-`, and whether the last page is there.

    An endpoint that is there twice is returned once. Raises CliFailure.
    """
    ends: list[bool] = []
    items = [item for document in _parse_documents(read_text(name), name) for item in _list_items(document, ends)]
    if not items:
        raise CliFailure(f"{name} has no endpoint", ExitCode.USAGE)
    try:
        return list(_convert(items)), not ends or ends[-1]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CliFailure(f"{name} is not an export of Svix or Convoy: {error!r:.200}", ExitCode.USAGE) from None


def _convert(items: Sequence[Any]) -> Iterator[Endpoint]:
    """Convert the items of either product.

    Raises one of the exceptions of Python if an item has another form.
    """
    svix_endpoints = {item["id"]: item for item in items if "id" in item}
    yield from map(svix.read_endpoint, svix_endpoints.values())
    others = [item for item in items if "id" not in item]
    subscriptions = [item for item in others if convoy.is_subscription(item)]
    endpoints = {item["uid"]: item for item in others if not convoy.is_subscription(item)}
    by_endpoint = defaultdict(list)
    for subscription in subscriptions:
        metadata = subscription["endpoint_metadata"]
        endpoints.setdefault(metadata["uid"], metadata)
        by_endpoint[metadata["uid"]].append(subscription)
    for uid, endpoint in endpoints.items():
        yield convoy.read_endpoint(endpoint, by_endpoint[uid])


def _parse_documents(text: str, name: str) -> Iterator[Any]:
    """Yield one JSON document after the other, as several calls of curl write them."""
    decoder, at = json.JSONDecoder(), 0
    try:
        while at < len(text := text.lstrip("\ufeff")):
            if text[at].isspace():
                at += 1
            else:
                document, at = decoder.raw_decode(text, at)
                yield document
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CliFailure(f"{name} is not valid JSON: {reason}", ExitCode.USAGE) from None


def _list_items(document: Any, ends: list[bool]) -> Iterator[Any]:
    """Yield the endpoints and subscriptions of a page, a list of pages, or a list of items.

    Adds to `ends` whether a page is the last.
    """
    if isinstance(document, list):
        for one in document:
            yield from _list_items(one, ends)
    elif isinstance(document, dict) and isinstance(data := document.get("data"), list | dict):
        content = data.get("content", data) if isinstance(data, dict) else data
        pagination = data.get("pagination") if isinstance(data, dict) else None
        ends.append(bool(document.get("done", True)) and not (pagination or {}).get("has_next_page"))
        yield from content if isinstance(content, list) else [content]
    else:
        yield document
