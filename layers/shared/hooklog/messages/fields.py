"""A JSON object from outside, read strictly: what queue messages and registered webhooks have in common.

Every function here raises InvalidMessage with what is wrong and what the field takes.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from hooklog.errors import InvalidMessage

IDENTIFIER: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,128}")
"""What ids of webhooks and messages, and topics, look like. A URL's path cannot hold `.` and `..` (RFC 3986, 5.2.4)."""

IDENTIFIER_RULE: Final = "must be 1-128 characters of A-Z a-z 0-9 _ . - and not . or .."

MAX_ID_LENGTH: Final = 128

EXECUTION_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}", re.ASCII)
"""What execution ids look like: a UTC time and eight random hex digits."""

_KINDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}

DEFAULT_TIMEOUT_SECONDS: Final = 15
"""Long enough for a receiver that does its work before it answers."""

MAX_TIMEOUT_SECONDS: Final = 30
MAX_URL_LENGTH: Final = 2048
MAX_HEADERS_LENGTH: Final = 16_384
"""Of all names and values together; what common servers take before they answer 431."""

_GRAPHIC_ASCII = re.compile(r"[!-~]*")
_DRAWN_AS_NOTHING = re.compile(
    # Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, as far as it is not of category Cf
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
    # Noncharacters, blank symbols and fillers
    "\ufdd0-\ufdef\ufffe\uffff\u2800\ufffc\U00016fe4\U0001d159]"
)
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
"""What names of headers look like: a token, RFC 9110 section 5.6.2."""

_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")  # field-value, RFC 9110 section 5.5, ASCII only

OWN_HEADERS: Final = "x-hooklog-"
"""How the names begin that are set for each attempt, and that nobody else's can replace."""

ATTEMPT_HEADER: Final = f"{OWN_HEADERS}attempt"
"""On every attempt: what tells a webhook's request from any other."""

REFUSED_HEADERS: Final = frozenset(
    {
        # Hop-by-hop, RFC 9110 section 7.6.1 and RFC 2616 section 13.5.1
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "trailers", "transfer-encoding", "upgrade",
        # Framing and routing: ours to set, and the way to smuggle a second request
        "content-length", "content-encoding", "expect", "host",
    }
)  # fmt: skip

_SENT_HEADERS: Final = frozenset({"accept-encoding", "content-type", "user-agent"})
"""Those of each request that may be given, but under no other spelling than this."""

_STANDARD_PREFIX: Final = "webhook-"


