"""Cuts from a built layer what no function can use: most of it is botocore's models of services that we never call.

    python trim.py <the layer's python folder>

Whatever it looks for and does not find ends the build: then botocore is laid out anew, and this file is out of date.
"""

import gzip
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

SERVICES: Final = frozenset({"dynamodb", "kms", "sqs", "secretsmanager", "scheduler", "sns", "sts"})
"""Every service that the package makes a client of, and sts for the credentials."""

SERVICE_MODEL: Final = "service-2.json.gz"
KEPT_METADATA: Final = frozenset({"METADATA", "licenses", "LICENSE", "LICENSE.txt", "NOTICE"})
"""What importlib.metadata answers with, and what the licenses ask for."""


def trim(python: Path) -> None:
    data = python / "botocore" / "data"
    for service in sorted(SERVICES):
        trim_service(data / service)
    remove(path for path in data.iterdir() if path.is_dir() and path.name not in SERVICES)
    trim_endpoints(data / "endpoints.json")
    for metadata in python.glob("*.dist-info"):
        remove(path for path in metadata.iterdir() if path.name not in KEPT_METADATA)
    useless = ("bin", ".lock", "certifi/tests", "jsonata/cli")
    remove(path for path in (python / name for name in useless) if path.exists())


def trim_service(service: Path) -> None:
    """Keep the newest version of the service's API; it is the one that a client gets."""
    versions = sorted(path.parent for path in service.glob(f"*/{SERVICE_MODEL}"))
    if not versions:
        sys.exit(f"trim.py: botocore has no {SERVICE_MODEL} in {service}")
    remove(path for path in service.iterdir() if path != versions[-1])
    remove(versions[-1].glob("examples-*"))
    trim_model(versions[-1] / SERVICE_MODEL)


def trim_model(path: Path) -> None:
    """Drop the documentation: three quarters of the time in which a new client reads its model.

    What is left is not compressed again: each zlib does that in its own way, and the layer is the same everywhere.
    """
    model = json.loads(gzip.decompress(path.read_bytes()), object_hook=undocumented)
    path.unlink()
    path.with_suffix("").write_text(json.dumps(model, separators=(",", ":")))


def undocumented(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "documentation" or not isinstance(value, str)}


def trim_endpoints(path: Path) -> None:
    """Keep all partitions and regions, and in each the endpoints of our services alone."""
    endpoints: dict[str, Any] = json.loads(path.read_text())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in sorted(SERVICES & services.keys())}
    if missing := SERVICES - endpoints["partitions"][0]["services"].keys():
        sys.exit(f"trim.py: botocore's endpoints.json has no {', '.join(sorted(missing))}")
    path.unlink()
    path.write_text(json.dumps(endpoints, separators=(",", ":")))


def remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
