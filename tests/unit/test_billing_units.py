"""The benchmarks count units as DynamoDB, SQS and CloudWatch bill them."""

import json
from typing import Any

import pytest

from benchmarks.counting import Item, Request, Tally, count_log_bytes, list_entries, measure_size

SUMMARY = {
    "webhook_id": {"S": "w"},
    "executed_at": {"S": "e"},
    "message_id": {"S": "m"},
    "attempt": {"N": "1"},
    "duration_ms": {"N": "87"},
}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"a": {"S": "é"}}, 3),
        ({"a": {"N": "0"}}, 2),
        ({"a": {"N": "87"}}, 3),
        ({"a": {"N": "200"}}, 3),
        ({"a": {"N": "1795485174"}}, 7),
        ({"a": {"BOOL": True}}, 2),
        ({"a": {"B": "AAAA"}}, 4),
        ({"a": {"B": "AA=="}}, 2),
        ({}, 0),
    ],
)
def test_an_items_size(item: Item, size: int) -> None:
    assert measure_size(item) == size


def test_an_item_is_in_the_indexes_whose_keys_it_has() -> None:
    entries = dict(list_entries("Executions", SUMMARY))
    assert entries.keys() == {"Executions", "Executions/by_message"}
    assert entries["Executions/by_message"].keys() == SUMMARY.keys() - {"duration_ms"}
    failed = dict(list_entries("Executions", {**SUMMARY, "failed_at": {"S": "e"}}))
    assert failed["Executions/failures"] == {**SUMMARY, "failed_at": {"S": "e"}}


def tally(operation: str, request: dict[str, Any], response: dict[str, Any] | None = None) -> Tally:
    counted = Tally()
    counted.add(Request(operation, request, response or {}))
    return counted


def test_writes_are_counted_by_the_started_kilobyte() -> None:
    item = {**SUMMARY, "name": {"S": "x" * 1024}}
    request = {"RequestItems": {"Executions": [{"PutRequest": {"Item": item}}]}}
    counted = tally("BatchWriteItem", request, {"UnprocessedItems": {}})
    assert counted.write_units == {"Executions": 2, "Executions/by_message": 1}
    assert counted.kept_bytes["Executions"] == measure_size(item) + 100


def test_an_update_is_counted_in_indexes_that_project_every_attribute() -> None:
    failed = {**SUMMARY, "failed_at": {"S": "e"}}
    counted = tally("UpdateItem", {"TableName": "Executions"}, {"Attributes": failed})
    assert counted.write_units == {"Executions": 1, "Executions/failures": 1}
    assert tally("UpdateItem", {"TableName": "Webhooks"}).write_units == {"Webhooks": 1}


def test_reads_are_counted_by_the_started_four_kilobytes() -> None:
    items = [{"a": {"S": "x" * 3000}}, {"a": {"S": "x" * 3000}}]
    assert tally("Query", {}, {"Items": items}).read_units == 1
    assert tally("Query", {"ConsistentRead": True}, {"Items": items}).read_units == 2
    assert tally("GetItem", {}).read_units == 0.5


def test_sqs_counts_started_64_kib() -> None:
    body = {"MessageBody": "x" * 40_000}
    assert tally("SendMessage", body).sqs_requests == 1
    assert tally("SendMessageBatch", {"Entries": [body, body]}).sqs_requests == 2


def test_an_operation_without_a_price_is_an_error() -> None:
    with pytest.raises(KeyError, match="Scan"):
        tally("Scan", {})


def test_a_log_line_counts_26_bytes_more_than_its_length() -> None:
    assert count_log_bytes([json.dumps({}), "é"]) == 2 + 26 + 2 + 26
