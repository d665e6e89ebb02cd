"""Unusual spellings of addresses, headers and URLs that attackers use."""

import re

from hooklog.messages.fields import REFUSED_HEADERS

LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0.0.0x1",
    "0177.0.0.1",
    "017700000001",
    "00000177.1",
    "\uff11\uff12\uff17.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "127\uff0e1",
]  # fmt: skip
"""127.0.0.1 in every notation that a client may accept."""

OURS = [
    *sorted(REFUSED_HEADERS),
    "webhook-id",
    "webhook-signature",
    "webhook-own",
    "x-hooklog-attempt",
    "x-hooklog-own",
]
ALIASES = [
    *(name.replace("-", "_") for name in [*OURS, "user-agent", "content-type", "accept-encoding"] if "-" in name),
    *(name.upper().replace("-", "_") for name in OURS if "-" in name),
    *(re.sub("-", "_", name.title(), count=1) for name in OURS if name.count("-") > 1),
    *(f"Content{mark}Length" for mark in "!#$%&'*+.^`|~"),
    "Webhook.Id",
    "X-Hooklog_Attempt",
    "Proxy.Connection",
]
"""Names that a receiver behind CGI, WSGI or PHP mistakes for a header that we refuse or send."""

INVISIBLE = {
    "\0": "U+0000 NULL",
    "\x01": "U+0001",
    "\t": "U+0009 TAB",
    "\n": "U+000A LINE FEED",
    "\r": "U+000D CARRIAGE RETURN",
    " ": "U+0020 SPACE",
    "\x7f": "U+007F DELETE",
    "\x85": "U+0085 NEXT LINE",
    "\x9f": "U+009F",
    "\xa0": "U+00A0 NO-BREAK SPACE",
    "\xad": "U+00AD SOFT HYPHEN",
    "\u034f": "U+034F COMBINING GRAPHEME JOINER",
    "\u061c": "U+061C ARABIC LETTER MARK",
    "\u115f": "U+115F HANGUL CHOSEONG FILLER",
    "\u17b4": "U+17B4 KHMER VOWEL INHERENT AQ",
    "\u180e": "U+180E MONGOLIAN VOWEL SEPARATOR",
    "\u2003": "U+2003 EM SPACE",
    "\u200b": "U+200B ZERO WIDTH SPACE",
    "\u200d": "U+200D ZERO WIDTH JOINER",
    "\u202e": "U+202E RIGHT-TO-LEFT OVERRIDE",
    "\u2028": "U+2028 LINE SEPARATOR",
    "\u2029": "U+2029 PARAGRAPH SEPARATOR",
    "\u2060": "U+2060 WORD JOINER",
    "\u2065": "U+2065",
    "\u2066": "U+2066 LEFT-TO-RIGHT ISOLATE",
    "\u2800": "U+2800 BRAILLE PATTERN BLANK",
    "\u3000": "U+3000 IDEOGRAPHIC SPACE",
    "\u3164": "U+3164 HANGUL FILLER",
    "\ufdd0": "U+FDD0",
    "\ufe0f": "U+FE0F VARIATION SELECTOR-16",
    "\ufeff": "U+FEFF ZERO WIDTH NO-BREAK SPACE",
    "\uffa0": "U+FFA0 HALFWIDTH HANGUL FILLER",
    "\ufff9": "U+FFF9 INTERLINEAR ANNOTATION ANCHOR",
    "\U0001d173": "U+1D173 MUSICAL SYMBOL BEGIN BEAM",
    "\U000e0041": "U+E0041 TAG LATIN CAPITAL LETTER A",
    "\U000e0100": "U+E0100 VARIATION SELECTOR-17",
}
"""Characters that are invisible in a URL, with their names in error messages."""

WHITE_SPACE = [" ", "\t", "\n", "\r\n", "\f", "\v", "\x85", "\xa0", "\u2003", "\u2028", "\u2029", "\u3000"]
