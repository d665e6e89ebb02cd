"""The invalid fields of a request, so that one response names all of them."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from hooklog.errors import FieldError, InvalidMessage, InvalidRequest
from hooklog.messages.fields import format_name

MAX_UNKNOWN: Final = 20
"""Unknown fields that the response names."""

_MAX_NAME_LENGTH = 128


class FieldErrors:
    """The first error of each field of a request, in the order of reading."""

    def __init__(self) -> None:
        self._errors: dict[str, FieldError] = {}

    @contextmanager
    def of(self, field: str) -> Iterator[None]:
        """Collect the error that the block raises about this field, and continue."""
        try:
            yield
        except (InvalidRequest, InvalidMessage) as error:
            self.add(field, str(error))

    def add(self, field: str, message: str) -> None:
        """Add an error, unless the field has one already.

        A later error may only follow from the first, and would mislead.
        """
        name = field[:_MAX_NAME_LENGTH]
        self._errors.setdefault(name, FieldError(name, message))

    def add_unknown(self, given: Iterable[str], known: Collection[str]) -> None:
        """Add an error for each given field that is not known."""
        known_names = ", ".join(sorted(known))
        for name in islice(sorted(set(given) - set(known)), MAX_UNKNOWN):
            self.add(name, f"unknown field{format_name(name)}; known: {known_names}")

    def __bool__(self) -> bool:
        return bool(self._errors)

    def raise_any(self) -> None:
        """Raise InvalidRequest if any error was collected."""
        if self:
            raise self.to_exception()

    def to_exception(self) -> InvalidRequest:
        errors = tuple(self._errors.values())
        return InvalidRequest("; ".join(error.message for error in errors), errors=errors)
