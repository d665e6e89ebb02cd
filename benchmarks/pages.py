"""The cost of a page of the history.

It must not grow with the history or its bodies. The handler reads tables built from template.yaml in a mock DynamoDB.
The cost is what the client sees: requests, items that DynamoDB read (`ScannedCount`) and bytes of its responses.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from typing import Any, Final
from unittest.mock import patch

from benchmarks.figures import Figure, compare
from benchmarks.history import WEBHOOK, History
from hooklog import aws
from tests.aws import Endpoint, mock_aws
from tests.events import api_event
from tests.moto_server import moto_server

SIZES: Final = (100, 10_000, 100_000)
BODIES: Final = {"1 KB": 1_000, "300 KB": 300_000}
QUERIES: Final[dict[str, dict[str, str]]] = {"all": {}, "failures": {"status": "failure"}}
PAGE: Final = 50

MOCK_SECONDS: Final = 60
"""The mock sorts the whole table for each query; with the deployed read timeout, a second request would follow."""


@dataclass(slots=True)
class Cost:
    """The cost of reading one page."""

    requests: int = 0
    items: int = 0
    bytes: int = 0

    def add(self, response_dict: dict[str, Any], **_: Any) -> None:
        """Count one response of DynamoDB, in botocore's form before parsing."""
        self.requests += 1
        self.items += json.loads(response_dict["body"])["ScannedCount"]
        self.bytes += len(response_dict["body"])


RECORDED: Final = {
    "all": Cost(requests=1, items=51, bytes=15_786),
    "failures": Cost(requests=1, items=51, bytes=19_922),
}
"""The cost of each query, at every size."""

Costs = dict[tuple[str, str], list[Cost]]
"""The costs by query and body size, in the order of SIZES."""


def measure() -> Iterator[Figure]:
    """Compare each page's cost with the recorded one, and each query's largest with its smallest."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    costs: Costs = {(query, body): [] for query in QUERIES for body in BODIES}
    for body, size in BODIES.items():
        for executions, query, cost in _measure_pages(size):
            costs[query, body].append(cost)
            for unit, value in asdict(cost).items():
                recorded = getattr(RECORDED[query], unit)
                yield compare(f"pages: {query}, {executions:,} of {body}", value, recorded, unit)
    yield Figure("pages: largest cost / smallest cost", _largest_ratio(costs), at_most=1.0)


def _measure_pages(body_size: int) -> Iterator[tuple[int, str, Cost]]:
    with moto_server() as endpoint:
        mock = mock_aws(endpoint)
        history = History(mock, body_size)
        history.check_direct_writes()
        with patch.object(aws, "DYNAMODB", aws.DYNAMODB._replace(read_seconds=MOCK_SECONDS)):
            listing = mock.endpoint("list_executions")
        for executions in SIZES:
            history.grow(executions)
            for query, parameters in QUERIES.items():
                yield executions, query, _read(listing, parameters)


def _read(listing: Endpoint, parameters: dict[str, str]) -> Cost:
    cost = Cost()
    events = listing.app.connection.client.meta.events
    events.register("before-parse.dynamodb", cost.add)
    answer = listing.lambda_handler(api_event({"webhook_id": WEBHOOK}, {"limit": str(PAGE), **parameters}), None)
    events.unregister("before-parse.dynamodb", cost.add)
    page = json.loads(answer["body"])
    assert len(page["executions"]) == PAGE, page
    assert page["next_cursor"], page
    return cost


def _largest_ratio(costs: Costs) -> float:
    """Return the largest ratio between the costs of a query.

    It is 1 if each query costs the same at every size of the bodies and of the history.
    """
    spreads: list[float] = []
    for query in QUERIES:
        of_query = [astuple(cost) for (kind, _), several in costs.items() if kind == query for cost in several]
        spreads += [max(values) / min(values) for values in zip(*of_query, strict=True)]
    return max(spreads)
