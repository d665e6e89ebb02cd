"""moto as a server, faster than it comes."""

import base64
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import botocore.session
import botocore.useragent
import moto.core.responses
import moto.sqs.models
import pynamodb.connection.base
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import ClientCreator
from botocore.compat import HTTPHeaders
from botocore.hooks import EventAliaser
from botocore.httpsession import URLLib3Session
from botocore.loaders import JSONFileLoader, Loader
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer
from werkzeug.exceptions import HTTPException

import hooklog.aws
from tests import dynalite

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def moto_server() -> Iterator[str]:
    """Run a mock AWS on its own port, with its address in AWS_ENDPOINT_URL.

    Functions share what takes longer to make than most tests: botocore's service models and list of services, the
    classes of its clients, and the session for DynamoDB with its credentials. Each has its own clients, as on AWS.
    For each message that it returns, moto's SQS reads the time for every message of the queue: its clock is a fast one.
    What botocore and moto derive from a name, they derive once: an event's other name, the parts of the User-Agent, the
    methods of a class, the Python name of an attribute.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    load_once = staticmethod(cache(JSONFileLoader().load_file))
    list_once = staticmethod(cache(Loader().list_available_services))
    other_services = SimpleNamespace(session=SimpleNamespace(get_session=_shared_session))
    session = botocore.session.get_session()
    session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with ExitStack() as stack:
        stack.callback(server.stop)
        if dynalite.IS_WANTED:
            endpoint = stack.enter_context(dynalite.Router(endpoint, stack.enter_context(dynalite.dynalite()))).url
        environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}
        with (
            patch.dict(os.environ, environment),
            patch.object(hooklog.aws, "botocore", other_services),
            patch.object(JSONFileLoader, "load_file", load_once),
            patch.object(Loader, "list_available_services", list_once),
            patch.object(ClientCreator, "_create_client_class", _client_class),
            patch.object(moto.sqs.models, "unix_time_millis", lambda: time.time() * 1000),
            _cached(botocore.useragent, "sanitize_user_agent_string_component"),
            patch.object(EventAliaser, "_alias_event_name", _alias_once),
            _cached(moto.sqs.models, "camelcase_to_underscores"),
            _cached(moto.core.responses, "camelcase_to_underscores"),
            _cached(moto.core.responses, "method_names_from_class"),
            patch.object(pynamodb.connection.base, "get_session", lambda: session),
        ):
            yield endpoint


@contextmanager
def calls_in_process(endpoint: str) -> Iterator[None]:
    """Let the clients of this process call moto at this endpoint without a connection, which takes half of the time.

    Does nothing with dynalite, whose router is at this endpoint.
    """
    if dynalite.IS_WANTED:
        yield
        return
    send, stubber, one_write = URLLib3Session.send, BotocoreStubber(), Lock()

    def answer(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        url, scope = str(request.url), _SCOPE.search(str(request.headers.get("Authorization", "")))
        if not url.startswith(f"{endpoint}/") or not scope:
            return send(session, request)
        region, service = scope.groups()
        request.url = f"https://{service}.{region}.amazonaws.com{url.removeprefix(endpoint)}"
        with one_write if service == "dynamodb" else nullcontext():  # DynamoDB checks a condition and writes at once
            own = _call_dynamodb(request, region) if service == "dynamodb" else None
            response = own or stubber.process_request(request)
        assert response, request.url
        status, headers, body = response
        return AWSResponse(url, status, HTTPHeaders.from_dict(headers), MockRawResponse(body))

    with patch.object(URLLib3Session, "send", answer):
        yield


class _Operations(DynamoHandler):
    """moto's operations of DynamoDB with what they need of a request.

    Without moto's reading of a request and its writing of a response, both by the service's model, a call takes half of
    the time.
    """

    current_account = DEFAULT_ACCOUNT_ID

    def __init__(self, region: str, parameters: dict[str, Any]) -> None:
        super().__init__()
        self.region, self.params, self.body = region, parameters, parameters


_ITEM_OPERATIONS = ["PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"]
_METHODS: dict[bytes | str, str] = {
    f"DynamoDB_20120810.{operation}".encode(): camelcase_to_underscores(operation) for operation in _ITEM_OPERATIONS
}


def _call_dynamodb(request: AWSPreparedRequest, region: str) -> tuple[int, dict[str, str], str] | None:
    """Execute an operation on items.

    Return None for any other, and for a refused one: the caller repeats it through moto, which writes the error.
    """
    if not (method := _METHODS.get(request.headers["X-Amz-Target"])):
        return None
    parameters = json.loads(cast("bytes", request.body), object_hook=_decode_binary)
    try:
        result = getattr(_Operations(region, parameters), method)().result
    except (HTTPException, ServiceException):
        return None
    return 200, {}, json.dumps(result, default=lambda binary: base64.b64encode(binary).decode())


def _decode_binary(value: dict[str, Any]) -> dict[str, Any]:
    """Decode an attribute value if it is binary. No table has sets of binary values."""
    match value:
        case {"B": str(text)} if len(value) == 1:
            return {"B": base64.b64decode(text)}
    return value


_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/")
"""The region and the service of a signed request."""


def _cached(module: ModuleType, name: str) -> AbstractContextManager[object]:
    return patch.object(module, name, cache(getattr(module, name)))


@cache
def _shared_session() -> botocore.session.Session:
    """Return the session of all clients but DynamoDB's, which changes its own."""
    return botocore.session.get_session()


_alias_event_name = EventAliaser._alias_event_name  # type: ignore[attr-defined] # noqa: SLF001 - see moto_server
_aliases: dict[str, str] = {}


def _alias_once(aliaser: EventAliaser, event: str) -> str:
    """Return an event's other name, which is the same for all clients."""
    if event not in _aliases:
        _aliases[event] = _alias_event_name(aliaser, event)
    return _aliases[event]


_create_client_class = ClientCreator._create_client_class  # type: ignore[attr-defined] # noqa: SLF001 - see moto_server
_client_classes: dict[str, type] = {}


def _client_class(creator: ClientCreator, service: str, model: Any) -> type:
    """Create the class of a service's clients once."""
    if service not in _client_classes:
        _client_classes[service] = _create_client_class(creator, service, model)
    return _client_classes[service]
