"""A starter of functions that works as Lambda does.

Its real runtime client calls our Runtime API. The client is awslambdaric, in its own environment without anything else
(`.venv-runtime`, made by make with Python 3.13 if installed). The function sees its built code and the
built layer, as Lambda lays them out.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, Final, NamedTuple

from tests.template import ROOT

PYTHON: Final = ROOT / ".venv-runtime" / "bin" / "python"
RESPONSE_SECONDS: Final = 60
_API: Final = "/2018-06-01/runtime"


class Outcome(NamedTuple):
    """How an invocation or the start of a function ended."""

    kind: str
    """`response`, `error`, or `init/error` if the handler could not be loaded."""
    body: Any


class RuntimeApi(ThreadingHTTPServer):
    """Returns one event after another and collects the responses."""

    daemon_threads = True

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.timeout_seconds = timeout_seconds
        self.events: Queue[bytes] = Queue()
        self.outcomes: Queue[Outcome] = Queue()
        self.asked = Event()
        """Set when the function has been initialised and asks for its first event."""
        self.closing = Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Ignore connections of killed processes. A bug here shows as a missing response."""


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi

    def do_GET(self) -> None:
        """Handle `/runtime/invocation/next`: wait until there is an event."""
        self.server.asked.set()
        while not self.server.closing.is_set():
            try:
                event = self.server.events.get(timeout=0.1)
            except Empty:
                continue
            ends = time.time() + self.server.timeout_seconds
            self._respond(
                200,
                event,
                {
                    "Content-Type": "application/json",  # the client crashes without it
                    "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                    "Lambda-Runtime-Deadline-Ms": str(int(ends * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:built",
                    "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
                },
            )
            return

    def do_POST(self) -> None:
        """Accept a response, or an error of an invocation or of the start."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = self.path.rpartition("/")[2]
        self.server.outcomes.put(Outcome("init/error" if self.path.startswith(f"{_API}/init/") else kind, body))
        self._respond(202, b'{"status":"OK"}')

    def _respond(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Do not log requests."""


class Function(NamedTuple):
    """The code, layer and settings of a function."""

    code: Path
    """The folder of the code that SAM built."""
    layer: Path
    environment: Mapping[str, str]
    memory_mb: int
    timeout_seconds: int


@contextmanager
def started(function: Function, folder: Path) -> Iterator[RuntimeApi]:
    """Yield the Runtime API of a function's process, which is restricted as on Lambda.

    The process runs in `folder` and ends with the context. What it prints is in `folder/printed`.
    """
    with _started_as(_command(function, folder), function, folder) as (api, _):
        yield api


@contextmanager
def started_unrestricted(function: Function, folder: Path) -> Iterator[tuple[RuntimeApi, int]]:
    """Yield the Runtime API and the ID of a process in which nothing but the function runs."""
    _link_files(function, folder)
    for source, link in ((function.code, folder / "task"), (function.layer, folder / "opt" / "python")):
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    with _started_as([str(PYTHON), "-m", "awslambdaric", "app.lambda_handler"], function, folder) as started:
        yield started


@contextmanager
def _started_as(command: list[str], function: Function, folder: Path) -> Iterator[tuple[RuntimeApi, int]]:
    """Yield the Runtime API and the ID of the process that runs this command for the function."""
    api = RuntimeApi(function.timeout_seconds)
    serving = Thread(target=api.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    printed = folder / "printed"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(function, folder, api.address),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield api, process.pid
        finally:
            api.closing.set()
            process.kill()
            process.wait()
            api.shutdown()
            api.server_close()


def invoke(function: Function, event: Mapping[str, Any], folder: Path) -> Outcome:
    """Start the function, invoke it with an event and return the outcome.

    Raises AssertionError if there is none.
    """
    with started(function, folder) as api:
        return invoke_started(api, folder, event)


def invoke_started(api: RuntimeApi, folder: Path, event: Mapping[str, Any]) -> Outcome:
    """Send an event to a function that was started in `folder`.

    Raises AssertionError if there is no response.
    """
    api.events.put(json.dumps(event).encode())
    try:
        return api.outcomes.get(timeout=RESPONSE_SECONDS)
    except Empty:
        raise AssertionError(f"no response:\n{(folder / 'printed').read_text()[-3000:]}") from None


@cache
def can_isolate() -> bool:
    """Return whether this machine allows a process its own mounts."""
    command = ["unshare", "--map-root-user", "--mount", "mount", "-o", "bind,remount,ro", "/"]
    return bool(shutil.which("unshare")) and not subprocess.run(command, capture_output=True, check=False).returncode


def _link_files(function: Function, folder: Path) -> None:
    """Link the layer's folders that are not on the import path, as far as it has them."""
    opt = folder / "opt"
    opt.mkdir(parents=True, exist_ok=True)
    for name in ("authorities", "codings"):
        (opt / name).unlink(missing_ok=True)
        if (source := function.layer.parent / name).is_dir():
            (opt / name).symlink_to(source)


def _command(function: Function, folder: Path) -> list[str]:
    """Return the command that runs the function as on Lambda.

    All is read-only except /tmp, and /dev/shm cannot be used. Without `unshare`, code and layer are copied, so that
    the build cannot be changed.
    """
    task, layer = folder / "task", folder / "opt" / "python"
    run = f"ulimit -d {function.memory_mb * 1024} && exec {shlex.quote(str(PYTHON))} -m awslambdaric app.lambda_handler"
    _link_files(function, folder)
    if not can_isolate():
        for source, copy in ((function.code, task), (function.layer, layer)):
            shutil.copytree(source, copy, dirs_exist_ok=True)
        return ["sh", "-c", run]
    task.mkdir(parents=True, exist_ok=True)
    layer.mkdir(parents=True, exist_ok=True)
    mounts = [
        "mount --bind /tmp /tmp",
        *(
            f"mount --bind {shlex.quote(str(source))} {shlex.quote(str(target))} && "
            f"mount -o bind,remount,ro {shlex.quote(str(target))}"
            for source, target in ((function.code, task), (function.layer, layer))
        ),
        "mount -o bind,remount,ro /",
        "mount -t tmpfs -o ro,size=4k tmpfs /dev/shm",
    ]
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", " && ".join([*mounts, run])]


def _environment(function: Function, folder: Path, api: str) -> dict[str, str]:
    """Return Lambda's own variables and the function's, without HOME.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": f"{folder / 'task'}:{folder / 'opt' / 'python'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(folder / "task"),
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "built",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/built",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/24/[$LATEST]built",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        **function.environment,
    }
