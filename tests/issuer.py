"""An OIDC issuer on 127.0.0.1: keys, a JWKS to fetch them from, and tokens."""

import json
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

URL = "https://issuer.example/"
AUDIENCE = "https://hooklog.example/api"
ELSEWHERE = "/elsewhere.json"
"""The target of its redirects, which serves the keys."""


def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the key of this name and size.

    Keys are cached because generating one is slow.
    """
    return _rsa_key(name, bits)


@cache
def _rsa_key(_name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def rsa_jwk(key_id: str, bits: int = 2048, **members: Any) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(rsa_key(key_id, bits).public_key(), as_dict=True), "kid": key_id, **members}


def ec_jwk(key_id: str, **members: Any) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(ec_key(key_id).public_key(), as_dict=True), "kid": key_id, **members}


def mint(key: Any, algorithm: str, kid: str | None = None, **claims: Any) -> str:
    """Mint a token for this issuer and audience. A claim that is None is omitted."""
    claims = {
        "iss": URL,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 300,
        "jti": str(time.time_ns()),
        "webhooks": ["acme.*"],
        "scope": "openid executions:read",
        **claims,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm, headers={"kid": kid} if kid else None)


@dataclass
class Issuer:
    """An issuer whose response a test can change; `fetched` counts requests."""

    body: bytes = b""
    status: int = 200
    fetched: int = 0
    server: ThreadingHTTPServer = field(init=False)

    def publish(self, *keys: Any) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    @property
    def jwks_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    @property
    def environment(self) -> dict[str, str]:
        """The authorizer's settings for this issuer."""
        return {"OIDC_ISSUER": URL, "OIDC_JWKS_URL": self.jwks_url, "OIDC_AUDIENCE": AUDIENCE}

    def __enter__(self) -> Self:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                self.send_response(200 if self.path == ELSEWHERE else issuer.status)
                self.send_header("Location", ELSEWHERE)
                self.send_header("Content-Length", str(len(issuer.body)))
                self.end_headers()
                self.wfile.write(issuer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
                pass

        return Handler
