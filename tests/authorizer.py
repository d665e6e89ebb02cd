"""Calls the authorizer as API Gateway does, and mints tokens as the backend does."""

import json
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jwt

from tests.template import ROOT

EVENT: dict[str, Any] = json.loads((ROOT / "events/authorize.json").read_text())


@dataclass
class Clock:
    """A clock that the test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def token(key: str, kid: str | None = None, **claims: Any) -> str:
    claims = {"exp": time.time() + 60, "webhooks": ["acme.*"], "scope": "executions:read", **claims}
    return jwt.encode(claims, key, "HS256", headers={"kid": kid} if kid else None)


def authorize(app: ModuleType, bearer: str) -> dict[str, Any]:
    policy: dict[str, Any] = app.lambda_handler({**EVENT, "authorizationToken": f"Bearer {bearer}"}, None)
    return policy


def accepts(app: ModuleType, bearer: str) -> bool:
    """Return whether a token is accepted.

    API Gateway returns 401 for an exception with exactly this text, and 500 for others.
    """
    try:
        authorize(app, bearer)
    except Exception as refusal:  # noqa: BLE001 - API Gateway sees only the text
        assert str(refusal) == "Unauthorized"  # noqa: PT017
        return False
    return True
