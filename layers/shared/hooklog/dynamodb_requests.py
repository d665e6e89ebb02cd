"""Bodies of BatchWriteItem requests, for botocore.

botocore walks through each attribute with its model of the service: a sixth of the CPU of a write of ten rows. But
items already have the form of the body, except that binary values become base64.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

import json
from base64 import b64encode
from typing import Any, Final

_PARAMETERS: Final = "hooklog_parameters"


def write_bodies(client: Any) -> None:
    """Let a client of DynamoDB write these bodies without botocore's model."""
    client.meta.events.register("provide-client-params.dynamodb.BatchWriteItem", _set_aside)
    client.meta.events.register("before-call.dynamodb.BatchWriteItem", _write_body)


def _set_aside(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Leave only the tables' names, from which botocore finds the endpoint."""
    context[_PARAMETERS] = params
    return {"RequestItems": dict.fromkeys(params["RequestItems"], ())}


def _write_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["body"] = json.dumps(context.pop(_PARAMETERS), default=_encode_binary, separators=(",", ":")).encode()


def _encode_binary(value: bytes) -> str:
    return b64encode(value).decode()
