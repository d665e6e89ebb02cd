"""What AWS would bill for, counted at the wire: the requests that a handler makes of a mock AWS, and its log lines."""

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

KEPT_BESIDE_EACH_ITEM: Final = 100
"""Bytes that DynamoDB's storage price counts on top of each item and each index entry."""
LOG_EVENT_BYTES: Final = 26
"""What CloudWatch Logs counts on top of each line."""
SQS_CHUNK_BYTES: Final = 65_536
"""A request is billed once for each started chunk."""

Item = Mapping[str, Mapping[str, Any]]
"""As DynamoDB spells it: `{"attempt": {"N": "1"}}`."""
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of AWS, and its answer."""

    operation: str
    asked: Document
    answered: Document


@dataclass(slots=True)
class Tally:
    """What a batch took, in the units of the price lists."""

    sqs_requests: int = 0
    schedules: int = 0
    decrypts: int = 0
    read_units: float = 0
    write_units: Counter[str] = field(default_factory=Counter)
    """By table, or `Table/index`."""
    kept_bytes: Counter[str] = field(default_factory=Counter)
    """What those writes leave behind, likewise."""

    def add(self, request: Request) -> None:
        """Count one request. Raises KeyError for an operation that has no price here: nothing goes uncounted."""
        _PRICED[request.operation](self, request)

    def _sqs(self, request: Request) -> None:
        entries = request.asked.get("Entries", [request.asked])
        size = sum(len(entry["MessageBody"].encode()) for entry in entries)
        self.sqs_requests += -(-size // SQS_CHUNK_BYTES)

    def _schedule(self, _: Request) -> None:
        self.schedules += 1

    def _decrypt(self, _: Request) -> None:
        self.decrypts += 1

    def _get(self, request: Request) -> None:
        self._read(size_of(request.answered.get("Item", {})), consistent=request.asked.get("ConsistentRead", False))

    def _query(self, request: Request) -> None:
        size = sum(map(size_of, request.answered["Items"]))
        self._read(size, consistent=request.asked.get("ConsistentRead", False))

    def _read(self, size: int, *, consistent: bool) -> None:
        self.read_units += units(size, 4096) * (1 if consistent else 0.5)

    def _write(self, request: Request) -> None:
        assert not request.answered["UnprocessedItems"], "the mock refuses nothing"
        for table, puts in request.asked["RequestItems"].items():
            for put in puts:
                for place, entry in entries_of(table, put["PutRequest"]["Item"]):
                    self.write_units[place] += units(size_of(entry), 1024)
                    self.kept_bytes[place] += size_of(entry) + KEPT_BESIDE_EACH_ITEM

    def _update(self, request: Request) -> None:
        """Of the whole item, as it is afterwards, and of its copies in indexes that hold all of it."""
        table, item = request.asked["TableName"], request.answered.get("Attributes", {})
        for place, entry in entries_of(table, item):
            if entry == item:
                self.write_units[place] += units(size_of(entry), 1024)


_PRICED: Final[dict[str, Callable[[Tally, Request], None]]] = {
    "SendMessage": Tally._sqs,
    "SendMessageBatch": Tally._sqs,
    "BatchWriteItem": Tally._write,
    "UpdateItem": Tally._update,
    "GetItem": Tally._get,
    "Query": Tally._query,
    "CreateSchedule": Tally._schedule,
    "Decrypt": Tally._decrypt,
}


def log_bytes_of(lines: Iterable[str]) -> int:
    """What CloudWatch Logs bills for these lines."""
    return sum(len(line.encode()) + LOG_EVENT_BYTES for line in lines)


def units(size: int, unit: int) -> int:
    """Started units; one at least, also for what is not there."""
    return max(-(-size // unit), 1)


def entries_of(table: str, item: Item) -> Iterator[tuple[str, Item]]:
    """The item, and its copy in each index of the template that it has the keys of."""
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


def size_of(item: Item) -> int:
    """An item's size by DynamoDB's rules: its names, and its values."""
    return sum(len(name.encode()) + _size(*next(iter(value.items()))) for name, value in item.items())


def _size(kind: str, value: Any) -> int:
    match kind:
        case "S":
            return len(str(value).encode())
        case "N":
            digits = str(value).strip("-").replace(".", "").strip("0")
            return (len(digits) + 1) // 2 + 1  # a byte for two of them, and one more
        case "B":
            padding = str(value)[-2:].count("=")
            return len(value) * 3 // 4 - padding
        case "BOOL" | "NULL":
            return 1
    raise ValueError(f"no rule for the size of a {kind}")


class CountedAws:
    """A mock AWS at `endpoint` that keeps what it was asked."""

    def __init__(self) -> None:
        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self.endpoint = ""

    def take(self) -> list[Request]:
        """What came since the last call."""
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
def counted_aws() -> Iterator[CountedAws]:
    """A mock AWS on a port of its own, for as long as it runs."""
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
