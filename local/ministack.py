"""Starts and stops MiniStack.

MiniStack holds a lock on .local/ministack.lock while it runs, so a stale pid file, or a reused pid, cannot be mistaken
for it.
"""

import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from typing import Final

from local import places
from local.failure import LocalFailure

LOG: Final = places.STATE / "ministack.log"
_LOCK: Final = places.STATE / "ministack.lock"
_PID: Final = places.STATE / "ministack.json"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Ministack:
    """A MiniStack that this checkout started."""

    pid: int
    port: int


def find_running() -> Ministack | None:
    """Return the MiniStack that this checkout started, if it still runs."""
    if not _is_locked():
        return None
    with contextlib.suppress(FileNotFoundError):
        return Ministack(**json.loads(_PID.read_text()))
    raise LocalFailure(f"MiniStack runs, but {_PID} is missing. Stop the process that holds {_LOCK}.")


def start() -> Ministack:
    """Start MiniStack in its own session.

    It accepts requests once wait_until_ready() has returned.
    """
    check_port_is_free()
    (places.STATE / "tmp").mkdir(parents=True, exist_ok=True)
    with _LOCK.open("wb") as lock, LOG.open("wb") as log:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = subprocess.Popen(
            [places.STACK_BIN / "python", "-P", places.ROOT / "local/emulator.py"],
            cwd=places.STATE,
            env=places.ministack_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    process.returncode = 0  # it keeps running; a Popen without a return code would warn when it is deleted
    started = Ministack(process.pid, places.port())
    _PID.write_text(json.dumps(asdict(started)))
    return started


def check_port_is_free() -> None:
    """Raises LocalFailure if another program listens on the port."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", places.port())) == 0:
            raise LocalFailure(
                f"Port {places.port()} is in use by another program. Stop it, or set HOOKLOG_PORT to another port."
            )


def wait_until_ready() -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_ready():
        if not _is_locked() or time.monotonic() > deadline:
            raise LocalFailure(f"MiniStack did not start:\n{LOG.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def stop() -> bool:
    """Stop our MiniStack and its Lambda workers. Returns whether there was one."""
    ministack = find_running()
    if ministack is None:
        return False
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(ministack.pid, signal_number)
        if _has_ended():
            _PID.unlink()
            return True
    raise LocalFailure(f"MiniStack (pid {ministack.pid}) did not stop. Stop it by hand.")


def _has_ended() -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_locked() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _is_locked()


def _is_locked() -> bool:
    if not _LOCK.exists():
        return False
    with _LOCK.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _is_ready() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", places.port(), timeout=5)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
