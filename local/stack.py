"""Brings the local stack up and takes it down."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator

from local import deployment, ministack, places
from local.outputs import Outputs, read_outputs, write_outputs
from local.progress import step


def up() -> Outputs:
    """Start what is not running, deploy what has changed; does nothing when nothing has."""
    with _only_one():
        running = _running_on_our_port()
        if running is not None and deployment.deployed(running) and places.OUTPUTS.exists():
            return read_outputs()
        if running is None:
            running = ministack.start()
        with step("building template.yaml with the SAM CLI"):
            deployment.build()
        with step(f"waiting for the local AWS on 127.0.0.1:{running.port}"):
            ministack.wait_until_ready()
        with step("deploying to the local AWS"):
            deployment.deploy(running)
        return write_outputs()


def down() -> bool:
    """Stop the local AWS and remove its state; whether it was up."""
    if not places.STATE.exists():
        return False
    with _only_one():
        was_up = ministack.stop()
    shutil.rmtree(places.STATE)
    return was_up


def _running_on_our_port() -> ministack.Ministack | None:
    """Our MiniStack; one that runs on another port than HOOKLOG_PORT says now is stopped first."""
    running = ministack.running()
    if running is None or running.port == places.port():
        return running
    ministack.refuse_taken_port()
    ministack.stop()
    return None


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Let nobody else bring this checkout's stack up or down meanwhile."""
    places.STATE.mkdir(exist_ok=True)
    with (places.STATE / "up.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
