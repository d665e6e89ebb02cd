"""samconfig.toml's section `lean`: the parameters of the cheapest deployment, and what the model makes of them."""

import tomllib
from collections.abc import Mapping
from typing import Final

from benchmarks.bill import Capacity, Terms
from benchmarks.capacity import Deployment
from tests.template import ROOT, default

SECTION: Final = "lean"


def overrides() -> dict[str, str]:
    """The parameters that it sets, but for the stage, in its order."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    words = config[SECTION]["deploy"]["parameters"]["parameter_overrides"].split()
    parameters = dict(word.split("=", 1) for word in words)
    del parameters["Stage"]
    return parameters


def deployment(parameters: Mapping[str, str]) -> Deployment:
    names = ("BatchSize", "BatchWindowSeconds", "SenderMemoryMb")
    size, window, memory = (int(_value(name, parameters)) for name in names)
    return Deployment(batch_size=size, window_seconds=window, memory_mb=memory)


def terms(parameters: Mapping[str, str], used: float = 0.7) -> Terms:
    """`used` is the share of the capacity that is used on average, where it is provisioned."""
    writes, reads = (int(_value(name, parameters)) for name in ("WriteCapacityMin", "ReadCapacityMin"))
    return Terms(
        recovery=_value("PointInTimeRecovery", parameters) == "true",
        infrequent=_value("TableClass", parameters) == "STANDARD_INFREQUENT_ACCESS",
        capacity=Capacity(writes, reads, used) if writes else None,
    )


def _value(name: str, parameters: Mapping[str, str]) -> str:
    return str(default({"Ref": name}, **parameters))
