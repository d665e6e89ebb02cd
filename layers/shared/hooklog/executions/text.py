"""Decoding of bodies to text, or to base64 if they are not text."""

import base64
import codecs
import contextlib
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

# Not compiled, so that cold starts do not pay for it; `re` caches them on first use.
# Possessive quantifiers (`*+`) prevent backtracking, which could take seconds.
_CHARSET = r"(?i:(?:^|[;,\s])charset\s*+=\s*+[\"']?\s*+([a-z0-9_.:+()-]{1,40}))"
_CHARSET_INSIDE = rb"(?i:<(?:\?xml|meta)\b[^>]*?\b(?:encoding|charset)\s*+=\s*+[\"']?\s*+([a-z0-9_.:-]{1,40}))"
_LONE_SURROGATE = "[\ud800-\udfff]"
_CODE_PAGE = r"(?:windows|ibm|dos|cp)-(?=\d)"
_SEARCHED_BYTES = 1_024
_ENDS_WITHIN_CHARACTER = "The body ends within a character."
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BYTE_ORDERED: Final = frozenset({"utf-16", "utf-32"})
_NOT_CHARSETS: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Python codecs that are not charsets of text."""
_SUPERSETS: Final = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "cp950"}
"""Supersets that are often sent under a charset's name, and tried if the charset does not decode the body."""
_CONTROL_CHARACTERS: Final = frozenset(map(chr, range(32))) - set("\b\t\n\v\f\r\x1b")


class Text(NamedTuple):
    """A body as the API shows it."""

    text: str
    charset: str = ""
    """The charset of the body, if that is not UTF-8."""
    is_base64: bool = False
    note: str = ""
    """How the body differs from the charset in its headers, for customers."""


def decode_text(body: bytes, content_type: str, *, is_cut: bool) -> Text:
    """Decode a body to text.

    Tries its byte order mark, the charset of `Content-Type`, UTF-8, and a charset that it declares. `is_cut` says that
    the body may be truncated: an incomplete character at its end is ignored.
    """
    match = re.search(_CHARSET, content_type)
    claimed = _add_byte_order(match[1].lower() if match else "", body)
    note = ""
    for charset in _iterate_candidates(body, claimed):
        decoded = _decode(body, charset, is_cut=is_cut)
        if decoded is None and charset == claimed:
            decoded = _decode(body, charset, is_cut=True)
            note = _ENDS_WITHIN_CHARACTER if decoded else f"The headers say that the body is {claimed}, but it is not."
        if decoded is not None:
            is_utf8 = body.startswith(decoded.text.encode())
            return decoded._replace(charset="" if is_utf8 else decoded.charset, note=note)
    return Text(base64.b64encode(body).decode(), is_base64=True, note=note)


def _add_byte_order(charset: str, body: bytes) -> str:
    """Add the byte order to UTF-16 or UTF-32 without a mark.

    Text usually begins with ASCII, so its zero bytes show the order.
    """
    codec = _find_codec(charset)
    is_marked = any(body.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS)
    if codec not in _BYTE_ORDERED or is_marked or b"\0" not in body:
        return charset
    return f"{codec}-be" if body.startswith(b"\0") else f"{codec}-le"


def _iterate_candidates(body: bytes, claimed: str) -> Iterator[str]:
    """Iterate over the charsets that a body may have, the likeliest first."""
    for mark, charset in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            yield charset
            break
    if _find_codec(claimed):
        yield claimed
    yield "utf-8"
    if declared := re.search(_CHARSET_INSIDE, body[:_SEARCHED_BYTES]):
        yield declared[1].decode().lower()


def _decode(body: bytes, charset: str, *, is_cut: bool) -> Text | None:
    """Decode the body; return None if it is not in this charset or is not text."""
    name = _find_codec(charset)
    for codec in filter(None, (name, _SUPERSETS.get(name))):
        with contextlib.suppress(ValueError):
            text = codecs.getincrementaldecoder(codec)().decode(body, not is_cut)
            if (text or not body) and (codec == "utf-8" or _CONTROL_CHARACTERS.isdisjoint(text)):
                return Text(re.sub(_LONE_SURROGATE, "\ufffd", text), charset if codec == name else codec)
    return None


def _find_codec(charset: str) -> str:
    """Return Python's name of a charset; empty if there is none.

    The charset may have a prefix such as `windows-` or `x-`.
    """
    for name in (charset, charset.removeprefix("x-"), re.sub(_CODE_PAGE, "cp", charset)):
        try:
            b"?".decode(name)
        except LookupError:  # also for codecs that do not return text, such as hex
            continue
        except UnicodeError:
            pass  # a charset with several bytes per character
        codec = codecs.lookup(name).name
        return "" if codec.replace("-", "_") in _NOT_CHARSETS else codec
    return ""
