"""The CPU time of cold starts, as Lambda runs them.

Lambda's runtime client (`awslambdaric`) starts each function under Python 3.13 with its code, the built layer with its
bytecode, and the settings of template.yaml. The time ends when the process asks for its first event. The reference is
a handler that imports boto3 and creates a client, with the complete boto3 and botocore: Lambda's own, which have
bytecode as well. The starts take turns.

The wheels are those of this machine. On arm64 the same Python code runs, with other compiled modules.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Final, NamedTuple

from benchmarks.environment import function_environment
from benchmarks.figures import Figure
from local import places
from tests import template
from tests.lambda_runtime import PYTHON, Function, started_unrestricted
from tests.receiver.certificates import make_certificates

ROUNDS: Final = 15
PROFILED_ROUNDS: Final = 9
START_SECONDS: Final = 30

BOUNDS: Final = {"SendWebhooksFunction": 1.05, "ReadApiFunction": 0.9, "AuthorizeFunction": 0.4}

BUILD: Final = places.STATE / "cold-starts"
_BOTO3: Final = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
_HANDLER: Final = "def lambda_handler(event, context): ...\n"
_CLIENT: Final = f'import boto3\n\nclient = boto3.client("dynamodb")\n\n\n{_HANDLER}'
_COMPILE: Final = ("-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash")

PACKAGES: Final = {
    "awslambdaric": "Python and Lambda's runtime client",
    "boto3": "boto3",
    "botocore": "botocore, with urllib3",
    "pynamodb": "pynamodb",
    "aws_lambda_powertools": "Powertools",
    "requests": "requests",
    "jwt": "PyJWT",
    "hooklog": "Hooklog",
    "app": "Hooklog",
}
"""The parts that imports belong to. A module belongs to the package whose import is the first to need it."""

REST: Final = "other than imports: clients, certificates"


class Import(NamedTuple):
    """A line of `-X importtime`. Modules are listed after those that they import, which are indented deeper."""

    depth: int
    module: str
    microseconds: int


class Profile(NamedTuple):
    """The CPU milliseconds of a start, and its imports."""

    milliseconds: float
    imports: list[Import]


def measure() -> Iterator[Figure]:
    """Measure ROUNDS starts of each function, and a profile of each.

    Ratios are the median of the rounds; milliseconds are the least.
    """
    if reason := _find_obstacle():
        sys.stderr.write(f"cold_starts: skipped, because {reason}\n")
        return
    with tempfile.TemporaryDirectory() as folder, _secrets_manager(Path(folder)) as (endpoint, authority):
        functions = _build(endpoint, authority)
        rounds = [{name: _start(each, Path(folder, name)) for name, each in functions.items()} for _ in range(ROUNDS)]
        profiles = {name: _profile(functions[name], Path(folder, name)) for name in BOUNDS}
    least = {name: min(each[name] for each in rounds) * 1000 for name in functions}
    for name, bound in BOUNDS.items():
        ratio = median(each[name] / each["boto3 client"] for each in rounds)
        yield Figure(f"cold start: {name} / boto3 client", ratio, at_most=bound)
    for name in functions:
        yield Figure(f"cold start: {name}", least[name], unit="ms of CPU")
    for name in BOUNDS:
        for part, milliseconds in _count_parts(profiles[name]).items():
            yield Figure(f"cold start: {name}: {part}", milliseconds, unit="ms of CPU")


def _find_obstacle() -> str | None:
    """Return why this machine cannot measure, if it cannot."""
    if sys.platform != "linux":
        return "only Linux tells the CPU time of another process"
    if not PYTHON.exists():
        return "Lambda's runtime client is not installed: make .venv-runtime/ready"
    version = subprocess.check_output([PYTHON, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], text=True)
    return None if version.strip() == "3.13" else f"Python 3.13 is not installed: .venv-runtime has {version.strip()}"


def _build(endpoint: str, authority: Path) -> dict[str, Function]:
    """Build the layer, and the reference's folder of packages, both for Python 3.13 on this machine.

    The layer also trusts `authority`, who issued the certificate of the local Secrets Manager.
    """
    shutil.rmtree(BUILD, ignore_errors=True)
    layer, complete = BUILD / "layer", BUILD / "boto3"
    variables = {
        "ARTIFACTS_DIR": layer,
        "LAYER_WHEELS": "--python-version 3.13",
        "LAYER_PYTHON": PYTHON,
        "PYTHON": sys.executable,
        "UV": places.DEV_BIN / "uv",
    }
    settings = [f"{name}={value}" for name, value in variables.items()]
    command = ["make", "--silent", "--directory", "layers/shared", "build-SharedLayer", *settings]
    subprocess.run(command, cwd=places.ROOT, env=places.tool_environment(), check=True)
    _trust(layer, authority)
    installed = Path(sysconfig.get_path("purelib"))
    for name in _BOTO3:
        copy = shutil.copytree if (installed / name).is_dir() else shutil.copy
        complete.mkdir(exist_ok=True)
        copy(installed / name, complete / name)
    runtime = Path(PYTHON.parents[1], "lib", "python3.13", "site-packages")
    for folder in (complete, runtime):
        subprocess.run([PYTHON, *_COMPILE, folder], check=True)
    functions = {
        "empty handler": _make_function("ReadApiFunction", _write_handler("empty", _HANDLER), layer, endpoint),
        "boto3 client": _make_function("ReadApiFunction", _write_handler("client", _CLIENT), complete, endpoint),
    }
    codes = {name: template.ROOT / template.functions()[name]["CodeUri"] for name in BOUNDS}
    return functions | {name: _make_function(name, code, layer / "python", endpoint) for name, code in codes.items()}


def _trust(layer: Path, authority: Path) -> None:
    bundle, folder = BUILD / "authorities.pem", layer / "authorities"
    bundle.write_text((layer / "python/certifi/cacert.pem").read_text() + authority.read_text())
    shutil.rmtree(folder)
    subprocess.run([sys.executable, "layers/shared/split_authorities.py", bundle, folder], cwd=places.ROOT, check=True)


def _write_handler(name: str, code: str) -> Path:
    folder = BUILD / name
    folder.mkdir()
    (folder / "app.py").write_text(code)
    return folder


def _make_function(name: str, code: Path, layer: Path, endpoint: str) -> Function:
    """Return a function with the settings that it has on Lambda, where there is no home."""
    environment = function_environment(name)
    settings = {name: value for name, value in environment.items() if name not in {"HOME", "PATH", "TMPDIR"}}
    properties = template.default(template.functions()[name])
    limits = int(properties["MemorySize"]), int(properties["Timeout"])
    here = {"AWS_REGION": environment["AWS_DEFAULT_REGION"], "AWS_ENDPOINT_URL": endpoint}
    return Function(code, layer, {**settings, **here}, *limits)


def _start(function: Function, folder: Path) -> float:
    """Start a function and return the CPU seconds of its process when it asks for its first event."""
    folder.mkdir(exist_ok=True)
    with started_unrestricted(function, folder) as (api, process_id):
        if not api.asked.wait(START_SECONDS):
            raise AssertionError(f"not started:\n{(folder / 'printed').read_text()[-3000:]}")
        return time.clock_gettime(_get_cpu_clock(process_id))


def _get_cpu_clock(process_id: int) -> int:
    """Return the ID of a process's CPU-time clock, as glibc's clock_getcpuclockid() does."""
    return ~process_id << 3 | 2


def _profile(function: Function, folder: Path) -> Profile:
    """Return the start with the fastest imports of PROFILED_ROUNDS.

    The times of imports are not CPU times: a busy machine prolongs them.
    """
    profiled = function._replace(environment={**function.environment, "PYTHONPROFILEIMPORTTIME": "1"})

    def start() -> Profile:
        milliseconds = _start(profiled, folder) * 1000
        return Profile(milliseconds, list(_parse_imports((folder / "printed").read_text())))

    return min(
        (start() for _ in range(PROFILED_ROUNDS)), key=lambda each: sum(one.microseconds for one in each.imports)
    )


def _parse_imports(printed: str) -> Iterator[Import]:
    for line in re.finditer(r"^import time: +(\d+) \| +\d+ \| ( *)(\S+)$", printed, re.MULTILINE):
        yield Import(len(line[2]) // 2, line[3], int(line[1]))


def _count_parts(profile: Profile) -> Mapping[str, float]:
    """Divide a start's milliseconds among PACKAGES and REST."""
    parts = dict.fromkeys(PACKAGES.values(), 0.0)
    importing: list[tuple[int, str]] = []
    for each in reversed(profile.imports):
        while importing and importing[-1][0] >= each.depth:
            importing.pop()
        inherited = importing[-1][1] if importing else PACKAGES["awslambdaric"]
        part = PACKAGES.get(each.module.partition(".")[0], inherited)
        importing.append((each.depth, part))
        parts[part] += each.microseconds / 1000
    rest = profile.milliseconds - sum(parts.values())
    return {part: total for part, total in parts.items() if total} | {REST: rest}


class _SecretsManager(BaseHTTPRequestHandler):
    """Secrets Manager, which the authorizer calls before its first event."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer GetSecretValue."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = f'{{"VersionId":"current","SecretString":"{"k" * 64}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do not log requests."""


@contextmanager
def _secrets_manager(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the address of a Secrets Manager and the certificate of the authority that it needs."""
    certificates = make_certificates(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), _SecretsManager) as server:
        server.socket = certificates.trusted.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}", certificates.ca_path
        server.shutdown()
