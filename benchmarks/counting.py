"""Counters of what AWS would bill: requests to a mock AWS, and log lines."""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests import template

ITEM_OVERHEAD_BYTES: Final = 100
"""DynamoDB bills this in addition to each stored item and index entry."""
LOG_EVENT_BYTES: Final = 26
"""CloudWatch Logs bills this in addition to each line."""
SQS_CHUNK_BYTES: Final = 65_536
"""SQS bills a request once per started chunk."""

Item = Mapping[str, Mapping[str, Any]]
"""In DynamoDB's JSON: `{"attempt": {"N": "1"}}`."""
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request to AWS, and its response."""

    operation: str
    asked: Document
    answered: Document


@dataclass(slots=True)
class Tally:
    """What a batch used, in the units of AWS's price lists."""

    sqs_requests: int = 0
    schedules: int = 0
    decrypts: int = 0
    read_units: float = 0
    write_units: Counter[str] = field(default_factory=Counter)
    """By table, or `Table/index`."""
    kept_bytes: Counter[str] = field(default_factory=Counter)
    """Bytes stored by those writes, by the same keys."""

    def add(self, request: Request) -> None:
        """Count one request.

        Raises KeyError for an operation without a price, so that none is missed.
        """
        _PRICED[request.operation](self, request)

    def _count_sqs(self, request: Request) -> None:
        entries = request.asked.get("Entries", [request.asked])
        size = sum(len(entry["MessageBody"].encode()) for entry in entries)
        self.sqs_requests += -(-size // SQS_CHUNK_BYTES)

    def _count_schedule(self, _: Request) -> None:
        self.schedules += 1

    def _count_decrypt(self, _: Request) -> None:
        self.decrypts += 1

    def _count_get(self, request: Request) -> None:
        self._count_read(
            measure_size(request.answered.get("Item", {})), consistent=request.asked.get("ConsistentRead", False)
        )

    def _count_query(self, request: Request) -> None:
        size = sum(map(measure_size, request.answered["Items"]))
        self._count_read(size, consistent=request.asked.get("ConsistentRead", False))

    def _count_batch_get(self, request: Request) -> None:
        """Count each item that was asked for: a missing one, too, and one below 4 KB like 4 KB."""
        for table, asked in request.asked["RequestItems"].items():
            found = request.answered["Responses"].get(table, [])
            for item in [*found, *[{}] * (len(asked["Keys"]) - len(found))]:
                self._count_read(measure_size(item), consistent=asked.get("ConsistentRead", False))

    def _count_read(self, size: int, *, consistent: bool) -> None:
        self.read_units += count_units(size, 4096) * (1 if consistent else 0.5)

    def _count_write(self, request: Request) -> None:
        assert not request.answered["UnprocessedItems"], "the mock accepts every item"
        for table, puts in request.asked["RequestItems"].items():
            for put in puts:
                for place, entry in list_entries(table, put["PutRequest"]["Item"]):
                    self.write_units[place] += count_units(measure_size(entry), 1024)
                    self.kept_bytes[place] += measure_size(entry) + ITEM_OVERHEAD_BYTES

    def _count_update(self, request: Request) -> None:
        """Count the whole updated item, and its copies in indexes.

        Only indexes that project every attribute count.
        """
        table, item = request.asked["TableName"], request.answered.get("Attributes", {})
        for place, entry in list_entries(table, item):
            if entry == item:
                self.write_units[place] += count_units(measure_size(entry), 1024)


_PRICED: Final[dict[str, Callable[[Tally, Request], None]]] = {
    "SendMessage": Tally._count_sqs,
    "SendMessageBatch": Tally._count_sqs,
    "BatchWriteItem": Tally._count_write,
    "UpdateItem": Tally._count_update,
    "GetItem": Tally._count_get,
    "BatchGetItem": Tally._count_batch_get,
    "Query": Tally._count_query,
    "CreateSchedule": Tally._count_schedule,
    "Decrypt": Tally._count_decrypt,
}


def count_log_bytes(lines: Iterable[str]) -> int:
    """Return the bytes that CloudWatch Logs bills for these lines."""
    return sum(len(line.encode()) + LOG_EVENT_BYTES for line in lines)


def count_units(size: int, unit: int) -> int:
    """Round up to units; at least one, even if nothing is found."""
    return max(-(-size // unit), 1)


def list_entries(table: str, item: Item) -> Iterator[tuple[str, Item]]:
    """Yield the item, and its copy in each index of the template whose keys it has."""
    yield table, item
    properties = template.resources("AWS::DynamoDB::Table")[table]
    table_keys = {key["AttributeName"] for key in properties["KeySchema"]}
    for index in properties.get("GlobalSecondaryIndexes", []):
        index_keys = {key["AttributeName"] for key in index["KeySchema"]}
        if index_keys <= item.keys():
            projection = index["Projection"]
            kept = table_keys | index_keys | set(projection.get("NonKeyAttributes", ()))
            whole = projection["ProjectionType"] == "ALL"
            yield f"{table}/{index['IndexName']}", {n: value for n, value in item.items() if whole or n in kept}


def measure_size(item: Item) -> int:
    """Return an item's size in bytes by DynamoDB's rules: names and values."""
    return sum(len(name.encode()) + _size(*next(iter(value.items()))) for name, value in item.items())


def _size(kind: str, value: Any) -> int:
    match kind:
        case "S":
            return len(str(value).encode())
        case "N":
            digits = str(value).strip("-").replace(".", "").strip("0")
            return (len(digits) + 1) // 2 + 1  # one byte per two digits, plus one
        case "B":
            padding = str(value)[-2:].count("=")
            return len(value) * 3 // 4 - padding
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"no size rule for type {kind}")


class CountedAws:
    """A mock AWS at `endpoint` that records its requests."""

    def __init__(self) -> None:
        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self.endpoint = ""

    def take(self) -> list[Request]:
        """Return the requests since the last call."""
        with self._lock:
            taken, self._requests = self._requests, []
        return taken

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(asked)
        answered = b"".join(self._app(environ, start_response))
        with self._lock:
            self._requests.append(Request(_operation(environ), _document(asked), _document(answered)))
        return [answered]


def _operation(environ: Mapping[str, Any]) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if environ["PATH_INFO"].startswith("/schedules/"):
        return "CreateSchedule"
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def _document(body: bytes) -> Document:
    return cast("Document", json.loads(body)) if body.startswith(b"{") else {}


@contextmanager
def run_counted_aws() -> Iterator[CountedAws]:
    """Run a mock AWS on a free port."""
    aws = CountedAws()
    server = make_server("127.0.0.1", 0, aws, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    aws.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
