"""A reader of DER, as far as X.509 certificates need it (ITU-T X.690, chapter 10)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OBJECT_IDENTIFIER: Final = 0x06
_LONG_FORM: Final = 0x80
_MULTIPLE_OCTETS: Final = 0x1F


class InvalidDer(ValueError):
    """The bytes are not the DER that was expected."""


class Value(NamedTuple):
    """A tag and its content."""

    tag: int
    content: bytes
    encoded: bytes
    """With the tag and the length."""

    def expect(self, tag: int) -> "Value":
        """Return the value. Raises InvalidDer if it has another tag."""
        if self.tag != tag:
            raise InvalidDer(f"tag {self.tag:#x} instead of {tag:#x}")
        return self

    def children(self) -> list["Value"]:
        return list(_iterate(self.content))

    def to_integer(self) -> int:
        return int.from_bytes(self.expect(INTEGER).content, signed=True)

    def to_object_identifier(self) -> str:
        """Return dotted numbers, such as `2.5.4.3`."""
        numbers, number = list[int](), 0
        for octet in self.expect(OBJECT_IDENTIFIER).content:
            number = number << 7 | octet & 0x7F
            if octet < _LONG_FORM:
                numbers.append(number)
                number = 0
        if not numbers:
            raise InvalidDer("an empty object identifier")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def read_value(data: bytes) -> Value:
    """Read the only value of these bytes. Raises InvalidDer."""
    values = list(_iterate(data))
    if len(values) != 1:
        raise InvalidDer(f"{len(values)} values instead of one")
    return values[0]


def _iterate(data: bytes) -> Iterator[Value]:
    start = 0
    while start < len(data):
        begin, end = _find_content(data, start)
        yield Value(data[start], data[begin:end], data[start:end])
        start = end


def _find_content(data: bytes, start: int) -> tuple[int, int]:
    """Return where the content of the value at `start` begins and ends. Raises InvalidDer."""
    if start + 1 >= len(data) or data[start] & _MULTIPLE_OCTETS == _MULTIPLE_OCTETS:
        raise InvalidDer("no complete tag and length")
    begin, length = start + 2, data[start + 1]
    if length >= _LONG_FORM:
        octets = length - _LONG_FORM
        begin, length = begin + octets, int.from_bytes(data[begin : begin + octets])
        if not octets:
            raise InvalidDer("an indefinite length")
    if begin + length > len(data):
        raise InvalidDer("more content than bytes")
    return begin, begin + length
