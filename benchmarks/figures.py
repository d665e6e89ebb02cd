"""A measured figure, for the table and the JSON lines."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, with its bounds, if it has any."""

    name: str
    value: float
    at_most: float | None = None
    unit: str = "ratio"
    at_least: float | None = None

    @property
    def is_held(self) -> bool:
        is_low_enough = self.at_most is None or self.value <= self.at_most
        return is_low_enough and (self.at_least is None or self.value >= self.at_least)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON line's fields, with the value rounded to four digits."""
        return {**asdict(self), "value": round(self.value, 4), "held": self.is_held}


def compare(name: str, counted: float, recorded: float, unit: str) -> Figure:
    """Return a counted value, which must be what is recorded, within the tolerance."""
    most, least = recorded + tolerance(unit, recorded), recorded - tolerance(unit, recorded)
    return Figure(name, round(counted, 2), at_most=round(most, 2), unit=unit, at_least=round(max(least, 0), 2))


def tolerance(unit: str, recorded: float) -> float:
    """Return how far a count may differ from the recorded one.

    Bytes vary with the digits of durations.
    """
    return 0.05 * recorded + 5 if unit.endswith("_bytes") else 0
