"""Files with exported endpoints: pages of the other product's API, or items."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from cli import convoy, svix
from cli.endpoint import Endpoint, Export
from cli.failure import CliFailure, ExitCode
from cli.input import read_text

_OTHER_FORM: Final = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
"""What reading an export raises that is not of the documented form. Their texts may contain secrets."""


def read_endpoints(name: str) -> tuple[list[Endpoint], bool]:
    """Read the endpoints of a file, and whether it has the last page.

    `-` is standard input. An endpoint that is there twice is returned once. Raises CliFailure.
    """
    ends: list[bool] = []
    items = [item for document in _parse_documents(read_text(name), name) for item in _list_items(document, ends)]
    if not items:
        raise CliFailure(f"{name} has no endpoint", ExitCode.USAGE)
    for number, item in enumerate(items, 1):
        if not (_get_id(item, "id") or _get_id(item, "uid")):
            expected = "an object with the id of Svix or the uid of Convoy"
            raise CliFailure(f"Item {number} of {name} must be {expected}", ExitCode.USAGE)
    return [*_read_svix(items), *_read_convoy(items)], not ends or ends[-1]


def _get_id(item: object, name: str) -> str | None:
    value = item.get(name) if isinstance(item, dict) else None
    return value if isinstance(value, str) else None


def _read_svix(items: list[Export]) -> Iterator[Endpoint]:
    endpoints = {item["id"]: item for item in items if _get_id(item, "id")}
    for endpoint in endpoints.values():
        yield _convert(endpoint["id"], partial(svix.read_endpoint, endpoint))


def _read_convoy(items: list[Export]) -> Iterator[Endpoint]:
    """Convert the endpoints, and those that only subscriptions have."""
    given = [item for item in items if not _get_id(item, "id")]
    endpoints = {item["uid"]: item for item in given if not convoy.is_subscription(item)}
    subscriptions = defaultdict(list)
    for subscription in filter(convoy.is_subscription, given):
        metadata = subscription.get("endpoint_metadata")
        uid = _get_id(metadata, "uid")
        if metadata is None or uid is None:
            raise CliFailure(f"The subscription {subscription['uid']} has no endpoint_metadata", ExitCode.USAGE)
        endpoints.setdefault(uid, metadata)
        subscriptions[uid].append(subscription)
    for uid, endpoint in endpoints.items():
        yield _convert(uid, partial(convoy.read_endpoint, endpoint, subscriptions[uid]))


def _convert(endpoint_id: str, convert: Callable[[], Endpoint]) -> Endpoint:
    try:
        return convert()
    except _OTHER_FORM:
        text = f"The endpoint {endpoint_id} has a field of another type than Svix and Convoy document"
        raise CliFailure(text, ExitCode.USAGE) from None


def _parse_documents(text: str, name: str) -> Iterator[Any]:
    """Yield one JSON document after the other, as several calls of curl write them."""
    decoder, at = json.JSONDecoder(), 0
    try:
        while at < len(text):
            if text[at].isspace() or text[at] == "\ufeff":
                at += 1
            else:
                document, at = decoder.raw_decode(text, at)
                yield document
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CliFailure(f"{name} is not valid JSON: {reason}", ExitCode.USAGE) from None


def _list_items(document: Any, ends: list[bool]) -> Iterator[Any]:
    """Yield the endpoints and subscriptions of a page, of pages, or of items.

    Adds to `ends` whether a page is the last.
    """
    if isinstance(document, list):
        for one in document:
            yield from _list_items(one, ends)
    elif isinstance(document, dict) and isinstance(data := document.get("data"), list | dict):
        content = data.get("content", data) if isinstance(data, dict) else data
        pagination = data.get("pagination") if isinstance(data, dict) else None
        has_more = isinstance(pagination, dict) and pagination.get("has_next_page")
        ends.append(document.get("done") is not False and not has_more)
        yield from content if isinstance(content, list) else [content]
    else:
        yield document
