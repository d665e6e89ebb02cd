"""Responses with items are parsed as botocore parses them."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import ResponseParserFactory

from hooklog.dynamodb_responses import ItemParserFactory

SERVICE = botocore.session.get_session().get_service_model("dynamodb")
METADATA = {"server": "Server", "x-amzn-RequestId": "JN9", "x-amz-crc32": "2745614147"}
ITEM = {
    "webhook_id": {"S": "acme.orders"},
    "attempt": {"N": "1"},
    "skipped": {"BOOL": True},
    "event_types": {"NULL": True},
    "content": {"B": "H4sIAAAAAAAC/6pWyk5VslJQSlSqBQAAAP//"},
    "seen": {"M": {"B": {"S": "text"}, "list": {"L": [{"B": "dGV4dA=="}, {"N": "2"}]}}},
}
CAPACITY = {"TableName": "Executions", "CapacityUnits": 1.5}

ANSWERS: dict[str, tuple[str, int, bytes]] = {
    "a page": ("Query", 200, json.dumps({"Items": [ITEM, ITEM], "Count": 2, "ScannedCount": 3}).encode()),
    "a last key": (
        "Query",
        200,
        b'{"Items":[],"Count":0,"ScannedCount":9,"LastEvaluatedKey":{"webhook_id":{"S":"a"}}}',
    ),
    "an item": ("GetItem", 200, json.dumps({"Item": ITEM, "ConsumedCapacity": CAPACITY}).encode()),
    "an item with only an attribute B": ("GetItem", 200, b'{"Item":{"B":{"B":"dGV4dA=="}}}'),
    "no item": ("GetItem", 200, b"{}"),
    "several": ("BatchGetItem", 200, json.dumps({"Responses": {"B": [ITEM]}, "UnprocessedKeys": {}}).encode()),
    "a write": ("BatchWriteItem", 200, b'{"UnprocessedItems":{}}'),
    "an update": ("UpdateItem", 200, json.dumps({"Attributes": ITEM}).encode()),
    "a table": ("DescribeTable", 200, b'{"Table":{"TableName":"Executions","CreationDateTime":1.7e9}}'),
    "an error": ("Query", 400, b'{"__type":"com.amazonaws#ThrottlingException","message":"Too many."}'),
    "a failure": ("Query", 500, b"<html><body>Service Unavailable</body></html>"),
    "no JSON": ("GetItem", 200, b"<html>"),
    "no body": ("PutItem", 200, b""),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_response_is_parsed_as_botocore_parses_it(answer: str) -> None:
    operation, status, body = ANSWERS[answer]
    response: dict[str, Any] = {"status_code": status, "headers": METADATA, "body": body}
    shape = SERVICE.operation_model(operation).output_shape
    assert shape
    ours, botocores = (
        factory.create_parser("json").parse(dict(response), shape)
        for factory in (ItemParserFactory(), ResponseParserFactory())
    )
    metadata = [each.pop("ResponseMetadata") for each in (ours, botocores)]
    assert ours == botocores
    assert metadata[0]["HTTPStatusCode"] == status
    assert metadata[0]["HTTPHeaders"] == metadata[1]["HTTPHeaders"]
