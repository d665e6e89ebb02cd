"""AWS as it is called: stands between the functions and the local AWS, and notes their calls as IAM would see them.

A function is known by its `AWS_SDK_UA_APP_ID`, which the SDK writes into each call's User-Agent.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl

import botocore.session
import requests

ACCOUNT: Final = "000000000000"

_APP = re.compile(r"\bapp/(\w+)")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_NOT_FORWARDED = frozenset({"host", "connection", "content-length", "accept-encoding", "expect"})
_KEPT = ("content-type", "x-amz")
_TRANSACTED = {"Get": "GetItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}

Body = Mapping[str, Any]
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """What IAM would be asked: may this be done with that?"""

    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the SDK's to AWS."""

    service: str
    region: str
    operation: str
    parameters: Mapping[str, str]
    """Those of the path."""
    body: Body

    def arn(self, resource: str) -> str:
        return f"arn:aws:{self.service}:{self.region}:{ACCOUNT}:{resource}"


def calls(request: Request) -> set[Call]:
    """What IAM would be asked for this request. Of a service that is not known here, the resource is `unknown`."""
    found = _CALLS.get(request.service, _unknown)(request)
    return {Call(f"{request.service}:{operation}", resource) for operation, resource in found} | _passed(request)


def _dynamodb(request: Request) -> Iterator[tuple[str, str]]:
    for item in request.body.get("TransactItems", []):
        for kind, one in item.items():
            yield _TRANSACTED.get(kind, "ConditionCheckItem"), request.arn(f"table/{one['TableName']}")
    for table in request.body.get("RequestItems", {}):
        yield request.operation, request.arn(f"table/{table}")
    if table := request.body.get("TableName"):
        index = request.body.get("IndexName")
        yield request.operation, request.arn(f"table/{table}" + (f"/index/{index}" if index else ""))


def _sqs(request: Request) -> Iterator[tuple[str, str]]:
    yield request.operation.removesuffix("Batch"), request.arn(request.body["QueueUrl"].rpartition("/")[2])


def _secretsmanager(request: Request) -> Iterator[tuple[str, str]]:
    yield request.operation, request.body["SecretId"]


def _scheduler(request: Request) -> Iterator[tuple[str, str]]:
    group = request.body.get("GroupName", "default")
    yield request.operation, request.arn(f"schedule/{group}/{request.parameters['Name']}")


def _kms(request: Request) -> Iterator[tuple[str, str]]:
    key = request.body["KeyId"]
    yield request.operation, key if key.startswith("arn:") else request.arn(f"key/{key}")


def _sns(request: Request) -> Iterator[tuple[str, str]]:
    yield request.operation, request.body["TopicArn"]


def _unknown(request: Request) -> Iterator[tuple[str, str]]:
    yield request.operation, "unknown"


_CALLS: dict[str, Callable[[Request], Iterator[tuple[str, str]]]] = {
    "dynamodb": _dynamodb,
    "kms": _kms,
    "scheduler": _scheduler,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "sqs": _sqs,
}


def _passed(request: Request) -> set[Call]:
    """The role that a call hands to another service."""
    role = request.body.get("Target", {}).get("RoleArn") if request.service == "scheduler" else None
    return {Call("iam:PassRole", role)} if role else set()


class RecordingAws:
    """Forwards to `endpoint`, but for the writes to DynamoDB that it is told to refuse."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._refused = "", b""
        self._lock = threading.Lock()
        self._calls: defaultdict[str, set[Call]] = defaultdict(set)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, name="recording-aws")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def of(self, function: str) -> frozenset[Call]:
        with self._lock:
            return frozenset(self._calls[function])

    def refuse_writes(self, function: str, text: str) -> None:
        """Let this function's writes to DynamoDB fail if they hold this text."""
        self._refused = function, text.encode()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        app, scope = _APP.search(headers["User-Agent"]), _SCOPE.search(headers["Authorization"])
        assert app, f"without AWS_SDK_UA_APP_ID: {headers['User-Agent']}"
        assert scope, headers["Authorization"]
        function, request = app[1], _request(scope, method, path, headers, body)
        with self._lock:
            self._calls[function] |= calls(request)
        refused, text = self._refused
        if request.operation == "BatchWriteItem" and function == refused and text in body:
            return 500, {"Content-Type": "application/x-amz-json-1.0"}, b'{"__type": "InternalServerError"}'
        return self._forward(method, path, headers, body)

    def _forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = {name: value for name, value in headers.items() if name.lower() not in _NOT_FORWARDED}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, f"{self._endpoint}{path}", data=body, headers=sent, timeout=30)
        kept = {name: value for name, value in answer.headers.items() if name.lower().startswith(_KEPT)}
        return answer.status_code, kept, answer.content

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = aws.answer(self.command, self.path, dict(self.headers.items()), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - the base class says so

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class says so
                """Nothing."""

        return Handler


def _request(scope: re.Match[str], method: str, path: str, headers: Mapping[str, str], body: bytes) -> Request:
    """The operation: in a header or a form, or of a method and a path, which the SDK's model knows."""
    service, region = scope["service"], scope["region"]
    if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body.decode()))
        return Request(service, region, form["Action"], {}, form)
    content = json.loads(body or b"{}")
    if target := headers.get("X-Amz-Target"):
        return Request(service, region, target.rpartition(".")[2], {}, content)
    model = botocore.session.get_session().get_service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(http["requestUri"]))
        if http["method"] == method and (match := re.fullmatch(pattern, path.partition("?")[0])):
            return Request(service, region, name, match.groupdict(), content)
    raise AssertionError(f"no operation of {service} is {method} {path}")
