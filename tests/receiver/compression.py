"""Valid and hostile gzip bodies."""

import gzip
import struct
import zlib
from functools import cache

_MEBIBYTE = bytes(1 << 20)
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"


@cache
def gzip_bomb(mebibytes: int, layers: int) -> bytes:
    """Return a valid gzip of this many MiB of zeros.

    One layer compresses about 1000:1, two to a few KB.

    Compresses one MiB up to a full flush and repeats it, so that only the checksum reads every byte.
    """
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(_MEBIBYTE) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(mebibytes):
        checksum = zlib.crc32(_MEBIBYTE, checksum)
    size = mebibytes * len(_MEBIBYTE) & 0xFFFF_FFFF
    bomb = _HEADER + block * mebibytes + _LAST_BLOCK + struct.pack("<II", checksum, size)
    for _ in range(layers - 1):
        bomb = gzip.compress(bomb)
    return bomb
