"""Bodies out of the codings that a response names, up to a limit; kept as they came where they are not in them."""

import importlib
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

MAX_CODINGS: Final = 5

MAX_ZSTD_WINDOW_LOG: Final = 23
"""8 MiB, the most that HTTP allows, RFC 9659; more memory than that is not given to a receiver."""

_ASIDE = str(Path(__file__).parents[3] / "codings")
_PIECE = 2_048
_MAGIC_LENGTH = 4
_ALIASES = {"x-gzip": "gzip", "x-deflate": "deflate"}
_GZIP_WINDOW, _ZLIB_WINDOW, _BARE_WINDOW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_CONTROL_CHARACTERS = frozenset(map(chr, range(32))) - set("\t\n\r\f\x1b")
_LONGEST_CHARACTER = 4
_PLAUSIBLE_LENGTH = 16


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
    """How decoding ended."""

    COMPLETE = auto()
    FULL = auto()
    SHORT = auto()
    DAMAGED = auto()


class _Layer(NamedTuple):
    data: bytes
    end: _End


class _Engine(Protocol):
    """One stream of compressed data, decompressed piece by piece; the interface of bz2 and zstd."""

    @property
    def eof(self) -> bool:
        """Whether its end was reached."""

    @property
    def unused_data(self) -> bytes:
        """What came after it."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Decompress about so many bytes; without data, more of what was given before."""


def decode(body: bytes, codings: Sequence[str], limit: int, *, is_whole: bool) -> Decoded:
    """Undo `codings`, lower-case names in the order in which they were applied, the last one first.

    At most `limit` + 1 bytes come out, and what is in between is bounded as well. `is_whole` says whether all of the
    body is there. A coding that the body is not in, or that is unknown, leaves it as it is at that point.
    """
    if not body:
        return Decoded(body, is_whole)
    if len(codings) > MAX_CODINGS:
        return Decoded(body, is_whole, note=f"More than {MAX_CODINGS} codings: the body is kept as it came.")
    for place, coding in enumerate(reversed(codings), start=1):
        decoder = _DECODERS.get(_ALIASES.get(coding, coding))
        if decoder is None:
            note = f"The coding {coding[:32]!r} is not known: the body is kept as it came."
            return Decoded(body, is_whole, note=note)
        try:
            layer = decoder(body, limit if place == len(codings) else 4 * limit + 65_536)
        except ImportError:  # its library is made for the deployed runtime, and this is another
            note = f"The coding {coding} cannot be undone here: the body is kept as it came."
            return Decoded(body, is_whole, note=note)
        if layer is None:
            note = f"The headers say that the body is {coding}, and it is not: it is kept as it came."
            return Decoded(body, is_whole, note=note)
        body = layer.data
        if layer.end is _End.DAMAGED or (layer.end is _End.SHORT and is_whole):
            return Decoded(body, is_whole=False, is_broken=True, note=f"The {coding} data breaks off or is damaged.")
        is_whole = is_whole and layer.end is _End.COMPLETE
    return Decoded(body, is_whole)


def _gunzip(data: bytes, limit: int) -> _Layer | None:
    return _unless_by_chance(_decompress_all(lambda: _Inflating(_GZIP_WINDOW), (_GZIP_MAGIC,), data, limit), data)


def _undeflate(data: bytes, limit: int) -> _Layer | None:
    """In zlib's format, as RFC 9110 section 8.4.1.2 has it, or bare, as some send it."""
    wrapped, _ = _decompress(lambda: _Inflating(_ZLIB_WINDOW), memoryview(data), limit)
    if wrapped.end is _End.COMPLETE:
        return wrapped
    bare = _if_plausible(*_decompress(lambda: _Inflating(_BARE_WINDOW), memoryview(data), limit), data)
    return bare if bare and bare.end is _End.COMPLETE else _unless_by_chance(wrapped, data) or bare


def _unbrotli(data: bytes, limit: int) -> _Layer | None:
    brotli = _import("brotli")
    return _if_plausible(*_decompress(lambda: _Brotli(brotli.Decompressor()), memoryview(data), limit), data)


def _unzstd(data: bytes, limit: int) -> _Layer | None:
    zstd = _import("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    options = {zstd.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG}
    skippable = tuple(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))
    magics = (_ZSTD_MAGIC, *skippable)
    return _unless_by_chance(_decompress_all(lambda: zstd.ZstdDecompressor(options=options), magics, data, limit), data)


