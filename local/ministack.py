"""Starts and stops MiniStack.

MiniStack holds a lock on .local/ministack.lock for as long as it lives, so neither a stale pid file nor a pid
that another program has taken over can be mistaken for it.
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


def running() -> Ministack | None:
    """The MiniStack that this checkout started, if it still lives."""
    if not _locked():
        return None
    with contextlib.suppress(FileNotFoundError):
        return Ministack(**json.loads(_PID.read_text()))
    raise LocalFailure(f"{_LOCK} is held but {_PID} is gone: stop the ministack process by hand")


def start() -> Ministack:
    """Start MiniStack in a session of its own; it answers once wait_until_ready() has returned."""
    refuse_taken_port()
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
    process.returncode = 0  # it is left running; a Popen that is thrown away would warn of that
    started = Ministack(process.pid, places.port())
    _PID.write_text(json.dumps(asdict(started)))
    return started


def refuse_taken_port() -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", places.port())) == 0:
            raise LocalFailure(
                f"Port {places.port()} is taken by another program: stop it, or choose with HOOKLOG_PORT=<port>"
            )


def wait_until_ready() -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _healthy():
        if not _locked() or time.monotonic() > deadline:
            raise LocalFailure(f"MiniStack did not start:\n{LOG.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def stop() -> bool:
    """Stop our MiniStack and its Lambda workers; whether there was one."""
    ministack = running()
    if ministack is None:
        return False
    for stopping in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(ministack.pid, stopping)
        if _ended():
            _PID.unlink()
            return True
    raise LocalFailure(f"MiniStack (pid {ministack.pid}) does not end")


def _ended() -> bool:
    deadline = time.monotonic() + _STOP_SECONDS
    while _locked() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _locked()


def _locked() -> bool:
    if not _LOCK.exists():
        return False
    with _LOCK.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _healthy() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", places.port(), timeout=5)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
