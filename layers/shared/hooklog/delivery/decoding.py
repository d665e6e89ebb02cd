"""Decoding of bodies from gzip, deflate, br and zstd, up to a limit."""

import importlib
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

MAX_CODINGS: Final = 5

MAX_STREAMS: Final = 4_096
"""Concatenated streams that are decoded. A small body can contain a lot of empty ones, which take 25 µs each."""

MAX_ZSTD_WINDOW_LOG: Final = 23
"""8 MiB, HTTP's maximum (RFC 9659), to limit the memory that a receiver can make Hooklog use."""

_CODINGS_PATH = str(Path(__file__).parents[3] / "codings")
_PIECE_SIZE = 2_048
_MAGIC_LENGTH = 4
_ALIASES = {"x-gzip": "gzip", "x-deflate": "deflate"}
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_CONTROL_CHARACTERS = frozenset(map(chr, range(32))) - set("\t\n\r\f\x1b")
_MAX_CHARACTER_BYTES = 4
_MIN_PLAUSIBLE_LENGTH = 16


class Decoded(NamedTuple):
    """A body, decoded as far as possible."""

    body: bytes
    """Up to one byte more than the limit, which shows that there is more."""
    is_whole: bool
    """Whether it was decoded to its end."""
    is_broken: bool = False
    """Whether the whole body arrived, but its coding breaks off or is damaged."""
    note: str = ""
    """What is wrong with the coding, for customers."""


class _End(Enum):
    """How decoding ended."""

    COMPLETE = auto()
    FULL = auto()
    SHORT = auto()
    DAMAGED = auto()


class _Layer(NamedTuple):
    data: bytes
    end: _End


class _Decompressor(Protocol):
    """A decompressor of one stream, with the interface of bz2 and zstd."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return about `max_length` bytes; without data, continue with the earlier data."""


def decode(body: bytes, codings: Sequence[str], limit: int, *, is_whole: bool) -> Decoded:
    """Decode a body from `codings`: lower-case names in the order of application.

    Returns at most `limit` + 1 bytes; intermediate results are limited, too. `is_whole` says whether the whole body
    arrived. If a coding is unknown or the body is not in it, the body is returned as decoded so far, with a note.
    """
    if not body:
        return Decoded(body, is_whole)
    if len(codings) > MAX_CODINGS:
        return Decoded(body, is_whole, note=f"The body has more than {MAX_CODINGS} codings. It is shown as received.")
    for place, coding in enumerate(reversed(codings), start=1):
        decoder = _DECODERS.get(_ALIASES.get(coding, coding))
        if decoder is None:
            note = f"The coding {coding[:32]!r} is unknown. The body is shown as received."
            return Decoded(body, is_whole, note=note)
        try:
            layer = decoder(body, limit if place == len(codings) else 4 * limit + 65_536)
        except ImportError:  # the library is built for the deployed runtime only
            note = f"The coding {coding} cannot be decoded here. The body is shown as received."
            return Decoded(body, is_whole, note=note)
        if layer is None:
            note = f"The headers say that the body is {coding}, but it is not. It is shown as received."
            return Decoded(body, is_whole, note=note)
        body = layer.data
        if layer.end is _End.DAMAGED or (layer.end is _End.SHORT and is_whole):
            return Decoded(body, is_whole=False, is_broken=True, note=f"The {coding} data breaks off or is damaged.")
        is_whole = is_whole and layer.end is _End.COMPLETE
    return Decoded(body, is_whole)


def _decode_gzip(data: bytes, limit: int) -> _Layer | None:
    return _reject_chance_match(_decompress_all(lambda: _Zlib(_GZIP_WBITS), (_GZIP_MAGIC,), data, limit), data)


def _decode_deflate(data: bytes, limit: int) -> _Layer | None:
    """Decode zlib's format or raw deflate.

    RFC 9110 section 8.4.1.2 requires zlib's format, but some receivers send raw deflate.
    """
    wrapped, _ = _decompress(lambda: _Zlib(_ZLIB_WBITS), memoryview(data), limit)
    if wrapped.end is _End.COMPLETE:
        return wrapped
    raw = _reject_implausible(*_decompress(lambda: _Zlib(_RAW_WBITS), memoryview(data), limit), data)
    return raw if raw and raw.end is _End.COMPLETE else _reject_chance_match(wrapped, data) or raw


def _decode_brotli(data: bytes, limit: int) -> _Layer | None:
    brotli = _import("brotli")
    return _reject_implausible(*_decompress(lambda: _Brotli(brotli.Decompressor()), memoryview(data), limit), data)


def _decode_zstd(data: bytes, limit: int) -> _Layer | None:
    zstd = _import("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    options = {zstd.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG}
    skippable = tuple(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))
    magics = (_ZSTD_MAGIC, *skippable)
    layer = _decompress_all(lambda: zstd.ZstdDecompressor(options=options), magics, data, limit)
    return _reject_chance_match(layer, data)


