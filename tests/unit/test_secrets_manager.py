"""The authorizer's client of Secrets Manager: its signature, its attempts and its errors."""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from hooklog.errors import SecretNotRead
from hooklog.secrets_manager import ATTEMPTS, READ_SECONDS, STEP_SECONDS, SecretsManager

FOUND = (200, {"VersionId": "1", "SecretString": "key"})
BUSY = (400, {"__type": "com.amazonaws.secretsmanager#ThrottlingException"})
ENVIRONMENT = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret/+"}
TOKEN = {"AWS_SESSION_TOKEN": "token/+="}


@dataclass
class Server:
    """A Secrets Manager that gives one response after another, and the last one again and again."""

    responses: list[tuple[int, Any]]
    requests: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    clients: set[Any] = field(default_factory=set)
    url: str = ""

    def client(self, **variables: str) -> SecretsManager:
        return SecretsManager.from_environment({**ENVIRONMENT, "AWS_ENDPOINT_URL": self.url, **variables})


def read(client: SecretsManager) -> Mapping[str, Any]:
    with client.connected() as secrets:
        return secrets.get_secret_value("id", "AWSCURRENT")


@pytest.fixture
def server() -> Iterator[Server]:
    secrets = Server([FOUND])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            secrets.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            secrets.clients.add(self.client_address)
            status, document = secrets.responses[0]
            secrets.responses = secrets.responses[1:] or secrets.responses
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Do not log requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        secrets.url = f"http://127.0.0.1:{running.server_port}"
        yield secrets
        running.shutdown()


@pytest.mark.parametrize("token", [{}, TOKEN], ids=["user", "role"])
def test_a_request_is_signed_as_by_botocore(server: Server, token: dict[str, str]) -> None:
    with server.client(**token).connected() as secrets:
        assert secrets.get_secret_value("arn:ü", "AWSCURRENT") == FOUND[1]
    ((headers, body),) = server.requests
    assert json.loads(body) == {"SecretId": "arn:ü", "VersionStage": "AWSCURRENT"}
    _, credential, names, signature = headers["authorization"].replace(",", "").split()
    assert credential == f"Credential=id/{headers['x-amz-date'][:8]}/eu-west-1/secretsmanager/aws4_request"
    signed = {name: headers[name] for name in names.removeprefix("SignedHeaders=").split(";")}
    assert set(signed) == {name for name in map(str.lower, headers) if name.startswith(("x-amz-", "host", "content-t"))}
    request = AWSRequest("POST", f"{server.url}/", headers=signed, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(BotocoreCredentials("id", "secret/+", *token.values()), "secretsmanager", "eu-west-1")
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert signature == f"Signature={expected}"


def test_reads_share_a_connection_while_it_is_kept(server: Server) -> None:
    client = server.client()
    for _ in range(2):
        with client.connected() as secrets:
            for stage in ("AWSCURRENT", "AWSPREVIOUS"):
                secrets.get_secret_value("id", stage)
    assert len(server.clients) == 2
    assert len(server.requests) == 4


def test_no_attempt_starts_after_the_time_of_a_read(server: Server) -> None:
    """Each of two stages has two attempts, of which a silent Secrets Manager lets only the first ones start."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = server.client(AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with client.connected() as secrets:
            for stage in ("AWSCURRENT", "AWSPREVIOUS"):
                with pytest.raises(SecretNotRead, match=r"^TimeoutError$"):
                    secrets.get_secret_value("id", stage)
        assert time.monotonic() - started < READ_SECONDS + 2 * STEP_SECONDS


@pytest.mark.parametrize("first", [BUSY, (503, {}), (200, b"<html>")])
def test_a_temporary_failure_is_tried_again(server: Server, first: tuple[int, Any]) -> None:
    server.responses = [first, FOUND]
    assert read(server.client()) == FOUND[1]


@pytest.mark.parametrize(
    ("response", "message", "attempts"),
    [
        ((400, {"__type": "ResourceNotFoundException"}), "ResourceNotFoundException", 1),
        ((400, {"__type": "com.amazonaws.secretsmanager#InvalidRequestException"}), "InvalidRequestException", 1),
        ((403, {}), "status 403", 1),
        (BUSY, "ThrottlingException", ATTEMPTS),
        ((500, {}), "status 500", ATTEMPTS),
        ((502, b"<html>"), "JSONDecodeError", ATTEMPTS),
    ],
)
def test_an_error_says_why(server: Server, response: tuple[int, Any], message: str, attempts: int) -> None:
    server.responses = [response]
    with pytest.raises(SecretNotRead, match=rf"^{message}$"):
        read(server.client())
    assert len(server.requests) == attempts


def test_an_unreachable_service_says_why(server: Server) -> None:
    unreachable = server.client(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    with pytest.raises(SecretNotRead, match=r"^ConnectionRefusedError$"):
        read(unreachable)


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "secretsmanager.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "us-gov-west-1"}, "secretsmanager.us-gov-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "secretsmanager.cn-north-1.amazonaws.com.cn"),
        (
            {"AWS_ENDPOINT_URL": "https://aws.test", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce.test"},
            "vpce.test",
        ),
    ],
)
def test_the_endpoint_is_of_the_region_unless_another_is_set(variables: dict[str, str], host: str) -> None:
    client = SecretsManager.from_environment({**ENVIRONMENT, **variables})
    assert client._make_connection().host == host  # noqa: SLF001 - without a connection to AWS
