"""A client of the HTTP API."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import requests

from cli.failure import CliFailure, ExitCode
from cli.pace import MAX_WAITS, Pace
from cli.stack import Stack
from cli.times import format_time
from hooklog.access.grants import Scope
from hooklog.webhooks.patterns import ALL

_TOKEN_SECONDS: Final = 900
_RENEWED_SECONDS: Final = 60
TOO_MANY_REQUESTS: Final = 429
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
_OTHER_FORM: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading an error raises that is not of the API's form."""


class ApiFailure(CliFailure):
    """A response that is not 2xx."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(_describe_error(response), _EXIT_CODES.get(response.status_code, ExitCode.FAILED))
        self.status = response.status_code
        self.errors = _read_errors(response)
        """The message for each wrong field of the body."""


class Api:
    """Calls the API with short-lived tokens that it mints and renews.

    With a pace, it spreads its calls over time, and waits after a 429. Raises ApiFailure for every other response that
    is not 2xx, and CliFailure if there is none.
    """

    def __init__(
        self, stack: Stack, scope: str = _EXECUTIONS, *, webhooks: Sequence[str] = (ALL,), pace: Pace | None = None
    ) -> None:
        self._stack = stack
        self._claims = {"webhooks": list(webhooks), "scope": scope}
        self._pace = pace
        self._session = requests.Session()
        self._session.trust_env = not stack.is_local
        self._token, self._renew_at = "", 0.0

    def get(self, path: str, **parameters: str | int | None) -> dict[str, Any]:
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._call("POST", path, json=body)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._call("PUT", path, json=body)

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def list_executions(
        self,
        webhook_id: str,
        filters: Mapping[str, str] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 200,
    ) -> Iterator[dict[str, Any]]:
        """Yield a webhook's executions, newest first, fetched in pages of `limit`.

        `filters` are query parameters of the API, such as `status`.
        """
        path = f"/webhooks/{quote_segment(webhook_id)}/executions"
        period = {name: format_time(when) if when else None for name, when in (("from", since), ("to", until))}
        return self._list(path, "executions", limit=limit, **period, **(filters or {}))

    def list_webhooks(self, *, seen: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the webhooks that the token covers, ordered by ID.

        They are registered, or, with `seen`, have executions.
        """
        return self._list("/webhooks", "webhooks", limit=100, seen="true" if seen else None)

    def _list(self, path: str, name: str, **parameters: str | int | None) -> Iterator[dict[str, Any]]:
        """Yield the items that each page holds under `name`."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **parameters)
            yield from page[name]
            if (cursor := page["next_cursor"]) is None:
                return

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        waits = 0
        while (response := self._send(method, path, **content)).status_code == TOO_MANY_REQUESTS:
            if self._pace is None or waits == MAX_WAITS:
                break
            self._pace.back_off(waits, response.headers.get("Retry-After"))
            waits += 1
        if not response.ok:
            raise ApiFailure(response)
        return _read_object(response) if response.content else {}

    def _send(self, method: str, path: str, **content: Any) -> requests.Response:
        if self._pace:
            self._pace.wait()
        headers = {"Authorization": f"Bearer {self._fresh_token()}"}
        url = self._stack.outputs["ApiUrl"] + path
        try:
            return self._session.request(method, url, headers=headers, timeout=_TIMEOUT, **content)
        except (requests.exceptions.InvalidJSONError, RecursionError):
            raise CliFailure(
                "JSON cannot represent a number such as NaN or 1e400, or that many levels", ExitCode.USAGE
            ) from None
        except requests.RequestException as error:
            raise CliFailure(
                f"Could not reach the API at {self._stack.outputs['ApiUrl']}: {type(error).__name__}"
            ) from error

    def _fresh_token(self) -> str:
        if time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + _TOKEN_SECONDS - _RENEWED_SECONDS
            self._token = self._stack.mint_token(self._claims, _TOKEN_SECONDS)
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
        fields = [f"\n  {name}: {message}" for name, message in _read_fields(error)]
        return f"{status}:{''.join(fields)}" if len(fields) > 1 else f"{status}: {error['message']}"
    except _OTHER_FORM:
        return f"{status} {response.reason}"


def _read_errors(response: requests.Response) -> Mapping[str, str]:
    try:
        return dict(_read_fields(response.json()["error"]))
    except _OTHER_FORM:
        return {}


def _read_fields(error: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(each["field"], each["message"]) for each in error.get("errors", [])]
