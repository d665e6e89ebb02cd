"""How the values of options are parsed.

Each function raises argparse.ArgumentTypeError, whose text says what to write instead.
"""

import argparse
import math
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from hooklog.errors import InvalidMessage, InvalidRequest
from hooklog.messages.fields import read_url
from hooklog.webhooks.patterns import get_prefix, is_pattern

_MAX_COUNT: Final = 1_000_000
_MAX_DIGITS: Final = 5


def parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r} has no colon: write it as 'X-Shop: berlin'")
    return name.strip(), value.strip()


def parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def parse_hours(text: str) -> int:
    """Parse a whole number of hours, from 0. The API checks the limit."""
    if not (text.isascii() and text.isdecimal() and len(text) < _MAX_DIGITS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of hours")
    return int(text)


def parse_count(text: str) -> int:
    """Parse a whole number from 1 to a million."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _MAX_COUNT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MAX_COUNT}")
    return int(text)


def parse_pattern(text: str) -> str:
    """Return a webhook ID, a prefix that ends in `.*`, or `*`."""
    if not is_pattern(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a webhook ID nor a prefix such as 'acme.*'")
    return text


def parse_webhook_id(text: str) -> str:
    """Return the ID of one webhook."""
    if get_prefix(parse_pattern(text)) is not None:
        raise argparse.ArgumentTypeError(f"{text!r} covers several webhooks: name one")
    return text


def parse_local_url(text: str) -> str:
    """Return the URL of a server, from a URL with or without http://, or a port."""
    url = f"http://localhost:{text}" if text.isdecimal() else text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not (is_valid and url.isprintable() and " " not in url):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as http://localhost:3000/hooks")
    return url


def parse_retry_schedule(text: str) -> list[int] | str:
    """Parse delays such as `5,300,1800`, or `none`.

    For `default`, return an empty text, which clears the field.
    """
    if text == "default":
        return ""
    try:
        return [int(delay) for delay in text.split(",")] if text != "none" else []
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of seconds (5,300), none or default") from None


def parse_max_per_second(text: str) -> int | str:
    """Parse a whole number. For `none`, return an empty text, which clears the field."""
    if text == "none":
        return ""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor none") from None


def parse_url(text: str) -> str:
    """Return the URL if a webhook could be sent to it."""
    try:
        return read_url({"url": text})
    except InvalidMessage as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def check_filter(name: str) -> Callable[[str], str]:
    """Return a check of a filter's text, which the API would reject too."""

    def check(text: str) -> str:
        from hooklog.executions.filters import PARSERS  # late, because only a filter needs it

        try:
            PARSERS[name](text)
        except InvalidRequest as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text

    return check
