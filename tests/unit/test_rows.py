"""An execution's row is read as written; the API shows only documented fields."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooklog.delivery.delivery import Delivery, Response
from hooklog.errors import ErrorType, HardError
from hooklog.executions.execution import Execution, Trigger, generate_execution_id
from hooklog.executions.rows import (
    ExecutionRow,
    Summary,
    from_stream,
    get_error,
    get_queue_message_id,
    to_attempt,
    to_item,
    to_summary,
)
from hooklog.messages.call import Call
from hooklog.messages.message import Message
from tests.openapi import DOCUMENT

AT = datetime(2026, 11, 23, 17, 36, tzinfo=UTC)
MESSAGE = Message("acme.orders", "msg_1", "https://example.com/", b"{}", {}, "order.created", 15)
IDS = st.from_regex(r"[A-Za-z0-9_.-]{1,128}", fullmatch=True)


def execution(**given: Any) -> Execution:
    """Return a failed retry with every field set, with these changes."""
    refusal = HardError(ErrorType.CONNECTION_REFUSED)
    fields: dict[str, Any] = {
        "execution_id": generate_execution_id(AT),
        "delivery": Delivery.not_sent(Call.from_message(MESSAGE), 2, AT, refusal)._replace(resent=True),
        "trigger": Trigger.RETRY,
        "queue_message_id": "q1",
        "retries_used": 1,
        "receive_count": 3,
        "redelivered": True,
        "details_not_stored": True,
        "task_id": "q2",
    }
    return Execution(**(fields | given))


ANSWERED = Delivery(
    Call.from_message(MESSAGE), 1, AT, 87, {}, Response(200, {}, b"", truncated=False, length=0), error=None
)
ALL = [
    execution(),
    execution(next_attempt_at=AT),
    execution(delivery=Delivery.skip(Call.from_message(MESSAGE), 2, AT)),
    execution(delivery=ANSWERED),
]
"""Executions that together have every field."""


def test_every_attribute_is_written() -> None:
    written = {name for each in ALL for indexed in (True, False) for name in to_item(each, 90, is_indexed=indexed)}
    attributes = {attribute.attr_name for attribute in ExecutionRow.get_attributes().values()}
    assert written == attributes - {"erased"}, "written by erasure"


@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize("written", ALL)
def test_an_item_is_what_its_row_would_write(written: Execution, is_indexed: bool) -> None:
    item = to_item(written, 90, is_indexed=is_indexed)
    assert read(item).serialize() == item


def test_a_row_outside_the_index_is_read_in_the_same_way() -> None:
    one = execution()
    indexed, other = (to_item(one, 90, is_indexed=is_indexed) for is_indexed in (True, False))
    assert to_summary(other) == to_summary(indexed)
    assert to_attempt(other) == to_attempt(indexed)
    assert from_stream(other) == from_stream(indexed)


def test_every_field_of_a_summary_is_read() -> None:
    shown: dict[str, Any] = {}
    for each in ALL:
        shown |= to_summary({**to_item(each, 90), "erased": {"BOOL": True}})
    assert shown.keys() == Summary.__annotations__.keys()


def read(item: dict[str, dict[str, Any]]) -> ExecutionRow:
    """Return a row as it is read from the table."""
    return ExecutionRow.from_raw_data(item)


def test_default_values_are_not_stored() -> None:
    call = Call.from_message(MESSAGE._replace(event_type=None))
    response = Response(200, {}, b"", truncated=False, length=0)
    delivery = Delivery(call, 1, AT, 87, {}, response, None)
    item = to_item(Execution(generate_execution_id(AT), delivery, Trigger.EVENT, queue_message_id="msg_1"), 90)
    assert item.keys() == {
        "webhook_id",
        "executed_at",
        "message_id",
        "attempt",
        "duration_ms",
        "result",
        "body_bytes",
        "expires_at",
    }
    assert to_summary(item).keys() == Summary.__required_keys__ | {"response_body_bytes"}


@pytest.mark.parametrize("schema", ["Summary", "Execution"])
def test_openapi_has_the_same_fields(schema: str) -> None:
    described = DOCUMENT["components"]["schemas"][schema]
    assert set(described["required"]) == Summary.__required_keys__
    assert described["properties"].keys() >= Summary.__annotations__.keys()


@given(message_id=IDS, accepted=IDS, task=st.just("") | IDS)
def test_the_ids_of_an_attempt_are_read_back(message_id: str, accepted: str, task: str) -> None:
    first = Delivery.skip(Call.from_message(MESSAGE._replace(message_id=message_id)), 2 if task else 1, AT)
    item = to_item(execution(delivery=first, queue_message_id=accepted, task_id=task), 90)
    attempt = to_attempt(item)
    assert (attempt.queue_message_id, attempt.task_id) == (accepted, task)
    assert get_queue_message_id(read(item)) == accepted


def test_a_rows_error_is_shown_without_details() -> None:
    assert get_error(to_item(execution(details_not_stored=False), 90)) is None
    assert get_error(to_item(execution(), 90)) == {
        "type": "connection_refused",
        "message": ErrorType.CONNECTION_REFUSED.message,
    }


def test_a_row_of_an_earlier_release_is_read() -> None:
    row: dict[str, dict[str, Any]] = {
        "webhook_id": {"S": "acme.orders"},
        "executed_at": {"S": "20261123T173600.123456Z-9f3a2c1d"},
        "failed_at": {"S": "20261123T173600.123456Z-9f3a2c1d"},
        "message_id": {"S": "msg_1"},
        "attempt": {"N": "2"},
        "trigger": {"S": "retry"},
        "duration_ms": {"N": "87"},
        "result": {"N": "0"},
        "hard_error": {"BOOL": True},
        "queue_message_id": {"S": "q2"},
        "unkept": {"BOOL": True},
        "exhausted": {"BOOL": True},
        "error_type": {"S": "dns_failure"},
        "error_message": {"S": "The receiver's host name could not be resolved."},
        "expires_at": {"N": "4000000000"},
    }
    old = ExecutionRow.from_raw_data(row)
    assert (old.details_not_stored, get_queue_message_id(old), get_error(row)) == (
        True,
        "",
        {"type": "dns_failure", "message": "The receiver's host name could not be resolved."},
    )
    assert to_summary(row) == {
        "execution_id": "20261123T173600.123456Z-9f3a2c1d",
        "webhook_id": "acme.orders",
        "message_id": "msg_1",
        "attempt": 2,
        "trigger": "retry",
        "executed_at": "2026-11-23T17:36:00.123456Z",
        "duration_ms": 87,
        "result": 0,
        "success": False,
        "hard_error": True,
        "error_type": "dns_failure",
        "exhausted": True,
    }
    attempt = to_attempt(row)
    assert (attempt.requested_by, attempt.queue_message_id, attempt.is_of("any")) == ("q2", "", True)
