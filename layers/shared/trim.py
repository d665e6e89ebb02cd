"""The program that removes unused files from a built layer.

Most are botocore's models of services that Hooklog does not call.

    python trim.py <the layer's python folder>

The build fails if a file is missing, because botocore's layout has changed then.
"""

import gzip
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

SERVICES: Final = frozenset({"dynamodb", "kms", "sqs", "scheduler", "sns", "sts"})
"""The services for which the package creates clients, and sts for credentials."""

SERVICE_MODEL: Final = "service-2.json.gz"
KEPT_METADATA: Final = frozenset({"METADATA", "licenses", "LICENSE", "LICENSE.txt", "NOTICE"})
"""Files that importlib.metadata reads, and that licenses require."""


def trim(python: Path) -> None:
    data = python / "botocore" / "data"
    for service in sorted(SERVICES):
        trim_service(data / service)
    remove(path for path in data.iterdir() if path.is_dir() and path.name not in SERVICES)
    trim_endpoints(data / "endpoints.json")
    for metadata in python.glob("*.dist-info"):
        remove(path for path in metadata.iterdir() if path.name not in KEPT_METADATA)
    trim_charset_normalizer(python / "charset_normalizer")
    unused = ("bin", ".lock", "certifi/tests", "jsonata/cli")
    remove(path for path in (python / name for name in unused) if path.exists())


def trim_charset_normalizer(package: Path) -> None:
    """Keep only its version, which requests checks.

    requests uses the rest to guess the charset of a response's text, which Hooklog does itself.
    """
    kept = {"__init__.py", "version.py"}
    remove(path for path in package.iterdir() if path.name not in kept)
    (package / "__init__.py").write_text("from .version import __version__\n")
    if not (package / "version.py").exists():
        sys.exit("trim.py: charset_normalizer has no version.py")


def trim_service(service: Path) -> None:
    """Keep only the newest version of the service's API, which clients use."""
    versions = sorted(path.parent for path in service.glob(f"*/{SERVICE_MODEL}"))
    if not versions:
        sys.exit(f"trim.py: botocore has no {SERVICE_MODEL} in {service}")
    remove(path for path in service.iterdir() if path != versions[-1])
    remove(versions[-1].glob("examples-*"))
    trim_model(versions[-1] / SERVICE_MODEL)


def trim_model(path: Path) -> None:
    """Remove the documentation from a model.

    It takes three quarters of the time to load a model. The rest is not compressed, because zlib's output differs
    between machines and the layer must be reproducible.
    """
    model = json.loads(gzip.decompress(path.read_bytes()), object_hook=remove_documentation)
    path.unlink()
    path.with_suffix("").write_text(json.dumps(model, separators=(",", ":")))


def remove_documentation(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "documentation" or not isinstance(value, str)}


def trim_endpoints(path: Path) -> None:
    """Keep all partitions and regions, but only the endpoints of SERVICES."""
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
