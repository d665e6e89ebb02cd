"""The HTTP API, as a client sees it."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import requests

from cli.failure import CliFailure, ExitCode
from cli.moments import iso
from cli.stack import Stack
from hooklog.access.grants import Scope
from hooklog.webhooks.patterns import EVERY

_TOKEN_SECONDS: Final = 900
_RENEWED_SECONDS: Final = 60
_TIMEOUT: Final = (5, 35)
"""API Gateway gives up after 29 s."""

_EXECUTIONS: Final = f"{Scope.EXECUTIONS_READ} {Scope.EXECUTIONS_RESEND}"
_CODES: Final = {
    400: ExitCode.USAGE,
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
}


class Api:
    """Calls the API with tokens of its own, which it renews. Anything but a 2xx is a CliFailure in the API's words."""

    def __init__(self, stack: Stack, scope: str = _EXECUTIONS) -> None:
        self._stack = stack
        self._scope = scope
        self._session = requests.Session()
        self._session.trust_env = not stack.is_local
        self._token, self._renew_at = "", 0.0

    def get(self, path: str, **parameters: str | int | None) -> dict[str, Any]:
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._call("POST", path, json=body)

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def executions(
        self, webhook_id: str, *, since: datetime | None = None, status: str | None = None, limit: int = 200
    ) -> Iterator[dict[str, Any]]:
        """A webhook's history, newest first, page after page of `limit`."""
        wanted = {"from": iso(since) if since else None, "status": status}
        return self._listed(f"/webhooks/{part(webhook_id)}/executions", "executions", limit=limit, **wanted)

    def webhooks(self) -> Iterator[dict[str, Any]]:
        """All registered webhooks, in the order of their ids."""
        return self._listed("/webhooks", "webhooks", limit=100)

    def _listed(self, path: str, name: str, **parameters: str | int | None) -> Iterator[dict[str, Any]]:
        """What a list holds under this name, page after page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **parameters)
            yield from page[name]
            if (cursor := page["next_cursor"]) is None:
                return

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._current_token()}"}
        url = self._stack.outputs["ApiUrl"] + path
        try:
            response = self._session.request(method, url, headers=headers, timeout=_TIMEOUT, **content)
        except requests.RequestException as error:
            raise CliFailure(
                f"The API did not answer at {self._stack.outputs['ApiUrl']}: {type(error).__name__}"
            ) from error
        if not response.ok:
            raise CliFailure(_reason(response), _CODES.get(response.status_code, ExitCode.FAILED))
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def _current_token(self) -> str:
        if time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + _TOKEN_SECONDS - _RENEWED_SECONDS
            self._token = self._stack.mint({"webhooks": [EVERY], "scope": self._scope}, _TOKEN_SECONDS)
        return self._token


def part(value: str) -> str:
    """A part of a path, whatever the user has typed."""
    return quote(value, safe="")


def _reason(response: requests.Response) -> str:
    """The API's own words; API Gateway's refusals may have others."""
    try:
        return f"The API says: {response.json()['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"The API answered {response.status_code} {response.reason}"
