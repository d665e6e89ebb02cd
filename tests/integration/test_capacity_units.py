"""Tests of the capacity units in docs/cost.md.

They compare them with dynalite's counts of the handlers' requests. Runs with `make test-dynamodb`, because moto counts
no units. dynalite does not count writes to indexes.
"""

import base64
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import pytest

from benchmarks.counting import Request, Tally, count_units, measure_size
from hooklog.delivery.delivery import Response
from hooklog.executions.execution import Trigger
from hooklog.executions.history import MAX_READ
from hooklog.executions.log import Retention, build_summary_put
from hooklog.messages.call import Call
from tests import dynalite
from tests.aws import MockAws
from tests.events import api_event, sqs_event
from tests.history import MESSAGE, execution, record
from tests.proxy import AwsRequest, AwsResponse, Proxy
from tests.receiver import Receiver

pytestmark = pytest.mark.skipif(
    not dynalite.IS_WANTED, reason="moto counts no capacity units: `make test-dynamodb` has a DynamoDB that does"
)

READS: Final = frozenset({"GetItem", "Query", "BatchGetItem"})
CONTEXT: Final = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 60_000)
PAGE: Final = 50
WEBHOOK: Final = "acme.orders"
LONG: Final = "w" * 128


class Meter(Proxy):
    """Requests and counts the consumed capacity of each DynamoDB call."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.reset()

    def reset(self) -> None:
        self.requests: list[Request] = []
        self.read_units = 0.0
        self.write_units: Counter[str] = Counter()
        """By table."""

    def respond(self, asked: AwsRequest) -> AwsResponse:
        wanted = json.loads(asked.body)
        body = json.dumps({**wanted, "ReturnConsumedCapacity": "INDEXES"}).encode()
        answer = self.forward(replace(asked, body=body))
        answered = json.loads(answer.body)
        self.requests.append(Request(asked.operation, wanted, answered))
        consumed = answered.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            self._count(asked.operation, each)
        return answer

    def _count(self, operation: str, consumed: dict[str, Any]) -> None:
        if operation in READS:
            self.read_units += consumed["CapacityUnits"]
            return
        self.write_units[consumed["TableName"]] += consumed["Table"]["CapacityUnits"]

    def modelled(self) -> Tally:
        """Count the units of the same requests with benchmarks/counting.py."""
        tally = Tally()
        for request in self.requests:
            tally.add(request)
        return tally


@pytest.fixture
def meter(aws: MockAws, aws_endpoint: str) -> Iterator[Meter]:
    """A meter between the handlers and DynamoDB."""
    with Meter(aws_endpoint) as meter, patch.dict(os.environ, AWS_ENDPOINT_URL_DYNAMODB=meter.url):
        yield meter


Send = Callable[..., None]


@pytest.fixture
def send(aws: MockAws, meter: Meter, receiver: Receiver) -> Send:
    """Send one message per status code of the response. The meter counts the last batch."""
    receiver.reset()
    app = aws.start("SendWebhooksFunction", ALLOW_HTTP="true", RETRY_SCHEDULE="5")

    def send(*codes: int, **fields: object) -> None:
        messages = [
            {
                "webhook_id": WEBHOOK,
                "message_id": f"order-{number}",
                "event_type": "order.created",
                "url": receiver.url(f"/status/{code}"),
                "payload": {"order": 1742},
                **fields,
            }
            for number, code in enumerate(codes)
        ]
        for start in range(0, len(messages), 10):
            meter.reset()
            answer = app.lambda_handler(sqs_event(*messages[start : start + 10]), CONTEXT)
            assert answer == {"batchItemFailures": []}, answer

    return send


def call_api(aws: MockAws, meter: Meter, handler: str, path: dict[str, str], **others: Any) -> Any:
    """Return the API's response; the meter counts its units."""
    app = aws.endpoint(handler)
    meter.reset()
    answer = app.lambda_handler(api_event(path, **others), None)
    assert answer["statusCode"] in (200, 204), answer
    return json.loads(answer["body"] or "null")


def incompressible(kilobytes: int) -> str:
    """Return a text of this many KB that gzip compresses to about three quarters."""
    return base64.b64encode(random.Random(1742).randbytes(768 * kilobytes)).decode()


