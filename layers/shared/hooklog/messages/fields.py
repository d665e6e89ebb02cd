"""Strict readers for the fields of queue messages and registered webhooks.

Every reader raises InvalidMessage, which says what is wrong and what the field takes.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from hooklog.errors import InvalidMessage

IDENTIFIER: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,128}")
"""IDs of webhooks and messages, and topics. A URL's path cannot contain `.` and `..` (RFC 3986, 5.2.4)."""

IDENTIFIER_RULE: Final = "must be 1-128 characters of A-Z a-z 0-9 _ . - and not . or .."

MAX_ID_LENGTH: Final = 128

EXECUTION_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}", re.ASCII)
"""Execution IDs: a UTC time and eight random hex digits."""

_JSON_TYPES: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}

DEFAULT_TIMEOUT_SECONDS: Final = 15
"""Long enough for a receiver that does its work before it responds."""

MAX_TIMEOUT_SECONDS: Final = 30
MAX_URL_LENGTH: Final = 2048
MAX_HEADERS_LENGTH: Final = 16_384
"""Of all names and values together. Common servers answer 431 above it."""

_GRAPHIC_ASCII = re.compile(r"[!-~]*")
INVISIBLE: Final = (  # not compiled, so that cold starts do not pay for it
    # Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, as far as it is not of category Cf
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
    # Noncharacters, blank symbols and fillers
    "\ufdd0-\ufdef\ufffe\uffff\u2800\ufffc\U00016fe4\U0001d159]"
)
"""A regular expression: invisible characters besides those of the categories control, format and separator."""
_INVISIBLE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_CONTROL_NAMES: Final[Mapping[str, str]] = {
    "\0": "NULL",
    "\t": "TAB",
    "\n": "LINE FEED",
    "\r": "CARRIAGE RETURN",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
}

_PLAIN_NAME = re.compile(r"[A-Za-z_-]{1,40}")
_EVENT_TYPE = re.compile(r"[!-~]{1,128}")
_HEADER_PUNCTUATION = re.compile(r"[^0-9a-z]")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
"""Header names: a token, RFC 9110 section 5.6.2."""

_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")  # field-value, RFC 9110 section 5.5, ASCII only

OWN_HEADER_PREFIX: Final = "x-hooklog-"
"""The prefix of headers that Hooklog sets for each attempt, and that no message or webhook can replace."""

ATTEMPT_HEADER: Final = f"{OWN_HEADER_PREFIX}attempt"
"""Every attempt has this header; no other request does."""

REFUSED_HEADERS: Final = frozenset(
    {
        # Hop-by-hop, RFC 9110 section 7.6.1 and RFC 2616 section 13.5.1
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "trailers", "transfer-encoding", "upgrade",
        # Framing and routing: Hooklog sets them, and others could smuggle a second request with them
        "content-length", "content-encoding", "expect", "host",
    }
)  # fmt: skip

_SENT_HEADERS: Final = frozenset({"accept-encoding", "content-type", "user-agent"})
"""Headers of every request that a message may set, but only in this spelling."""

_STANDARD_PREFIX: Final = "webhook-"


