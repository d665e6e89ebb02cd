"""The parser of API Gateway's events."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import unquote

from hooklog.access.grants import Grant
from hooklog.access.routes import WEBHOOK, Route
from hooklog.api.cursor import read_cursor, read_webhook_cursor
from hooklog.errors import Forbidden, InvalidRequest, NotFound
from hooklog.executions.execution import compact_time
from hooklog.executions.filters import PARSERS, Filters, Selection, Status, parse_event_type, parse_selected_status
from hooklog.executions.history import NO_EXECUTION, Query
from hooklog.messages.field_errors import FieldErrors
from hooklog.messages.fields import EXECUTION_ID, IDENTIFIER, IDENTIFIER_RULE

if TYPE_CHECKING:
    from hooklog.statistics.intervals import Period

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_WEBHOOK_LIMIT: Final = 100
MAX_BODY_LENGTH: Final = 131_072
"""Characters; enough for the largest webhook. API Gateway's limit is 10 MB."""

BODY: Final = "body"
"""The `field` of errors about the whole body."""

_RECOVERY: Final = frozenset({"since", "until", "status", "event_type", "dry_run"})
_BOOLEANS: Final = {"true": True, "false": False}

Event = Mapping[str, Any]

_Choice = TypeVar("_Choice")


class Request(NamedTuple):
    """An API call: the caller's grant and the parameters."""

    grant: Grant
    path: Mapping[str, str]
    parameters: Mapping[str, str]
    body: str = ""
    context: Mapping[str, Any] = {}
    """API Gateway's `requestContext`."""

    @classmethod
    def parse(cls, event: Event, known: frozenset[str] = frozenset()) -> "Request":
        """Parse an event.

        Raises InvalidRequest for query parameters that are not `known`, or are given twice.
        """
        given = event.get("multiValueQueryStringParameters") or {}
        _check_names(given, known)
        context = event.get("requestContext") or {}
        grant = Grant.from_authorizer(context.get("authorizer") or {})
        parameters = {name: values[0] for name, values in given.items()}
        return cls(grant, event.get("pathParameters") or {}, parameters, _decoded_body(event), context)

    def require(self, route: Route) -> None:
        """Raise Forbidden unless the token has the route's scope and covers the webhook."""
        if WEBHOOK in route.resource:
            self.grant.require(route.scope, self.webhook_id)
        else:
            self.grant.require_scope(route.scope)

    @property
    def webhook_id(self) -> str:
        """The webhook ID in the path.

        If invalid, raises InvalidRequest, or Forbidden unless the token covers all.
        """
        webhook_id = unquote(self.path["webhook_id"])
        if not IDENTIFIER.fullmatch(webhook_id):
            if not self.grant.covers_all:
                raise Forbidden("the token does not cover this webhook")
            raise InvalidRequest(f"webhook_id {IDENTIFIER_RULE}", "webhook_id")
        return webhook_id

    @property
    def execution_id(self) -> str:
        execution_id = unquote(self.path["execution_id"])
        if not EXECUTION_ID.fullmatch(execution_id):
            raise NotFound(NO_EXECUTION)
        return execution_id

    @property
    def message_id(self) -> str:
        message_id = unquote(self.path["message_id"])
        if not IDENTIFIER.fullmatch(message_id):
            raise InvalidRequest(f"message_id {IDENTIFIER_RULE}", "message_id")
        return message_id

    @property
    def recovery_id(self) -> str:
        recovery_id = unquote(self.path["recovery_id"])
        if not IDENTIFIER.fullmatch(recovery_id):
            raise NotFound("there is no such recovery of this webhook, or it is more than 30 days old")
        return recovery_id

    @property
    def executions_page(self) -> tuple[Query, int, str | None]:
        """The query, the limit, and the ID after which the page begins.

        Raises InvalidRequest with all invalid parameters.
        """
        webhook_id, errors = self.webhook_id, FieldErrors()
        since = until = after = None
        limit = 0
        filters: dict[str, Any] = {}
        with errors.of("limit"):
            limit = self._limit(MAX_LIMIT)
        for name, parse in PARSERS.items():
            with errors.of(name):
                filters[name] = None if (text := self.parameters.get(name)) is None else parse(text)
        with errors.of("from"):
            since = self._time("from")
        with errors.of("to"):
            until = self._time("to")
        query = None if errors else Query(webhook_id, Filters(**filters), since, until)
        with errors.of("cursor"):
            after = read_cursor(cursor, query) if (cursor := self.parameters.get("cursor")) is not None else None
        if query is None or errors:
            raise errors.to_exception()
        return query, limit, after

    @property
    def webhooks_page(self) -> tuple[int, str | None, bool]:
        """The limit, the ID after which the page begins, and whether to list the seen.

        Raises InvalidRequest with all invalid parameters.
        """
        errors, limit, after, seen = FieldErrors(), 0, None, False
        with errors.of("limit"):
            limit = self._limit(MAX_WEBHOOK_LIMIT)
        with errors.of("cursor"):
            after = read_webhook_cursor(cursor) if (cursor := self.parameters.get("cursor")) is not None else None
        with errors.of("seen"):
            seen = self._choose("seen", _BOOLEANS, seen)
        with errors.of("masked"):
            _ = self.masked
        errors.raise_any()
        return limit, after, seen

    @property
    def masked(self) -> bool:
        """Whether to mask sensitive headers for every token. Raises InvalidRequest."""
        return self._choose("masked", _BOOLEANS, False)

    def counted_period(self, now: datetime) -> "Period":
        """Return the intervals to count.

        Raises InvalidRequest with all invalid parameters.
        """
        from hooklog.statistics.intervals import Interval, choose_period

        errors, interval = FieldErrors(), Interval.HOUR
        since = until = None
        with errors.of("from"):
            since = self._moment("from")
        with errors.of("to"):
            until = self._moment("to")
        with errors.of("interval"):
            interval = self._choose("interval", {each.value: each for each in Interval}, interval)
        errors.raise_any()
        return choose_period(interval, since, until, now)

    def _limit(self, maximum: int) -> int:
        limit = self.parameters.get("limit", str(DEFAULT_LIMIT))
        if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= maximum:
            raise InvalidRequest(f"limit must be a whole number from 1 to {maximum}, not {limit!r:.80}")
        return int(limit)

    def _choose(self, name: str, choices: Mapping[str, _Choice], default: _Choice) -> _Choice:
        text = self.parameters.get(name)
        if text is None:
            return default
        if text not in choices:
            raise InvalidRequest(f"{name} must be {' or '.join(choices)}, not {text!r:.80}")
        return choices[text]

    def _time(self, name: str) -> str | None:
        at = self._moment(name)
        return None if at is None else compact_time(at)

    def _moment(self, name: str) -> datetime | None:
        text = self.parameters.get(name)
        return None if text is None else _read_time(text, name)

    @property
    def document(self) -> Mapping[str, Any]:
        """The body, a JSON object."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            raise InvalidRequest("the body must be JSON", BODY) from None
        if not isinstance(body, dict):
            raise InvalidRequest("the body must be a JSON object", BODY)
        return body

    def recovery(self, now: datetime) -> tuple[Selection, bool]:
        """Return what the body selects, and whether to only count it.

        Raises InvalidRequest with all invalid fields.

        `until` is at most `now`, so that a recovery does not find its own executions.
        """
        body, errors = self.document, FieldErrors()
        errors.add_unknown(body, _RECOVERY)
        since, until, event_type = "", compact_time(now), None
        status: Status | None = Status.FAILURE
        with errors.of("since"):
            since = _time(body.get("since"), "since")
        with errors.of("until"):
            if body.get("until") is not None:
                until = min(until, _time(body["until"], "until"))
            if until <= since:
                raise InvalidRequest("until must be later than since")
        with errors.of("status"):
            status = parse_selected_status(body.get("status", status))
        with errors.of("event_type"):
            if body.get("event_type") is not None:
                event_type = parse_event_type(body["event_type"])
        with errors.of("dry_run"):
            if type(dry_run := body.get("dry_run", False)) is not bool:
                raise InvalidRequest(f"dry_run must be true or false, not {dry_run!r:.80}")
        errors.raise_any()
        return Selection(since, until, status, event_type), dry_run


def _check_names(given: Mapping[str, Sequence[str]], known: frozenset[str]) -> None:
    """Raise InvalidRequest with all query parameters that are unknown or given twice."""
    errors = FieldErrors()
    hint = f"known: {', '.join(sorted(known))}" if known else "this call takes none"
    for name, values in given.items():
        if name not in known:
            errors.add(name, f"unknown parameter {name!r:.80}; {hint}")
        elif len(values) != 1:
            errors.add(name, f"{name} is given {len(values)} times; give it once")
    errors.raise_any()


def _time(text: object, name: str) -> str:
    return compact_time(_read_time(text, name))


def _read_time(text: object, name: str) -> datetime:
    """Read a time in UTC. A time without a zone is in UTC."""
    try:
        at = datetime.fromisoformat(text if isinstance(text, str) else "")
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        example = "2026-11-23T17:36:00Z (in a URL, write the + of +01:00 as %2B)"
        raise InvalidRequest(f"{name} must be an ISO 8601 time such as {example}, not {text!r:.80}") from None


def _decoded_body(event: Event) -> str:
    body = event.get("body") or ""
    try:
        text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
    except ValueError:
        raise InvalidRequest("the body must be UTF-8", BODY) from None
    if len(text) > MAX_BODY_LENGTH:
        raise InvalidRequest(f"the body must have at most {MAX_BODY_LENGTH:,} characters", BODY)
    return text