_DECODERS: dict[str, Callable[[bytes, int], _Layer | None]] = {
    "gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}


def _import(name: str) -> Any:
    """Import what stands aside in the layer, so that urllib3 does not load it at every cold start."""
    if _ASIDE not in sys.path:
        sys.path.append(_ASIDE)
    return importlib.import_module(name)


def _unless_by_chance(layer: _Layer, data: bytes) -> _Layer | None:
    """None where nothing could be decoded, or text only looked as if it were compressed at its beginning."""
    if layer.end is _End.COMPLETE:
        return layer
    if _is_text(data):
        return None
    return layer if layer.data else _Layer(data, layer.end) if layer.end is _End.SHORT else None


def _if_plausible(layer: _Layer, rest: memoryview, data: bytes) -> _Layer | None:
    """The same for a format without a magic number: where it does not end with the data, only text is believed."""
    if _is_text(data):
        return None
    if layer.end is _End.FULL or (layer.end is _End.COMPLETE and not rest):
        return layer
    if len(layer.data) < _PLAUSIBLE_LENGTH or not _is_text(layer.data):
        return None
    return _Layer(layer.data, _End.DAMAGED) if rest else layer


def _is_text(data: bytes) -> bool:
    """Whether it is UTF-8, the last character perhaps cut."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if len(data) - error.start >= _LONGEST_CHARACTER:
            return False
        text = data[: error.start].decode()
    return bool(text) and _CONTROL_CHARACTERS.isdisjoint(text)


def _decompress_all(make: Callable[[], _Engine], magics: tuple[bytes, ...], data: bytes, limit: int) -> _Layer:
    """One stream after another, as gzip and zstd may be joined; what follows them is left out."""
    output, end, rest = bytearray(), _End.DAMAGED, memoryview(data)  # many may be joined: none copies what follows it
    while bytes(rest[:_MAGIC_LENGTH]).startswith(magics):
        layer, rest = _decompress(make, rest, limit - len(output))
        output += layer.data
        end = layer.end
        if end is not _End.COMPLETE:
            break
    return _Layer(bytes(output), end)


def _decompress(make: Callable[[], _Engine], data: memoryview, limit: int) -> tuple[_Layer, memoryview]:
    """What one stream holds, and what follows it. Of damaged data, all that comes before the damage."""
    layer, fed, engine = _feed(make(), _pieces(data), limit)
    if layer.end is _End.DAMAGED:  # what the last call gave is lost, so that it is asked for byte by byte
        layer, fed, engine = _feed(make(), _pieces(data, divided=(fed - 1) // _PIECE), limit)
    return layer, data[fed - len(engine.unused_data) :] if layer.end is _End.COMPLETE else data[:0]


def _pieces(data: memoryview, divided: int = -1) -> Iterator[bytes]:
    """The data in pieces, one of them byte by byte."""
    for number, start in enumerate(range(0, len(data), _PIECE)):
        piece = bytes(data[start : start + _PIECE])
        if number == divided:
            yield from (piece[n : n + 1] for n in range(len(piece)))
        else:
            yield piece


def _feed(engine: _Engine, pieces: Iterable[bytes], limit: int) -> tuple[_Layer, int, _Engine]:
    """What comes out, how many bytes went in, and the engine in its last state."""
    output, fed = bytearray(), 0
    for piece in pieces:
        fed += len(piece)
        more = piece
        while True:
            try:
                got = engine.decompress(more, limit + 1 - len(output))
            except Exception:  # noqa: BLE001 - each library has an exception of its own
                return _Layer(bytes(output), _End.DAMAGED), fed, engine
            output += got
            if len(output) > limit:
                return _Layer(bytes(output[: limit + 1]), _End.FULL), fed, engine
            if engine.eof:
                return _Layer(bytes(output), _End.COMPLETE), fed, engine
            if not got:
                break
            more = b""
    return _Layer(bytes(output), _End.SHORT), fed, engine


class _Inflating:
    """zlib as an `_Engine`."""

    def __init__(self, window: int) -> None:
        self._engine = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._engine.decompress(self._engine.unconsumed_tail + data, max_length)


class _Brotli:
    """Brotli as an `_Engine`."""

    unused_data = b""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @property
    def eof(self) -> bool:
        return bool(self._engine.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output: bytes = self._engine.process(data, output_buffer_limit=max_length)
        return output