_DECODERS: dict[str, Callable[[bytes, int], _Layer | None]] = {
    "gzip": _decode_gzip,
    "deflate": _decode_deflate,
    "br": _decode_brotli,
    "zstd": _decode_zstd,
}


def _import(name: str) -> Any:
    """Import a library from a folder that is not on sys.path.

    If it were there, urllib3 would import it at cold starts.
    """
    if _CODINGS_PATH not in sys.path:
        sys.path.append(_CODINGS_PATH)
    return importlib.import_module(name)


def _reject_chance_match(layer: _Layer, data: bytes) -> _Layer | None:
    """Return the layer, or None if text happens to begin like compressed data.

    Also returns None if nothing could be decoded.
    """
    if layer.end is _End.COMPLETE:
        return layer
    if _is_text(data):
        return None
    if layer.data or layer.end is _End.FULL:  # without data, it is full of empty streams
        return layer
    return _Layer(data, layer.end) if layer.end is _End.SHORT else None


def _reject_implausible(layer: _Layer, rest: memoryview, data: bytes) -> _Layer | None:
    """Return the layer, or None if the data is probably not in this format.

    The format has no magic number: unless the stream ends with the data, only text is plausible.
    """
    if _is_text(data):
        return None
    if layer.end is _End.FULL or (layer.end is _End.COMPLETE and not rest):
        return layer
    if len(layer.data) < _MIN_PLAUSIBLE_LENGTH or not _is_text(layer.data):
        return None
    return _Layer(layer.data, _End.DAMAGED) if rest else layer


def _is_text(data: bytes) -> bool:
    """Return whether it is UTF-8 without control characters.

    Its last character may be cut off.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if len(data) - error.start >= _MAX_CHARACTER_BYTES:
            return False
        text = data[: error.start].decode()
    return bool(text) and _CONTROL_CHARACTERS.isdisjoint(text)


def _decompress_all(make: Callable[[], _Decompressor], magics: tuple[bytes, ...], data: bytes, limit: int) -> _Layer:
    """Decompress up to MAX_STREAMS concatenated streams of gzip or zstd; ignore other data after them."""
    output, end, rest = bytearray(), _End.DAMAGED, memoryview(data)  # a view, because copies for many streams are slow
    streams = 0
    while bytes(rest[:_MAGIC_LENGTH]).startswith(magics):
        if streams == MAX_STREAMS:
            end = _End.FULL
            break
        layer, rest = _decompress(make, rest, limit - len(output))
        output += layer.data
        streams, end = streams + 1, layer.end
        if end is not _End.COMPLETE:
            break
    return _Layer(bytes(output), end)


def _decompress(make: Callable[[], _Decompressor], data: memoryview, limit: int) -> tuple[_Layer, memoryview]:
    """Decompress one stream, up to any damage, and return the data after it."""
    layer, fed, decompressor = _feed(make(), _split(data), limit)
    if layer.end is _End.DAMAGED:  # the failed call returned nothing, so feed its piece byte by byte
        layer, fed, decompressor = _feed(make(), _split(data, bytewise=(fed - 1) // _PIECE_SIZE), limit)
    return layer, data[fed - len(decompressor.unused_data) :] if layer.end is _End.COMPLETE else data[:0]


def _split(data: memoryview, bytewise: int = -1) -> Iterator[bytes]:
    """Split the data into pieces, and the piece number `bytewise` into bytes."""
    for number, start in enumerate(range(0, len(data), _PIECE_SIZE)):
        piece = bytes(data[start : start + _PIECE_SIZE])
        if number == bytewise:
            yield from (piece[n : n + 1] for n in range(len(piece)))
        else:
            yield piece


def _feed(decompressor: _Decompressor, pieces: Iterable[bytes], limit: int) -> tuple[_Layer, int, _Decompressor]:
    """Decompress the pieces.

    Returns the output, the number of input bytes, and the decompressor.
    """
    output, fed = bytearray(), 0
    for piece in pieces:
        fed += len(piece)
        more = piece
        while True:
            try:
                decompressed = decompressor.decompress(more, limit + 1 - len(output))
            except Exception:  # noqa: BLE001 - each library has its own exceptions
                return _Layer(bytes(output), _End.DAMAGED), fed, decompressor
            output += decompressed
            if len(output) > limit:
                return _Layer(bytes(output[: limit + 1]), _End.FULL), fed, decompressor
            if decompressor.eof:
                return _Layer(bytes(output), _End.COMPLETE), fed, decompressor
            if not decompressed:
                break
            more = b""
    return _Layer(bytes(output), _End.SHORT), fed, decompressor


class _Zlib:
    """zlib as a `_Decompressor`."""

    def __init__(self, wbits: int) -> None:
        self._decompressor = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def unused_data(self) -> bytes:
        return self._decompressor.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._decompressor.decompress(self._decompressor.unconsumed_tail + data, max_length)


class _Brotli:
    """Brotli as a `_Decompressor`."""

    unused_data = b""

    def __init__(self, decompressor: Any) -> None:
        self._decompressor = decompressor

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output: bytes = self._decompressor.process(data, output_buffer_limit=max_length)
        return output
