"""Bodies out of the codings that a response names, up to a limit; kept as they came where they are not in them."""

import zlib
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

MAX_CODINGS: Final = 5

_STEP = 4_096
_ALIASES = {"x-gzip": "gzip", "x-deflate": "deflate"}
_GZIP_WINDOW, _ZLIB_WINDOW, _BARE_WINDOW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_CONTROL_CHARACTERS = frozenset(map(chr, range(32))) - set("\t\n\r\f\x1b")


class Decoded(NamedTuple):
    """A body, decoded as far as that goes."""

    body: bytes
    """Up to one byte more than the limit, which tells that there is more."""
    is_whole: bool
    """Whether it was decoded to its end."""
    is_broken: bool = False
    """Whether the body came whole, and its coding breaks off or is damaged."""
    note: str = ""
    """What is wrong with the coding, in the customer's words."""


class _End(Enum):
    """How decoding came to its end."""

    COMPLETE = auto()
    FULL = auto()
    SHORT = auto()
    DAMAGED = auto()


class _Layer(NamedTuple):
    data: bytes
    end: _End


def decode(body: bytes, codings: Sequence[str], limit: int, *, is_whole: bool) -> Decoded:
    """Undo `codings`, lower-case names in the order in which they were applied, the last one first.

    At most `limit` + 1 bytes come out, and what is in between is bounded as well. `is_whole` says whether all of the
    body is there. A coding that the body is not in, or that is unknown, leaves it as it is at that point.
    """
    if not codings or not body:
        return Decoded(body, is_whole)
    if len(codings) > MAX_CODINGS:
        return Decoded(body, is_whole, note=f"More than {MAX_CODINGS} codings: the body is kept as it came.")
    for place, coding in enumerate(reversed(codings), start=1):
        decoder = _DECODERS.get(_ALIASES.get(coding, coding))
        if decoder is None:
            return Decoded(
                body, is_whole, note=f"The coding {coding[:32]!r} is not known: the body is kept as it came."
            )
        layer = decoder(body, limit if place == len(codings) else 4 * limit + 65_536)
        if layer is None:
            note = f"The headers say that the body is {coding}, and it is not: it is kept as it came."
            return Decoded(body, is_whole, note=note)
        body = layer.data
        if layer.end is _End.DAMAGED or (layer.end is _End.SHORT and is_whole):
            return Decoded(body, is_whole=False, is_broken=True, note=f"The {coding} data breaks off or is damaged.")
        is_whole = is_whole and layer.end is _End.COMPLETE
    return Decoded(body, is_whole)


def _gunzip(data: bytes, limit: int) -> _Layer | None:
    body, rest, end = b"", data, _End.DAMAGED
    while rest.startswith(_GZIP_MAGIC):  # one member after another, RFC 1952 section 2.2
        piece, end, rest = _inflate(_GZIP_WINDOW, rest, limit - len(body))
        body += piece
        if end is not _End.COMPLETE:
            break
    return _unless_by_chance(_Layer(body, end), data)


def _undeflate(data: bytes, limit: int) -> _Layer | None:
    """In zlib's format, as RFC 9110 section 8.4.1.2 has it, or bare, as some send it."""
    wrapped, bare = (_Layer(*_inflate(window, data, limit)[:2]) for window in (_ZLIB_WINDOW, _BARE_WINDOW))
    accepted = _unless_by_chance(wrapped, data)
    if wrapped.end is _End.COMPLETE or bare.end is _End.DAMAGED or _is_text(data):
        return accepted
    return bare if bare.end is _End.COMPLETE else accepted or _unless_by_chance(bare, data)


_DECODERS: dict[str, Callable[[bytes, int], _Layer | None]] = {"gzip": _gunzip, "deflate": _undeflate}


def _unless_by_chance(layer: _Layer, data: bytes) -> _Layer | None:
    """None where nothing could be decoded, or text only looked as if it were compressed at its beginning."""
    if layer.end is _End.COMPLETE:
        return layer
    if _is_text(data):
        return None
    return layer if layer.data else _Layer(data, layer.end) if layer.end is _End.SHORT else None


def _is_text(data: bytes) -> bool:
    try:
        return _CONTROL_CHARACTERS.isdisjoint(data.decode())
    except UnicodeDecodeError:
        return False


def _inflate(window: int, data: bytes, limit: int) -> tuple[bytes, _End, bytes]:
    """What one stream of zlib holds, all that comes before the damage in a damaged one; and what follows it."""
    engine, output, step, start = zlib.decompressobj(window), bytearray(), _STEP, 0
    piece = b""
    while len(output) <= limit:
        if not piece:
            piece, start = data[start : start + _STEP], start + _STEP
        before = engine.copy()
        try:
            got = engine.decompress(piece, min(step, limit + 1 - len(output)))
        except zlib.error:
            if step == 1:
                return bytes(output), _End.DAMAGED, b""
            engine, step = before, 1  # what the call gave before it found the damage is lost with it
            continue
        output += got
        if engine.eof:
            return bytes(output), _End.COMPLETE, engine.unused_data + data[start:]
        piece = engine.unconsumed_tail
        if not (got or piece or start < len(data)):
            return bytes(output), _End.SHORT, b""
    return bytes(output), _End.FULL, b""
