"""Messages that the product enqueues itself: it can read what it writes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hooklog.errors import InvalidMessage
from hooklog.executions.execution import Trigger
from hooklog.messages.fields import parse_object
from hooklog.queues.retry_tasks import RetryTask

TASK = RetryTask(
    "acme.orders", "msg_1", "20261123T173600.123456Z-9f3a2c1d", Trigger.RETRY, skip_if_resent=True, postponements=3
)


def test_a_parsed_retry_equals_the_written_one() -> None:
    with_payload = TASK._replace(inline_payload="x", due=datetime(2026, 11, 23, 17, 36, tzinfo=UTC))
    resend = TASK._replace(queue_message_id="queue-1", request_id="resend_1")
    for task in (TASK, with_payload, resend):
        assert RetryTask.parse(parse_object(task.to_body())) == task


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("repeat_of", "x"),
        ("repeat_of", None),
        ("trigger", "event"),
        ("trigger", None),
        ("once", 1),
        ("deferrals", -1),
        ("deferrals", True),
        ("webhook_id", "a b"),
        ("message_id", None),
        ("carried", 1),
        ("due", "soon"),
        ("due", 1),
        ("request_id", "a b"),
    ],
)
def test_a_retry_with_a_field_out_of_range_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidMessage, match=field):
        RetryTask.parse({**parse_object(TASK.to_body()), field: value})
