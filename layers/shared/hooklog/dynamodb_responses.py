"""A parser of DynamoDB's responses, for botocore.

botocore walks through a response with its model of the service: seven tenths of the CPU of a query for 51 items. But a
response with items already has the form that botocore returns, except that binary values are base64.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from botocore.model import Shape
from botocore.parsers import ResponseParser, ResponseParserFactory

_WITH_ITEMS: Final = frozenset(
    f"{operation}Output"
    for operation in (
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    )
)
"""The shapes of responses without times, which botocore would convert."""


class ItemParserFactory(ResponseParserFactory):
    """Creates the parser of each response; botocore's component `response_parser_factory`."""

    def create_parser(self, protocol_name: str) -> "ItemParser":
        return ItemParser(partial(super().create_parser, protocol_name))


class ItemParser(ResponseParser):
    """Parses successful responses with items. Leaves errors and all others to botocore's parser."""

    def __init__(self, create_botocores: Callable[[], ResponseParser]) -> None:
        self._create_botocores = create_botocores

    def parse(self, response: Mapping[str, Any], shape: Shape) -> Any:
        """Return the response with its `ResponseMetadata`."""
        if response["status_code"] != HTTPStatus.OK or shape.name not in _WITH_ITEMS:
            return self._create_botocores().parse(response, shape)
        body: bytes = response["body"]
        try:
            parsed = json.loads(body, object_hook=_decode_binary if b'"B"' in body else None)
        except ValueError:
            return self._create_botocores().parse(response, shape)
        headers = {name.lower(): value for name, value in response["headers"].items()}
        return {**parsed, "ResponseMetadata": {"HTTPStatusCode": HTTPStatus.OK, "HTTPHeaders": headers}}


def _decode_binary(value: dict[str, Any]) -> dict[str, Any]:
    """Decode a binary attribute value: `{"B": "dGV4dA=="}`. In an item with only an attribute B, that is an object."""
    binary = value.get("B")
    return {"B": b64decode(binary)} if len(value) == 1 and isinstance(binary, str) else value