def parse_object(body: str) -> dict[str, Any]:
    """Raises InvalidMessage unless it is one JSON object (RFC 8259), of integers of up to 4,300 digits."""
    try:
        fields = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidMessage("the message is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidMessage(f"the message is not JSON: {error}") from None
    except ValueError:  # Python reads none that is longer
        raise InvalidMessage("the message holds an integer of more than 4,300 digits; send it as a string") from None
    if not isinstance(fields, dict):
        raise InvalidMessage("the message must be a JSON object")
    return fields


def compact_json(value: object) -> bytes:
    """Compact UTF-8 JSON, keys in their order: how every body is sent.

    Raises ValueError for a number that JSON has not, TypeError for any other such value, and RecursionError.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # UTF-8 cannot carry an unpaired surrogate; the JSON escape that it came as can.
    return text.encode("utf-8", "backslashreplace")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidMessage(f"{name} is not a JSON value")


def identifier(fields: Mapping[str, Any], name: str) -> str:
    """The id of this name. Raises InvalidMessage."""
    value = fields.get(name)
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise InvalidMessage(f"{name} {IDENTIFIER_RULE}{got(fields, name)}")
    return value


def read_url(fields: Mapping[str, Any]) -> str:
    """The URL without the white space around it; one with another invisible character in it is refused."""
    given = fields.get("url")
    text = given if isinstance(given, str) else ""
    if not 0 < len(url := text.strip()) <= MAX_URL_LENGTH:
        raise InvalidMessage(f"url must be a string of 1-{MAX_URL_LENGTH} characters{got(fields, 'url')}")
    if has_unpaired_surrogate(url):
        raise InvalidMessage("url must not hold an unpaired surrogate")
    if not _GRAPHIC_ASCII.fullmatch(url):
        _refuse_invisible(url, offset=text.index(url))
    return url


def _refuse_invisible(url: str, offset: int) -> None:
    """`offset` is how many characters were cut off before the URL."""
    from unicodedata import category, name

    for position, character in enumerate(url, start=offset + 1):
        if category(character) in _INVISIBLE_CATEGORIES or _DRAWN_AS_NOTHING.match(character):
            shown = name(character, _CONTROL_NAMES.get(character, "UNNAMED CHARACTER"))
            raise InvalidMessage(
                f"url contains U+{ord(character):04X} {shown} at position {position}; "
                "remove it, or percent-encode it if it belongs there"
            )


def has_unpaired_surrogate(text: str) -> bool:
    """Whether it is no Unicode text, which DynamoDB does not take."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def read_headers(fields: Mapping[str, Any]) -> Mapping[str, str]:
    headers = fields.get("headers", {})
    if not isinstance(headers, dict):
        raise InvalidMessage(f"headers must be an object of strings{got(fields, 'headers')}")
    for name, value in headers.items():
        _check_header(name, value)
    if len({header_key(name) for name in headers}) < len(headers):
        raise InvalidMessage("headers holds the same name twice, in different case or punctuation")
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADERS_LENGTH:
        raise InvalidMessage(f"headers are longer than {MAX_HEADERS_LENGTH} characters together")
    return headers


def _check_header(name: str, value: object) -> None:
    if not is_header_name(name):
        raise InvalidMessage(f"headers holds a name of {len(name)} characters that is no header name")
    key = header_key(name)
    shown, as_spelled = f"header {name}" if named(key) else "header", key == name.lower()
    if _is_refused(key) or (_is_sent(key) and not as_spelled):
        why = "it is" if as_spelled else f"receivers may read it as{named(key) or ' another'}, which is"
        raise InvalidMessage(f"{shown} is refused: {why} set by Hooklog or belongs to the connection")
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise InvalidMessage(f"{shown} must be a string of visible ASCII, spaces and tabs between")


def _is_refused(key: str) -> bool:
    return key in REFUSED_HEADERS or key.startswith(_STANDARD_PREFIX)


def _is_sent(key: str) -> bool:
    return key in _SENT_HEADERS or key.startswith(OWN_HEADERS)


def header_key(name: str) -> str:
    """The name as a receiver may read it: in any case, and with all punctuation alike.

    CGI and what follows it (WSGI, Rack, PHP) read `-` as `_` (RFC 3875 section 4.1.18), some of them any punctuation.
    """
    return _HEADER_PUNCTUATION.sub("-", name.lower())


def read_event_type(fields: Mapping[str, Any]) -> str | None:
    if "event_type" not in fields:
        return None
    if not is_event_type(value := fields["event_type"]):
        raise InvalidMessage(f"event_type must be 1-128 visible ASCII characters{got(fields, 'event_type')}")
    return str(value)


def is_event_type(value: object) -> bool:
    return isinstance(value, str) and _EVENT_TYPE.fullmatch(value) is not None


def is_header_name(value: object) -> bool:
    return isinstance(value, str) and HEADER_NAME.fullmatch(value) is not None


def read_timeout(fields: Mapping[str, Any]) -> float | None:
    if "timeout_seconds" not in fields:
        return None
    value = fields["timeout_seconds"]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 <= value <= MAX_TIMEOUT_SECONDS:
        shown = f", not {value!r:.20}" if number else got(fields, "timeout_seconds")
        raise InvalidMessage(f"timeout_seconds must be a number from 1 to {MAX_TIMEOUT_SECONDS}{shown}")
    return float(value)


def named(name: str) -> str:
    """A name as a reason shows it; nothing where it is not one that a programmer gives, and so may be data."""
    return f" {name}" if _PLAIN_NAME.fullmatch(name) else ""


def got(fields: Mapping[str, Any], name: str) -> str:
    """What stands there instead: of which kind, never the value, for that may be a customer's secret."""
    return f", not {_kind(fields[name])}" if name in fields else "; it is missing"


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    return _KINDS.get(type(value), "null")
