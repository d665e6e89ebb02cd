"""The filters of the history and of recoveries, as the API and the command line take them."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from hooklog.errors import ErrorType, InvalidRequest
from hooklog.messages.event_types import PATTERN_RULE, is_event_type_pattern, matches

_STATUS: Final = re.compile(r"(?!000)[0-9]{3}")
_CLASS: Final = re.compile(r"[1-9]xx")


class Status(StrEnum):
    """Whether executions succeeded. A skipped execution is a success."""

    SUCCESS = "success"
    FAILURE = "failure"


ALL: Final = "all"
SELECTED_STATUSES: Final = (*map(str, (Status.FAILURE, Status.SUCCESS)), ALL)
"""What a recovery may select. The first is its default."""


class Results(NamedTuple):
    """A range of results, including both ends."""

    lowest: int
    highest: int

    def include(self, result: int) -> bool:
        return self.lowest <= result <= self.highest


_SUCCESSES: Final = Results(200, 299)
_NO_RESPONSE: Final = Results(0, 0)
"""Hard errors and skipped executions."""


class Filters(NamedTuple):
    """What the listed executions have in common. None accepts every execution."""

    status: Status | None = None
    event_type: str | None = None
    """A pattern, such as `order.*`."""
    result: Results | None = None
    error_type: ErrorType | None = None

    @property
    def select_failures(self) -> bool:
        """Whether every selected execution is a failure."""
        is_failed_result = self.result not in (None, _NO_RESPONSE) and not self._select_2xx
        return self.status is Status.FAILURE or self.error_type is not None or is_failed_result

    @property
    def are_contradictory(self) -> bool:
        """Whether no execution can match, such as a success with an error type."""
        select_successes = self.status is Status.SUCCESS or self._select_2xx
        has_error_and_status = self.error_type is not None and self.result not in (None, _NO_RESPONSE)
        return has_error_and_status or (select_successes and self.select_failures)

    @property
    def _select_2xx(self) -> bool:
        return self.result is not None and _SUCCESSES.include(self.result.lowest)

    def accept_failure(self, fields: Mapping[str, Any]) -> bool:
        """Return whether they select a failure with these fields.

        `fields` are those of its summary or log line.
        """
        return (
            self.status is not Status.SUCCESS
            and (self.event_type is None or matches(self.event_type, fields.get("event_type")))
            and (self.result is None or self.result.include(fields["result"]))
            and self.error_type in (None, fields.get("error_type"))
        )


class Selection(NamedTuple):
    """What a recovery sends again: messages with executions at or after `since` and before `until`.

    Both times are in the format of `compact_time`.
    """

    since: str
    until: str
    status: Status | None = Status.FAILURE
    """None selects failures and successes."""
    event_type: str | None = None
    """A pattern, such as `order.*`. None accepts every message."""

    def accepts(self, event_type: str | None) -> bool:
        return self.event_type is None or matches(self.event_type, event_type)


def parse_selected_status(value: object) -> Status | None:
    """Parse the status of a Selection; None for `all`. Raises InvalidRequest."""
    if value not in SELECTED_STATUSES:
        raise InvalidRequest(f"status must be failure, success or all, not {value!r:.80}")
    return None if value == ALL else Status(value)


def _parse_status(text: str) -> Status:
    if text not in list(Status):
        raise InvalidRequest(f"status must be success or failure, not {text!r:.80}")
    return Status(text)


def parse_event_type(text: str) -> str:
    """Parse a pattern of event types. Raises InvalidRequest."""
    if not is_event_type_pattern(text):
        raise InvalidRequest(f"event_type must be {PATTERN_RULE}, of 1-128 visible ASCII characters, not {text!r:.80}")
    return text


def _parse_result(text: str) -> Results:
    if text == "0":
        return _NO_RESPONSE
    if _STATUS.fullmatch(text):
        return Results(int(text), int(text))
    if _CLASS.fullmatch(text):
        return Results(int(text[0]) * 100, int(text[0]) * 100 + 99)
    rule = "a status of three digits such as 404, a class such as 5xx, or 0 for no response"
    raise InvalidRequest(f"result must be {rule}, not {text!r:.80}")


def _parse_error_type(text: str) -> ErrorType:
    for error_type in ErrorType:
        if text == error_type:
            return error_type
    raise InvalidRequest(f"error_type must be one of {', '.join(ErrorType)}, not {text!r:.80}")


PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "status": _parse_status,
    "event_type": parse_event_type,
    "result": _parse_result,
    "error_type": _parse_error_type,
}
"""The parser of each field of Filters. Raises InvalidRequest, which says what is allowed."""
