"""A measured figure, as the table and the JSON lines show it."""

from dataclasses import dataclass


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
