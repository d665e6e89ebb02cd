"""All that is wrong with a request, so that one response names every field to correct."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from hooklog.errors import FieldError, InvalidMessage, InvalidRequest
from hooklog.messages.fields import named

MAX_UNKNOWN: Final = 20
"""Unknown fields that are named."""

_MAX_NAME_LENGTH = 128


class FieldErrors:
    """Collects what is wrong with the fields of one request, in the order in which they are read."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    @contextmanager
    def of(self, field: str) -> Iterator[None]:
        """Collect what the block raises about this field instead of stopping at it."""
        try:
            yield
        except (InvalidRequest, InvalidMessage) as error:
            self.add(field, str(error))

    def add(self, field: str, message: str) -> None:
        self._errors.append(FieldError(field[:_MAX_NAME_LENGTH], message))

    def refuse_unknown(self, given: Iterable[str], known: Collection[str]) -> None:
        """Add what is given and not known."""
        takes = ", ".join(sorted(known))
        for name in islice(sorted(set(given) - set(known)), MAX_UNKNOWN):
            self.add(name, f"unknown field{named(name)}; known: {takes}")

    def __bool__(self) -> bool:
        return bool(self._errors)

    def raise_any(self) -> None:
        """Raise InvalidRequest if anything has been collected."""
        if self:
            raise self.refusal()

    def refusal(self) -> InvalidRequest:
        return InvalidRequest("; ".join(error.message for error in self._errors), errors=self._errors)
