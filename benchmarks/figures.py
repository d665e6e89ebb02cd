"""A measured figure, as the table and the JSON lines show it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`at_most` is the bound that the project holds itself to."""

    name: str
    value: float
    at_most: float | None = None
    unit: str = "ratio"

    @property
    def held(self) -> bool:
        return self.at_most is None or self.value <= self.at_most

    def line(self) -> dict[str, Any]:
        """As one JSON line, rounded to what a machine like this can tell apart."""
        return {**asdict(self), "value": round(self.value, 4), "held": self.held}
