"""Bodies as text: in the charset that they name, and in base64 where they are no text."""

import base64
import codecs
import contextlib
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

# As texts: `re` compiles what is used, when it is used, and no cold start.
# What `*+` took is not tried a second way, which could take seconds.
_CHARSET = r"(?i:(?:^|[;,\s])charset\s*+=\s*+[\"']?\s*+([a-z0-9_.:+()-]{1,40}))"
_CHARSET_INSIDE = rb"(?i:<(?:\?xml|meta)\b[^>]*?\b(?:encoding|charset)\s*+=\s*+[\"']?\s*+([a-z0-9_.:-]{1,40}))"
_LONE_SURROGATE = "[\ud800-\udfff]"
_CODE_PAGE = r"(?:windows|ibm|dos|cp)-(?=\d)"
_LOOKED_THROUGH = 1_024
_ENDS_WITHIN = "The body ends within a character."
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BYTE_ORDERED: Final = frozenset({"utf-16", "utf-32"})
_NOT_CHARSETS: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
"""What Python decodes and no receiver means."""
_SUPERSETS: Final = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "cp950"}
"""What is also sent under a charset's name: where the one does not decode it, the other may."""
_CONTROL_CHARACTERS: Final = frozenset(map(chr, range(32))) - set("\b\t\n\v\f\r\x1b")


class Text(NamedTuple):
    """A body as it is shown."""

    text: str
    charset: str = ""
    """What it was decoded from, where `text` is not the body as UTF-8 has it."""
    is_base64: bool = False
    note: str = ""
    """How the body is not in the charset that its headers name, in the customer's words."""


def as_text(body: bytes, content_type: str, *, is_cut: bool) -> Text:
    """Decode by byte order mark, else by the charset of `Content-Type`, else as UTF-8, else as the body says itself.

    `is_cut` says that more may have followed: half a character at the end is left out then.
    """
    named = re.search(_CHARSET, content_type)
    claimed = _with_byte_order(named[1].lower() if named else "", body)
    note = ""
    for charset in _candidates(body, claimed):
        decoded = _decode(body, charset, is_cut=is_cut)
        if decoded is None and charset == claimed:
            decoded = _decode(body, charset, is_cut=True)
            note = _ENDS_WITHIN if decoded else f"The headers say that the body is {claimed}, and it is not."
        if decoded is not None:
            is_utf8 = body.startswith(decoded.text.encode())
            return decoded._replace(charset="" if is_utf8 else decoded.charset, note=note)
    return Text(base64.b64encode(body).decode(), is_base64=True, note=note)


def _with_byte_order(charset: str, body: bytes) -> str:
    """UTF-16 or UTF-32 with the byte order that zero bytes show where no mark says it: text begins with ASCII."""
    codec = _codec(charset)
    is_marked = any(body.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS)
    if codec not in _BYTE_ORDERED or is_marked or b"\0" not in body:
        return charset
    return f"{codec}-be" if body.startswith(b"\0") else f"{codec}-le"


def _candidates(body: bytes, claimed: str) -> Iterator[str]:
    """The charsets that a body may be in, the likeliest first."""
    for mark, charset in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            yield charset
            break
    if _codec(claimed):
        yield claimed
    yield "utf-8"
    if inside := re.search(_CHARSET_INSIDE, body[:_LOOKED_THROUGH]):
        yield inside[1].decode().lower()


def _decode(body: bytes, charset: str, *, is_cut: bool) -> Text | None:
    """The text, and what it was decoded from; None where the body is not in that charset, or its bytes make no text."""
    name = _codec(charset)
    for codec in filter(None, (name, _SUPERSETS.get(name))):
        with contextlib.suppress(ValueError):
            text = codecs.getincrementaldecoder(codec)().decode(body, not is_cut)
            if (text or not body) and (codec == "utf-8" or _CONTROL_CHARACTERS.isdisjoint(text)):
                return Text(re.sub(_LONE_SURROGATE, "\ufffd", text), charset if codec == name else codec)
    return None


def _codec(charset: str) -> str:
    """Python's name of a charset, also of one of Windows and of one with `x-` before it; empty where there is none."""
    for name in (charset, charset.removeprefix("x-"), re.sub(_CODE_PAGE, "cp", charset)):
        try:
            b"?".decode(name)
        except LookupError:  # also for codecs that make no text, such as hex
            continue
        except UnicodeError:
            pass  # more than one byte each
        codec = codecs.lookup(name).name
        return "" if codec.replace("-", "_") in _NOT_CHARSETS else codec
    return ""
