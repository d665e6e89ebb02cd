"""A client of the HTTP API."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import requests

from cli.failure import CliFailure, ExitCode
from cli.stack import Stack
from cli.times import format_time
from hooklog.access.grants import Scope
from hooklog.webhooks.patterns import ALL

_TOKEN_SECONDS: Final = 900
_RENEWED_SECONDS: Final = 60
_TIMEOUT: Final = (5, 35)
"""API Gateway gives up after 29 s."""

_EXECUTIONS: Final = f"{Scope.EXECUTIONS_READ} {Scope.EXECUTIONS_RESEND}"
_EXIT_CODES: Final = {
    400: ExitCode.USAGE,
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
}


class Api:
    """Calls the API with short-lived tokens that it mints and renews.

    Raises CliFailure for every non-2xx response.
    """

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

    def list_executions(
        self, webhook_id: str, *, since: datetime | None = None, limit: int = 200, **filters: str
    ) -> Iterator[dict[str, Any]]:
        """Yield a webhook's executions, newest first, fetched in pages of `limit`.

        `filters` are query parameters of the API, such as `status`.
        """
        path = f"/webhooks/{quote_segment(webhook_id)}/executions"
        selection = {"from": format_time(since) if since else None, **filters}
        return self._list(path, "executions", limit=limit, **selection)

    def list_webhooks(self) -> Iterator[dict[str, Any]]:
        """Yield all registered webhooks, ordered by ID."""
        return self._list("/webhooks", "webhooks", limit=100)

    def _list(self, path: str, name: str, **parameters: str | int | None) -> Iterator[dict[str, Any]]:
        """Yield the items that each page holds under `name`."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **parameters)
            yield from page[name]
            if (cursor := page["next_cursor"]) is None:
                return

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._fresh_token()}"}
        url = self._stack.outputs["ApiUrl"] + path
        try:
            response = self._session.request(method, url, headers=headers, timeout=_TIMEOUT, **content)
        except requests.RequestException as error:
            raise CliFailure(
                f"Could not reach the API at {self._stack.outputs['ApiUrl']}: {type(error).__name__}"
            ) from error
        if not response.ok:
            raise CliFailure(_describe_error(response), _EXIT_CODES.get(response.status_code, ExitCode.FAILED))
        return _read_object(response) if response.content else {}

    def _fresh_token(self) -> str:
        if time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + _TOKEN_SECONDS - _RENEWED_SECONDS
            self._token = self._stack.mint_token({"webhooks": [ALL], "scope": self._scope}, _TOKEN_SECONDS)
        return self._token


def quote_segment(value: str) -> str:
    """Percent-encode a value as one segment of a path."""
    return quote(value, safe="")


def _read_object(response: requests.Response) -> dict[str, Any]:
    try:
        if isinstance(body := response.json(), dict):
            return body
    except (ValueError, RecursionError):
        pass  # a proxy's page, or nested more deeply than any answer of the API
    raise CliFailure(f"The API answered {response.status_code} without a JSON object")


def _describe_error(response: requests.Response) -> str:
    """Return the API's error message, or a line for each wrong field.

    API Gateway's own responses may differ.
    """
    status = f"The API answered {response.status_code}"
    try:
        error = response.json()["error"]
        fields = [f"\n  {each['field']}: {each['message']}" for each in error.get("errors", [])]
        return f"{status}:{''.join(fields)}" if len(fields) > 1 else f"{status}: {error['message']}"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return f"{status} {response.reason}"
