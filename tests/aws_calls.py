"""A proxy for the local AWS that records calls as IAM would see them.

A function is identified by its `AWS_SDK_UA_APP_ID`, which the SDK writes into each call's User-Agent.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import botocore.session

from tests.proxy import JSON, AwsRequest, AwsResponse, Proxy

ACCOUNT: Final = "000000000000"

_APP = re.compile(r"\bapp/(\w+)")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_TRANSACTED = {"Get": "GetItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """An action on a resource, as IAM would authorize it."""

    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the SDK to AWS."""

    service: str
    region: str
    operation: str
    parameters: Mapping[str, str]
    """Parameters in the path."""
    body: Body

    def arn(self, resource: str) -> str:
        return f"arn:aws:{self.service}:{self.region}:{ACCOUNT}:{resource}"


def calls(request: Request) -> set[Call]:
    """Return the calls that IAM would authorize for a request.

    The resource of an unsupported service is `unknown`.
    """
    operations = _CALLS.get(request.service, _unknown)(request)
    return {Call(f"{request.service}:{operation}", resource) for operation, resource in operations} | _passed(request)


def _dynamodb(request: Request) -> Iterator[tuple[str, str]]:
    for item in request.body.get("TransactItems", []):
        for kind, action in item.items():
            yield _TRANSACTED.get(kind, "ConditionCheckItem"), request.arn(f"table/{action['TableName']}")
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
    yield request.operation.removesuffix("Batch"), request.body["TopicArn"]


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
    """Return the iam:PassRole call of a request that passes a role."""
    role = request.body.get("Target", {}).get("RoleArn") if request.service == "scheduler" else None
    return {Call("iam:PassRole", role)} if role else set()


class RecordingAws(Proxy):
    """A recording proxy that forwards requests to `endpoint`.

    It refuses the DynamoDB writes that `refuse_writes` selects, and the events that `refuse_events` selects.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self._refused: dict[str, bytes] = {}
        self._unpublished: set[bytes] = set()
        self._lock = threading.Lock()
        self._calls: defaultdict[str, set[Call]] = defaultdict(set)

    def of(self, function: str) -> frozenset[Call]:
        with self._lock:
            return frozenset(self._calls[function])

    def refuse_writes(self, function: str, text: str) -> None:
        """Refuse this function's writes to DynamoDB that contain this text."""
        self._refused[function] = text.encode()

    @contextmanager
    def refuse_events(self, text: str) -> Iterator[None]:
        """Refuse every publication to SNS that contains this text, within the context."""
        self._unpublished.add(text.encode())
        try:
            yield
        finally:
            self._unpublished.discard(text.encode())

    def respond(self, aws_request: AwsRequest) -> AwsResponse:
        app, scope = _APP.search(aws_request.headers["User-Agent"]), _SCOPE.search(aws_request.headers["Authorization"])
        assert app, f"without AWS_SDK_UA_APP_ID: {aws_request.headers['User-Agent']}"
        assert scope, aws_request.headers["Authorization"]
        function, request = app[1], _request(scope, aws_request)
        with self._lock:
            self._calls[function] |= calls(request)
        refused = self._refused.get(function)
        if request.operation == "BatchWriteItem" and refused and refused in aws_request.body:
            return AwsResponse(500, b'{"__type": "InternalServerError"}', JSON)
        if request.service == "sns" and any(text in aws_request.body for text in self._unpublished):
            return AwsResponse(500, b"", {})
        return self.forward(aws_request)


def _request(scope: re.Match[str], aws_request: AwsRequest) -> Request:
    """Find the operation of a request.

    It is in a header, in a form, or in the SDK's model for the method and path.
    """
    service, region = scope["service"], scope["region"]
    if aws_request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(aws_request.body.decode()))
        return Request(service, region, form["Action"], {}, form)
    content = json.loads(aws_request.body or b"{}")
    if aws_request.operation:
        return Request(service, region, aws_request.operation, {}, content)
    model = botocore.session.get_session().get_service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(http["requestUri"]))
        if http["method"] == aws_request.method and (
            match := re.fullmatch(pattern, aws_request.path.partition("?")[0])
        ):
            return Request(service, region, name, match.groupdict(), content)
    raise AssertionError(f"no operation of {service} is {aws_request.method} {aws_request.path}")
