"""A client of Secrets Manager that only reads secrets.

The authorizer calls no other service, and botocore would take most of its cold start. A call is one signed request.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic, sleep
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

from hooklog.authorities import make_tls_context
from hooklog.errors import SecretNotRead
from hooklog.version import USER_AGENT

STEP_SECONDS: Final = 1.5
"""The longest wait for an address to connect, for TLS, and for each part of a response."""

READ_SECONDS: Final = 3.0
"""After so long, no attempt of a read is started. API callers wait, the function may end after 5 s, and cached keys can
be used instead."""

PAUSE_SECONDS: Final = 0.1
"""Before the second attempt."""

ATTEMPTS: Final = 2

_SERVICE: Final = "secretsmanager"
_TARGET: Final = "secretsmanager.GetSecretValue"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TOO_MANY: Final = "ThrottlingException"


class Credentials(NamedTuple):
    """The credentials of the function's role."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class Response(NamedTuple):
    """The status and the document of a response."""

    status: int
    document: Mapping[str, Any]

    @property
    def code(self) -> str:
        """The error's code, without its namespace."""
        return str(self.document.get("__type") or f"status {self.status}").rpartition("#")[2]

    @property
    def is_temporary(self) -> bool:
        return self.status >= 500 or self.code == _TOO_MANY


class SecretsManager:
    """A client of Secrets Manager. Not thread-safe."""

    def __init__(self, endpoint: str, region: str, credentials: Credentials, ca_bundle: str | None = None) -> None:
        self._endpoint = urlsplit(endpoint)
        self._region = region
        self._credentials = credentials
        self._ca_bundle = ca_bundle
        self._connection: HTTPConnection | None = None
        self._deadline = 0.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Create it from the variables that AWS SDKs read, of which Lambda sets the region and the credentials."""
        region = environ.get("AWS_REGION") or environ["AWS_DEFAULT_REGION"]
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        endpoint = environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or environ.get("AWS_ENDPOINT_URL")
        credentials = Credentials(
            environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_SESSION_TOKEN")
        )
        default = f"https://{_SERVICE}.{region}.{domain}"
        return cls(endpoint or default, region, credentials, environ.get("AWS_CA_BUNDLE"))

    @contextmanager
    def connected(self) -> Iterator[Self]:
        """Keep a connection while the context is open, in which no attempt starts after READ_SECONDS."""
        self._deadline = monotonic() + READ_SECONDS
        try:
            yield self
        finally:
            self._close()

    def get_secret_value(self, secret_id: str, stage: str) -> Mapping[str, Any]:
        """Return the version of a secret that has this stage. Call it while `connected`.

        Raises SecretNotRead with the code of Secrets Manager's error, or the name of what failed before.
        """
        response = self._call({"SecretId": secret_id, "VersionStage": stage})
        if response.status != 200:
            raise SecretNotRead(response.code)
        return response.document

    def _call(self, parameters: Mapping[str, str]) -> Response:
        body = json.dumps(parameters).encode()
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1:
                sleep(PAUSE_SECONDS)
            try:
                response = self._send(body)
            except (OSError, HTTPException, ValueError) as error:
                self._close()
                if attempt == ATTEMPTS:
                    raise SecretNotRead(type(error).__name__) from error
            else:
                if attempt == ATTEMPTS or not response.is_temporary:
                    return response
        raise AssertionError("the last attempt returns or raises")

    def _send(self, body: bytes) -> Response:
        if monotonic() > self._deadline:
            raise TimeoutError
        self._connection = self._connection or self._make_connection()
        self._connection.request("POST", "/", body, self._sign(body, datetime.now(UTC)))
        response = self._connection.getresponse()
        return Response(response.status, json.loads(response.read()))

    def _make_connection(self) -> HTTPConnection:
        host, port = self._endpoint.hostname or "", self._endpoint.port
        if self._endpoint.scheme == "https":
            return HTTPSConnection(host, port, timeout=STEP_SECONDS, context=self._tls)
        return HTTPConnection(host, port, timeout=STEP_SECONDS)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return make_tls_context(self._ca_bundle)

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _sign(self, body: bytes, now: datetime) -> dict[str, str]:
        """Return the request's headers, with a signature of them and of the body."""
        time = f"{now:%Y%m%dT%H%M%SZ}"
        signed = {
            "content-type": "application/x-amz-json-1.1",
            "host": self._endpoint.netloc,
            "x-amz-date": time,
            **({"x-amz-security-token": token} if (token := self._credentials.session_token) else {}),
            "x-amz-target": _TARGET,
        }
        names, lines = ";".join(signed), "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = f"POST\n/\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{time[:8]}/{self._region}/{_SERVICE}/aws4_request"
        text = f"{_ALGORITHM}\n{time}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        key = f"AWS4{self._credentials.secret_access_key}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"{self._credentials.access_key_id}/{scope}"
        authorization = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
        headers = {**signed, "user-agent": USER_AGENT, "authorization": authorization}
        return {name.title(): value for name, value in headers.items()}
