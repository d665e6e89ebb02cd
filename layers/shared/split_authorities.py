"""The program that splits certifi's authorities into files that OpenSSL finds by name.

    python split_authorities.py <certifi's cacert.pem> <the new folder>

A TLS context of the folder loads an authority when it needs one. To load all of them takes 25 ms of each cold start.
A file is named after the hash of its subject, as by `openssl rehash`.
https://docs.openssl.org/3.0/man1/openssl-rehash/
"""

import re
import ssl
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import Final

_CERTIFICATE: Final = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTF8: Final = 0x0C
_CHARSETS: Final = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""Of UTF8String, PrintableString, T61String, IA5String, VisibleString, UniversalString and BMPString."""


def split(bundle: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    numbers: Counter[str] = Counter()
    for certificate in _CERTIFICATE.findall(bundle):
        name = hash_subject(ssl.PEM_cert_to_DER_cert(certificate))
        (folder / f"{name}.{numbers[name]}").write_text(certificate)
        numbers[name] += 1
    begun = bundle.count("BEGIN CERTIFICATE")
    if not numbers or numbers.total() != begun:
        sys.exit(f"split_authorities.py: {numbers.total()} of {begun} certificates were found")


def hash_subject(certificate: bytes) -> str:
    """Return the subject's hash, as OpenSSL's X509_NAME_hash()."""
    (_, content), *_ = read(certificate)
    (_, to_be_signed), *_ = read(content)
    fields = [field for field in read(to_be_signed) if field[0] != _VERSION]
    _, subject = fields[4]  # after the serial number, the algorithm, the issuer and the validity
    canonical = b"".join(write(tag, canonicalize(attributes)) for tag, attributes in read(subject))
    return f"{int.from_bytes(sha1(canonical, usedforsecurity=False).digest()[:4], 'little'):08x}"


def canonicalize(attributes: bytes) -> bytes:
    """Return a name's attributes as UTF8String, in lower case and with single spaces."""
    written = []
    for _, attribute in read(attributes):
        (kind, name), (tag, value) = read(attribute)
        if charset := _CHARSETS.get(tag):
            words = re.split(r"[ \t\n\v\f\r]+", value.decode(charset).strip(" \t\n\v\f\r"))
            tag, value = _UTF8, " ".join(words).encode().lower()  # bytes: only ASCII changes
        written.append(write(_SEQUENCE, write(kind, name) + write(tag, value)))
    return b"".join(sorted(written))


def read(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Iterate over DER values: their tag and content."""
    while der:
        tag, length, start = der[0], der[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[2:start])
        yield tag, der[start : start + length]
        der = der[start + length :]


def write(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + content


if __name__ == "__main__":
    split(Path(sys.argv[1]).read_text("utf-8"), Path(sys.argv[2]))
