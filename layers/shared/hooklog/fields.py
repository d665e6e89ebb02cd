"""A JSON object from outside, read strictly: what every queue message is before it is a message or a repeat."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from hooklog.errors import InvalidMessage

IDENTIFIER: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,128}")
"""What webhook ids and message ids look like. A URL's path cannot hold `.` and `..` (RFC 3986 section 5.2.4)."""

IDENTIFIER_RULE: Final = "must be 1-128 characters of A-Z a-z 0-9 _ . - and not . or .."

EXECUTION_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}", re.ASCII)
"""What execution ids look like: a UTC time and eight random hex digits."""

_KINDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}


def parse_object(body: str) -> dict[str, Any]:
    """Raises InvalidMessage unless it is one JSON object (RFC 8259), of integers of up to 4,300 digits."""
    try:
        fields = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidMessage("the message is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidMessage(f"the message is not JSON: {error}") from None
    except ValueError:  # Python reads no longer ones
        raise InvalidMessage("the message holds an integer of more than 4,300 digits; send it as a string") from None
    if not isinstance(fields, dict):
        raise InvalidMessage("the message must be a JSON object")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidMessage(f"{name} is not a JSON value")


def identifier(fields: Mapping[str, Any], name: str) -> str:
    """The id of this name. Raises InvalidMessage."""
    value = fields.get(name)
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise InvalidMessage(f"{name} {IDENTIFIER_RULE}{got(fields, name)}")
    return value


def got(fields: Mapping[str, Any], name: str) -> str:
    """What stands there instead: of which kind, never the value, for that may be a customer's secret."""
    return f", not {_kind(fields[name])}" if name in fields else "; it is missing"


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    return _KINDS.get(type(value), "null")
