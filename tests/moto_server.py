"""moto as a server, faster than it comes."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import botocore.session
import moto.core.responses
import moto.sqs.models
import pynamodb.connection.base
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import ClientCreator
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session
from botocore.loaders import JSONFileLoader, Loader
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.model import StructureShape
from moto.core.serialize import BaseJSONSerializer
from moto.server import ThreadedMotoServer

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
    moto looks up a class's methods and converts an attribute's name only once.
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
            patch.object(BaseJSONSerializer, "_serialize_type_structure", _serialize_structure),
            patch.object(hooklog.aws, "botocore", other_services),
            patch.object(JSONFileLoader, "load_file", load_once),
            patch.object(Loader, "list_available_services", list_once),
            patch.object(ClientCreator, "_create_client_class", _client_class),
            patch.object(moto.sqs.models, "unix_time_millis", lambda: time.time() * 1000),
            _cached(moto.sqs.models, "camelcase_to_underscores"),
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
            response = stubber.process_request(request)
        assert response, request.url
        status, headers, body = response
        return AWSResponse(url, status, HTTPHeaders.from_dict(headers), MockRawResponse(body))

    with patch.object(URLLib3Session, "send", answer):
        yield


_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/")
"""The region and the service of a signed request."""


def _cached(module: ModuleType, name: str) -> AbstractContextManager[object]:
    return patch.object(module, name, cache(getattr(module, name)))


@cache
def _shared_session() -> botocore.session.Session:
    """Return the session of all clients but DynamoDB's, which changes its own."""
    return botocore.session.get_session()


_serialize_members = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001 - see moto_server


def _serialize_structure(
    serializer: BaseJSONSerializer, serialized: Any, value: Any, shape: StructureShape, key: str
) -> None:
    """Serialize what an attribute value has; moto looks for each type that it could have, under three names."""
    if shape.name != "AttributeValue" or not isinstance(value, dict) or not key:
        _serialize_members(serializer, serialized, value, shape, key)
        return
    serialized[key] = {}
    for name in value:
        serializer._serialize_structure_member(serialized[key], value, shape.members[name], name)  # noqa: SLF001


_create_client_class = ClientCreator._create_client_class  # type: ignore[attr-defined] # noqa: SLF001 - see moto_server
_client_classes: dict[str, type] = {}


def _client_class(creator: ClientCreator, service: str, model: Any) -> type:
    """Create the class of a service's clients once."""
    if service not in _client_classes:
        _client_classes[service] = _create_client_class(creator, service, model)
    return _client_classes[service]