def parse_object(body: str) -> dict[str, Any]:
    """Parse one JSON object (RFC 8259), with integers of up to 4,300 digits.

    Raises InvalidMessage.
    """
    try:
        fields = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidMessage("the message is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidMessage(f"the message is not JSON: {error}") from None
    except ValueError:  # Python's limit
        raise InvalidMessage("the message contains an integer of more than 4,300 digits; send it as a string") from None
    if not isinstance(fields, dict):
        raise InvalidMessage("the message must be a JSON object")
    return fields


def to_compact_json(value: object) -> bytes:
    """Encode as compact UTF-8 JSON, the form in which bodies are sent.

    Keeps the order of keys. Raises ValueError for a number that JSON cannot represent, TypeError for any other such
    value, and RecursionError.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # UTF-8 cannot represent an unpaired surrogate, so its JSON escape is sent as it was received.
    return text.encode("utf-8", "backslashreplace")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidMessage(f"{name} is not a JSON value")


def read_identifier(fields: Mapping[str, Any], name: str) -> str:
    """Read the ID in the field `name`. Raises InvalidMessage."""
    value = fields.get(name)
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise InvalidMessage(f"{name} {IDENTIFIER_RULE}{describe_actual(fields, name)}")
    return value


def read_url(fields: Mapping[str, Any]) -> str:
    """Read `url` and strip surrounding white space.

    Raises InvalidMessage for other invisible characters.
    """
    given = fields.get("url")
    text = given if isinstance(given, str) else ""
    if not 0 < len(url := text.strip()) <= MAX_URL_LENGTH:
        raise InvalidMessage(f"url must be a string of 1-{MAX_URL_LENGTH} characters{describe_actual(fields, 'url')}")
    if has_unpaired_surrogate(url):
        raise InvalidMessage("url must not contain an unpaired surrogate")
    if not _GRAPHIC_ASCII.fullmatch(url):
        _reject_invisible(url, offset=text.index(url))
    return url


def _reject_invisible(url: str, offset: int) -> None:
    """Raise InvalidMessage for an invisible character.

    `offset` is how many characters were stripped before the URL.
    """
    from unicodedata import category, name

    for position, character in enumerate(url, start=offset + 1):
        if category(character) in _INVISIBLE_CATEGORIES or re.match(INVISIBLE, character):
            character_name = name(character, _CONTROL_NAMES.get(character, "UNNAMED CHARACTER"))
            raise InvalidMessage(
                f"url contains U+{ord(character):04X} {character_name} at position {position}; "
                "remove it, or percent-encode it if it belongs there"
            )


def has_unpaired_surrogate(text: str) -> bool:
    """Return whether the text contains an unpaired surrogate, which DynamoDB rejects."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def read_headers(fields: Mapping[str, Any]) -> Mapping[str, str]:
    headers = fields.get("headers", {})
    if not isinstance(headers, dict):
        raise InvalidMessage(f"headers must be an object of strings{describe_actual(fields, 'headers')}")
    for name, value in headers.items():
        _check_header(name, value)
    if len({normalize_header_name(name) for name in headers}) < len(headers):
        raise InvalidMessage("headers has the same name twice, in different case or punctuation")
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADERS_LENGTH:
        raise InvalidMessage(f"headers are longer than {MAX_HEADERS_LENGTH} characters in total")
    return headers


def _check_header(name: str, value: object) -> None:
    if not is_header_name(name):
        raise InvalidMessage(f"headers has a name of {len(name)} characters that is not a valid header name")
    key = normalize_header_name(name)
    label, has_usual_spelling = f"header {name}" if format_name(key) else "header", key == name.lower()
    if _is_reserved(key) or (_is_set_by_hooklog(key) and not has_usual_spelling):
        why = "it is" if has_usual_spelling else f"receivers may read it as{format_name(key) or ' another'}, which is"
        raise InvalidMessage(f"{label} is not allowed: {why} set by Hooklog or belongs to the connection")
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise InvalidMessage(f"{label} must be a string of visible ASCII, with spaces or tabs only inside")


def _is_reserved(key: str) -> bool:
    return key in REFUSED_HEADERS or key.startswith(_STANDARD_PREFIX)


def _is_set_by_hooklog(key: str) -> bool:
    return key in _SENT_HEADERS or key.startswith(OWN_HEADER_PREFIX)


def normalize_header_name(name: str) -> str:
    """Normalize case and punctuation of a header name, as some receivers do.

    CGI and its successors (WSGI, Rack, PHP) read `-` as `_` (RFC 3875 section 4.1.18), some of them any punctuation.
    """
    return _HEADER_PUNCTUATION.sub("-", name.lower())


def read_event_type(fields: Mapping[str, Any]) -> str | None:
    if "event_type" not in fields:
        return None
    if not is_event_type(value := fields["event_type"]):
        raise InvalidMessage(
            f"event_type must be 1-128 visible ASCII characters{describe_actual(fields, 'event_type')}"
        )
    return str(value)


def is_event_type(value: object) -> bool:
    return isinstance(value, str) and _EVENT_TYPE.fullmatch(value) is not None


def is_header_name(value: object) -> bool:
    return isinstance(value, str) and HEADER_NAME.fullmatch(value) is not None


def read_timeout(fields: Mapping[str, Any]) -> float | None:
    if "timeout_seconds" not in fields:
        return None
    value = fields["timeout_seconds"]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= MAX_TIMEOUT_SECONDS:
        actual = f", not {value!r:.20}" if is_number else describe_actual(fields, "timeout_seconds")
        raise InvalidMessage(f"timeout_seconds must be a number from 1 to {MAX_TIMEOUT_SECONDS}{actual}")
    return float(value)


def format_name(name: str) -> str:
    """Format a field's name for an error text; empty if it may be data."""
    return f" {name}" if _PLAIN_NAME.fullmatch(name) else ""


def describe_actual(fields: Mapping[str, Any], name: str) -> str:
    """Describe the type of a field for an error text.

    The value is left out, because it may be a customer's secret.
    """
    return f", not {_describe_type(fields[name])}" if name in fields else "; it is missing"


def _describe_type(value: object) -> str:
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    return _JSON_TYPES.get(type(value), "null")
