"""The cheapest deployment, `lean` in samconfig.toml, as input of the model."""

import tomllib
from collections.abc import Mapping
from typing import Final

from benchmarks.bill import Capacity, Terms
from benchmarks.capacity import Deployment
from tests.template import ROOT, default

SECTION: Final = "lean"


def read_overrides() -> dict[str, str]:
    """Return the parameters that it sets, in its order, except `Stage`."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    words = config[SECTION]["deploy"]["parameters"]["parameter_overrides"].split()
    parameters = dict(word.split("=", 1) for word in words)
    del parameters["Stage"]
    return parameters


def to_deployment(parameters: Mapping[str, str]) -> Deployment:
    names = ("BatchSize", "BatchWindowSeconds", "SenderMemoryMb")
    size, window, memory = (int(_value(name, parameters)) for name in names)
    return Deployment(batch_size=size, window_seconds=window, memory_mb=memory)


def to_terms(parameters: Mapping[str, str], used: float = 0.7) -> Terms:
    """Return the model's terms; `used` is the average share of capacity in use."""
    writes, reads = (int(_value(name, parameters)) for name in ("WriteCapacityMin", "ReadCapacityMin"))
    return Terms(
        recovery=_value("PointInTimeRecovery", parameters) == "true",
        infrequent=_value("TableClass", parameters) == "STANDARD_INFREQUENT_ACCESS",
        capacity=Capacity(writes, reads, used) if writes else None,
        counting=_value("CountExecutions", parameters) == "true",
        indexes_all=_value("MessageIndex", parameters) == "all",
    )


def _value(name: str, parameters: Mapping[str, str]) -> str:
    return str(default({"Ref": name}, **parameters))