def details_units(aws: MockAws) -> int:
    """Return the write units of the only execution's details: one per started KB."""
    (row,) = aws.rows("ExecutionDetails")
    return count_units(measure_size(plain(row)), 1024)


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row in its wire format: bytes in base64."""
    content = {"B": base64.b64encode(row["content"]["B"]).decode()}
    return {**row, "content": content}


IDS: Final = {"webhook_id": LONG, "message_id": LONG}


@pytest.mark.parametrize(
    ("codes", "fields", "status", "expected"),
    [
        pytest.param([200] * 51, {}, None, 1.5, id="successes"),
        pytest.param([500] * 51, {}, None, 2, id="failures"),
        pytest.param([500] * 51, {}, "failure", 2, id="only failures"),
        pytest.param([200, 500] * 51, {}, None, 2, id="both"),
        pytest.param([200, 500] * 51, {}, "success", 4, id="successes among as many failures"),
        pytest.param([200] * 51, IDS, None, 3, id="successes with ids of 128 characters"),
        pytest.param([500] * 51, IDS, None, 3.5, id="failures with ids of 128 characters"),
        pytest.param([500] * 51, {**IDS, "event_type": LONG}, None, 4.5, id="and an event type of 128"),
    ],
)
def test_a_page_of_50_costs_what_is_documented(
    aws: MockAws,
    meter: Meter,
    send: Send,
    codes: list[int],
    fields: dict[str, str],
    status: str | None,
    expected: float,
) -> None:
    send(*codes, **fields)
    parameters = {"limit": str(PAGE), **({"status": status} if status else {})}
    path = {"webhook_id": fields.get("webhook_id", WEBHOOK)}
    page = call_api(aws, meter, "list_executions", path, parameters=parameters)
    assert len(page["executions"]) == PAGE
    assert meter.read_units == expected
    if status != "success":  # the model cannot see what a filter dropped
        assert meter.modelled().read_units == expected


@pytest.mark.parametrize(
    ("fields", "code", "expected"),
    [
        pytest.param({}, 200, 25, id="successes"),
        pytest.param({}, 500, 32, id="failures"),
        pytest.param({**IDS, "event_type": LONG}, 500, 74, id="failures with ids and event types of 128 characters"),
    ],
)
def test_a_filtered_page_costs_at_most_what_is_documented(
    aws: MockAws, meter: Meter, fields: dict[str, Any], code: int, expected: float
) -> None:
    names = {"webhook_id": WEBHOOK, "message_id": "order-1742", "event_type": "order.created", **fields}
    message = MESSAGE._replace(**names)
    response = Response(code, {}, b"", truncated=False, length=0)
    for start in range(0, MAX_READ + 25, 25):
        delivery = execution(start).delivery._replace(call=Call.from_message(message), response=response)
        items: Any = [
            {"PutRequest": {"Item": dict(build_summary_put(record(delivery, Trigger.RETRY), Retention(90, 30)).item)}}
            for _ in range(25)
        ]
        aws.dynamodb.batch_write_item(RequestItems={aws.refs["Executions"]: items})
    path = {"webhook_id": names["webhook_id"]}
    page = call_api(aws, meter, "list_executions", path, parameters={"event_type": "order.paid"})
    assert (page["executions"], page["next_cursor"] is None) == ([], False)
    assert meter.read_units == expected


@pytest.mark.parametrize(
    ("code", "kilobytes", "expected"),
    [(200, 0, {"Executions": 1}), (200, 300, {"Executions": 1}), (500, 0, {"Executions": 1, "ExecutionDetails": 1})],
)
def test_an_execution_costs_what_is_documented(
    meter: Meter, send: Send, code: int, kilobytes: int, expected: dict[str, int]
) -> None:
    send(code, payload=incompressible(kilobytes))
    assert meter.write_units == expected
    assert tables_of(meter.modelled()) == expected


@pytest.mark.parametrize(("kilobytes", "expected"), [(1, 2), (300, 228)])
def test_a_failure_costs_a_unit_for_each_kilobyte_of_its_details(
    aws: MockAws, meter: Meter, send: Send, kilobytes: int, expected: int
) -> None:
    send(500, payload=incompressible(kilobytes))
    assert meter.write_units == tables_of(meter.modelled()) == {"Executions": 1, "ExecutionDetails": expected}
    assert details_units(aws) == expected


def tables_of(tally: Tally) -> Counter[str]:
    return Counter({place: count for place, count in tally.write_units.items() if "/" not in place})


def test_reading_and_erasing_a_large_failure_cost_what_is_documented(aws: MockAws, meter: Meter, send: Send) -> None:
    """Compare the cost of viewing and erasing.

    Viewing reads details at half the price of erasing, which reads consistently, including its own mark.
    """
    send(500, payload=incompressible(300))
    written = details_units(aws)
    (row,) = aws.rows("Executions")
    path = {"webhook_id": WEBHOOK, "execution_id": row["executed_at"]["S"]}
    view = call_api(aws, meter, "get_execution", path)
    assert view["result"] == 500
    assert meter.read_units == meter.modelled().read_units == 1.5 + 0.5 * -(-written // 4) == 30
    call_api(aws, meter, "erase_execution_details", path, scope="webhooks:manage")
    assert meter.write_units == {"ExecutionDetails": written + 1, "Executions": 1}
    assert meter.read_units == 0.5 + -(-(written + 1) // 4) == 58.5
    call_api(aws, meter, "get_execution", path)
    assert meter.read_units == 2


def test_each_part_of_details_is_read_once(aws: MockAws, meter: Meter, send: Send) -> None:
    send(500, payload=incompressible(700))
    rows = sorted(aws.rows("ExecutionDetails"), key=lambda row: str(row["executed_at"]["S"]))
    first, second = (measure_size(plain(row)) for row in rows)
    call_api(aws, meter, "get_execution", {"webhook_id": WEBHOOK, "execution_id": rows[0]["executed_at"]["S"]})
    assert meter.read_units == 1.5 + 0.5 * (count_units(first, 4096) + count_units(second, 4096))


def test_one_execution_and_one_message_cost_what_is_documented(aws: MockAws, meter: Meter, send: Send) -> None:
    send(500)
    message = call_api(aws, meter, "list_message_executions", {"message_id": "order-0"})
    assert meter.read_units == 1
    path = {"webhook_id": WEBHOOK, "execution_id": message["executions"][0]["execution_id"]}
    call_api(aws, meter, "get_execution", path)
    assert meter.read_units == meter.modelled().read_units == 2
